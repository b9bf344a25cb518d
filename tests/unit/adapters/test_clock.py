"""The clocks."""

from datetime import UTC, datetime, timedelta

from sealgate.adapters.clock import SystemClock
from sealgate.testing.clock import FixedClock


def test_the_system_clock_is_in_utc_and_does_not_go_back() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_a_fixed_clock_moves_when_it_is_moved() -> None:
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    clock = FixedClock(start)
    assert (clock.now(), clock.monotonic()) == (start, 0.0)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (start + timedelta(seconds=1.5), 1.5)
