"""The text in a certificate's extensions: DER as it is written, and in no other way."""

from collections.abc import Callable

import pytest

from sealgate.adapters.signatures.certificate import signer_of
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.reason import Reason
from sealgate.testing.sigstore import CertifiedKey, der


def claim(certify: Callable[..., CertifiedKey], value: bytes) -> str:
    fulcio = {8: der.utf8("https://accounts.example.com"), 12: value}
    return signer_of(certify(fulcio=fulcio).certificate, "default").claims["source_repository_uri"]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 300])
def test_a_text_of_any_length_is_read(certify: Callable[..., CertifiedKey], length: int) -> None:
    assert claim(certify, der.utf8("x" * length)) == "x" * length


@pytest.mark.parametrize(
    "header",
    [b"\x0c\x80", b"\x0c\x81\x7f", b"\x0c\x82\x00\x80", b"\x0c\x81\x81", b"\x0c\x7f", b"\x13\x81\x80"],
    ids=["indefinite", "long where short is", "leading zero", "longer", "shorter", "PrintableString"],
)
def test_a20_a_text_of_which_the_length_can_be_read_in_two_ways_is_none(
    certify: Callable[..., CertifiedKey], header: bytes
) -> None:
    size = 127 if header == b"\x0c\x81\x7f" else 128
    with pytest.raises(Rejected, check=lambda bad: bad.reason is Reason.CERTIFICATE_INVALID):
        claim(certify, header + b"x" * size)
