"""Decisions in memory end by both hands of the clock."""

from datetime import timedelta

import pytest

from sealgate.adapters.state.decisions import RecentDecisions
from sealgate.policy.decision import Decision, Outcome


@pytest.fixture
def kept(clock, key):
    """A decision that holds for a minute."""
    decisions = RecentDecisions(clock)
    until = clock.now() + timedelta(minutes=1)
    decisions.put(key, Decision(outcome=Outcome.ADMIT, digest=key.digest, valid_until=until))
    return decisions


def test_it_holds_until_its_moment(kept, clock, key):
    clock.advance(59)
    assert kept.get(key) is not None
    clock.advance(1)
    assert kept.get(key) is None


def test_f15_a_clock_put_back_does_not_prolong_it(kept, clock, key):
    clock.jump(-3600)
    assert kept.get(key) is not None
    clock.advance(60)
    assert kept.get(key) is None


def test_f15_a_clock_put_on_ends_it(kept, clock, key):
    clock.jump(60)
    assert kept.get(key) is None
