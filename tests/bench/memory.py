"""Memory while 16 clients pull 100 MiB blobs: the gate's and nginx's, each started for this alone."""

import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rows import Row, at_least, compare, no_more_than
from servers import Server
from wire import connected
from world import LAYER_BYTES, LAYERS, TAG, World

CLIENTS = 16
EACH = 2
"""Blobs that a client pulls, one after the other."""
_SAMPLE_SECONDS = 0.02
_MOST_MIB = 200


@dataclass(frozen=True, slots=True)
class _Pulled:
    idle: float
    typical: float
    peak: float
    rate: float


def measure(world: World, gate: Server, nginx: Server) -> Iterator[Row]:
    """Resident memory of the one process of each, and how fast all 16 were together."""
    with connected(gate) as client:
        client.manifest(LAYERS, TAG)
    theirs, ours = _pull_all(world, nginx), _pull_all(world, gate)
    name = f"{CLIENTS} × 100 MiB blobs"
    yield compare(f"{name}, RSS before", "MiB", [ours.idle], nginx.name, [theirs.idle])
    yield compare(f"{name}, RSS median", "MiB", [ours.typical], nginx.name, [theirs.typical])
    yield compare(f"{name}, RSS peak", "MiB", [ours.peak], nginx.name, [theirs.peak], no_more_than(_MOST_MIB))
    yield compare(name, "MB/s", [ours.rate], nginx.name, [theirs.rate], at_least(0.5))


def _pull_all(world: World, server: Server) -> _Pulled:
    idle, samples, over = server.resident, list[float](), threading.Event()
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        watching = pool.submit(_watch, server, samples, over)
        started = time.perf_counter()
        for client in [pool.submit(_client, world, server, number) for number in range(CLIENTS)]:
            client.result()
        seconds = time.perf_counter() - started
        over.set()
        watching.result()
    rate = CLIENTS * EACH * LAYER_BYTES / 1e6 / seconds
    return _Pulled(idle=idle, typical=statistics.median(samples), peak=server.peak, rate=rate)


def _watch(server: Server, samples: list[float], over: threading.Event) -> None:
    while not over.wait(_SAMPLE_SECONDS):
        samples.append(server.resident)


def _client(world: World, server: Server, number: int) -> None:
    with connected(server) as client:
        for turn in range(EACH):
            client.blob(LAYERS, world.layers[(number + turn) % len(world.layers)])
