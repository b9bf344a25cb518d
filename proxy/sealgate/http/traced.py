"""A span for each request, below the client's own where it says which that is."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

from aiohttp import web

from sealgate.http.connections import Handler
from sealgate.http.inbound import kind_of, request_id, routed_if_any
from sealgate.http.metered import METHODS

# W3C Trace Context, section 3.2: version 00. Numbers of zeros name nothing: OpenTelemetry begins a trace then.
_PARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)


class Tracer(Protocol):
    """Who writes spans."""

    def request(
        self, parent: tuple[int, int] | None
    ) -> AbstractContextManager[Callable[[str, int, Mapping[str, str]], None]]:
        """A span while the block runs.

        Args:
            parent: trace and span above it; None begins a trace.

        Yields:
            To be told its name, the status, and what else there is to say of it.
        """


class Traced:
    """Has a tracer write a span for what another handler answers.

    Args:
        edge: who answers.
        tracer: who writes.
    """

    def __init__(self, edge: Handler, tracer: Tracer) -> None:
        self._edge = edge
        self._tracer = tracer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """See `connections.Handler`."""
        with self._tracer.request(_parent(request)) as over:
            response = await self._edge.handle(request)
            method = request.method if request.method in METHODS else "other"
            facts = {"http.request.method": method, "sealgate.request": request_id(request)}
            if (routed := routed_if_any(request)) is not None:
                facts["sealgate.repository"] = routed.repository.name
            over(f"{method} {kind_of(request)}", response.status, facts)
        return response


def _parent(request: web.BaseRequest) -> tuple[int, int] | None:
    values = request.headers.getall("traceparent", [])
    found = _PARENT.fullmatch(values[0]) if len(values) == 1 else None
    return None if found is None else (int(found[1], 16), int(found[2], 16))
