"""Run a command to its end, and keep a server running: the two things done with processes here."""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.programs import SYSTEM_PATH

COMMAND_SECONDS = 60
"""A client that has not ended by then hangs: none here takes more than a few."""

START_SECONDS = 30
STOP_SECONDS = 15
POLL_SECONDS = 0.02

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended, and what a person saw: both streams, without colours."""

    code: int
    output: str

    @property
    def ok(self) -> bool:
        """Whether it says that it succeeded."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in a folder and an environment of their own: nothing of the person's account reaches them."""

    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What the command finds in its environment."""
        return {
            "PATH": SYSTEM_PATH,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home),
            "TMPDIR": str(self.home),
            **more,
        }

    def run(self, *command: str | Path, **environment: str) -> Result:
        """Run a command to its end, its output on one string.

        Raises:
            subprocess.TimeoutExpired: it did not end in `COMMAND_SECONDS`.
        """
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.home,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            text=True,
            errors="replace",
            check=False,
        )
        return Result(done.returncode, _ANSI.sub("", done.stdout))

    def must(self, *command: str | Path, **environment: str) -> str:
        """Run a command that prepares something, and must succeed for the test to mean anything.

        Raises:
            AssertionError: it failed.
        """
        result = self.run(*command, **environment)
        assert result.ok, f"{' '.join(map(str, command))}\n{result.output}"
        return result.output


@contextlib.contextmanager
def serving(command: list[str], home: Path, ready: Callable[[], bool], **environment: str) -> Iterator[Path]:
    """Keep a server running while the block runs; gives the file that holds what it printed.

    Raises:
        RuntimeError: it ended, or was not ready in `START_SECONDS`.
    """
    log = home / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=Shell(home).environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} is not ready\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(POLL_SECONDS)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own: nothing else is in this group
            process.wait()


_held: list[socket.socket] = []


def free_port() -> int:
    """A port of the loopback address that nobody else is given until this process ends.

    It stays bound, and nobody listens: Linux lets whoever asks for `SO_REUSEADDR`, as servers do, listen on it.
    """
    held = socket.socket()
    _held.append(held)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port: int = held.getsockname()[1]
    return port


def answers(host: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a registry is there, which speaks TLS where a context is given: any status will do."""
    plain = http.client.HTTPConnection(host, timeout=5)
    connection = http.client.HTTPSConnection(host, timeout=5, context=context) if context else plain
    try:
        connection.request("GET", "/v2/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
