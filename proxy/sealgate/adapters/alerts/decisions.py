"""The decision log, overheard."""

from collections.abc import Callable

from sealgate.policy.alert import Alert, alerts_in
from sealgate.ports import DecisionLog, DecisionRecord


class OverheardLog:
    """`ports.DecisionLog` that writes into another one, and passes on what is to be told.

    Args:
        log: what keeps the decisions.
        offer: takes an alert; it never waits, and never raises.
    """

    def __init__(self, log: DecisionLog, offer: Callable[[Alert], None]) -> None:
        self._log = log
        self._offer = offer

    def record(self, record: DecisionRecord) -> None:
        """See `ports.DecisionLog`."""
        self._log.record(record)
        for alert in alerts_in(record):
            self._offer(alert)
