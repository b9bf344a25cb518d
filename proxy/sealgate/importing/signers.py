"""Whose signature: keys and identities of others, as `key_requirements`."""

import re
from typing import Final

from sealgate.evidence.payload import COSIGN_SIGNATURE_PREDICATE
from sealgate.importing.made import Data
from sealgate.importing.source import Node
from sealgate.policy.glob import is_glob
from sealgate.policy.predicate_types import meant

_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{1,16384}-----END PUBLIC KEY-----", re.ASCII)
_SPECIAL: Final = frozenset("\\.+*?()|[]{}^$")
PROMISE: Final[Data] = {"proof": "promise"}
"""What the others ask of the transparency log: cosign's annotation with the log's signed promise is enough for them."""
NO_LOG: Final[Data] = {"required": False}


def keys(text: str) -> list[Data]:
    """Every PEM public key in a text; none where there is anything else in it."""
    found = [match[0] for match in _PEM.finditer(text)]
    if not found or _PEM.sub("", text).strip():
        return []
    return [{"type": "key", "public_key": pem + "\n"} for pem in found]


def exactly(field: str, text: str) -> Data:
    """A field that is this text; a regular expression where the text would be read as a pattern."""
    if not is_glob(text) and not set(text) & set("{}"):
        return {field: text}
    return {f"{field}_regexp": quoted(text)}


def quoted(text: str) -> str:
    """A regular expression that matches this text."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


def anywhere(regexp: str) -> str:
    """The regular expression of one that need not match the whole text, as Go's `MatchString` has it.

    Ours always match the whole. `^…$` around the whole is the same for both; anything else gets `.*` on both sides.
    """
    whole = regexp.startswith("^") and regexp.endswith("$") and not regexp.endswith("\\$") and "|" not in regexp
    return regexp if whole else f".*(?:{regexp}).*"


def wildcard(field: str, text: str) -> Data:
    """A field that Kyverno matches with wildcards which cross `/`."""
    if field == "certificate_oidc_issuer" and is_glob(text):
        parts = {"*": ".*", "?": "."}
        return {f"{field}_regexp": "".join(parts.get(char, quoted(char)) for char in text)}
    return {field: re.sub(r"\*+", "**", text)} if not set(text) & set("{}") else exactly(field, text)


def identity(node: Node, *, subject: str, issuer: str, subject_regexp: str, issuer_regexp: str) -> Data | None:
    """Who signs, from fields of these names; None when one of the two is left open, which is told."""
    made: Data = {"type": "keyless"}
    for field, exact, pattern in (
        ("certificate_identity", subject, subject_regexp),
        ("certificate_oidc_issuer", issuer, issuer_regexp),
    ):
        text, regexp = node.text(exact), node.text(pattern)
        if not text and not regexp:
            node.lose(f"says neither {exact} nor {pattern}; this signer is left out", weaker=False)
            node.rest()
            return None
        if text and regexp:
            node.lose("stands beside an exact text, which alone was carried over", pattern, weaker=True)
        made |= exactly(field, text) if text else {f"{field}_regexp": anywhere(regexp)}
    node.rest()
    return made


def attested(node: Node, kind: str) -> Data:
    """The fields of a rule that asks for attestations of a type; none where it is no type, which is told."""
    if (uri := meant(kind)) is not None and uri != COSIGN_SIGNATURE_PREDICATE:
        return {"signature_type": "attestation", "predicate_type": kind}
    node.lose("says no type of predicate that can be carried over", weaker=True)
    return {}
