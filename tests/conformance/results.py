"""What the conformance suite found, and how two of its runs differ."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

_METHOD = re.compile(r"^Method: (\S+)$", re.MULTILINE)
_STATUS = re.compile(r"^Status: (\d+)$", re.MULTILINE)

Results: TypeAlias = dict[str, Counter[str]]
"""By the name of a check, how often it ended in which way: the suite runs some several times, in any order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One check that does not end in the same way."""

    check: str
    direct: str
    gate: str

    def __str__(self) -> str:
        return f"{self.check}: {self.direct or 'not run'} -> {self.gate or 'not run'}"


def read(junit: Path) -> Results:
    """The outcome of every check, with the answers that its requests got, each kind once: `passed GET=200 PUT=201`."""
    found: Results = {}
    for case in ET.parse(junit).iter("testcase"):  # noqa: S314  written by the suite a moment ago
        told = case.findtext("system-err") or ""
        exchanges = zip(_METHOD.findall(told), _STATUS.findall(told), strict=False)  # the last may have no answer
        answers = {f"{method}={status}" for method, status in exchanges}
        outcome = " ".join([case.attrib["status"], *sorted(answers)])
        found.setdefault(case.attrib["name"].removeprefix("OCI Conformance Test/"), Counter())[outcome] += 1
    return found


def compare(direct: Results, gate: Results) -> list[Difference]:
    """Every check whose outcomes are not the same, in the order of the suite."""
    nothing: Counter[str] = Counter()
    return [
        Difference(check, _told(direct.get(check, nothing)), _told(gate.get(check, nothing)))
        for check in {**direct, **gate}
        if direct.get(check) != gate.get(check)
    ]


def _told(outcomes: Counter[str]) -> str:
    return ", ".join(f"{times} x {outcome}" if times > 1 else outcome for outcome, times in sorted(outcomes.items()))
