"""A clock under the test's hand."""

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.testing.clock import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now().replace(microsecond=0))
