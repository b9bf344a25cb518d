"""`make bench`: the gate beside the registry alone and nginx before it, as ratios of one run.

Needs what `tests/clients/install.py` installs: docker-registry, nginx, wrk, cosign. Prints a table and writes
`build/bench.json`. It ends with 0 also when a goal is missed: the table says so.
"""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))  # the harness: processes and pinned programs

import blobs
import cold
import conditions
import machine
import manifests
import memory
import policies
import servers
import verify
from harness.programs import find
from rich.console import Console
from rich.table import Table
from rows import Row
from world import prepare

BUILD = Path(__file__).resolve().parents[2] / "build"
PROGRAMS = ("docker-registry", "nginx", "wrk", "cosign2", "cosign3")


def main() -> None:
    """Measure everything, show it, write it down."""
    if missing := [name for name in PROGRAMS if find(name) is None]:
        sys.exit(f"not installed: {', '.join(missing)}; tests/clients/install.py installs them")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that no server is left behind
    started = time.monotonic()
    progress, facts, rows = Console(stderr=True), machine.facts(), list[Row]()
    with tempfile.TemporaryDirectory(prefix="sealgate-bench-", dir=machine.fast_storage()) as folder:
        for row in _measured(Path(folder), progress):
            rows.append(row)
            progress.log(f"{row.name}: {_number(row.ours)} {row.unit}, {_number(row.ratio)}× {row.against}")
    facts["took"] = f"{time.monotonic() - started:.0f} s"
    BUILD.mkdir(exist_ok=True)
    written = {"machine": facts, "rows": [row.as_json() for row in rows]}
    (BUILD / "bench.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    Console().print(_table(rows), "; ".join(f"{name}: {value}" for name, value in facts.items()))


def _measured(folder: Path, progress: Console) -> Iterator[Row]:
    def home(name: str) -> Path:
        (made := folder / name).mkdir()
        return made

    with ExitStack() as running:
        registry = running.enter_context(servers.registry(home("registry")))
        progress.log("making and pushing images")
        world = prepare(home("world"), registry)
        nginx = running.enter_context(servers.nginx(home("nginx"), registry, tuned=True))
        stock = running.enter_context(servers.nginx(home("stock"), registry, tuned=False))
        with servers.gate(home("gate"), registry, world.policies, world.trusted_root) as gate:
            yield from manifests.measure(world, gate, registry, nginx)
            yield from cold.measure(world, home("cosign"), gate, registry)
            yield from verify.measure(world, home("verify"), gate, registry)
            yield from conditions.measure()
            yield from policies.measure(home("policies"))
            yield from policies.attestations(world, home("cosign3"), gate, registry)
            yield from blobs.measure(world, gate, registry, nginx, stock)
        many = shutil.copytree(world.policies, home("many") / "policies")
        policies.fill(many)
        with servers.gate(home("many-gate"), registry, many, world.trusted_root) as gate:
            yield from policies.reload(gate, many, registry)
        fresh_nginx = running.enter_context(servers.nginx(home("fresh-nginx"), registry, tuned=True))
        fresh = running.enter_context(servers.gate(home("fresh-gate"), registry, world.policies, world.trusted_root))
        yield from memory.measure(world, fresh, fresh_nginx)


def _table(rows: list[Row]) -> Table:
    table = Table(title="sealgate beside its peers")
    for name in ("measured", "unit", "ours", "peer", "theirs", "ratio", "goal", "met"):
        table.add_column(name, justify="left" if name in {"measured", "unit", "peer"} else "right")
    for row in rows:
        met = {True: "yes", False: "[bold red]NO[/]", None: ""}[row.met]
        values = (_number(row.ours), row.against, _number(row.peer), f"{_number(row.ratio)}×")
        table.add_row(row.name, row.unit, *values, str(row.goal or ""), met)
    return table


def _number(value: float) -> str:
    """With three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
