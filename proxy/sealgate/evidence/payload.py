"""What a signature was made over: cosign's simple signing payload, DSSE envelopes, in-toto statements.

Reading here is strict (`oci.strict_json`); what is read is a claim until the signature over it was verified.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from sealgate.errors import JsonMalformed, PayloadMalformed, ReferenceMalformed
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.strict_json import Json

SIMPLE_SIGNING_TYPES: Final = frozenset({"cosign container image signature", "atomic container signature"})
COSIGN_SIGNATURE_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
STATEMENT_TYPES: Final = frozenset({"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"})


@dataclass(frozen=True, slots=True)
class SimpleSigningPayload:
    """cosign's SIGNATURE_SPEC.md, "Payload"."""

    digest: Digest
    docker_reference: str


@dataclass(frozen=True, slots=True)
class Statement:
    """An in-toto statement: which digests it is about, and what its predicate is."""

    subjects: tuple[Digest, ...]
    predicate_type: str
    predicate: Json


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope with exactly one signature (attacks A13)."""

    payload_type: str
    payload: bytes
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """The pre-authentication encoding that the signature is over (DSSE protocol.md)."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


def parse_simple_signing(raw: bytes) -> SimpleSigningPayload:
    """Read a simple signing payload.

    Raises:
        PayloadMalformed: it is not one, or says that it is of another type.
    """
    try:
        document = strict_json.members(strict_json.loads(raw), frozenset({"critical", "optional"}), "the payload")
        critical = strict_json.members(document.get("critical"), frozenset({"identity", "image", "type"}), "critical")
        image = strict_json.members(critical.get("image"), frozenset({"docker-manifest-digest"}), "critical.image")
        identity = strict_json.members(critical.get("identity"), frozenset({"docker-reference"}), "critical.identity")
        if strict_json.text_of(critical, "type", "critical") not in SIMPLE_SIGNING_TYPES:
            raise PayloadMalformed("critical.type is not that of a signature")
        return SimpleSigningPayload(
            Digest.parse(strict_json.text_of(image, "docker-manifest-digest", "critical.image")),
            strict_json.text_of(identity, "docker-reference", "critical.identity"),
        )
    except (JsonMalformed, ReferenceMalformed) as error:
        raise PayloadMalformed(str(error)) from error


def parse_envelope(value: Json) -> Envelope:
    """Read a DSSE envelope, given as parsed JSON.

    Raises:
        PayloadMalformed: it is not one, or has not exactly one signature.
    """
    try:
        document = strict_json.members(value, frozenset({"payload", "payloadType", "signatures"}), "the envelope")
        signatures = document.get("signatures")
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise PayloadMalformed("an envelope has exactly one signature")
        signature = strict_json.members(signatures[0], frozenset({"sig", "keyid"}), "signatures[0]")
        return Envelope(
            strict_json.text_of(document, "payloadType", "the envelope"),
            base64_of(strict_json.text_of(document, "payload", "the envelope"), "payload"),
            base64_of(strict_json.text_of(signature, "sig", "signatures[0]"), "sig"),
        )
    except JsonMalformed as error:
        raise PayloadMalformed(str(error)) from error


def parse_statement(raw: bytes) -> Statement:
    """Read an in-toto statement.

    A subject without a `sha256` (or `sha512`) digest is about nothing that a registry serves and is passed over.

    Raises:
        PayloadMalformed: it is not a statement, or is about no digest at all (attacks A12).
    """
    try:
        document = strict_json.members(
            strict_json.loads(raw),
            frozenset({"_type", "subject", "predicateType", "predicate"}),
            "the statement",
        )
        if strict_json.text_of(document, "_type", "the statement") not in STATEMENT_TYPES:
            raise PayloadMalformed("_type is not that of an in-toto statement")
        found = document.get("subject")
        if not isinstance(found, list):
            raise PayloadMalformed("subject is not a list")
        subjects = tuple(digest for entry in found for digest in _digests(entry))
        if not subjects:
            raise PayloadMalformed("the statement is about no digest")
        return Statement(
            subjects,
            strict_json.text_of(document, "predicateType", "the statement"),
            document.get("predicate"),
        )
    except (JsonMalformed, ReferenceMalformed) as error:
        raise PayloadMalformed(str(error)) from error


def base64_of(text: str, where: str) -> bytes:
    """Decode standard base64 without junk in it.

    Raises:
        PayloadMalformed: it is empty or not base64.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadMalformed(f"{where} is not base64") from error
    if not content:
        raise PayloadMalformed(f"{where} is empty")
    return content


def _digests(entry: Json) -> list[Digest]:
    subject = strict_json.members(entry, frozenset({"name", "digest", "annotations"}), "a subject")
    digests = strict_json.members(subject.get("digest"), frozenset({"sha256", "sha512"}), "a subject's digest")
    return [
        Digest.parse(f"{algorithm}:{strict_json.text_of(digests, algorithm, 'digest')}")
        for algorithm in ("sha256", "sha512")
        if algorithm in digests
    ]
