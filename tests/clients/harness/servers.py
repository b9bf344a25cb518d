"""The servers: Debian's registry, dockerd, containerd with the kubelet's interface, and the gate itself."""

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.process import START_SECONDS, Shell, answers, free_port, serving
from harness.programs import need
from sealgate.testing.registry import MemoryRegistry, TokenServer

T = TypeVar("T")

USER = "alice"
PASSWORD = "open sesame"
_HTPASSWD = f"{USER}:$2b$04$DNCEu8OKI5JTSlrkARllh.b8dhVQKhw365KqZx0UdfmMWS0oXND5i\n"
"""The only form docker-registry reads: bcrypt of `PASSWORD`, at its smallest cost."""


@dataclass(frozen=True, slots=True)
class Server:
    """A registry, or the gate that stands in front of one: `host` is what an image's name starts with."""

    host: str
    log: Path

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://{self.host}"


@contextlib.contextmanager
def registry(home: Path, *, password: bool = False, tls: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """Debian's docker-registry, on disk; with a password it asks everybody for `USER` and `PASSWORD`.

    `tls` is its certificate and the key for it.
    """
    host = f"127.0.0.1:{free_port()}"
    certificate = {"certificate": str(tls[0]), "key": str(tls[1])} if tls else {}
    config: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}},
        "http": {"addr": host, "tls": certificate},
    }
    if password:
        (home / "htpasswd").write_text(_HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(home / "htpasswd")}}
    (home / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    command = [need("docker-registry"), "serve", str(home / "config.yml")]
    with serving(command, home, lambda: answers(host)) as log:
        yield Server(host, log)


@dataclass(frozen=True, slots=True)
class TokenRegistry:
    """A registry that believes a token server; `tokens` is the token server's host."""

    registry: Server
    tokens: str


@contextlib.contextmanager
def token_registry(home: Path) -> Iterator[TokenRegistry]:
    """The in-memory registry with a token server as Docker's, for `USER` and `PASSWORD`, in a thread of their own."""
    loop, stack = asyncio.new_event_loop(), contextlib.AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait_for(what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, loop).result(START_SECONDS)

    try:
        tokens = wait_for(stack.enter_async_context(TokenServer({USER: PASSWORD})))
        made = wait_for(stack.enter_async_context(MemoryRegistry(tokens=tokens)))
        yield TokenRegistry(Server(made.host, home / "none.log"), tokens.host)
    finally:
        wait_for(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.contextmanager
def gate(
    home: Path, upstream: Server, policies: Path, *flags: str, host: str = "", **environment: str
) -> Iterator[Server]:
    """`sealgate serve` as a person starts it, from the environment that the tests run in; at `host`, or any port."""
    host = host or f"127.0.0.1:{free_port()}"
    command = [str(Path(sys.executable).with_name("sealgate")), "serve"]
    command += ["--upstream", upstream.url, "--policies", str(policies), "--listen", host, *flags]
    with serving(command, home, lambda: answers(host), **environment) as log:
        yield Server(host, log)


_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch
  retry-on conn-failure empty-response
frontend gate
  bind {host}
  default_backend replicas
backend replicas
{servers}
"""


@contextlib.contextmanager
def balancer(home: Path, replicas: Sequence[str]) -> Iterator[Server]:
    """haproxy before several gates, each asked again as soon as it listens."""
    host = f"127.0.0.1:{free_port()}"
    named = enumerate(replicas)
    lines = "\n".join(f"  server gate{number} {each} check inter 100ms fall 1 rise 1" for number, each in named)
    (home / "haproxy.cfg").write_text(_HAPROXY.format(host=host, servers=lines))
    command = [need("haproxy"), "-db", "-f", str(home / "haproxy.cfg")]
    with serving(command, home, lambda: answers(host)) as log:
        yield Server(host, log)


@contextlib.contextmanager
def gate_of(home: Path, settings: Mapping[str, object]) -> Iterator[Server]:
    """`sealgate serve` with a settings file, whose relative paths are in its home."""
    host = f"127.0.0.1:{free_port()}"
    file = home / "sealgate.yaml"
    file.write_text(json.dumps({"listen": host, **settings}))  # JSON is YAML
    command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", str(file)]
    with serving(command, home, lambda: answers(host)) as log:
        yield Server(host, log)


@contextlib.contextmanager
def dockerd(home: Path, configuration: str = "{}", **environment: str) -> Iterator[str]:
    """Debian's Docker daemon, which touches nothing of the machine's network; gives its address."""
    address = f"unix://{home}/docker.sock"
    (home / "daemon.json").write_text(configuration)  # and not the machine's own
    command = [need("dockerd"), "--host", address, "--storage-driver", "vfs", "--bridge=none"]
    command += ["--iptables=false", "--ip6tables=false", "--ip-masq=false"]
    command += ["--data-root", str(home / "data"), "--exec-root", str(home / "exec")]
    command += ["--pidfile", str(home / "docker.pid"), "--config-file", str(home / "daemon.json")]
    docker = [need("docker"), "--host", address, "version"]
    with serving(command, home, lambda: Shell(home).run(*docker).ok, **environment):
        yield address


_CONTAINERD = """
version = 2
root = "{home}/root"
state = "{home}/state"
[grpc]
address = "{home}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{home}/opt"
# Content pulled into one namespace is not there for another: each test pulls in its own, and really pulls.
[plugins."io.containerd.metadata.v1.bolt"]
content_sharing_policy = "isolated"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{home}/certs.d"
"""


@contextlib.contextmanager
def containerd(home: Path) -> Iterator[str]:
    """Debian's containerd with the kubelet's interface (CRI); gives the path of its socket."""
    (home / "config.toml").write_text(_CONTAINERD.format(home=home))
    (home / "certs.d").mkdir()
    socket = str(home / "containerd.sock")
    command = [need("containerd"), "--config", str(home / "config.toml")]
    ctr = [need("ctr"), "--address", socket, "version"]
    with serving(command, home, lambda: Shell(home).run(*ctr).ok):
        yield socket
