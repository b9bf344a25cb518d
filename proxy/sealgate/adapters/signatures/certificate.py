"""What a Fulcio certificate says: one identity, its issuer, and claims (fulcio docs/oid-info.md)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography import x509

from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.reason import Reason

_ARC: Final = "1.3.6.1.4.1.57264.1"
_ISSUER_V1: Final = f"{_ARC}.1"  # raw text
_ISSUER_V2: Final = f"{_ARC}.8"  # DER UTF8String, as all that follow
_CLAIMS: Final = {
    f"{_ARC}.9": "build_signer_uri",
    f"{_ARC}.10": "build_signer_digest",
    f"{_ARC}.11": "runner_environment",
    f"{_ARC}.12": "source_repository_uri",
    f"{_ARC}.13": "source_repository_digest",
    f"{_ARC}.14": "source_repository_ref",
    f"{_ARC}.15": "source_repository_identifier",
    f"{_ARC}.16": "source_repository_owner_uri",
    f"{_ARC}.17": "source_repository_owner_identifier",
    f"{_ARC}.18": "build_config_uri",
    f"{_ARC}.19": "build_config_digest",
    f"{_ARC}.20": "build_trigger",
    f"{_ARC}.21": "run_invocation_uri",
    f"{_ARC}.22": "source_repository_visibility",
}
_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80


def load(der: bytes) -> x509.Certificate:
    """A certificate.

    Raises:
        Rejected: it cannot be read.
    """
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, "the certificate cannot be read") from bad


def identity_of(certificate: x509.Certificate) -> str:
    """The one subject alternative name: an e-mail address or a URI.

    Raises:
        Rejected: there is none, more than one, or one of another kind.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, "the certificate names nobody") from bad
    found = list(names)
    if len(found) != 1 or not isinstance(found[0], (x509.RFC822Name, x509.UniformResourceIdentifier)):
        raise Rejected(Reason.CERTIFICATE_INVALID, "the certificate has not exactly one name, an e-mail address or URI")
    return found[0].value


def issuer_of(certificate: x509.Certificate) -> str:
    """The OIDC issuer on whose word the certificate was issued.

    Raises:
        Rejected: it names none, or two that differ.
    """
    values = _fulcio_extensions(certificate)
    issuers = set()
    if (new := values.get(_ISSUER_V2)) is not None:
        issuers.add(_utf8_string(new))
    if (old := values.get(_ISSUER_V1)) is not None:
        issuers.add(_text(old))
    if len(issuers) != 1 or "" in issuers:
        raise Rejected(Reason.CERTIFICATE_INVALID, "the certificate does not name one OIDC issuer")
    return issuers.pop()


def claims_of(certificate: x509.Certificate) -> Mapping[str, str]:
    """The other extensions of Fulcio's, by name.

    Raises:
        Rejected: one that is known cannot be read (attacks A20).
    """
    values = _fulcio_extensions(certificate)
    return MappingProxyType({name: _utf8_string(values[oid]) for oid, name in _CLAIMS.items() if oid in values})


def _fulcio_extensions(certificate: x509.Certificate) -> dict[str, bytes]:
    return {
        extension.oid.dotted_string: extension.value.value
        for extension in certificate.extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
        and extension.oid.dotted_string.startswith(f"{_ARC}.")
    }


def _utf8_string(der: bytes) -> str:
    """A DER UTF8String (X.690 section 8.23), whole."""
    if len(der) >= 2 and der[0] == _UTF8_STRING:
        if der[1] < _LONG_FORM:
            length, start = der[1], 2
        else:
            start = 2 + der[1] - _LONG_FORM
            length = int.from_bytes(der[2:start])
            minimal = length >= _LONG_FORM and der[2:3] != b"\0"
            length = length if minimal else -1
        if len(der) == start + length:
            return _text(der[start:])
    raise Rejected(Reason.CERTIFICATE_INVALID, "an extension of the certificate cannot be read")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, "an extension of the certificate is not text") from bad
