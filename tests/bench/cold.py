"""A decision that nobody made before: the first GET of a signed image, beside the registry's answer and cosign's."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.process import Shell
from harness.programs import need
from rows import Row, at_most, compare
from servers import Server
from wire import connected
from world import COLD_IMAGES, IDENTITY, ISSUER, KEYED, KEYLESS, World

COSIGN_EVERY = 4
"""Every so many images cosign is asked too: a whole process takes so much longer than a request."""


@dataclass(frozen=True, slots=True)
class _Samples:
    """Milliseconds for each image; those of cosign and `beside_cosign` (the gate's) are of the same images."""

    gate: list[float] = field(default_factory=list)
    registry: list[float] = field(default_factory=list)
    cosign: list[float] = field(default_factory=list)
    beside_cosign: list[float] = field(default_factory=list)


def measure(world: World, home: Path, gate: Server, registry: Server) -> Iterator[Row]:
    """With a key (`.sig`, as cosign 2 writes it) and keyless (a bundle, as cosign 3 writes it)."""
    shell = Shell(home)
    by_key = [need("cosign2"), "verify", "--key", str(world.public_key), "--insecure-ignore-tlog=true"]
    keyless = [need("cosign3"), "verify", "--trusted-root", str(world.trusted_root)]
    keyless += ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]
    for kind, repository, cosign, goal in (
        ("key", KEYED, by_key, at_most(0.25)),
        ("keyless", KEYLESS, keyless, at_most(0.33)),
    ):
        name, samples = f"cold decision, {kind}", _ask(repository, gate, registry, shell, cosign)
        yield compare(name, "ms", samples.gate, registry.name, samples.registry)
        yield compare(name, "ms", samples.beside_cosign, "cosign verify", samples.cosign, goal)


def _ask(repository: str, gate: Server, registry: Server, shell: Shell, cosign: list[str]) -> _Samples:
    """Every image once of each, in turn who is first."""
    samples = _Samples()
    shell.must(*cosign, f"{registry.host}/{repository}:0")  # the program is then in the page cache
    with connected(gate) as through, connected(registry) as directly:
        for number in range(COLD_IMAGES):
            turns = [(samples.gate, through), (samples.registry, directly)]
            for into, client in turns if number % 2 else reversed(turns):
                into.append(client.manifest(repository, str(number)).seconds * 1000)
            if number % COSIGN_EVERY == 0:
                samples.beside_cosign.append(samples.gate[-1])
                started = time.perf_counter()
                shell.must(*cosign, f"{registry.host}/{repository}:{number}")
                samples.cosign.append((time.perf_counter() - started) * 1000)
    return samples
