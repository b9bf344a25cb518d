"""A wire between the gate and its registry, which counts what goes over it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness.servers import Server

_PIECE_BYTES = 256 * 1024


class Wire:
    """What lies between.

    Attributes:
        host: where it is reached.
        sent: bytes that went to the registry so far.
    """

    def __init__(self, registry: Server) -> None:
        self.host = ""
        self.sent = 0
        self._to = registry.host.rpartition(":")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection, both ways, until either side ends it."""
        host, _, port = self._to
        there, back = await asyncio.open_connection(host, int(port))

        async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counts: bool) -> None:
            with suppress(ConnectionError):
                while piece := await source.read(_PIECE_BYTES):
                    self.sent += len(piece) if counts else 0
                    target.write(piece)
                    await target.drain()
            target.close()

        try:
            await asyncio.gather(relay(reader, back, counts=True), relay(there, writer, counts=False))
        except asyncio.CancelledError:  # the test is over; what has ended by itself is closed when it is flushed
            for end in (writer, back):
                end.transport.abort()
            raise


@contextmanager
def counting(registry: Server) -> Iterator[Wire]:
    """A wire to a registry, in a thread of its own."""
    wire, over, ready = Wire(registry), threading.Event(), threading.Event()

    async def serve() -> None:
        async with await asyncio.start_server(wire.connected, "127.0.0.1", 0) as server:
            wire.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        ready.wait()
        yield wire
    finally:
        over.set()
        thread.join()
