"""What all requests to the upstream have in common."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from sealgate.adapters.upstream.sending import Sending
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.upstream.transport import Transport
from sealgate.errors import Malformed
from sealgate.limits import HEADER_FIELD_BYTES, WARNINGS
from sealgate.ports import Access

# Distribution-spec 1.1, "Warnings". A quoted-string without escapes (RFC 9110 section 5.6.4), at most so long.
_WARNING: Final = re.compile(r'299 - "([\x20\x21\x23-\x5b\x5d-\x7e]{1,2000})"', re.ASCII)
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]+", re.ASCII)


class Calls:
    """Requests to one origin.

    Args:
        transport: how they get there.
        origin: where.
    """

    def __init__(self, transport: Transport, origin: Origin) -> None:
        self._transport = transport
        self._origin = origin

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        path: str,
        access: Access,
        headers: Mapping[str, str] | None = None,
        sending: Sending | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request to the origin; what its answer warns of is told to the access.

        Args:
            method: an HTTP method.
            path: path and query, made of parsed parts only.
            access: with whose right.
            headers: more of them, made here.
            sending: the body.
        """
        more = dict(headers or {})
        if sending is not None and sending.length is not None:
            more["Content-Length"] = str(sending.length)
        target = Target(self._origin, path)
        async with self._transport.ask(method, target, credentials(access) | more, sending) as response:
            tell_warnings(response, access)
            yield response


def tell_warnings(response: aiohttp.ClientResponse, access: Access) -> None:
    """Tell the texts of an answer's warnings, of the one form that there is: `299 - "<text>"`."""
    for value in response.headers.getall("Warning", ())[:WARNINGS]:
        if access.warned is not None and (found := _WARNING.fullmatch(value)) is not None:
            access.warned(found[1])


def credentials(access: Access) -> dict[str, str]:
    """The `Authorization` header of an access, if it has one.

    Raises:
        Malformed: it is not printable ASCII, or too long.
    """
    value = access.authorization
    if value is None:
        return {}
    if len(value) > HEADER_FIELD_BYTES or not _PRINTABLE.fullmatch(value):
        raise Malformed("the Authorization header is not printable ASCII, or too long")
    return {"Authorization": value}
