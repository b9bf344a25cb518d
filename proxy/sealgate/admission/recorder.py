"""Every decision gets a name and a line in the log, when it is given."""

from sealgate.admission.identifiers import ulid
from sealgate.oci.reference import Reference, Repository, named
from sealgate.policy.decision import Decision
from sealgate.policy.model import Operation
from sealgate.ports import Caller, Clock, DecisionLog, DecisionRecord


class Recorder:
    """Turns decisions into records, and writes them down."""

    def __init__(self, log: DecisionLog, clock: Clock, policies: str) -> None:
        self._log = log
        self._clock = clock
        self._policies = policies

    def started(self) -> float:
        """The moment from which `took_ms` counts."""
        return self._clock.monotonic()

    def record(
        self,
        decision: Decision,
        *,
        caller: Caller,
        operation: Operation,
        repository: Repository,
        reference: Reference | None,
        cached: bool,
        started: float,
        quiet: bool = False,
        inspected: bool = False,
        event: str = "",
    ) -> DecisionRecord:
        """A record of this decision.

        Args:
            decision: what was decided.
            caller: who asked.
            operation: pull or push.
            repository: of what.
            reference: as it was asked for; None when it was about the repository as a whole.
            cached: whether it was reused.
            started: what `started()` said before.
            inspected: whether it is served all the same, to a caller with the right to inspect.
            event: what became of a push.
            quiet: do not write it down (an admitted blob: its manifest's line is there).
        """
        now = self._clock.now()
        record = DecisionRecord(
            identifier=ulid(now),
            at=now,
            caller=caller,
            operation=operation,
            repository=repository,
            reference=named(repository, reference) if reference else repository.name,
            decision=decision,
            policies=self._policies,
            cached=cached,
            took_ms=round((self._clock.monotonic() - started) * 1000, 3),
            inspected=inspected,
            event=event,
        )
        if not quiet:
            self._log.record(record)
        return record
