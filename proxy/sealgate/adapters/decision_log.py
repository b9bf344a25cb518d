"""The decision log: one JSON object a line (`schemas/decision.schema.json`, `docs/decision-log.md`)."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Self

from sealgate.errors import ConfigurationInvalid
from sealgate.oci.digest import NO_CONTENT
from sealgate.oci.strict_json import Json
from sealgate.policy import grounds_json
from sealgate.policy.decision import Decision, Excepted, Finding, RuleResult
from sealgate.ports import DecisionRecord

_LOG: Final = logging.getLogger(__name__)


class JsonLinesLog:
    """`ports.DecisionLog` into a stream. A line that cannot be written is lost, counted and told; nothing is raised.

    Args:
        stream: what takes the lines. A write that waits, waits for everybody: what reads it must keep up.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.lost = 0
        self._stream = stream
        self._told = False
        self._torn = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """A log at the end of this file.

        Raises:
            ConfigurationInvalid: it cannot be opened for writing.
        """
        try:
            return cls(path.open("ab", buffering=0))
        except OSError as error:
            raise ConfigurationInvalid(f"decision log: {path} cannot be opened: {error.strerror}") from error

    def record(self, record: DecisionRecord) -> None:
        """Write one line. Never raises; a log that cannot be written changes no decision."""
        try:
            # Printable ASCII, so that no foreign character can end a line or move a terminal (attacks B40).
            line = json.dumps(line_of(record), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
            self._write(line.encode("ascii") + b"\n")
            self._told = False
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.lost += 1
            if not self._told:
                _LOG.error("the decision log cannot be written, lines are lost: %s", error)
                self._told = True

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _write(self, line: bytes) -> None:
        """One write for a line; the rest of one that a full disk cut short is not joined by the next."""
        rest = b"\n" + line if self._torn else line
        while rest:
            written = self._stream.write(rest)
            if not written:
                raise OSError("the stream takes nothing")
            self._torn = written < len(rest)
            rest = rest[written:]
        self._stream.flush()


def line_of(record: DecisionRecord) -> dict[str, Json]:
    """What is written of a record: every field is there, null where there is nothing to say."""
    decision = record.decision
    finding = decision.finding
    return {
        "id": record.identifier,
        "request": record.caller.request or None,
        "time": _moment(record.at),
        "operation": record.operation.value,
        "repository": record.repository.name,
        "reference": record.reference,
        "digest": None if decision.digest == NO_CONTENT else str(decision.digest),
        "outcome": decision.outcome.value,
        "reason": finding.reason.value if finding else None,
        "policy": decision.policy or None,
        "rule": decision.rule or None,
        "text": finding.text if finding else None,
        "who": {
            "address": record.caller.address or None,
            "user_agent": record.caller.user_agent or None,
            "name": record.caller.name or None,
        },
        "policies": record.policies,
        "findings": [_finding(result, finding) for result in decision.results for finding in _findings(result)],
        "signers": list(_signers(decision)),
        "warnings": list(decision.warnings),
        "covered_by": str(decision.covered_by) if decision.covered_by else None,
        "exceptions": [_excepted(excepted) for excepted in decision.exceptions],
        "event": record.event or None,
        "grounds": None if decision.grounds is None else grounds_json.to_json(decision.grounds),
        "inspected": record.inspected,
        "cached": record.cached,
        "took_ms": record.took_ms,
        "valid_until": _moment(decision.valid_until),
    }


def _findings(result: RuleResult) -> tuple[Finding, ...]:
    """What came of every candidate, and what the rule came to where that is not one of them."""
    own = result.finding
    return result.findings if own is None or own in result.findings else (own, *result.findings)


def _finding(result: RuleResult, finding: Finding) -> Json:
    return {
        "policy": result.policy,
        "rule": result.rule,
        "reason": finding.reason.value,
        "text": finding.text,
        "source": finding.source or None,
    }


def _excepted(excepted: Excepted) -> Json:
    return {
        "policy": excepted.policy,
        "digest": str(excepted.digest),
        "reason": excepted.reason,
        "expires": _moment(excepted.expires),
        "approved_by": excepted.approved_by or None,
    }


def _signers(decision: Decision) -> tuple[str, ...]:
    return tuple(sorted({signer for result in decision.results for signer in result.signers}))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
