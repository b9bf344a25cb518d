"""The three that are compared: Debian's registry, nginx in front of it, and the gate; each a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.process import POLL_SECONDS, START_SECONDS, STOP_SECONDS, Shell, answers, free_port
from harness.programs import need

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Args:
        name: what tables call it.
        host: `host:port` that it listens on.
        pid: its one process.
    """

    name: str
    host: str
    pid: int

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://{self.host}"

    @property
    def resident(self) -> float:
        """Its memory now (RSS), in MiB."""
        return self._status("VmRSS")

    @property
    def peak(self) -> float:
        """The most memory it had at any time, in MiB."""
        return self._status("VmHWM")

    @property
    def cpu_seconds(self) -> float:
        """The CPU time it has used, its own and the kernel's on its behalf."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime: proc(5)

    def _status(self, field: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) / 1024
        raise LookupError(field)


@contextlib.contextmanager
def registry(home: Path) -> Iterator[Server]:
    """Debian's docker-registry; what it stores is where `home` is."""
    host = f"127.0.0.1:{free_port()}"
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}},
        "http": {"addr": host},
    }
    (home / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with _serving("registry", [need("docker-registry"), "serve", str(home / "config.yml")], home, host) as server:
        yield server


_NGINX = """
daemon off;
master_process off;
error_log stderr error;
pid {home}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  scgi_temp_path {home}/scgi;
  uwsgi_temp_path {home}/uwsgi;
  upstream registry {{ server {upstream}; {keepalive} }}
  server {{
    listen {host};
    location / {{
      proxy_pass http://registry;
      proxy_set_header Host $http_host;
      {tuning}
    }}
  }}
}}
"""

_TUNED = """
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffer_size 256k;
      proxy_buffers 16 256k;
      proxy_busy_buffers_size 512k;
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;
      client_body_buffer_size 1m;
"""
"""As fast as nginx gets on bodies: large buffers, no temporary files, connections to the registry kept."""


@contextlib.contextmanager
def nginx(home: Path, upstream: Server, *, tuned: bool) -> Iterator[Server]:
    """nginx that forwards everything and caches nothing, with one worker, as the gate has one.

    Args:
        home: a folder of its own.
        upstream: the registry.
        tuned: with `_TUNED`; otherwise with nginx's defaults.
    """
    host = f"127.0.0.1:{free_port()}"
    config = _NGINX.format(
        home=home,
        host=host,
        upstream=upstream.host,
        keepalive="keepalive 64;" if tuned else "",
        tuning=_TUNED if tuned else "",
    )
    (home / "nginx.conf").write_text(config)
    command = [need("nginx"), "-p", str(home), "-c", str(home / "nginx.conf"), "-e", "stderr"]
    with _serving("tuned nginx" if tuned else "stock nginx", command, home, host) as server:
        yield server


@contextlib.contextmanager
def gate(home: Path, upstream: Server, policies: Path, trusted_root: Path) -> Iterator[Server]:
    """`sealgate serve` as a person starts it, from the environment that the benchmark runs in."""
    host = f"127.0.0.1:{free_port()}"
    command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--upstream", upstream.url]
    command += ["--policies", str(policies), "--trusted-root", str(trusted_root), "--listen", host, "--state", "memory"]
    with _serving("gate", command, home, host) as server:
        yield server


@contextlib.contextmanager
def _serving(name: str, command: list[str], home: Path, host: str) -> Iterator[Server]:
    """Keep a server running while the block runs.

    Raises:
        RuntimeError: it ended, or did not answer in `START_SECONDS`.
    """
    log = home / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=Shell(home).environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(host):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} is not ready\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(POLL_SECONDS)
        yield Server(name, host, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own: nothing else is in this group
            process.wait()
