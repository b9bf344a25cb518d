"""The pool of workers: verdicts, deadlines, and what is left when it ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealgate.adapters.conditions.pool import ConditionPool
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.limits import CONDITION_ANSWER_BYTES, CONDITION_NOW_SECONDS, CONDITION_WORKERS
from sealgate.oci.strict_json import Json
from sealgate.ports import PredicateInput

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ENDLESS = "predicate.l.all(a, predicate.l.all(b, predicate.l.all(c, a + b + c >= {})))"
PASSED = PredicateVerdict(reason=None)


def given(predicate: Json = None, **others: dict[str, Json]) -> PredicateInput:
    numbers: list[Json] = list(range(2000))
    statement: dict[str, Json] = {"predicate": {"l": numbers} if predicate is None else predicate}
    return PredicateInput(
        statement=statement, signer=others.get("signer", {}), artifact=others.get("artifact", {}), now=NOW
    )


def asks(*conditions: str, schema: str = "") -> PredicateTest:
    return PredicateTest(schema=schema, conditions=conditions)


def workers() -> list[int]:
    """The processes that this one started and has not yet buried, zombies among them."""
    tasks = Path("/proc/self/task").iterdir()
    return sorted(int(child) for task in tasks for child in (task / "children").read_text().split())


@pytest.fixture
async def pool() -> AsyncIterator[ConditionPool]:
    before = workers()
    made = ConditionPool(seconds=20)
    yield made
    await made.aclose()
    assert workers() == before


async def test_nothing_runs_before_it_is_needed(pool: ConditionPool) -> None:
    before = workers()
    assert await pool.judge(asks("true"), given()) == PASSED
    assert len(workers()) == len(before) + 1


async def test_what_was_asked_is_answered(pool: ConditionPool) -> None:
    predicate: Json = {"scanned": "2026-11-22T10:00:00Z", "critical": 0}
    who: dict[str, Json] = {"identity": "dev@example.com"}
    what: dict[str, Json] = {"digest": "sha256:abc"}
    fresh = 'now - timestamp(predicate.scanned) < duration("24h")'
    about = given(predicate, signer=who, artifact=what)
    everything = (
        'signer.identity == "dev@example.com" && artifact.digest == "sha256:abc" && statement.predicate == predicate'
    )
    assert await pool.judge(asks(everything, "predicate.critical == 0"), about) == PASSED
    until = NOW + timedelta(seconds=CONDITION_NOW_SECONDS)
    assert await pool.judge(asks(fresh), about) == PredicateVerdict(reason=None, expires=until)
    false = await pool.judge(asks("predicate.critical > 0"), about)
    assert (false.reason, false.expires) == (Reason.CONDITION_FALSE, None)
    assert false.text == "condition predicate.critical > 0 is false: predicate.critical is 0"
    assert (await pool.judge(asks("predicate.high == 0"), about)).reason is Reason.CONDITION_ERROR
    assert (await pool.judge(asks(schema='{"type":"array"}'), about)).reason is Reason.PREDICATE_REJECTED


async def test_many_at_once_are_each_answered_about_their_own(pool: ConditionPool) -> None:
    before = workers()
    found = await asyncio.gather(
        *(pool.judge(asks(f"predicate == {number % 7}"), given(number)) for number in range(60))
    )
    assert [verdict.reason for verdict in found] == [
        None if number == number % 7 else Reason.CONDITION_FALSE for number in range(60)
    ]
    assert len(workers()) <= len(before) + CONDITION_WORKERS


async def test_a_worker_that_was_killed_is_replaced(pool: ConditionPool) -> None:
    before = workers()
    await pool.judge(asks("true"), given())
    (mine,) = set(workers()) - set(before)
    (worker,) = pool._idle
    os.kill(mine, signal.SIGKILL)
    async with asyncio.timeout(30):
        while worker.lives:  # noqa: ASYNC110  nothing tells when the event loop has seen it
            await asyncio.sleep(0.01)
    assert await pool.judge(asks("true"), given()) == PASSED
    assert len(workers()) == len(before) + 1


async def test_past_the_deadline_the_answer_is_undetermined_and_the_next_is_right() -> None:
    before = workers()
    pool = ConditionPool(seconds=1)
    await pool.judge(asks("true"), given())
    (worker,) = pool._idle
    found = await pool.judge(asks(ENDLESS.format(0)), given())
    assert worker._process.returncode == -signal.SIGKILL  # and not of its own bound of processor time
    assert found.reason is Reason.VERIFICATION_TIMEOUT
    assert found.text == "the predicate could not be checked: the process that evaluates it took more than 1 seconds"
    assert found.expires is None
    assert workers() == before
    await pool.aclose()


async def test_an_asker_that_goes_away_takes_no_worker_with_it(pool: ConditionPool) -> None:
    before = workers()
    await pool.judge(asks("true"), given())
    asker = asyncio.create_task(pool.judge(asks(ENDLESS.format(0)), given()))
    await asyncio.sleep(0)
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    assert await pool.judge(asks("predicate.size() == 1"), given()) == PASSED
    assert len(workers()) == len(before) + 1


async def test_after_its_end_nothing_is_known_and_nothing_runs() -> None:
    before = workers()
    pool = ConditionPool(seconds=25)
    async with asyncio.timeout(20):
        asked = [asyncio.create_task(pool.judge(asks(ENDLESS.format(number)), given())) for number in range(4)]
        while workers() == before:  # noqa: ASYNC110  nothing tells when a process was started
            await asyncio.sleep(0.01)
        await pool.aclose()  # while they are being started
        assert workers() == before
        assert {found.reason for found in await asyncio.gather(*asked)} == {Reason.VERIFICATION_TIMEOUT}
        assert (await pool.judge(asks("true"), given())).reason is Reason.VERIFICATION_TIMEOUT
    assert workers() == before


async def test_ended_twice_or_without_having_begun_it_is_ended() -> None:
    pool = ConditionPool()
    await pool.aclose()
    await pool.aclose()


async def test_a_program_that_is_no_worker_is_no_judge(pool: ConditionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("", "x", "\0\0\0\5hello", "\0\xff\xff\xff"):
        program = f"import sys; sys.stdout.buffer.write({said.encode('latin-1')!r})"
        monkeypatch.setattr("sealgate.adapters.conditions.process._MAIN", program)
        assert (await pool.judge(asks("true"), given())).reason is Reason.VERIFICATION_TIMEOUT


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[]",
        '{"reason": "", "text": ""}',
        '{"reason": "", "text": "' + "x" * CONDITION_ANSWER_BYTES + '", "timed": false}',
        '{"reason": "signature-missing", "text": "", "timed": false}',
        '{"reason": "state-unavailable", "text": "", "timed": false}',
        '{"reason": null, "text": "", "timed": false}',
        '{"reason": "condition-false", "text": 1, "timed": false}',
        '{"reason": "", "reason": "condition-false", "text": "", "timed": false}',
    ],
)
async def test_a_worker_that_answers_something_else_is_not_believed(
    pool: ConditionPool, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("sealgate.adapters.conditions.process._MAIN", _saying(answer.encode()))
    assert (await pool.judge(asks("true"), given())).reason is Reason.VERIFICATION_TIMEOUT


async def test_what_a_worker_says_is_made_printable_and_short(
    pool: ConditionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = b'{"reason": "condition-false", "text": "a\\u001b[31mb' + b"c" * 5000 + b'", "timed": false}'
    monkeypatch.setattr("sealgate.adapters.conditions.process._MAIN", _saying(raw))
    found = await pool.judge(asks("true"), given())
    assert found.reason is Reason.CONDITION_FALSE
    assert found.text.startswith("a [31mbccc")
    assert len(found.text) < 1000


def _saying(raw: bytes) -> str:
    framed = b"\0\0\0\5ready" + len(raw).to_bytes(4) + raw
    return f"import sys; sys.stdout.buffer.write({framed!r}); sys.stdout.flush(); sys.stdin.read()"
