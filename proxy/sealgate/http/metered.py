"""Requests and blobs, counted as they pass; nothing of them is looked at but what a client cannot choose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from aiohttp import web

from sealgate.http.connections import Handler
from sealgate.http.inbound import watch

METHODS: Final = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"})


class Meter(Protocol):
    """Who counts."""

    def answered(self, method: str, route: str, status: int) -> None:
        """A request was answered; `other` is any method that registries do not know."""

    def passing(self, direction: str, change: int) -> None:
        """So many more blobs are on their way, `pull` or `push`."""

    def passed(self, direction: str, count: int, *, whole: bool) -> None:
        """So many bytes of one went through, all of them or not."""


class Metered:
    """Has a meter count what another handler answers.

    Args:
        edge: who answers.
        meter: who counts.
    """

    def __init__(self, edge: Handler, meter: Meter) -> None:
        self._edge = edge
        self._meter = meter

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """See `connections.Handler`."""
        with _watched(request, self._meter) as watching:
            watching.response = response = await self._edge.handle(request)
        return response


class _Watch:
    def __init__(self, request: web.BaseRequest, meter: Meter) -> None:
        self.response: web.StreamResponse | None = None
        self.route = "none"
        self._request = request
        self._meter = meter
        self._direction = ""
        self._sent = 0

    def sent(self, count: int) -> None:
        self._sent += count

    def about(self, what: str) -> None:
        self.route = what
        if what == "blob" and self._request.method == "GET":
            self._direction = "pull"
        elif what == "upload" and self._request.method in {"PATCH", "PUT", "POST"}:
            self._direction = "push"
        if self._direction:
            self._meter.passing(self._direction, 1)

    def over(self) -> None:
        method = self._request.method if self._request.method in METHODS else "other"
        response = self.response
        # 499 is nginx's word for a client that left; no answer went anywhere.
        self._meter.answered(method, self.route, 499 if response is None else response.status)
        if not self._direction:
            return
        self._meter.passing(self._direction, -1)
        if self._direction == "push":
            count = self._request.content.total_bytes
            if count:
                self._meter.passed("push", count, whole=response is not None and response.status < 300)
        elif response is None or response.status in {200, 206}:
            whole = response is not None and self._sent == (response.content_length or 0)
            self._meter.passed("pull", self._sent, whole=whole)


@contextmanager
def _watched(request: web.BaseRequest, meter: Meter) -> Iterator[_Watch]:
    watching = _Watch(request, meter)
    watch(request, watching)
    try:
        yield watching
    finally:
        watching.over()
