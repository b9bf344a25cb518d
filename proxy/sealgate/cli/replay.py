"""`sealgate replay LOG --policies DIR`: what other policies would have decided about recorded traffic."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer

from sealgate.cli.authoring import surroundings
from sealgate.cli.decision_lines import lines
from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.options import Json, Policies, SettingsFile
from sealgate.cli.problems import refusal
from sealgate.cli.tables import console, count, table
from sealgate.errors import ConfigurationInvalid, PayloadMalformed
from sealgate.oci import strict_json
from sealgate.oci.wire import printable
from sealgate.policy.decision import Decision
from sealgate.policy.replay import Recorded, Replay, Replayed, recorded
from sealgate.wiring import load_policies

_EXAMPLES: Final = 3
_TEXT_CHARACTERS: Final = 300


@dataclass(slots=True)
class _Group:
    """Lines that would be answered differently in one way."""

    count: int = 0
    references: dict[str, None] = field(default_factory=dict)
    text: str = ""


@dataclass(slots=True)
class _Result:
    same: int = 0
    groups: dict[tuple[str, str, str, str, str], _Group] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    unread: int = 0

    def add(self, one: Replayed) -> None:
        if one.decision is None:
            self.unknown[one.unknown] += 1
        elif not one.differs:
            self.same += 1
        else:
            group = self.groups.setdefault(_key(one.recorded, one.decision), _Group())
            group.count += 1
            group.references.setdefault(one.recorded.reference)
            group.text = one.decision.finding.text if one.decision.finding else ""

    @property
    def different(self) -> int:
        return sum(group.count for group in self.groups.values())

    @property
    def ordered(self) -> list[tuple[tuple[str, str, str, str, str], _Group]]:
        return sorted(self.groups.items(), key=lambda item: (-item[1].count, item[0]))


def replay(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="A decision log; - is the standard input.")],
    policies: Policies = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Tell what other policies would have decided about recorded traffic, before anybody enables them.

    Every line of the decision log is decided again from what is recorded of it, at the time it was decided: no registry
    and no transparency log is asked. --settings gives the key ring, the registries and what happens to what no policy
    covers. What cannot be known from the log is counted apart.

    Exit status: 0 when nothing would be different, 1 when something would, 3 when nothing could be told, 2 wrong usage.
    """
    with readable_errors():
        paths = tuple(Path(path) for path in policies or ())
        around = surroundings(settings, paths)
        if not (paths or around.policies):
            raise ConfigurationInvalid("no policies are named; give --policies or --settings")
        loaded = load_policies(paths or around.policies, dict(around.ring), around.trusted_roots, around.names)
        if loaded.errors:
            raise refusal(loaded.errors)
        result = _replayed(lines(log), Replay(loaded.policy_set(around.unmatched)))
    if as_json:
        print(json.dumps(_json(result), indent=2))
    else:
        _show(result)
    told = result.same + result.different
    raise typer.Exit(Exit.DENY if result.groups else Exit.ADMIT if told or not result.unknown else Exit.UNDETERMINED)


def _replayed(found: Iterable[strict_json.Json], again: Replay) -> _Result:
    result = _Result()
    for line in found:
        try:
            if (one := again.replay(recorded(line))) is not None:
                result.add(one)
        except PayloadMalformed:
            result.unread += 1
    return result


def _key(was: Recorded, now: Decision) -> tuple[str, str, str, str, str]:
    """What is told of a difference: before, after, and whose rule it is."""
    because = now.finding.reason.value if now.finding else was.reason
    return was.outcome.value, now.outcome.value, because, now.policy, now.rule


def _show(result: _Result) -> None:
    out = console()
    if result.groups:
        rows = [
            (was, now, str(group.count), _because(because, policy, rule), _examples(group.references))
            for (was, now, because, policy, rule), group in result.ordered
        ]
        out.print(table("", ("WAS", "WOULD BE", "TIMES", "BECAUSE", "AS"), rows))
        out.print()
    for why, number in sorted(result.unknown.items()):
        out.print(f"cannot be told: {number}: {why}", markup=False, soft_wrap=True)
    if result.unread:
        out.print(f"not read: {count(result.unread, 'line', 'lines')} that are none of a decision log", markup=False)
    told = result.same + result.different
    unknown = f", and {sum(result.unknown.values())} that cannot be told" if result.unknown else ""
    out.print(f"{count(told, 'decision', 'decisions')}{unknown}: {result.different} would be different", markup=False)


def _because(reason: str, policy: str, rule: str) -> str:
    return f"{reason}\n{policy}, {rule}" if policy else reason


def _examples(references: Mapping[str, None]) -> str:
    shown = [printable(reference, _TEXT_CHARACTERS) for reference in list(references)[:_EXAMPLES]]
    more = len(references) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more else [])])


def _json(result: _Result) -> dict[str, object]:
    return {
        "same": result.same,
        "different": result.different,
        "unread": result.unread,
        "unknown": dict(sorted(result.unknown.items())),
        "differences": [
            {
                "was": was,
                "would_be": now,
                "reason": because or None,
                "policy": policy or None,
                "rule": rule or None,
                "text": group.text or None,
                "count": group.count,
                "references": list(group.references),
            }
            for (was, now, because, policy, rule), group in result.ordered
        ],
    }
