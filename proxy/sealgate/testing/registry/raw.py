"""A server below HTTP: it writes what it is told and knows no protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

Exchange = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Answers each request head with raw bytes.

    Args:
        answer: the bytes of every answer, or a function that gets the request's head and writes for itself.
        keep_open: go on reading heads on the same connection after an answer, rather than close it.
    """

    def __init__(self, answer: bytes | Exchange, *, keep_open: bool = False) -> None:
        self._answer = answer
        self._keep_open = keep_open
        self._server: asyncio.Server | None = None
        self._exchanges: set[asyncio.Task[None]] = set()
        self.port = 0
        self.heads: list[bytes] = []

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._exchanges.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side has gone, or the test is over
        finally:
            self._exchanges.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if isinstance(self._answer, bytes):
                writer.write(self._answer)
                await writer.drain()
            else:
                await self._answer(head, writer)
            if not self._keep_open:
                return
