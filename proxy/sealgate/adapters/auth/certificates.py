"""Clients by their TLS certificates, which the listener has verified before a request comes.

What a certificate says of its bearer is one value of one field, and nothing when there are two: then it could be read
as either.
"""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from sealgate.limits import IDENTITY_CHARACTERS
from sealgate.policy.identity import Identity
from sealgate.ports import Clock

Field: TypeAlias = Literal["common-name", "uri", "dns", "email"]

_ALTERNATIVES: Final[Mapping[str, str]] = {"uri": "URI", "dns": "DNS", "email": "email"}
NAME: Final = "mtls"
"""What identities from certificates begin with."""


class Certificates:
    """Reads who a verified certificate is about.

    Args:
        field: where that stands: the subject's common name, or a subject alternative name.
        clock: whether a certificate is still valid; a connection may outlast it.
    """

    def __init__(self, field: Field, clock: Clock) -> None:
        self._field = field
        self._clock = clock

    def identify(self, certificate: Mapping[str, Any]) -> Identity | None:
        """Whom it is about; None when it has expired meanwhile, says nothing, or more than one thing.

        Args:
            certificate: as `ssl.SSLSocket.getpeercert` gives it. An empty one was not verified.
        """
        found = list(self._values(certificate))
        if len(found) != 1 or not found[0].isprintable() or not 0 < len(found[0]) <= IDENTITY_CHARACTERS:
            return None
        ends = certificate.get("notAfter")
        if not isinstance(ends, str) or ssl.cert_time_to_seconds(ends) < self._clock.now().timestamp():
            return None
        return Identity(name=f"{NAME}:{found[0]}")

    def _values(self, certificate: Mapping[str, Any]) -> Iterator[str]:
        if self._field == "common-name":
            for name in certificate.get("subject", ()):
                yield from (value for kind, value in name if kind == "commonName")
            return
        wanted = _ALTERNATIVES[self._field]
        yield from (value for kind, value in certificate.get("subjectAltName", ()) if kind == wanted)
