"""Certificates of authorities, as Fulcio's and a timestamp authority's chains have them."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from sealgate.testing.sigstore.keys import SigningKey
from sealgate.testing.sigstore.time_range import TimeRange


def name(common_name: str) -> x509.Name:
    """A subject with the organisation that all of them share."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "private.test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Key usage of an authority, or of one who signs anything else."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority_chain(
    common_name: str,
    *,
    start: datetime,
    end: datetime,
    intermediates: Sequence[TimeRange],
    usage: x509.ObjectIdentifier,
) -> tuple[tuple[x509.Certificate, ...], SigningKey]:
    """A self-signed root and the authorities below it, all ECDSA P-384.

    Args:
        common_name: what their names begin with.
        start: from when the root is valid.
        end: until when it is; and an intermediate whose range has no end.
        intermediates: when each of those below it is valid, from the root down.
        usage: the one extended usage for which the intermediates may issue.

    Returns:
        The certificates, the one at the bottom first, and the key of that one.
    """
    depth = len(intermediates)
    key = SigningKey.generate("ecdsa-p384")
    root = (
        _authority(key, f"{common_name}-root", path_length=depth, start=start, end=end)
        .issuer_name(name(f"{common_name}-root"))
        .sign(key.private, hashes.SHA384())
    )
    chain = [root]
    for level, valid in enumerate(intermediates, start=1):
        below = SigningKey.generate("ecdsa-p384")
        number = f"-{level}" if depth > 1 else ""
        issued = (
            _authority(
                below,
                f"{common_name}-intermediate{number}",
                path_length=depth - level,
                start=valid.start,
                end=valid.end or end,
            )
            .issuer_name(chain[0].subject)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(issued_by(chain[0]), critical=False)
            .sign(key.private, hashes.SHA384())
        )
        chain, key = [issued, *chain], below
    return tuple(chain), key


def issued_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The extension that names the issuer's key."""
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )


def _authority(
    key: SigningKey, common_name: str, *, path_length: int, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    public = key.private.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
