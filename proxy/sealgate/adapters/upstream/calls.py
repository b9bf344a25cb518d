"""What all requests to the upstream have in common."""

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

import aiohttp

from sealgate.adapters.upstream.sending import Sending
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.upstream.transport import Transport
from sealgate.errors import Malformed
from sealgate.limits import HEADER_FIELD_BYTES
from sealgate.ports import Access

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

    def _ask(
        self,
        method: str,
        path: str,
        access: Access,
        headers: Mapping[str, str] | None = None,
        sending: Sending | None = None,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send one request to the origin.

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
        return self._transport.ask(method, Target(self._origin, path), credentials(access) | more, sending)


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
