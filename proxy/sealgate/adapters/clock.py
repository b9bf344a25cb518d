"""The clock of this machine: the only place that asks it for the time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock`, of the operating system."""

    def now(self) -> datetime:
        """The wall clock, in UTC, aware."""
        return datetime.now(UTC)  # noqa: TID251  this is the clock that everybody else takes

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""
        return time.monotonic()
