"""Sigstore bundles v0.1 to v0.3 (sigstore_bundle.proto), as protojson writes them: a `null` is as nothing.

What differs between the versions is what they promise to hold, and a promise in an unsigned `mediaType` is worth
nothing (attacks A14): all are read alike, and what is missing is missing.
"""

from collections.abc import Mapping
from typing import Final

from sealgate.adapters.signatures import log_entry
from sealgate.adapters.signatures.opened import Content, Opened, SignedDigest
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.errors import PayloadMalformed
from sealgate.evidence.payload import Envelope, base64_of, parse_envelope
from sealgate.evidence.reason import Reason
from sealgate.limits import BUNDLE_BYTES, CHAIN_CERTIFICATES, LOG_ENTRIES, TIMESTAMPS
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import BUNDLES
from sealgate.oci.strict_json import Json

_CONTENTS: Final = ("dsseEnvelope", "messageSignature")
_MATERIALS: Final = ("publicKey", "certificate", "x509CertificateChain")
_SHA256: Final = ("SHA2_256", 1)  # enumerations may be numbers


def open_bundle(raw: bytes, subject: Digest, artifact: bytes | None = None, most: int = BUNDLE_BYTES) -> Opened:
    """Take a bundle apart.

    Args:
        raw: the bundle.
        subject: what a message signature in it would be over.
        artifact: the subject's bytes, where they are at hand.
        most: how many bytes it may have; what is signed in it may have half as many.

    Raises:
        Rejected: it is of a version that is not known, or larger than a signature is; or it says that it is over
            something else.
        Malformed: a part of it cannot be read.
    """
    if len(raw) > most:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"it has more than {most} bytes, as no signature has")
    document = _members(strict_json.loads(raw), "the bundle", "mediaType", "verificationMaterial", *_CONTENTS)
    if strict_json.text_of(document, "mediaType", "the bundle") not in BUNDLES:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "it is no bundle of a version from 0.1 to 0.3")
    if len([name for name in _CONTENTS if name in document]) != 1:
        raise PayloadMalformed("a bundle has one envelope or one message signature")
    material = _members(
        document.get("verificationMaterial"),
        "verificationMaterial",
        *_MATERIALS,
        "tlogEntries",
        "timestampVerificationData",
    )
    content, signature = _content(document, subject, artifact, most // 2)
    return Opened(
        content=content,
        signature=signature,
        certificates=_certificates(material),
        entries=tuple(
            log_entry.parse_entry(entry) for entry in _list(material, "tlogEntries", LOG_ENTRIES, "log entries")
        ),
        timestamps=_timestamps(material),
    )


def _content(document: Mapping[str, Json], subject: Digest, artifact: bytes | None, most: int) -> tuple[Content, bytes]:
    if "dsseEnvelope" in document:
        envelope: Envelope = parse_envelope(document["dsseEnvelope"])
        if len(envelope.payload) > most:
            text = f"its statement has more than {most} bytes"
            raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, text)
        return envelope, envelope.signature
    if subject.algorithm != "sha256":
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, "message signatures are judged by SHA-256 digests only")
    message = _members(document["messageSignature"], "messageSignature", "messageDigest", "signature")
    if "messageDigest" in message:  # for people: the signature is verified over the subject's digest, not over this one
        stated = _members(message["messageDigest"], "messageDigest", "algorithm", "digest")
        if stated.get("algorithm") in _SHA256:
            digest = base64_of(strict_json.text_of(stated, "digest", "messageDigest"), "digest").hex()
            if digest != subject.hex:
                raise Rejected(Reason.SUBJECT_MISMATCH, f"what is signed is about sha256:{digest}")
    signature = base64_of(strict_json.text_of(message, "signature", "messageSignature"), "signature")
    return SignedDigest(digest=subject, artifact=artifact), signature


def _certificates(material: Mapping[str, Json]) -> tuple[bytes, ...]:
    """The certificates, leaf first; none for a public key, whose `hint` is one and is not looked at."""
    match [name for name in _MATERIALS if name in material]:
        case ["publicKey"]:
            return ()
        case ["certificate"]:
            return (_der(material["certificate"]),)
        case ["x509CertificateChain"]:
            chain = _members(material["x509CertificateChain"], "x509CertificateChain", "certificates")
            listed = _list(chain, "certificates", CHAIN_CERTIFICATES, "certificates")
            if not listed:
                raise PayloadMalformed("a chain of certificates has at least one")
            return tuple(_der(one) for one in listed)
        case _:
            raise PayloadMalformed("a bundle has one public key, one certificate or one chain of certificates")


def _timestamps(material: Mapping[str, Json]) -> tuple[bytes, ...]:
    if "timestampVerificationData" not in material:
        return ()
    data = _members(material["timestampVerificationData"], "timestampVerificationData", "rfc3161Timestamps")
    stamps = [
        _members(stamp, "a timestamp", "signedTimestamp")
        for stamp in _list(data, "rfc3161Timestamps", TIMESTAMPS, "timestamps")
    ]
    return tuple(base64_of(strict_json.text_of(one, "signedTimestamp", "a timestamp"), "a timestamp") for one in stamps)


def _der(value: Json) -> bytes:
    certificate = _members(value, "a certificate", "rawBytes")
    return base64_of(strict_json.text_of(certificate, "rawBytes", "a certificate"), "rawBytes")


def _members(value: Json, where: str, *known: str) -> dict[str, Json]:
    found = strict_json.members(value, frozenset(known), where)
    return {name: content for name, content in found.items() if content is not None}


def _list(document: Mapping[str, Json], name: str, most: int, called: str) -> list[Json]:
    found = document.get(name, [])
    if not isinstance(found, list):
        raise PayloadMalformed(f"{name} is not a list")
    if len(found) > most:
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, f"it has more than {most} {called}, as no signature has")
    return found
