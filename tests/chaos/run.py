"""`make chaos`: the gate is killed with SIGKILL at random moments of push, sign and release, and nothing is lost.

Pipelines push and sign through a real gate into a real registry. After each kill the registry is asked directly what
its tags point to; in the end every push that was acknowledged and signed must have been released, and no hold may be
left that neither releases nor expires. Exit status 1 says that something of this is not so.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pipelines import PHASES, Pipeline, Tally
from rich.console import Console
from rich.table import Table
from world import HOLD_SECONDS, REPOSITORY, World, made

PIPELINES = 4
REACH_SECONDS = 60.0
STORE_SECONDS = 1.0
CONSOLE = Console()


async def chaos(world: World, kills: int) -> tuple[Tally, Counter[str]]:
    """Kill so often, and see what comes of it."""
    tally, killed = Tally(), Counter[str]()
    pipelines = [Pipeline(number, world, tally) for number in range(PIPELINES)]
    over = asyncio.Event()
    running = [asyncio.create_task(each.run(over)) for each in pipelines]
    try:
        for number in range(kills):
            killed[await kill_one(world, pipelines, tally, killed, PHASES[number % len(PHASES)])] += 1
            if sys.stderr.isatty() or number % 10 == 9:
                print(f"{number + 1} of {kills} kills", file=sys.stderr, flush=True)
    finally:
        over.set()
        for failed in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(failed, BaseException):
                tally.violations.append(f"a pipeline ended: {failed!r}")
    await look(world, tally)
    await ended(world, tally)
    await look(world, tally)
    return tally, killed


async def kill_one(world: World, pipelines: list[Pipeline], tally: Tally, killed: Counter[str], phase: str) -> str:
    """Kill the gate that somebody talks to, somewhere within a phase; look; start it again. Gives the phase it hit."""
    victim = world.chance.choice(pipelines)
    async with asyncio.timeout(REACH_SECONDS):
        await victim.reaches(phase)
    if phase == "release" and world.chance.random() < 0.5:
        await stored(world, victim)
    else:
        await asyncio.sleep(world.chance.uniform(0, tally.seconds[phase]))
    replica, hit = world.replicas[victim.gate], victim.phase or "between rounds"
    replica.kill()
    tag, wanted = victim.tag, victim.wanted
    await look(world, tally)
    if wanted and world.is_stored(wanted) and await world.points_to(tag) != wanted:
        killed["  of them: signature stored, tag not moved yet"] += 1
    await asyncio.to_thread(replica.start)
    return hit


async def stored(world: World, victim: Pipeline) -> None:
    """Wait for the narrowest moment: the signature is at the registry, and the tag is yet to move."""
    end = time.monotonic() + STORE_SECONDS
    while not world.is_stored(victim.wanted) and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def look(world: World, tally: Tally) -> None:
    """Ask the registry itself: what its tags point to is signed, and no older than what was released."""
    tags = json.loads((await world.upstream.ask("GET", f"/v2/{REPOSITORY}/tags/list")).body).get("tags") or []
    for tag in tags:
        if tag.startswith("sha256-"):
            continue
        allowed = tally.may_be.get(tag, {None})
        digest = await world.points_to(tag)
        tally.counts["tags looked at upstream"] += 1
        if digest not in allowed and digest not in tally.may_be.get(tag, set()):
            tally.violations.append(f"{tag} points to {digest}, which nobody pushed there, or before what was released")
        if digest is not None and not await world.is_signed(digest):
            tally.violations.append(f"{tag} points to {digest}, which is not signed")


async def ended(world: World, tally: Tally) -> None:
    """Wait until every hold is over: those that nobody signed expire."""
    deadline = time.monotonic() + HOLD_SECONDS + 30
    while (left := await asyncio.to_thread(holds_left, world)) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(1)
    tally.counts["holds left"] = len(left)
    tally.violations += [f"a hold neither releases nor expires: {hold}" for hold in left]
    events = Counter(str(line["event"]) for replica in world.replicas for line in replica.decisions())
    tally.counts["expired, as nobody signed"] = events["hold-expired"]


def holds_left(world: World) -> list[object]:
    """What `sealgate holds list` says."""
    program = str(Path(sys.executable).with_name("sealgate"))
    settings = str(world.replicas[0].file)
    done = subprocess.run(
        [program, "holds", "list", "--settings", settings, "--json"], check=True, capture_output=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert isinstance(found, list), found
    return found


def show(tally: Tally, killed: Counter[str], title: str) -> None:
    """The table."""
    table = Table(title=title)
    table.add_column("what")
    table.add_column("count", justify="right")
    hits = {name: count for name, count in killed.items() if not name.startswith(" ")}
    rows = {"kills": sum(hits.values())}
    rows |= {f"  during {phase}": killed[phase] for phase in (*PHASES, "between rounds")}
    rows |= {name: count for name, count in killed.items() if name.startswith(" ")}
    names = ("pushes acknowledged", "signatures acknowledged", "of them by cosign", "acknowledged and signed")
    names += ("released", "tried again", "tags looked at upstream", "expired, as nobody signed", "holds left")
    rows |= {name: tally.counts[name] for name in names}
    for name, count in (rows | {"violations": len(tally.violations)}).items():
        table.add_row(name, str(count))
    CONSOLE.print(table)
    for violation in tally.violations:
        print(f"VIOLATION: {violation}")


def main() -> int:
    """Read the arguments, and let it happen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--state", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="printed; the same again, in the main")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)

    async def run() -> tuple[Tally, Counter[str]]:
        with tempfile.TemporaryDirectory(prefix="sealgate-chaos-") as folder:
            async with made(Path(folder), shared=given.state == "postgresql", seed=given.seed) as world:
                return await chaos(world, given.kills)

    tally, killed = asyncio.run(run())
    gates = "two gates that share PostgreSQL" if given.state == "postgresql" else "one gate with SQLite"
    show(tally, killed, f"{gates}, seed {given.seed}")
    lost = tally.counts["acknowledged and signed"] - tally.counts["released"]
    return int(bool(tally.violations) or lost != 0)


if __name__ == "__main__":
    sys.exit(main())
