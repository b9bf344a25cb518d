"""Signers: what makes two of them one."""

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import KeylessSigner, KeySigner, Source
from sealgate.oci.digest import Digest


def test_one_key_under_two_names_is_one_signer() -> None:
    assert len({KeySigner("f"), KeySigner("f"), KeySigner("g")}) == 2


def test_a_keyless_signer_is_an_identity_and_an_issuer_and_who_vouched() -> None:
    signers = [
        KeylessSigner("a", "i"),
        KeylessSigner("a", "i"),
        KeylessSigner("b", "i"),
        KeylessSigner("a", "j"),
        KeylessSigner("a", "i", trusted_root="acme"),
    ]
    assert len(set(signers)) == 4


def test_a_source_is_written_with_its_place() -> None:
    digest = Digest.of(b"a carrier")
    assert str(Source(digest, 2)) == f"{digest}[2]"


def test_a_key_is_shown_by_its_fingerprint() -> None:
    key = PublicKey(fingerprint="f" * 64, spki=b"bytes that nobody reads", algorithm="ecdsa-p256")
    assert "bytes" not in repr(key)
    assert "f" * 64 in repr(key)
