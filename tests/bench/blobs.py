"""One blob of 512 MiB, down and up, by one client."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rows import Goal, Row, at_least, compare, interleaved
from servers import Server
from wire import connected
from world import LARGE, LARGE_BYTES, TAG, World

ROUNDS = 5
UPLOAD_ROUNDS = 3
_MB = 1e6


@dataclass(frozen=True, slots=True)
class _Transfer:
    """One transfer: megabytes (10^6) a second, and the server's own CPU seconds for a gigabyte."""

    rate: float
    cpu: float


def measure(world: World, gate: Server, registry: Server, nginx: Server, stock: Server) -> Iterator[Row]:
    """Down through the gate it is hashed on its way; nobody else does that."""
    with connected(gate) as client:
        client.manifest(LARGE, TAG)
    servers = (registry, gate, nginx, stock)
    for server in servers:
        _pull(world, server)
    down = interleaved(ROUNDS, {server.name: partial(_pull, world, server) for server in servers})
    yield from _rows("512 MiB blob, pull", down, {registry.name: at_least(0.2), nginx.name: at_least(0.4)})
    yield _rate("512 MiB blob, pull", down, stock.name, None)
    up = interleaved(UPLOAD_ROUNDS, {server.name: partial(_push, world, server) for server in (registry, gate, nginx)})
    yield from _rows("512 MiB blob, push", up, {registry.name: at_least(0.6), nginx.name: at_least(0.6)})


def _rows(name: str, runs: dict[str, list[_Transfer]], goals: dict[str, Goal]) -> Iterator[Row]:
    for against, goal in goals.items():
        yield _rate(name, runs, against, goal)
        cpu = [[run.cpu for run in runs[server]] for server in ("gate", against)]
        yield compare(f"{name}, CPU", "s/GB", cpu[0], against, cpu[1])


def _rate(name: str, runs: dict[str, list[_Transfer]], against: str, goal: Goal | None) -> Row:
    def rates(of: str) -> Sequence[float]:
        return [run.rate for run in runs[of]]

    return compare(name, "MB/s", rates("gate"), against, rates(against), goal)


def _pull(world: World, server: Server) -> _Transfer:
    before = server.cpu_seconds
    with connected(server) as client:
        got = client.blob(LARGE, world.large_digest)
    if got.size != LARGE_BYTES:
        raise RuntimeError(f"{server.name} sent {got.size} bytes")
    return _transfer(got.seconds, server.cpu_seconds - before)


def _push(world: World, server: Server) -> _Transfer:
    """The registry has this blob already and finds out only at the end: it writes and hashes it as any other."""
    before = server.cpu_seconds
    with connected(server) as client:
        seconds = client.push_blob(LARGE, world.large, world.large_digest)
    return _transfer(seconds, server.cpu_seconds - before)


def _transfer(seconds: float, cpu: float) -> _Transfer:
    return _Transfer(rate=LARGE_BYTES / _MB / seconds, cpu=cpu / LARGE_BYTES * 1e9)
