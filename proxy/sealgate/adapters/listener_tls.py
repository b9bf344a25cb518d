"""The gate's own certificate, and who vouches for its clients': read again when the files change.

A new certificate is a whole new context, never a change to the one in use: it has session keys of its own, so no client
resumes what a client CA that is gone once vouched for.
"""

import asyncio
import hashlib
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from sealgate.adapters import files
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import TLS_LOOK_SECONDS

_logger: Final = logging.getLogger(__name__)

# TLS 1.2's with forward secrecy and authenticated encryption (RFC 9325 section 4.2); 1.3 has no others.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerFiles:
    """PEM files.

    Args:
        certificate: the gate's certificate, with those between it and its authority.
        key: its private key, without a passphrase.
        client_ca: the authorities of clients' certificates; None asks clients for none.
        client_certificate_required: whether a client without one is turned away.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_certificate_required: bool = True

    def fingerprint(self) -> str:
        """Stands for what is in them now, through whatever links they are reached (Kubernetes swaps one: `..data`).

        Raises:
            ConfigurationInvalid: one cannot be read.
        """
        paths = (self.certificate, self.key, *((self.client_ca,) if self.client_ca else ()))
        return ":".join(hashlib.sha256(files.read(path)).hexdigest() for path in paths)

    def context(self) -> ssl.SSLContext:
        """A context made of them: TLS 1.2 or later, HTTP/1.1 only.

        Raises:
            ConfigurationInvalid: they are not PEM, do not belong together, or have a passphrase.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(_CIPHERS)
        made.options |= ssl.OP_NO_RENEGOTIATION
        made.set_alpn_protocols(["http/1.1"])  # HTTP/2 has no reason phrase, which is all that containerd shows
        try:
            made.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            told = f"{self.certificate} and {self.key}: not a certificate and its key: {_words(error)}"
            raise ConfigurationInvalid(told) from error
        if self.client_ca is not None:
            _ask_clients(made, self.client_ca, required=self.client_certificate_required)
        return made


class ListenerContext(ssl.SSLContext):
    """A context that makes each connection with the one that `current` is at that moment."""

    current: ssl.SSLContext

    def __new__(cls, current: ssl.SSLContext) -> Self:
        """Begin with `current`."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made.current = current
        return made

    def wrap_bio(self, *args: Any, **more: Any) -> ssl.SSLObject:
        """The one method by which asyncio makes a connection of a context."""
        return self.current.wrap_bio(*args, **more)


class ListenerTls:
    """The context to listen with, kept up to date.

    Args:
        given: the files.

    Raises:
        ConfigurationInvalid: they cannot be used.

    Attributes:
        problem: why what is in the files now is not in use; "" when it is. For health.
    """

    def __init__(self, given: ListenerFiles) -> None:
        self._files = given
        self._seen = given.fingerprint()
        self.context = ListenerContext(given.context())
        self.problem = ""

    def look(self) -> None:
        """Take what is in the files, if it is new and can be used. Connections that are open go on as they are."""
        try:
            seen = self._files.fingerprint()
            if seen == self._seen:
                self.problem = ""
                return
            made = self._files.context()
            if self._files.fingerprint() != seen:
                return  # they are being written; the next look sees the end of it
        except ConfigurationInvalid as error:
            self._refuse(str(error))
            return
        self._seen = seen
        self.context.current = made
        self.problem = ""
        _logger.info("the TLS certificate was read again, from %s", self._files.certificate)

    async def watch(self) -> None:
        """Look every `limits.TLS_LOOK_SECONDS`, for ever: no notification reaches every kind of mount."""
        while True:
            await asyncio.sleep(TLS_LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def _refuse(self, problem: str) -> None:
        if problem != self.problem:  # once, not at every look
            _logger.error("the new TLS certificate cannot be used, the one before stays in use: %s", problem)
        self.problem = problem


def _ask_clients(context: ssl.SSLContext, authorities: Path, *, required: bool) -> None:
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    try:
        context.load_verify_locations(cadata=files.read(authorities).decode("ascii"))
    except (OSError, ValueError) as error:
        raise ConfigurationInvalid(f"{authorities}: no certificates of authorities: {_words(error)}") from error
    # A resumed session brings no certificate to look at again.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0


def _no_passphrase() -> NoReturn:
    """Instead of OpenSSL's own question on the terminal."""
    raise ValueError("the key has a passphrase; give it without one")


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error)
