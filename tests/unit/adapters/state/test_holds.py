"""What every store of holds does, whatever it keeps them in."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealgate.adapters.state.memory_holds import MemoryHolds
from sealgate.adapters.state.sql_holds import SqlHolds
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.hold import Hold
from sealgate.ports import Holds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
APP, OTHER = Repository("team/app"), Repository("team/other")
FIRST, SECOND = Digest.of(b"first"), Digest.of(b"second")
HOLD = Hold(
    identifier="01A",
    repository=APP,
    tag=Tag("1.0"),
    digest=FIRST,
    pointed=None,
    pusher="ann",
    held_at=NOW,
    deadline=NOW + timedelta(hours=1),
    releases=True,
    policy="hold",
    reason=Reason.SIGNATURE_MISSING,
    text="no signature found",
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def holds(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Holds]:
    if request.param == "postgres":
        made: Holds = await SqlHolds.shared(request.getfixturevalue("url"))
    else:
        made = MemoryHolds() if request.param == "memory" else await SqlHolds.open(path)
    yield made
    await made.close()


async def test_a_hold_is_found_by_its_tag_and_name_until_it_ends(holds: Holds) -> None:
    await holds.save(replace(HOLD, pointed=SECOND))
    assert await holds.of_tag(APP, Tag("1.0")) == replace(HOLD, pointed=SECOND)
    assert await holds.with_identifier("01A") == replace(HOLD, pointed=SECOND)
    assert await holds.of_tag(APP, Tag("2.0")) is None
    assert await holds.of_tag(OTHER, Tag("1.0")) is None
    assert await holds.end("01A")
    assert not await holds.end("01A")
    assert await holds.of_tag(APP, Tag("1.0")) is None


async def test_a_tag_has_one_hold_the_last(holds: Holds) -> None:
    await holds.save(HOLD)
    await holds.save(replace(HOLD, identifier="01B", digest=SECOND))
    assert await holds.every("", 9) == (replace(HOLD, identifier="01B", digest=SECOND),)


async def test_they_are_listed_page_by_page(holds: Holds) -> None:
    made = [replace(HOLD, identifier=f"01{letter}", tag=Tag(letter)) for letter in "ABC"]
    for hold in made:
        await holds.save(hold)
    assert await holds.every("", 2) == tuple(made[:2])
    assert await holds.every("01B", 2) == (made[2],)


async def test_those_of_a_digest_that_release_themselves_become_due(holds: Holds) -> None:
    await holds.save(HOLD)
    await holds.save(replace(HOLD, identifier="01B", tag=Tag("2.0"), releases=False))
    await holds.save(replace(HOLD, identifier="01C", tag=Tag("3.0"), digest=SECOND))
    await holds.save(replace(HOLD, identifier="01D", repository=OTHER))
    marked = await holds.mark_due(APP, FIRST, 9)
    assert [hold.identifier for hold in marked] == ["01A"]
    assert [hold.identifier for hold in await holds.due(NOW, 9)] == ["01A"]
    await holds.settle("01A", marked[0].due, Reason.THRESHOLD_NOT_MET, "one more")
    settled = await holds.with_identifier("01A")
    assert settled is not None
    assert (settled.due, settled.reason, settled.text) == (0, Reason.THRESHOLD_NOT_MET, "one more")
    assert await holds.due(NOW, 9) == ()
    await holds.save(replace(HOLD, identifier="01E", tag=Tag("4.0")))
    assert len(await holds.mark_due(APP, FIRST, 1)) == 1
    assert [hold.identifier for hold in await holds.due(NOW, 9)] == ["01A", "01E"]  # the sweeps do the rest


async def test_what_came_while_it_was_judged_is_judged_too(holds: Holds) -> None:
    """Attacks F11: who judged without it must not take away the mark that a later signature has made."""
    await holds.save(HOLD)
    (first,) = await holds.mark_due(APP, FIRST, 9)
    (second,) = await holds.mark_due(APP, FIRST, 9)
    await holds.settle("01A", first.due, Reason.SIGNATURE_MISSING, "none")
    assert [hold.due for hold in await holds.due(NOW, 9)] == [second.due]
    await holds.settle("01A", second.due, Reason.SIGNATURE_MISSING, "none")
    assert await holds.due(NOW, 9) == ()


async def test_whoever_asks_makes_any_hold_due(holds: Holds) -> None:
    await holds.save(replace(HOLD, releases=False))
    assert await holds.ask("01A", "incident 12")
    assert not await holds.ask("01X", "")
    (due,) = await holds.due(NOW, 9)
    assert (bool(due.due), due.asked) == (True, "incident 12")


async def test_what_is_over_is_due(holds: Holds) -> None:
    await holds.save(HOLD)
    assert await holds.due(HOLD.deadline - timedelta(seconds=1), 9) == ()
    assert await holds.due(HOLD.deadline, 9) == (HOLD,)


async def test_one_at_a_time_has_its_turn(holds: Holds) -> None:
    inside: list[int] = []

    async def move(number: int, tag: str) -> None:
        async with holds.turn(APP, Tag(tag)):
            inside.append(number)
            if tag == "1.0":
                assert len(inside) == 1
            await asyncio.sleep(0)
            inside.remove(number)

    await asyncio.gather(*(move(number, "1.0") for number in range(5)))
    async with holds.turn(APP, Tag("1.0")), holds.turn(APP, Tag("2.0")), holds.turn(OTHER, Tag("1.0")):
        pass
    waiting = asyncio.ensure_future(move(9, "1.0"))
    async with holds.turn(APP, Tag("1.0")):
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
    await asyncio.wait_for(move(1, "1.0"), 5)


async def test_memory_forgets_the_oldest() -> None:
    holds = MemoryHolds(most=2)
    for letter in "ABC":
        await holds.save(replace(HOLD, identifier=f"01{letter}", tag=Tag(letter)))
    assert [hold.identifier for hold in await holds.every("", 9)] == ["01B", "01C"]
    assert await holds.of_tag(APP, Tag("A")) is None


async def test_a_database_keeps_them_over_a_restart(path: Path) -> None:
    for _ in range(2):
        holds = await SqlHolds.open(path)
        await holds.save(HOLD)
        await holds.close()
    holds = await SqlHolds.open(path)
    assert await holds.every("", 9) == (HOLD,)
    await holds.close()


async def test_b31_a_row_that_no_gate_has_written_is_none(path: Path) -> None:
    """Attacks B31: what stands in the file is parsed as if it came from a stranger."""
    holds = await SqlHolds.open(path)
    for number, (column, value) in enumerate(
        [("repository", "../etc"), ("tag", "a/b"), ("digest", "sha256:x"), ("reason", "because"), ("deadline", "soon")]
    ):
        await holds.save(replace(HOLD, identifier=f"01{number}", tag=Tag(f"t{number}")))
        with sqlite3.connect(path) as by_hand:
            by_hand.execute(f"UPDATE holds SET {column} = ? WHERE identifier = ?", (value, f"01{number}"))  # noqa: S608
        by_hand.close()
    await holds.save(HOLD)
    assert await holds.every("", 99) == (HOLD,)
    await holds.close()
