"""A PostgreSQL server of the tests' own, on a free port of the loopback address, that nothing of it outlives."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg

SECONDS = 60.0
_USER = "sealgate"


def programs() -> Path | None:
    """Where `initdb` and `postgres` are: Debian has them in no PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = shutil.which("initdb")
    return found[-1].parent if found else Path(named).parent if named else None


class Postgres:
    """A server. It can be stopped and started again; what it has stays until the end.

    Args:
        bin_: where its programs are.
        home: a folder that the user it runs as may write.
    """

    def __init__(self, bin_: Path, home: Path) -> None:
        self._bin, self._home = bin_, home
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._user, self._group = None, None
        if os.geteuid() == 0:  # as which it refuses to run
            self._user, self._group = "nobody", pwd.getpwnam("nobody").pw_gid
            shutil.chown(home, self._user)
        command = [str(bin_ / "initdb"), "-D", str(home / "data"), "-U", _USER, "-A", "trust", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C"]
        subprocess.run(  # noqa: S603 - a program of the system
            command, check=True, capture_output=True, cwd=home, user=self._user, group=self._group
        )

    def database(self, like: str = "template0") -> str:
        """The URL of a database of its own: with nothing in it, or like one that there is, by its name."""
        name = f"gate_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"'.encode())
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(self._bin / "postgres"), "-D", str(self._home / "data"), "-p", str(self.port), "-k", ""]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of the system
                command, stdout=log, stderr=log, cwd=self._home, user=self._user, group=self._group
            )
        deadline = time.monotonic() + SECONDS
        while True:
            with suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres"), connect_timeout=2):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._home / "log").read_text(errors="replace")[-4000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once: connections are cut, and nothing is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(SECONDS)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """For a while it takes what is sent to it and answers nothing."""
        if self._process is None:
            raise RuntimeError("it does not run")
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        stopped = [main, *map(int, children)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


@contextmanager
def serving() -> Iterator[Postgres | None]:
    """A server that runs; None where there are no programs for one."""
    bin_ = programs()
    if bin_ is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="sealgate-postgres-") as folder:
        server = Postgres(bin_, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
