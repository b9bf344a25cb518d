"""Certificates of authorities, as Fulcio's and a timestamp authority's chains have them."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from sealgate.testing.sigstore.keys import SigningKey


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


def root_certificate(key: SigningKey, common_name: str, *, start: datetime, end: datetime) -> x509.Certificate:
    """A self-signed root."""
    return (
        _authority(key, common_name, path_length=1, start=start, end=end)
        .issuer_name(name(common_name))
        .sign(key.private, hashes.SHA384())
    )


def intermediate_certificate(
    key: SigningKey,
    common_name: str,
    *,
    issuer: x509.Certificate,
    issuer_key: SigningKey,
    usage: x509.ObjectIdentifier,
    start: datetime,
    end: datetime,
) -> x509.Certificate:
    """An authority below a root, for one extended usage."""
    return (
        _authority(key, common_name, path_length=0, start=start, end=end)
        .issuer_name(issuer.subject)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(issued_by(issuer), critical=False)
        .sign(issuer_key.private, hashes.SHA384())
    )


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
