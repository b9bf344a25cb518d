"""What is as large as its bound is read; what is larger by one is refused (attacks A17)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier

from sealgate.adapters.signatures import certificate
from sealgate.adapters.signatures.bundle import open_bundle
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.reason import Reason
from sealgate.limits import (
    BUNDLE_BYTES,
    CERTIFICATE_BYTES,
    CHAIN_CERTIFICATES,
    LOG_ENTRIES,
    SIGNED_PAYLOAD_BYTES,
    TIMESTAMPS,
)
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey
from sealgate.testing.sigstore.encoding import JsonObject, compact_json

Certify = Callable[..., CertifiedKey]


def refused(reason: Reason) -> Any:
    return pytest.raises(Rejected, check=lambda bad: bad.reason is reason)


def test_a_bundle_has_a_size(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    raw = json.dumps(private_sigstore.bundle(judge.subject, key)).encode()
    assert open_bundle(raw.ljust(BUNDLE_BYTES), judge.subject) == open_bundle(raw, judge.subject)
    with refused(Reason.PAYLOAD_TYPE_UNKNOWN):
        open_bundle(raw.ljust(BUNDLE_BYTES + 1), judge.subject)


def test_a_statement_has_a_size(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    for size, good in ((SIGNED_PAYLOAD_BYTES, True), (SIGNED_PAYLOAD_BYTES + 1, False)):
        raw = compact_json(private_sigstore.bundle_of(b"x" * size, key))
        if good:
            assert len(open_bundle(raw, judge.subject).content.payload) == size
        else:
            with refused(Reason.PAYLOAD_TYPE_UNKNOWN):
                open_bundle(raw, judge.subject)


@pytest.mark.parametrize(
    ("most", "part"), [(LOG_ENTRIES, "entries"), (TIMESTAMPS, "timestamps"), (CHAIN_CERTIFICATES, "certificates")]
)
def test_a_bundle_has_so_many_of_each(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, most: int, part: str
) -> None:
    made = private_sigstore.bundle(judge.subject, signer, timestamped=True)["verificationMaterial"]

    def material(count: int) -> JsonObject:
        match part:
            case "entries":
                return {"publicKey": {}, "tlogEntries": made["tlogEntries"] * count}
            case "timestamps":
                stamps = made["timestampVerificationData"]["rfc3161Timestamps"] * count
                return {"publicKey": {}, "timestampVerificationData": {"rfc3161Timestamps": stamps}}
            case _:
                return {"x509CertificateChain": {"certificates": [made["certificate"]] * count}}

    bundle = private_sigstore.bundle(judge.subject, signer)
    raw = compact_json({**bundle, "verificationMaterial": material(most)})
    assert len(getattr(open_bundle(raw, judge.subject), part)) == most
    with refused(Reason.PAYLOAD_TYPE_UNKNOWN):
        open_bundle(compact_json({**bundle, "verificationMaterial": material(most + 1)}), judge.subject)


def test_a_certificate_has_a_size(certify: Certify) -> None:
    def sized(content: int) -> bytes:
        padding = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"x" * content)
        leaf = certify(more=[padding], key=SigningKey.generate("ed25519")).certificate
        return leaf.public_bytes(Encoding.DER)

    content = CERTIFICATE_BYTES - 2000
    while len(der := sized(content)) != CERTIFICATE_BYTES:  # its signatures take a byte more or less
        content += CERTIFICATE_BYTES - len(der)
    assert certificate.load(der).public_bytes(Encoding.DER) == der
    with refused(Reason.CERTIFICATE_INVALID):
        certificate.load(der + b"\x00")
