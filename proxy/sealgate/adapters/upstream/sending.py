"""A request body on its way up, with an eye on the clock and on its length."""

import asyncio
from collections.abc import AsyncIterator

from sealgate.errors import ContentMismatch


class Sending:
    """Passes an upload's bytes on. The upstream's slowness counts against the deadline, the client's does not.

    Args:
        chunks: the bytes, from the client.
        length: how many there will be; None when nobody said.

    Attributes:
        failure: what went wrong with `chunks` themselves; the HTTP client would hide it in an error of its own.
    """

    def __init__(self, chunks: AsyncIterator[bytes], length: int | None) -> None:
        self._chunks = chunks
        self.length = length
        self._sent = 0
        self._deadline: asyncio.Timeout | None = None
        self._stall = self._answer = 0.0
        self.failure: Exception | None = None

    def watch(self, deadline: asyncio.Timeout, *, stall: float, answer: float) -> None:
        """Move this deadline along.

        Args:
            deadline: it ends the request.
            stall: seconds that the upstream may take for each piece.
            answer: seconds from the last piece to the answer.
        """
        self._deadline, self._stall, self._answer = deadline, stall, answer

    def stop(self) -> None:
        """Leave the deadline alone: the answer is there."""
        self._deadline = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._move(None)
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._check_length(ended=True)
            self._move(self._answer)
            raise
        except Exception as error:
            self.failure = error
            raise
        self._sent += len(chunk)
        self._check_length(ended=False)
        self._move(self._stall)
        return chunk

    def _check_length(self, *, ended: bool) -> None:
        if self.length is not None and (self._sent > self.length or (ended and self._sent < self.length)):
            self.failure = ContentMismatch(f"{self.length} bytes were announced, and {self._sent} came")
            raise self.failure

    def _move(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)
