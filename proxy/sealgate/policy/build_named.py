"""What a policy says about single artifacts and signers by name: `exceptions` and `denied`."""

from collections.abc import Sequence
from typing import Any

from sealgate.errors import ConfigurationInvalid, ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.policy.build_requirement import moment_at
from sealgate.policy.matchers import Exact, Glob, exact_or_glob
from sealgate.policy.model import Denied, Exemption, KeyRequirement, Rule
from sealgate.policy.problems import Path, did_you_mean
from sealgate.policy.sources import Sources
from sealgate.policy.strict_yaml import Document


def build_exemptions(document: Document) -> tuple[Exemption, ...]:
    """The policy's exceptions that nothing is wrong with."""
    made: list[Exemption] = []
    for at in range(len(document.items(("exceptions",)))):
        path: Path = ("exceptions", at)
        data: dict[str, Any] = document.fitting(path)
        for key in ("reason", "approved_by"):
            _check_line(document, data, key, path)
        expires = moment_at(document, data, "expires", path)
        if expires is not None and document.fits(path):
            digest, word = Digest.parse(data["digest"]), data.get("approved_by", "")
            made.append(Exemption(digest=digest, reason=data["reason"], expires=expires, approved_by=word))
    return tuple(made)


def build_denied(document: Document, sources: Sources, rules: Sequence[Rule]) -> Denied:
    """What the policy denies, as far as nothing is wrong with it.

    A name may be that of a key, in the key ring or of a file that a rule names, and that of an identity: it is both.
    """
    named = [KeyRequirement(name=name, key=ring.key) for name, ring in sources.ring.items()]
    named += [one for rule in rules for one in rule.alternatives if isinstance(one, KeyRequirement)]
    digests: list[Digest] = []
    identities: list[Exact | Glob] = []
    keys: list[KeyRequirement] = []
    for at, text in enumerate(document.items(("denied",))):
        path: Path = ("denied", at)
        if not isinstance(text, str) or not document.fits(path):
            continue
        if text.startswith(("sha256:", "sha512:")):
            digests.extend(_digest(document, text, path))
            continue
        called = [one for one in named if one.name == text]
        keys.extend(called)
        if text != text.strip() or not {"{", "}"}.isdisjoint(text):
            document.refuse(path, "has no space around it and no captures")
        elif not _is_identity(text):
            if not called:
                _refuse(document, text, {one.name for one in named}, path)
        else:
            try:
                identities.append(exact_or_glob(text))
            except ConfigurationInvalid as bad:
                document.refuse(path, str(bad))
    return Denied(digests=frozenset(digests), identities=tuple(identities), keys=tuple(keys))


def _digest(document: Document, text: str, path: Path) -> list[Digest]:
    try:
        digest = Digest.parse(text)
    except ReferenceMalformed as bad:
        document.refuse(path, str(bad))
        return []
    if digest.algorithm != "sha256":  # what is decided about is always the SHA-256 of the bytes (design section 5)
        document.refuse(path, "a digest here is a sha256 one", "crane digest tells it")
        return []
    return [digest]


def _is_identity(text: str) -> bool:
    """Whether it has the form of what stands in a certificate: an e-mail address, a URI, a user name of Fulcio's."""
    return any(mark in text for mark in ("@", "://", "!", "*"))


def _refuse(document: Document, text: str, names: set[str], path: Path) -> None:
    hint = did_you_mean(text, names) or "a key's name is one of the key ring's, or that of its file without .pub"
    document.refuse(path, f"{text} is no digest, no identity and no key's name", hint)


def _check_line(document: Document, data: dict[str, Any], key: str, path: Path) -> None:
    """They are told in a header, which is one line."""
    text = data.get(key, "-")
    if not text.isprintable() or text != text.strip():
        document.refuse((*path, key), "must be one line of text without space around it")
