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
from sealgate.adapters.signatures.log_entry import parse_annotation, parse_entry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.simple_signing import open_attestation, open_simple_signing
from sealgate.errors import PayloadMalformed
from sealgate.evidence.reason import Reason
from sealgate.limits import (
    ATTESTATION_BYTES,
    BUNDLE_BYTES,
    CERTIFICATE_BYTES,
    CHAIN_CERTIFICATES,
    LOG_ENTRIES,
    LOG_ENTRY_BYTES,
    PROOF_HASHES,
    SIGNED_PAYLOAD_BYTES,
    TIMESTAMP_BYTES,
    TIMESTAMPS,
)
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey
from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.signing import CERTIFICATE, CHAIN, LOG_ENTRY, SIGNATURE, TIMESTAMP

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


def test_a_log_entry_has_a_size(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    text = private_sigstore.simple_signature(judge.subject, key).annotations[LOG_ENTRY]
    assert parse_annotation(text.ljust(LOG_ENTRY_BYTES)) == parse_annotation(text)
    with pytest.raises(PayloadMalformed, match="more than"):
        parse_annotation(text.ljust(LOG_ENTRY_BYTES + 1))


def test_an_inclusion_proof_has_so_many_hashes(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    (entry,) = private_sigstore.bundle(judge.subject, key)["verificationMaterial"]["tlogEntries"]
    entry["inclusionProof"]["hashes"] = [b64(b"x" * 32)] * PROOF_HASHES
    assert len(parse_entry(entry).proof.hashes) == PROOF_HASHES
    entry["inclusionProof"]["hashes"].append(b64(b"x" * 32))
    with pytest.raises(PayloadMalformed, match="at most"):
        parse_entry(entry)


def test_a_log_entry_says_of_which_log_it_is(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    (entry,) = private_sigstore.bundle(judge.subject, key)["verificationMaterial"]["tlogEntries"]
    with pytest.raises(PayloadMalformed, match="keyId"):
        parse_entry({**entry, "logId": {}})
    written = json.loads(private_sigstore.simple_signature(judge.subject, key).annotations[LOG_ENTRY])
    for junk in (7, None, ""):
        written["Payload"]["logID"] = junk
        with pytest.raises(PayloadMalformed, match="logID"):
            parse_annotation(json.dumps(written))


def test_a_payload_has_a_size() -> None:
    made = {SIGNATURE: "AAAA"}
    assert open_simple_signing(b"x" * SIGNED_PAYLOAD_BYTES, made).signature == bytes(3)
    with refused(Reason.PAYLOAD_TYPE_UNKNOWN):
        open_simple_signing(b"x" * (SIGNED_PAYLOAD_BYTES + 1), made)


def test_a_timestamp_has_a_size() -> None:
    text = '{"SignedRFC3161Timestamp": "AAAA"}'
    made = {SIGNATURE: "AAAA", TIMESTAMP: text.ljust(TIMESTAMP_BYTES * 2)}
    assert open_simple_signing(b"", made).timestamps == (bytes(3),)
    with refused(Reason.TIMESTAMP_INVALID):
        open_simple_signing(b"", {**made, TIMESTAMP: text.ljust(TIMESTAMP_BYTES * 2 + 1)})


def test_an_attestation_has_a_size(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    raw = compact_json(private_sigstore.bundle(judge.subject, key)["dsseEnvelope"])
    assert open_attestation(raw.ljust(ATTESTATION_BYTES), {}) == open_attestation(raw, {})
    with refused(Reason.PAYLOAD_TYPE_UNKNOWN):
        open_attestation(raw.ljust(ATTESTATION_BYTES + 1), {})


def test_certificates_in_annotations_have_a_size_and_are_so_many(signer: CertifiedKey) -> None:
    leaf = signer.annotations[CERTIFICATE]
    room = CERTIFICATE_BYTES * CHAIN_CERTIFICATES - len(f"{leaf}\n")
    for chain, count in ((" " * room, 1), (leaf * (CHAIN_CERTIFICATES - 1), CHAIN_CERTIFICATES)):
        made = {SIGNATURE: "AAAA", CERTIFICATE: leaf}
        assert len(open_simple_signing(b"", {**made, CHAIN: chain}).certificates) == count
        with refused(Reason.CERTIFICATE_INVALID):
            open_simple_signing(b"", {**made, CHAIN: chain + (leaf if count > 1 else " ")})


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
