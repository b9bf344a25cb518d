"""`make conformance`: the OCI conformance suite, against a registry and against the gate in front of it.

The two must end alike, check for check, but for what `promises` lists.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "clients"))

from harness.process import answers, free_port, serving
from harness.programs import need
from programs import install, path_of
from promises import PROMISES
from results import Results, compare, read

SUITE_SECONDS = 300
"""Debian's registry takes about 15 seconds, most of them writing."""

# What the suite leaves out by default and a registry may have.
MORE = {"OCI_API_BLOBS_UPLOAD_CANCEL": "true", "OCI_DATA_SPARSE": "true"}

POLICY = "name: anything\nrepositories: ['conformance/*']\nallow_unsigned: true\n"
SETTINGS = """\
listen: {listen}
upstreams: [{{name: default, url: "http://{registry}"}}]
policies: [policy.yaml]
access: [{{who: [anyone], may: [pull, push, sign, delete], repositories: ["conformance/*"]}}]
decision_log: decisions.jsonl
"""


@contextlib.contextmanager
def docker_registry(home: Path) -> Iterator[str]:
    """Debian's docker-registry 2.8: what most people run, without the referrers API; gives its `host:port`."""
    host = f"127.0.0.1:{free_port()}"
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}, "delete": {"enabled": True}},
        "http": {"addr": host},
    }
    (home / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with serving([need("docker-registry"), "serve", str(home / "config.yml")], home, lambda: answers(host)):
        yield host


@contextlib.contextmanager
def olareg(home: Path) -> Iterator[str]:
    """olareg: all of the specification, the referrers API and SHA-512 too; gives its `host:port`."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    command = [str(path_of("olareg")), "serve", "--addr", "127.0.0.1", "--port", str(port), "--store-type", "mem"]
    command += ["--api-delete", "--api-blob-delete", "--gc-frequency", "-1s"]
    with serving(command, home, lambda: answers(host)):
        yield host


REGISTRIES: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "docker-registry": docker_registry,
    "olareg": olareg,
}


def suite(host: str, home: Path) -> Results:
    """Run the conformance suite against `host`. Its exit code counts for nothing: no registry passes all of it."""
    settings = {"OCI_REGISTRY": host, "OCI_TLS": "disabled", "OCI_VERSION": "1.1", "OCI_RESULTS_DIR": str(home)}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **settings, **MORE}
    with (home / "suite.log").open("wb") as log:
        subprocess.run(
            [str(path_of("conformance"))], cwd=home, env=environment, stdout=log, stderr=log, check=False,
            timeout=SUITE_SECONDS,
        )  # fmt: skip
    return read(home / "junit.xml")


@contextlib.contextmanager
def gate(home: Path, registry: str) -> Iterator[str]:
    """`sealgate serve`, which lets anything pass for anybody, deletes too; gives its `host:port`."""
    host = f"127.0.0.1:{free_port()}"
    (home / "policy.yaml").write_text(POLICY)
    (home / "sealgate.yaml").write_text(SETTINGS.format(listen=host, registry=registry))
    command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", str(home / "sealgate.yaml")]
    with serving(command, home, lambda: answers(host)):
        yield host


def compared(name: str) -> tuple[int, int]:
    """Compare a registry with the gate in front of it, and print how they differ.

    Returns:
        How many checks there were, and how many of them do not end as they should.
    """
    start = REGISTRIES[name]
    with tempfile.TemporaryDirectory(prefix="sealgate-conformance-") as folder:
        homes = [Path(folder) / part for part in ("first", "direct", "second", "serve", "gate")]
        for home in homes:
            home.mkdir()
        with start(homes[0]) as registry:
            directly = suite(registry, homes[1])
        with start(homes[2]) as registry, gate(homes[3], registry) as host:
            through = suite(host, homes[4])
    found, promised = compare(directly, through), PROMISES[name]
    checks = sum(outcomes.total() for outcomes in directly.values())
    print(
        f"\n{name}: {checks} checks, {_count(directly, 'passed')} pass directly, {_count(through, 'passed')} the gate"
    )
    for difference in found:
        reason = promised.get(difference)
        print(f"  DIFFERS: {difference}" if reason is None else f"  as promised: {difference}\n    {reason}")
    for missing in promised.keys() - set(found):
        print(f"  NO LONGER DIFFERS, though promises.py says so: {missing}")
    return checks, len(set(found) ^ promised.keys())


def _count(results: Results, outcome: str) -> int:
    return sum(times for counted in results.values() for told, times in counted.items() if told.startswith(outcome))


def main(names: list[str]) -> int:
    """Compare these registries, or all."""
    started = time.monotonic()
    install()
    counts = [compared(name) for name in names or REGISTRIES]
    checks, wrong = (sum(column) for column in zip(*counts, strict=True))
    print(f"\n{checks - wrong} passed, {wrong} failed in {time.monotonic() - started:.1f}s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
