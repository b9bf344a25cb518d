"""What the gate counts, for Prometheus (docs/observability.md). No label is a client's to choose (attacks B35).

Policies and rules are named by the platform team, reasons, stages and routes by the code; a repository is no label.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sealgate import __version__
from sealgate.adapters.trusted_roots.current import RootState
from sealgate.evidence.reason import Reason
from sealgate.policy.alert import AlertKind
from sealgate.ports import DecisionLog, DecisionRecord, HoldTally, Stage, Took

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts for one gate, in a registry of its own: a process may have several gates.

    Attributes:
        registry: what is exposed.
    """

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self._decisions = Counter(
            "sealgate_decisions", "Decisions, by what they came to; one line of the decision log each.",
            ("policy", "rule", "operation", "result", "reason"), registry=own,
        )  # fmt: skip
        self._stages = Histogram(
            "sealgate_stage_seconds", "What the time of requests goes into.", ("stage",), buckets=_SECONDS, registry=own
        )
        self._lookups = Counter(
            "sealgate_cache_lookups", "Whether a decision was there already.", ("cache", "result"), registry=own
        )
        self._requests = Counter(
            "sealgate_requests", "Requests, by what they were about.", ("method", "route", "status"), registry=own
        )
        self._bytes = Counter("sealgate_blob_bytes", "Bytes of blobs that went through.", ("direction",), registry=own)
        self._transfers = Counter(
            "sealgate_blob_transfers", "Blobs, and parts of them.", ("direction", "result"), registry=own
        )
        self._active = Gauge("sealgate_blob_transfers_active", "Blobs on their way.", ("direction",), registry=own)
        self._holds = Gauge("sealgate_holds", "Pushes that wait for their signature.", ("releases",), registry=own)
        self._oldest = Gauge("sealgate_holds_oldest_seconds", "How long the oldest of them has waited.", registry=own)
        self._ended = Counter("sealgate_holds_ended", "Pushes that wait no longer.", ("how",), registry=own)
        self._root_age = Gauge(
            "sealgate_trusted_root_age_seconds", "Since its repository last confirmed it.", ("root",), registry=own
        )
        self._root_usable = Gauge(
            "sealgate_trusted_root_usable", "Whether anything may rest on it.", ("root",), registry=own
        )
        self._reloads_failed = Counter("sealgate_reload_failures", "Changes that could not be used.", registry=own)
        self._current = Gauge(
            "sealgate_reload_current", "Whether what is in force is what the files say.", registry=own
        )
        self._alerts = Counter("sealgate_alerts", "Alerts, by what came of them.", ("kind", "result"), registry=own)
        self._queued = Gauge("sealgate_alerts_queued", "Alerts that wait to be told.", registry=own)
        build = Gauge("sealgate_build_info", "Which sealgate this is.", ("version",), registry=own)
        build.labels(__version__).set(1)
        self._by_stage = {stage: self._stages.labels(stage.value) for stage in Stage}
        self._found = {found: self._lookups.labels("decisions", "hit" if found else "miss") for found in (True, False)}
        self._passed = {direction: self._bytes.labels(direction) for direction in ("pull", "push")}
        self._passing = {direction: self._active.labels(direction) for direction in ("pull", "push")}

    def took(self, stage: Stage, seconds: float) -> None:
        """See `ports.Took`."""
        self._by_stage[stage].observe(seconds)

    def decided(self, record: DecisionRecord) -> None:
        """A decision was given to somebody."""
        decision = record.decision
        reason = decision.finding.reason.value if decision.finding else ""
        self._decisions.labels(
            decision.policy, decision.rule, record.operation.value, decision.outcome.value, reason
        ).inc()
        if record.event in {"released", "hold-expired", "hold-ended"}:
            self._ended.labels(_how(record)).inc()
            return
        self._found[record.cached].inc()

    def answered(self, method: str, route: str, status: int) -> None:
        """See `http.metered.Meter`."""
        self._requests.labels(method, route, str(status)).inc()

    def passing(self, direction: str, change: int) -> None:
        """See `http.metered.Meter`."""
        self._passing[direction].inc(change)

    def passed(self, direction: str, count: int, *, whole: bool) -> None:
        """See `http.metered.Meter`."""
        self._passed[direction].inc(count)
        self._transfers.labels(direction, "whole" if whole else "broken").inc()

    def alerted(self, kind: AlertKind, came_to: str) -> None:
        """What came of an alert."""
        self._alerts.labels(kind.value, came_to).inc()

    def queue(self, waiting: Callable[[], int]) -> None:
        """Where to ask how many alerts wait."""
        self._queued.set_function(waiting)

    def reload_failed(self) -> None:
        """What changed could not be used."""
        self._reloads_failed.inc()

    def exposition(
        self, *, now: datetime, roots: Mapping[str, RootState], current: bool, holds: HoldTally | None
    ) -> bytes:
        """What a scrape gets.

        Args:
            now: the present.
            roots: how each trusted root stands.
            current: whether what is in force is what the files say.
            holds: how many pushes wait; None where nobody knows, and the last numbers stay.
        """
        for name, state in roots.items():
            self._root_usable.labels(name).set(state.holds(now))
            if (age := state.age(now)) is not None:
                self._root_age.labels(name).set(age.total_seconds())
        self._current.set(current)
        if holds is not None:
            self._holds.labels("itself").set(holds.releasing)
            self._holds.labels("push").set(holds.rejected)
            self._oldest.set(0 if holds.oldest is None else max(0.0, (now - holds.oldest).total_seconds()))
        return generate_latest(self.registry)


class CountedLog:
    """`ports.DecisionLog` that counts what it passes on.

    Args:
        log: what keeps the decisions.
        metrics: what counts them.
        took: told how long those took that were not there already.
    """

    def __init__(self, log: DecisionLog, metrics: Metrics, took: Took) -> None:
        self._log = log
        self._metrics = metrics
        self._took = took

    def record(self, record: DecisionRecord) -> None:
        """See `ports.DecisionLog`."""
        self._log.record(record)
        self._metrics.decided(record)
        if not record.cached and record.event in {"", "held"}:
            self._took(Stage.DECISION, record.took_ms / 1000)


def _how(record: DecisionRecord) -> str:
    finding = record.decision.finding
    if record.event == "hold-ended":
        return "content-gone" if finding is not None and finding.reason is Reason.CONTENT_GONE else "replaced"
    return "expired" if record.event == "hold-expired" else "released"
