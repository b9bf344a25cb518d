"""The listening socket: aiohttp's low-level server, with no application and no router above it."""

import asyncio
import errno
import resource
import ssl
from dataclasses import replace

from sealgate.errors import ConfigurationInvalid
from sealgate.http.connections import Bounds, Handler, Listener
from sealgate.limits import CUT_SECONDS


class Running:
    """A gate that listens.

    Args:
        listener: who answers.
        server: the listening sockets.
    """

    def __init__(self, listener: Listener, server: asyncio.Server) -> None:
        self._leaving = False
        self._listener = listener
        self._server = server
        self.host: str
        self.port: int
        self.host, self.port = server.sockets[0].getsockname()[:2]

    @property
    def leaving(self) -> bool:
        """Whether it has been told to stop."""
        return self._leaving

    def leave(self) -> None:
        """Go on, but keep no client: every answer closes its connection."""
        self._leaving = True
        self._listener.leave()

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing more, give what is in flight so many seconds, then break it off (attacks F12)."""
        self._leaving = True
        self._server.close()
        now = asyncio.get_running_loop().time
        end = now() + grace_seconds
        await self._listener.drain(grace_seconds)
        self._listener.pre_shutdown()
        await self._listener.shutdown(CUT_SECONDS)
        await self._listener.emptied(max(0.0, end - now()))


async def serve(
    edge: Handler, host: str, port: int, *, tls: ssl.SSLContext | None = None, bounds: Bounds | None = None
) -> Running:
    """Start to listen.

    Args:
        edge: who answers.
        host: an address of this machine.
        port: a port of it; 0 is any that is free.
        tls: with which certificate; None listens for plain HTTP.
        bounds: what clients may take; the default ones, within the process's limit of open files, when None.

    Raises:
        ConfigurationInvalid: that address cannot be listened on; the port is in use, mostly.
    """
    bounds = bounds or _bounds()
    listener = Listener(edge, bounds)
    try:
        server = await asyncio.get_running_loop().create_server(
            listener, host, port, ssl=tls, ssl_handshake_timeout=bounds.head if tls else None
        )
    except OSError as error:
        told = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ConfigurationInvalid(f"cannot listen on {host}:{port}: {told}") from error
    return Running(listener, server)


def _bounds() -> Bounds:
    """The default bounds; half of the files that may be open are left to the upstream and to everything else.

    Without that, a client that opens connections until accepting fails stops all others (attacks F16).
    """
    bounds = Bounds()
    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return bounds
    return replace(bounds, connections=min(bounds.connections, files // 2))
