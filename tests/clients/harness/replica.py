"""A gate that may be killed at any moment, and started again over what it has left."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.process import POLL_SECONDS, START_SECONDS, STOP_SECONDS, Shell, answers, free_port


class Replica:
    """`sealgate serve` with a settings file, at the same address each time.

    Args:
        home: a folder of its own; relative paths of the settings are in it.
        settings: but for where it listens.

    Attributes:
        host: what an image's name starts with.
        log: what it printed, over all its lives.
    """

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self.log = home / "server.log"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self.file = home / "sealgate.yaml"
        self.file.write_text(json.dumps({"listen": self.host, **settings}))  # JSON is YAML

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://{self.host}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in `START_SECONDS`.
        """
        command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", str(self.file)]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=self._home,
                env=Shell(self._home).environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.host):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the gate does not answer\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL: it does nothing more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it as people do, if it runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def decisions(self) -> list[dict[str, object]]:
        """The lines of its decision log, `decisions.jsonl`; the last one is left out if it was cut off by a kill."""
        found = []
        log = self._home / "decisions.jsonl"
        for line in log.read_text().splitlines() if log.exists() else ():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found


@contextmanager
def running(home: Path, settings: Mapping[str, object]) -> Iterator[Replica]:
    """One that runs when the block begins, and not when it has ended."""
    os.makedirs(home, exist_ok=True)
    replica = Replica(home, settings)
    try:
        replica.start()
        yield replica
    finally:
        replica.stop()
