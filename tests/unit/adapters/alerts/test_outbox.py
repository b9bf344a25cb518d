"""What waits to be told: bounded, in turn, and the same thing once in a while."""

import asyncio
from datetime import UTC, datetime

import pytest

from sealgate.adapters.alerts.outbox import Outbox
from sealgate.limits import ALERT_AGAIN_SECONDS, ALERTS_REMEMBERED, ALERTS_WAITING
from sealgate.policy.alert import Alert, AlertKind
from sealgate.testing.clock import FixedClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def alert(subject="team/app:1.0", kind=AlertKind.DENIED, **facts) -> Alert:
    return Alert(identifier="01", kind=kind, at=NOW, subject=subject, text="why", facts=facts)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def counts() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def outbox(clock, counts) -> Outbox:
    return Outbox(AlertKind, clock, lambda kind, result: counts.append((kind.value, result)))


async def test_what_is_offered_is_taken_in_order(outbox, counts):
    outbox.offer(alert("a"))
    outbox.offer(alert("b"))
    first, second = await outbox.take(), await outbox.take()
    assert [first.alert.subject, second.alert.subject] == ["a", "b"]
    assert len(outbox) == 2  # being told
    outbox.done(first, "sent")
    outbox.done(second, "failed")
    assert len(outbox) == 0
    assert counts == [("denied", "sent"), ("denied", "failed")]


async def test_who_takes_waits_for_an_alert(outbox):
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.offer(alert())
    assert (await taking).alert == alert()


async def test_a_kind_that_is_not_wanted_is_not_taken(clock, counts):
    outbox = Outbox([AlertKind.DENIED], clock, lambda kind, result: counts.append((kind.value, result)))
    outbox.offer(alert(kind=AlertKind.UNDETERMINED))
    assert (len(outbox), counts) == (0, [])


async def test_the_same_is_told_again_after_a_while_with_how_often_it_was(outbox, clock, counts):
    for _ in range(4):
        outbox.offer(alert())
    assert (await outbox.take()).repeated == 0
    assert counts == [("denied", "repeated")] * 3
    clock.advance(ALERT_AGAIN_SECONDS)
    outbox.offer(alert())
    assert (await outbox.take()).repeated == 3


@pytest.mark.parametrize(
    "other", [alert("b"), alert(reason="r"), alert(policy="p"), alert(kind=AlertKind.HOLD_EXPIRED)]
)
async def test_what_differs_is_told_at_once(outbox, other):
    outbox.offer(alert())
    outbox.offer(other)
    assert len(outbox) == 2


async def test_too_many_are_dropped_and_counted_and_the_next_one_says_so(outbox, counts):
    for number in range(ALERTS_WAITING + 3):
        outbox.offer(alert(str(number)))
    assert len(outbox) == ALERTS_WAITING
    assert counts == [("denied", "dropped")] * 3
    await outbox.take()
    outbox.offer(alert("one more"))
    for _ in range(ALERTS_WAITING - 1):
        assert (await outbox.take()).dropped == 0
    assert (await outbox.take()).dropped == 3


async def test_what_was_dropped_is_not_taken_for_told(outbox):
    for number in range(ALERTS_WAITING + 1):
        outbox.offer(alert(str(number)))
    await outbox.take()
    outbox.offer(alert(str(ALERTS_WAITING)))
    assert len(outbox) == ALERTS_WAITING + 1  # one of them is being told


async def test_a_flood_of_one_kind_neither_displaces_nor_delays_another(outbox):
    for number in range(2 * ALERTS_WAITING):
        outbox.offer(alert(str(number)))
    outbox.offer(alert("policies", AlertKind.RELOAD_FAILED))
    kinds = {(await outbox.take()).alert.kind for _ in range(2)}
    assert kinds == {AlertKind.DENIED, AlertKind.RELOAD_FAILED}


async def test_what_could_not_be_told_waits_behind_the_others(outbox):
    outbox.offer(alert("a"))
    outbox.offer(alert("b"))
    outbox.again(await outbox.take())
    assert (await outbox.take()).alert.subject == "b"
    again = await outbox.take()
    assert (again.alert.subject, again.tries) == ("a", 1)


async def test_what_was_told_is_remembered_within_bounds(outbox):
    for number in range(ALERTS_REMEMBERED + 1):
        outbox.offer(alert(str(number)))
        outbox.done(await outbox.take(), "sent")
    outbox.offer(alert("0"))  # the oldest was forgotten
    outbox.offer(alert("2"))
    assert len(outbox) == 1


async def test_it_is_empty_when_nothing_waits_and_nothing_is_being_told(outbox):
    outbox.offer(alert())
    emptied = asyncio.create_task(outbox.empty())
    waiting = await outbox.take()
    await asyncio.sleep(0)
    assert not emptied.done()
    outbox.done(waiting, "sent")
    await emptied
