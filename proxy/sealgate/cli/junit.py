"""JUnit's XML, as CI systems read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

# What XML 1.0 has no place for (section 2.2); ElementTree would write it, and no reader would take it.
_CONTROL = {code: " " for code in range(32) if code not in (9, 10, 13)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One test.

    Args:
        suite: what it belongs to.
        failure: why it failed; "" when it did not.
        file: where it stands.
        line: in which line, from 1; 0 for none.
    """

    __test__ = False

    suite: str
    name: str
    failure: str = ""
    file: str = ""
    line: int = 0


def junit(cases: Sequence[TestCase]) -> bytes:
    """A report, UTF-8."""
    root = ET.Element("testsuites", _counts(cases))
    for suite in dict.fromkeys(case.suite for case in cases):
        mine = [case for case in cases if case.suite == suite]
        part = ET.SubElement(root, "testsuite", {"name": _text(suite), **_counts(mine)})
        for case in mine:
            place = {"file": _text(case.file), "line": str(case.line)} if case.line else {}
            named = {"classname": _text(suite), "name": _text(case.name)}
            test = ET.SubElement(part, "testcase", {**named, **place})
            if case.failure:
                first = case.failure.split("\n", 1)[0]
                failure = ET.SubElement(test, "failure", {"message": _text(first)})
                failure.text = _text(case.failure)
    ET.indent(root)
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _counts(cases: Sequence[TestCase]) -> dict[str, str]:
    return {"tests": str(len(cases)), "failures": str(sum(1 for case in cases if case.failure)), "errors": "0"}


def _text(text: str) -> str:
    return text.translate(_CONTROL)
