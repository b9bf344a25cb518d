"""One worker process, from outside: started, asked, killed."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Final

import sealgate
from sealgate.adapters.conditions.worker import LENGTH_BYTES, READY
from sealgate.errors import SealgateError
from sealgate.limits import CONDITION_ANSWER_BYTES, CONDITION_START_SECONDS

# The worker's Python is isolated (`-I`): it takes no path from the environment, and so is told where this package is.
_MAIN: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from sealgate.adapters.conditions.worker import main; main()"
)
_HOME: Final = str(Path(sealgate.__file__).parents[1])


class WorkerLost(SealgateError):
    """The worker ended, or does not answer as it should."""


class Worker:
    """A process that evaluates conditions. Made by `start`; one question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> "Worker":
        """Start one; it is ready when this returns.

        Raises:
            WorkerLost: it cannot be started, or is not ready in time.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-c", _MAIN, _HOME),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},  # secrets are in the environment
                cwd="/",
                close_fds=True,
                start_new_session=True,  # Ctrl-C at a terminal is for the gate, which ends its workers itself
            )
        except OSError as error:
            raise WorkerLost(f"cannot be started: {error.strerror}") from error
        worker = cls(process)
        try:
            async with asyncio.timeout(CONDITION_START_SECONDS):
                await worker._become_ready()
        except BaseException as error:
            await worker.end()
            if isinstance(error, TimeoutError):
                raise WorkerLost("is not ready in time") from error
            raise
        return worker

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ask(self, question: bytes) -> bytes:
        """Have a question answered. Whoever does not wait for the answer must `end` it: the next one would get it.

        Raises:
            WorkerLost: it ended, or answers too much.
        """
        if self._process.stdin is None:
            raise WorkerLost("has no standard input")
        try:
            self._process.stdin.write(len(question).to_bytes(LENGTH_BYTES) + question)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise WorkerLost("ended") from error
        return await self._read()

    async def end(self) -> None:
        """Kill it, and wait until nothing of it is left."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
        await self._process.wait()

    async def _become_ready(self) -> None:
        if await self._read() != READY:
            raise WorkerLost("is not ready")

    async def _read(self) -> bytes:
        if self._process.stdout is None:
            raise WorkerLost("has no standard output")
        try:
            size = int.from_bytes(await self._process.stdout.readexactly(LENGTH_BYTES))
            if size > CONDITION_ANSWER_BYTES:
                raise WorkerLost(f"answers more than {CONDITION_ANSWER_BYTES} bytes")
            return await self._process.stdout.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerLost("ended") from error
