"""With whom the gate speaks TLS: an upstream is who its certificate says it is, or it is not asked (attacks F26).

Two contexts for each upstream. What its settings say, its own authorities, a client certificate, or no verification, is
about that origin alone. Wherever it redirects to is verified in any case, and is shown no client certificate.
"""

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NoReturn

from sealgate.adapters import files
from sealgate.errors import ConfigurationInvalid

# What is wrong with a certificate, by OpenSSL's X509_V_ERR_… (x509_vfy.h), in words that hold nothing of it.
_REASONS: Final = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "its authority is not one that is trusted",
    20: "its authority is not one that is trusted",
    21: "its authority is not one that is trusted",
    62: "it is another host's",
    64: "it is another address's",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsContexts:
    """How one upstream is verified.

    Args:
        origin: for the upstream itself.
        elsewhere: for the places that it redirects to.
    """

    origin: ssl.SSLContext
    elsewhere: ssl.SSLContext


def upstream_tls(
    *,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    skip_verification: bool = False,
) -> TlsContexts:
    """The contexts for one upstream; without arguments it is verified by the system's authorities.

    Args:
        ca: the upstream's authorities, PEM, instead of the system's. A place that it redirects to may have either.
        certificate: the client certificate to show to it, PEM.
        key: its key, PEM, without a passphrase.
        skip_verification: take whoever answers for the upstream.

    Raises:
        ConfigurationInvalid: a file cannot be used.
    """
    if ca is None and certificate is None and not skip_verification:
        return TlsContexts(origin=_by_the_system(), elsewhere=_by_the_system())
    origin, elsewhere = _verifying(), _by_the_system()
    if ca is None:
        origin.load_default_certs()
    else:
        authorities, elsewhere = files.read(ca), _verifying()
        elsewhere.load_default_certs()
        for context in (origin, elsewhere):
            _trust(context, ca, authorities)
    if skip_verification:
        origin.check_hostname = False
        origin.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        try:
            origin.load_cert_chain(certificate, key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            told = f"{certificate} and {key}: not a certificate and its key: {error}"
            raise ConfigurationInvalid(told) from error
    return TlsContexts(origin=origin, elsewhere=elsewhere)


def not_accepted(error: Exception) -> str:
    """Why a TLS connection was not made, from the TLS library's error, in words without anything the upstream wrote."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its TLS certificate is not accepted: {_REASONS.get(error.verify_code, 'it is not valid')}"
        case ssl.SSLError(reason="UNSUPPORTED_PROTOCOL" | "TLSV1_ALERT_PROTOCOL_VERSION"):
            return "it speaks no TLS 1.2 or later"
        case _:
            return "it does not speak TLS as it should"


def _by_the_system() -> ssl.SSLContext:
    """By the system's authorities."""
    return _by_those_in(ssl.get_default_verify_paths())


@lru_cache(maxsize=1)
def _by_those_in(_: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """They take 40 ms to read, and nobody changes a context: one is for all, until the paths are others."""
    made = _verifying()
    made.load_default_certs()
    return made


def _verifying() -> ssl.SSLContext:
    """TLS 1.2 or later, a certificate for that host, by an authority that is yet to be named."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    return made


def _trust(context: ssl.SSLContext, file: Path, authorities: bytes) -> None:
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii"))
    except (OSError, ValueError) as error:
        raise ConfigurationInvalid(f"{file}: no certificates of authorities: {error}") from error


def _no_passphrase() -> NoReturn:
    """Instead of OpenSSL's own question on the terminal."""
    raise ValueError("the key has a passphrase; give it without one")
