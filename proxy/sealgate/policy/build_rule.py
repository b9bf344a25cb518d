"""One rule of a policy, and what a schema cannot say about it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.evidence.signature import LogProof
from sealgate.oci import media_types as mt
from sealgate.oci.artifact import IMAGE, TYPE_NAMES
from sealgate.policy.matchers import Exact, Glob, Regexp, captures_in, exact, exact_or_glob, regexp
from sealgate.policy.model import KeylessRequirement, KeyRequirement, Requirement, Rule, SignatureType
from sealgate.policy.problems import Path, did_you_mean
from sealgate.policy.repositories import CAPTURE
from sealgate.policy.sources import Sources
from sealgate.policy.strict_yaml import Document

LATER: Final = "is not supported yet"
"""What is said of a field that is part of the format and is not enforced yet (attacks A21)."""

_LATER_FIELDS: Final = (
    "signed_reference",
    "predicate_type",
    "predicate_schema",
    "condition",
    "max_age",
    "min_signed_at",
    "index",
)
_LATER_IN_REQUIREMENT: Final = ("claims",)
_NOT_BESIDE_FREE: Final = ("key_requirements", "trusted_keys", "threshold", "rekor", "signature_type", "required")
_FOR_KEYS: Final = ("public_key", "not_before", "not_after")
_MOMENT: Final = re.compile(  # RFC 3339 section 5.6
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_FOR_KEYLESS: Final = (
    "certificate_identity",
    "certificate_identity_regexp",
    "certificate_oidc_issuer",
    "certificate_oidc_issuer_regexp",
    "trusted_root",
)
# Their rules load, so that the rest of the policy is enforced; what they apply to is denied (design section 3).
_UNCHECKABLE: Final = frozenset({SignatureType.GPG, SignatureType.NOTATION, SignatureType.DCT})
_MEDIA_TYPE: Final = re.compile(r"[!-)+->@-~]+", re.ASCII)  # RFC 6838 and parameters: printable, and nothing of a glob
_PROOFS: Final = {"offline": LogProof.INCLUSION, "online": LogProof.INCLUSION, "promise": LogProof.PROMISE}
_IMAGES: Final = IMAGE | mt.IMAGE_CONFIGS | mt.IMAGE_MANIFESTS | mt.INDEXES


def check_name(document: Document, data: Mapping[str, Any], path: Path) -> None:
    """A name is shown in one line, in logs and in HTTP reason phrases."""
    name = data.get("name", "-")
    if not name.isprintable() or name != name.strip():
        document.refuse((*path, "name"), "must be one line of text without space around it")


class RuleBuilder:
    """Makes the rules of one policy.

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

    def rule(self, path: Path) -> Rule | None:
        """The rule at a place; None when something is wrong with it."""
        if not isinstance(self._document.at(path), dict):
            return None
        data = self._document.fitting(path)
        check_name(self._document, data, path)
        self._refuse_later(data, path, _LATER_FIELDS)
        kind = SignatureType(data.get("signature_type", "cosign"))
        if kind is SignatureType.ATTESTATION:
            self._document.refuse((*path, "signature_type"), f"attestation {LATER}", "cosign is")
        types = self._types(data, path)
        free = data.get("allow_unsigned", False)
        if free:
            self._check_free(data, types, path)
        alternatives = () if free or kind in _UNCHECKABLE else tuple(self._alternatives(path))
        nobody = "key_requirements" not in data and "trusted_keys" not in data
        if kind is SignatureType.COSIGN and not free and nobody and self._document.all_fit(path):
            self._document.refuse(path, "the rule names nobody to trust", "give it key_requirements or trusted_keys")
        self._check_threshold(data, alternatives, path)
        log = self._log(data.get("rekor", {}), alternatives, (*path, "rekor"))
        if not self._document.fits(path):
            return None
        return Rule(
            name=data["name"],
            signature_type=kind,
            required=data.get("required", True),
            artifact_types=types,
            alternatives=alternatives,
            threshold=data.get("threshold", 1),
            log=log,
            fetches_proof=data.get("rekor", {}).get("proof") == "online",
            allow_unsigned=free,
            fix=data.get("fix", ""),
        )

    def _refuse_later(self, data: Mapping[str, Any], path: Path, names: Sequence[str]) -> None:
        for name in names:
            if name in data:
                self._document.refuse((*path, name), f"{name} {LATER}", "leave it out")

    def _types(self, data: Mapping[str, Any], path: Path) -> frozenset[str] | None:
        if "artifact_types" not in data:
            return None
        for at, name in enumerate(data["artifact_types"]):
            if name not in TYPE_NAMES and "/" not in name:
                hint = did_you_mean(name, TYPE_NAMES) or f"{', '.join(sorted(TYPE_NAMES))}, or an exact media type"
                self._document.refuse((*path, "artifact_types", at), f"{name} is not a type of artifact", hint)
            elif not _MEDIA_TYPE.fullmatch(name):
                text = f"{name} is no media type; media types are exact"
                self._document.refuse((*path, "artifact_types", at), text)
        return frozenset(data["artifact_types"])

    def _check_free(self, data: Mapping[str, Any], types: frozenset[str] | None, path: Path) -> None:
        """A rule that lets artifacts of some types pass: never images (design section 3)."""
        if types is None and self._document.fits((*path, "artifact_types")):
            self._document.refuse((*path, "allow_unsigned"), "name the artifact_types that may pass")
        for at, name in enumerate(data.get("artifact_types", ())):
            if name in _IMAGES or mt.is_image_layer(name):
                text = f"{name} is an image, and no rule lets images pass unsigned"
                self._document.refuse((*path, "artifact_types", at), text)
        for key in _NOT_BESIDE_FREE:
            if key in data:
                self._document.refuse((*path, key), f"{key} has no meaning beside allow_unsigned", "leave it out")

    def _check_threshold(self, data: Mapping[str, Any], alternatives: Sequence[Requirement], path: Path) -> None:
        lists = all(self._document.fits((*path, key)) for key in ("key_requirements", "trusted_keys"))
        signers = _most_signers(alternatives)
        if alternatives and lists and signers is not None and signers < (wanted := data.get("threshold", 1)):
            there = "is only one" if signers == 1 else f"are only {signers}"
            text = f"{wanted} distinct signers are asked for, and there {there} among those it names"
            self._document.refuse((*path, "threshold"), text)

    def _alternatives(self, path: Path) -> Iterator[Requirement]:
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
        self._refuse_later(data, path, _LATER_IN_REQUIREMENT)
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
        begin, end = (self._moment(data, name, path) for name in ("not_before", "not_after"))
        if begin is not None and end is not None and end < begin:
            self._document.refuse((*path, "not_after"), "is before not_before: no signature would count")
        sign_with = ring.sign_with if ring else ""
        return KeyRequirement(name=name, key=key, sign_with=sign_with, not_before=begin, not_after=end)

    def _moment(self, data: Mapping[str, Any], name: str, path: Path) -> datetime | None:
        if name not in data:
            return None
        text: str = data[name]
        try:
            return datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "").astimezone(UTC)
        except (ValueError, OverflowError):
            hint = "as in 2026-01-31T12:00:00Z"
            self._document.refuse((*path, name), f"{text} is not a date and time with its time zone", hint)
            return None

    def _keyless(self, data: Mapping[str, Any], path: Path) -> KeylessRequirement | None:
        for name in _FOR_KEYS:
            if name in data:
                text = f"{name} has no meaning for type: keyless"
                self._document.refuse((*path, name), text, "that is type: key")
        identity = self._matcher(data, "certificate_identity", path, exact_or_glob)
        issuer = self._matcher(data, "certificate_oidc_issuer", path, exact)
        trusted_root = data.get("trusted_root", "default")
        if trusted_root not in self._sources.trusted_roots:
            hint = did_you_mean(trusted_root, self._sources.trusted_roots) or "they are trusted_roots: in the settings"
            self._document.refuse((*path, "trusted_root"), f"there is no trusted root {trusted_root}", hint)
        if identity is None or issuer is None:
            return None
        return KeylessRequirement(identity=identity, issuer=issuer, trusted_root=trusted_root)

    def _matcher(
        self, data: Mapping[str, Any], key: str, path: Path, plain: Callable[[str], Exact | Glob]
    ) -> Exact | Glob | Regexp | None:
        other = f"{key}_regexp"
        if key in data and other in data:
            self._document.refuse((*path, other), f"give {key} or {other}, not both")
            return None
        if key not in data and other not in data:
            if self._document.all_fit(path):
                self._document.refuse(path, f"the field {key} is missing", f"or give {other}")
            return None
        name = key if key in data else other
        place, text = (*path, name), data[name]
        if not text.strip() or text != text.strip():  # an empty issuer would be no check at all (attacks A23)
            self._document.refuse(place, "must not be empty or have space around it")
            return None
        try:
            made = plain(text) if name == key else regexp(text)
        except ConfigurationInvalid as bad:
            self._document.refuse(place, str(bad))
            return None
        if name == key and set(CAPTURE.sub("", text)) & set("{}"):
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

    def _log(self, data: Mapping[str, Any], alternatives: Sequence[Requirement], path: Path) -> LogProof:
        if data.get("required", True):
            return _PROOFS.get(data.get("proof", "offline"), LogProof.INCLUSION)
        if any(isinstance(wanted, KeylessRequirement) for wanted in alternatives):
            text = "a keyless signature says nothing without its log entry: required: false is for keys only"
            hint = "put keys and keyless identities into rules of their own"
            self._document.refuse((*path, "required"), text, hint)
        if "proof" in data:
            self._document.refuse((*path, "proof"), "proof has no meaning where no entry is required", "leave it out")
        return LogProof.NONE


def _most_signers(alternatives: Sequence[Requirement]) -> int | None:
    """How many distinct signers there can be; None where an identity is open."""
    signers: set[tuple[str, str]] = set()
    for wanted in alternatives:
        if isinstance(wanted, KeyRequirement):
            signers.add(("", wanted.key.fingerprint))
        elif isinstance(wanted.identity, Exact) and isinstance(wanted.issuer, Exact):
            signers.add((wanted.identity.text, wanted.issuer.text))
        else:
            return None
    return len(signers)
