"""What a Fulcio certificate says: one identity, its issuer, and claims (fulcio docs/oid-info.md)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeylessSigner
from sealgate.limits import CERTIFICATE_BYTES

_ARC: Final = "1.3.6.1.4.1.57264.1"
_ISSUER_V1: Final = f"{_ARC}.1"
_USER_NAME: Final = f"{_ARC}.7"  # not an extension but a kind of SAN
_ISSUER_V2: Final = f"{_ARC}.8"
_OLD_CLAIMS: Final = {  # raw text, as `_ISSUER_V1`
    f"{_ARC}.2": "github_workflow_trigger",
    f"{_ARC}.3": "github_workflow_sha",
    f"{_ARC}.4": "github_workflow_name",
    f"{_ARC}.5": "github_workflow_repository",
    f"{_ARC}.6": "github_workflow_ref",
}
_CLAIMS: Final = {  # DER UTF8String, as `_ISSUER_V2`
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
    f"{_ARC}.22": "source_repository_visibility_at_signing",
    f"{_ARC}.23": "deployment_environment",
}
_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80


def load(der: bytes) -> x509.Certificate:
    """A certificate, its extensions read too.

    Raises:
        Rejected: it cannot be read, or is larger than certificates are.
    """
    if len(der) > CERTIFICATE_BYTES:
        raise Rejected(Reason.CERTIFICATE_INVALID, f"its certificate has more than {CERTIFICATE_BYTES} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.public_key()
    except _UNREADABLE as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, "its certificate cannot be read") from bad
    return certificate


def check_purpose(certificate: x509.Certificate) -> None:
    """That the certificate is for signing code.

    Raises:
        Rejected: it is not.
    """
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, "its certificate does not say that it is for signing code") from bad
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise Rejected(Reason.CERTIFICATE_INVALID, "its certificate is not for signing code")


def signer_of(certificate: x509.Certificate, trusted_root: str) -> KeylessSigner:
    """Who a verified certificate is for.

    Args:
        certificate: the certificate.
        trusted_root: the name of the root that vouches for it.

    Raises:
        Rejected: it does not name one identity and one issuer, or says something that cannot be read (attacks A20).
    """
    extensions = {
        extension.oid.dotted_string: extension.value.value
        for extension in certificate.extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
    }
    old = {name: _text(extensions[oid]) for oid, name in _OLD_CLAIMS.items() if oid in extensions}
    new = {name: _utf8_string(extensions[oid]) for oid, name in _CLAIMS.items() if oid in extensions}
    return KeylessSigner(
        identity=_identity(certificate),
        issuer=_issuer(extensions),
        trusted_root=trusted_root,
        claims=MappingProxyType({**old, **new}),
    )


def _identity(certificate: x509.Certificate) -> str:
    """The one subject alternative name: an e-mail address, a URI, or Fulcio's user name."""
    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    match names:
        case [x509.RFC822Name(value=str(name)) | x509.UniformResourceIdentifier(value=str(name))]:
            identity = name
        case [x509.OtherName(type_id=kind, value=bytes(der))] if kind.dotted_string == _USER_NAME:
            identity = _utf8_string(der)
        case _:
            identity = ""
    if not identity:
        text = "its certificate does not name exactly one e-mail address, URI or user"
        raise Rejected(Reason.CERTIFICATE_INVALID, text)
    return identity


def _issuer(extensions: Mapping[str, bytes]) -> str:
    """The OIDC issuer on whose word the certificate was issued; where two extensions name it, they agree."""
    found: set[str] = set()
    if _ISSUER_V1 in extensions:
        found.add(_text(extensions[_ISSUER_V1]))
    if _ISSUER_V2 in extensions:
        found.add(_utf8_string(extensions[_ISSUER_V2]))
    if len(found) != 1 or "" in found:
        raise Rejected(Reason.CERTIFICATE_INVALID, "its certificate does not name one OIDC issuer")
    return found.pop()


def _utf8_string(der: bytes) -> str:
    """A DER UTF8String (X.690 section 8.23), whole; its length in the shortest form."""
    if len(der) >= 2 and der[0] == _UTF8_STRING:
        length, start = der[1], 2
        if length >= _LONG_FORM:
            start = 2 + length - _LONG_FORM
            length = int.from_bytes(der[2:start])
            shortest = length >= _LONG_FORM and der[2] != 0
            length = length if shortest else -1
        if len(der) == start + length:
            return _text(der[start:])
    raise Rejected(Reason.CERTIFICATE_INVALID, "an extension of its certificate cannot be read")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, "an extension of its certificate is not text") from bad
