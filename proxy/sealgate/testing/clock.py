"""A clock that stands still until a test moves it."""

from datetime import datetime, timedelta


class FixedClock:
    """`ports.Clock`, under the test's hand.

    Args:
        now: the moment it shows first, aware.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._seconds = 0.0

    def now(self) -> datetime:
        """The moment it was set to, and what it was advanced by since."""
        return self._now + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds that it was advanced by."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Move both of its hands forward."""
        self._seconds += seconds

    def jump(self, seconds: float) -> None:
        """Put the wall clock forward or back, and leave the other hand as it is: what an administrator or NTP does."""
        self._now += timedelta(seconds=seconds)
