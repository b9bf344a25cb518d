"""Whose signature satisfies a rule: one key requirement of a policy, and what a schema cannot say about it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.policy import moments
from sealgate.policy.matchers import Exact, Glob, Regexp, captures_in, exact, exact_or_glob, regexp
from sealgate.policy.model import KeylessRequirement, KeyRequirement, Matcher, Requirement
from sealgate.policy.problems import Path, did_you_mean
from sealgate.policy.repositories import CAPTURE
from sealgate.policy.sources import Sources
from sealgate.policy.strict_yaml import Document

_Matcher: TypeAlias = Exact | Glob | Regexp

_FOR_KEYS: Final = ("public_key", "not_before", "not_after")
_FOR_KEYLESS: Final = (
    "certificate_identity",
    "certificate_identity_regexp",
    "certificate_oidc_issuer",
    "certificate_oidc_issuer_regexp",
    "claims",
    "trusted_root",
)


def moment_at(document: Document, data: Mapping[str, Any], name: str, path: Path) -> datetime | None:
    """The point of time in a field; None when it has none, or none that can be read."""
    if name not in data:
        return None
    try:
        return moments.moment(data[name])
    except ConfigurationInvalid as bad:
        document.refuse((*path, name), str(bad), "as in 2026-01-31T12:00:00Z")
        return None


class RequirementBuilder:
    """Makes the requirements of one policy's rules.

    Args:
        captured: the captures of the policy's patterns.
        every_capture: whether those are all, or a pattern could not be read.
    """

    def __init__(self, document: Document, sources: Sources, captured: frozenset[str], *, every_capture: bool) -> None:
        self.used: set[str] = set()
        self._document = document
        self._sources = sources
        self._captured = captured
        self._every_capture = every_capture

    def alternatives(self, path: Path) -> Iterator[Requirement]:
        """What a rule at a place names, as far as nothing is wrong with it."""
        for key, make in (("key_requirements", self._requirement), ("trusted_keys", self._trusted_key)):
            for at in range(len(self._document.items((*path, key)))):
                if (made := make((*path, key, at))) is not None:
                    yield made

    def _trusted_key(self, path: Path) -> Requirement | None:
        name: Any = self._document.at(path)
        if not self._document.fits(path):
            return None
        if (ring := self._sources.ring.get(name)) is not None:
            return KeyRequirement(name=name, key=ring.key, sign_with=ring.sign_with)
        hint = did_you_mean(name, self._sources.ring) or "the key ring is keys: in the settings"
        self._document.refuse(path, f"there is no key {name} in the key ring", hint)
        return None

    def _requirement(self, path: Path) -> Requirement | None:
        data = self._document.fitting(path)
        if "type" not in data:
            return None
        return self._key(data, path) if data["type"] == "key" else self._keyless(data, path)

    def _key(self, data: Mapping[str, Any], path: Path) -> KeyRequirement | None:
        for name in _FOR_KEYLESS:
            if name in data:
                self._document.refuse((*path, name), f"{name} has no meaning for type: key", "that is type: keyless")
        if "public_key" not in data:
            if self._document.all_fit(path):
                hint = "a PEM public key, or the name of a file beside this one"
                self._document.refuse(path, "the field public_key is missing", hint)
            return None
        text: str = data["public_key"]
        inline = "-----" in text
        try:
            pem = text.encode() if inline else self._sources.read_file(self._document.file, text)
            key = self._sources.read_key(pem)
        except (ConfigurationInvalid, KeyRejected) as bad:
            told = str(bad) if inline or isinstance(bad, ConfigurationInvalid) else f"{text}: {bad}"
            self._document.refuse((*path, "public_key"), told)
            return None
        name = "inline key" if inline else text.rpartition("/")[2].removesuffix(".pub").removesuffix(".pem")
        ring = next((ring for ring in self._sources.ring.values() if ring.key.fingerprint == key.fingerprint), None)
        begin, end = (moment_at(self._document, data, name, path) for name in ("not_before", "not_after"))
        if begin is not None and end is not None and end < begin:
            self._document.refuse((*path, "not_after"), "is before not_before: no signature would count")
        sign_with = ring.sign_with if ring else ""
        return KeyRequirement(name=name, key=key, sign_with=sign_with, not_before=begin, not_after=end)

    def _keyless(self, data: Mapping[str, Any], path: Path) -> KeylessRequirement | None:
        for name in _FOR_KEYS:
            if name in data:
                text = f"{name} has no meaning for type: keyless"
                self._document.refuse((*path, name), text, "that is type: key")
        identity = self._either(data, "certificate_identity", path, exact_or_glob)
        issuer = self._either(data, "certificate_oidc_issuer", path, exact)
        trusted_root = data.get("trusted_root", "default")
        if trusted_root not in self._sources.trusted_roots:
            hint = did_you_mean(trusted_root, self._sources.trusted_roots) or "they are trusted_roots: in the settings"
            self._document.refuse((*path, "trusted_root"), f"there is no trusted root {trusted_root}", hint)
        claims = self._claims((*path, "claims"))
        if identity is None or issuer is None:
            return None
        return KeylessRequirement(identity=identity, issuer=issuer, trusted_root=trusted_root, claims=claims)

    def _claims(self, path: Path) -> dict[str, Matcher]:
        """What the certificate's other extensions must say. The schema refuses names that Fulcio has not."""
        made: dict[str, Matcher] = {}
        for name, text in self._document.fitting(path).items():
            if (matcher := self._matcher(text, (*path, name), exact_or_glob)) is not None:
                made[name] = matcher
        return made

    def _either(
        self, data: Mapping[str, Any], key: str, path: Path, plain: Callable[[str], Exact | Glob]
    ) -> _Matcher | None:
        """A field, or the one of the same name that is a regular expression: one of them, and not both."""
        other = f"{key}_regexp"
        if key in data and other in data:
            self._document.refuse((*path, other), f"give {key} or {other}, not both")
        elif key in data:
            return self._matcher(data[key], (*path, key), plain)
        elif other in data:
            return self._matcher(data[other], (*path, other), regexp)
        elif self._document.all_fit(path):
            self._document.refuse(path, f"the field {key} is missing", f"or give {other}")
        return None

    def _matcher(self, text: str, place: Path, read: Callable[[str], _Matcher]) -> _Matcher | None:
        if not text.strip() or text != text.strip():  # an empty issuer would be no check at all (attacks A23)
            self._document.refuse(place, "must not be empty or have space around it")
            return None
        try:
            made = read(text)
        except ConfigurationInvalid as bad:
            self._document.refuse(place, str(bad))
            return None
        if not isinstance(made, Regexp) and set(CAPTURE.sub("", text)) & set("{}"):
            self._document.refuse(place, "braces stand for captures only: {name}, in lower case")
        for capture in captures_in(made):
            self.used.add(capture)
            if capture not in self._captured and self._every_capture:
                self._document.refuse(
                    place,
                    f"{{{capture}}} is captured by no pattern of repositories",
                    did_you_mean(capture, self._captured) or f"put {{{capture}}} there in the place of a segment",
                )
        return made
