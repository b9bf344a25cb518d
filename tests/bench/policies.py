"""Policies by their number: loaded, matched, and loaded again while clients pull; and one image's ten attestations."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import yaml
from harness.process import Shell
from harness.programs import need
from manifests import CONNECTIONS, Load, load
from rows import Row, at_most, compare, interleaved
from servers import Server
from wire import connected
from world import ATTESTED, ATTESTED_IMAGES, ATTESTED_TYPE, SMALL, TAG, World

from sealgate.policy.model import Operation, PolicySet, Unmatched
from sealgate.testing import images
from sealgate.wiring import load_policies

COUNTS = (1, 10, 100, 1000)
ROUNDS = 3
RESOLUTIONS = 200
RELOADED = 1000
"""As many files as a gate takes: those of the world, one that changes, and the rest."""
RELOAD_ROUNDS = 3
RELOAD_SECONDS = 8
_CHANGED_AFTER_SECONDS = 1.0
_POLICY = """\
name: team-{number}
repositories: ["team-{number}/**"]
rules:
  - name: released
    signature_type: cosign
    key_requirements:
      - type: keyless
        certificate_identity: "https://github.com/team-{number}/app/.github/workflows/release.yml@refs/tags/**"
        certificate_oidc_issuer: "https://token.actions.githubusercontent.com"
"""
_CHANGING = "changing.yaml"
_OPEN = "name: changing\nrepositories: ['{repository}']\nallow_unsigned: true\n"


def write(folder: Path, count: int) -> Path:
    """So many policies, each of a team of its own."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"team-{number}.yaml").write_text(_POLICY.format(number=number))
    return folder


def measure(home: Path) -> Iterator[Row]:
    """Loading beside PyYAML's own parser written in C, matching beside a single policy."""
    sets: dict[int, PolicySet] = {}
    for count in COUNTS:
        folder = write(home / str(count), count)
        sets[count] = load_policies((folder,), {}).policy_set(Unmatched.DENY)
        runs = interleaved(ROUNDS, {"ours": partial(_load, folder), "yaml": partial(_parse, folder)})
        yield compare(f"load, policies: {count}", "ms", runs["ours"], "yaml.CSafeLoader", runs["yaml"])
    for count in COUNTS[1:]:
        both = {"many": partial(_match, sets[count]), "one": partial(_match, sets[1])}
        runs = interleaved(ROUNDS, both)
        yield compare(f"match, policies: {count}", "µs", runs["many"], "1 policy", runs["one"])


def attestations(world: World, home: Path, gate: Server, registry: Server) -> Iterator[Row]:
    """The first answer about an image with ten attestations, of which one says what the condition asks for."""
    shell = Shell(home)
    cosign = [need("cosign3"), "verify-attestation", "--key", str(world.public_key), "--insecure-ignore-tlog=true"]
    cosign += ["--type", ATTESTED_TYPE]
    ours, theirs, processes = [], [], []
    with connected(gate) as through, connected(registry) as directly:
        for number in range(ATTESTED_IMAGES):
            ours.append(through.manifest(ATTESTED, str(number)).seconds * 1000)
            theirs.append(directly.manifest(ATTESTED, str(number)).seconds * 1000)
            started = time.perf_counter()
            shell.must(*cosign, f"{registry.host}/{ATTESTED}:{number}")
            processes.append((time.perf_counter() - started) * 1000)
    yield compare("cold decision, 10 attestations", "ms", ours, registry.name, theirs)
    yield compare("cold decision, 10 attestations", "ms", ours, "cosign verify-attestation", processes, at_most(0.5))


def fill(folder: Path) -> None:
    """Put beside the policies in a folder what makes them `RELOADED`."""
    write(folder, RELOADED - 1 - len(list(folder.glob("*.yaml"))))
    (folder / _CHANGING).write_text(_OPEN.format(repository="old"))


def reload(gate: Server, policies: Path, registry: Server) -> Iterator[Row]:
    """Pulls while a thousand policies are loaded again, beside pulls while nothing changes.

    Args:
        gate: one that enforces the policies in this folder.
        policies: there, `fill`ed, with what lets the small image pass.
        registry: behind it.
    """
    path = f"/v2/{SMALL}/manifests/{TAG}"
    load(gate, path, seconds=1)
    took: list[float] = []
    changes = iter(range(RELOAD_ROUNDS))
    with connected(registry) as client:
        for number in range(RELOAD_ROUNDS):
            client.push_image(_newcomer(number), TAG, images.oci_image(seed=5000 + number))

    def reloading() -> Load:
        changed = threading.Thread(target=lambda: took.append(_reloaded(gate, policies, next(changes))))
        changed.start()
        try:
            return load(gate, path, seconds=RELOAD_SECONDS)  # raises when a single request fails
        finally:
            changed.join()

    quiet = partial(load, gate, path, seconds=RELOAD_SECONDS)
    runs = interleaved(RELOAD_ROUNDS, {"reloading": reloading, "quiet": quiet})
    name = f"{RELOADED} policies reloaded, {CONNECTIONS} clients pull"
    for unit, of in (("requests/s", "per_second"), ("ms, p99", "p99_ms"), ("ms, slowest", "slowest_ms")):
        values = {kind: [getattr(run, of) for run in each] for kind, each in runs.items()}
        yield compare(name, unit, values["reloading"], "nothing reloaded", values["quiet"])
    yield compare(f"{name}, in force after", "s", took, "itself", took)


def _reloaded(gate: Server, policies: Path, number: int) -> float:
    """Let in a repository that was not covered, and wait until the gate does: seconds."""
    time.sleep(_CHANGED_AFTER_SECONDS)  # the load is under way by then
    (policies / _CHANGING).write_text(_OPEN.format(repository=_newcomer(number)))
    started = time.perf_counter()
    while time.perf_counter() - started < RELOAD_SECONDS * 4:
        with connected(gate) as client:
            status = client.status(_newcomer(number), TAG)
        if status == 200:
            return time.perf_counter() - started
        time.sleep(0.02)
    raise RuntimeError(f"{gate.name} did not take {_CHANGING} up")


def _newcomer(number: int) -> str:
    """A repository that no policy covers until the changing one does."""
    return f"newcomer-{number}/app"


def _load(folder: Path) -> float:
    started = time.perf_counter()
    load_policies((folder,), {}).policy_set(Unmatched.DENY)
    return (time.perf_counter() - started) * 1000


def _parse(folder: Path) -> float:
    started = time.perf_counter()
    for file in sorted(folder.iterdir()):
        yaml.CSafeLoader(file.read_bytes()).get_single_data()
    return (time.perf_counter() - started) * 1000


def _match(policies: PolicySet) -> float:
    """One resolution of a repository that the first policy covers, in microseconds; no cache is asked."""
    started = time.perf_counter()
    for _ in range(RESOLUTIONS):
        if not policies.resolve("team-0/app", Operation.PULL).policies:
            raise RuntimeError("no policy covers what one must")
    return (time.perf_counter() - started) / RESOLUTIONS * 1e6
