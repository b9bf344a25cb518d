"""Warm manifests: how many a second, and how long the slowest percent takes, at 32 connections."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.programs import need
from rows import Row, at_least, at_most, compare, interleaved
from servers import Server
from wire import ACCEPT, connected
from world import SMALL, TAG, World

CONNECTIONS = 32
SECONDS = 3
ROUNDS = 4
_REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """One run of wrk."""

    per_second: float
    p99_ms: float
    slowest_ms: float
    cpu_ms: float
    """What the server itself spent on a request."""


def measure(world: World, gate: Server, registry: Server, nginx: Server) -> Iterator[Row]:
    """By tag and by digest; the decision is made, and its record written, before the clock starts."""
    for kind, reference in (("tag", TAG), ("digest", str(world.small))):
        path = f"/v2/{SMALL}/manifests/{reference}"
        for server in (gate, registry, nginx):
            with connected(server) as client:
                client.manifest(SMALL, reference)
            load(server, path, seconds=1)
        runs = interleaved(ROUNDS, {server.name: partial(load, server, path) for server in (registry, gate, nginx)})
        name = f"warm manifest by {kind}"
        for peer in (registry.name, nginx.name):
            yield from _rows(name, runs["gate"], peer, runs[peer])
        ours, theirs = runs["gate"], runs[nginx.name]
        yield compare(f"{name}, CPU", "ms", [run.cpu_ms for run in ours], nginx.name, [run.cpu_ms for run in theirs])


def _rows(name: str, ours: Sequence[Load], against: str, peer: Sequence[Load]) -> Iterator[Row]:
    rate, slowest = [run.per_second for run in ours], [run.p99_ms for run in ours]
    yield compare(name, "requests/s", rate, against, [run.per_second for run in peer], at_least(0.5))
    yield compare(f"{name}, p99", "ms", slowest, against, [run.p99_ms for run in peer], at_most(2))


def load(server: Server, path: str, seconds: int = SECONDS) -> Load:
    """Ask for one thing over and over.

    Raises:
        RuntimeError: some request failed.
    """
    command = [need("wrk"), "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s", "--timeout=10s"]
    command += [f"--script={_REPORT}", "--latency", "--header", f"Accept: {ACCEPT}", server.url + path]
    before = server.cpu_seconds
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True)
    cpu = server.cpu_seconds - before
    told = json.loads(done.stdout.splitlines()[-1])
    if told["failed"] or not told["requests"]:
        raise RuntimeError(f"{server.name}: {told['failed']} of {told['requests']} requests failed\n{done.stdout}")
    return Load(
        per_second=told["requests"] / told["microseconds"] * 1e6,
        p99_ms=told["p99_microseconds"] / 1000,
        slowest_ms=told["slowest_microseconds"] / 1000,
        cpu_ms=cpu / told["requests"] * 1000,
    )
