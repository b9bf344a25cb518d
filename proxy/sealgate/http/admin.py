"""The port for whoever runs the gate: is it alive, is it ready, what has it counted. Nothing of a registry is there."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from sealgate.errors import ConfigurationInvalid
from sealgate.limits import ADMIN_STOP_SECONDS

_PLAIN: Final = "text/plain; charset=utf-8"


class Admin:
    """Answers `/healthz`, `/readyz` and `/metrics`.

    Args:
        ready: whether clients should be sent here, and what there is to know, as JSON.
        metrics: content type and body of a scrape.
    """

    def __init__(
        self,
        ready: Callable[[], Awaitable[tuple[bool, dict[str, Any]]]],
        metrics: Callable[[], Awaitable[tuple[str, bytes]]],
    ) -> None:
        self._ready = ready
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=ADMIN_STOP_SECONDS)
        self.host = ""
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen there; port 0 takes a free one.

        Raises:
            ConfigurationInvalid: that address cannot be listened on.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationInvalid(f"admin_listen: cannot listen on {host}:{port}: {error.strerror}") from error
        self.host, self.port = self._runner.addresses[0][:2]

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        """That this is answered is all that it says: the event loop runs."""
        return web.Response(text="alive\n", content_type="text/plain")

    async def _readyz(self, _: web.Request) -> web.Response:
        ready, told = await self._ready()
        body = json.dumps({"ready": ready, **told}, indent=2) + "\n"
        return web.Response(status=200 if ready else 503, text=body, content_type="application/json")

    async def _scrape(self, _: web.Request) -> web.Response:
        kind, body = await self._metrics()
        return web.Response(body=body, headers={"Content-Type": kind})
