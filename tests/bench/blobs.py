"""One blob of 512 MiB, down and up, by one client."""

from collections.abc import Iterator
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
    yield _rate("512 MiB blob, pull", down, registry, at_least(0.25))
    yield _rate("512 MiB blob, pull", down, nginx, at_least(0.4))
    yield _rate("512 MiB blob, pull", down, stock)
    yield _cpu("512 MiB blob, pull, CPU", down, nginx)
    up = interleaved(UPLOAD_ROUNDS, {server.name: partial(_push, world, server) for server in (registry, gate, nginx)})
    yield _rate("512 MiB blob, push", up, registry, at_least(0.6))
    yield _rate("512 MiB blob, push", up, nginx, at_least(0.6))
    yield _cpu("512 MiB blob, push, CPU", up, nginx)


def _rate(name: str, runs: dict[str, list[_Transfer]], peer: Server, goal: Goal | None = None) -> Row:
    ours, theirs = runs["gate"], runs[peer.name]
    return compare(name, "MB/s", [run.rate for run in ours], peer.name, [run.rate for run in theirs], goal)


def _cpu(name: str, runs: dict[str, list[_Transfer]], peer: Server) -> Row:
    ours, theirs = runs["gate"], runs[peer.name]
    return compare(name, "s/GB", [run.cpu for run in ours], peer.name, [run.cpu for run in theirs])


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
