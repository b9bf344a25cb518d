"""A decision that nobody made before: the first GET of a signed image, beside the registry's answer and cosign's."""

import time
from collections.abc import Iterator
from pathlib import Path

from harness.process import Shell
from harness.programs import need
from rows import Row, at_most, compare
from servers import Server
from wire import connected
from world import COLD_IMAGES, IDENTITY, ISSUER, KEYED, KEYLESS, World

COSIGN_RUNS = 10
_AGAINST_COSIGN = at_most(0.2)


def measure(world: World, home: Path, gate: Server, registry: Server) -> Iterator[Row]:
    """With a key (`.sig`, as cosign 2 writes it) and keyless (a bundle, as cosign 3 writes it)."""
    shell = Shell(home)
    by_key = [need("cosign2"), "verify", "--key", str(world.public_key), "--insecure-ignore-tlog=true"]
    yield from _rows("cold decision, key", KEYED, shell, by_key, gate, registry)
    keyless = [need("cosign3"), "verify", "--trusted-root", str(world.trusted_root)]
    keyless += ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]
    yield from _rows("cold decision, keyless", KEYLESS, shell, keyless, gate, registry)


def _rows(name: str, repository: str, shell: Shell, cosign: list[str], gate: Server, registry: Server) -> Iterator[Row]:
    ours, theirs = _ask(repository, gate, registry)
    yield compare(name, "ms", ours, registry.name, theirs)
    references = [f"{registry.host}/{repository}:{number}" for number in range(COSIGN_RUNS)]
    shell.must(*cosign, references[0])  # the program is then in memory
    processes = [_milliseconds(shell, [*cosign, reference]) for reference in references]
    yield compare(name, "ms", ours[:COSIGN_RUNS], "cosign verify", processes, _AGAINST_COSIGN)


def _ask(repository: str, gate: Server, registry: Server) -> tuple[list[float], list[float]]:
    """Every image once of each, in turn who is first."""
    ours: list[float] = []
    theirs: list[float] = []
    with connected(gate) as through, connected(registry) as directly:
        for number in range(COLD_IMAGES):
            pair = [(ours, through), (theirs, directly)]
            for samples, client in pair if number % 2 else reversed(pair):
                samples.append(client.manifest(repository, str(number)).seconds * 1000)
    return ours, theirs


def _milliseconds(shell: Shell, command: list[str]) -> float:
    """How long a command takes from its start to its end."""
    started = time.perf_counter()
    shell.must(*command)
    return (time.perf_counter() - started) * 1000
