"""The chart as a real helm renders it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests" / "clients"), str(PROJECT / "tests" / "chart")]

from harness.programs import find  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write", action="store_true", help="write what is generated: golden files and values.schema.json"
    )


class Helm:
    """A real helm, on this chart."""

    chart = PROJECT / "helm" / "sealgate"
    values = PROJECT / "tests" / "chart" / "values"
    golden = PROJECT / "tests" / "chart" / "golden"
    versions = ("1.27", "1.31", "1.35")
    """Of Kubernetes: the oldest that the chart names, one between, and a new one."""

    def __init__(self, program: str) -> None:
        self._program = program

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._program, *arguments], capture_output=True, text=True, check=False, timeout=60)

    def text(self, *values: str, name: str = "least", version: str = versions[-1]) -> str:
        told = self._template(version, *self.given(name, *values))
        assert told.returncode == 0, told.stderr
        return told.stdout

    def objects(self, *values: str, name: str = "least", version: str = versions[-1]) -> list[dict[str, Any]]:
        return [each for each in yaml.safe_load_all(self.text(*values, name=name, version=version)) if each]

    def refusal(self, *values: str, name: str = "least", version: str = versions[-1]) -> str:
        told = self._template(version, *self.given(name, *values))
        assert told.returncode != 0, "rendered"
        return told.stderr

    def _template(self, version: str, *given: str) -> subprocess.CompletedProcess[str]:
        return self.run("template", "gate", str(self.chart), "-n", "sealgate", "--kube-version", version, *given)

    def given(self, name: str, *values: str) -> list[str]:
        return ["--values", str(self.values / f"{name}.yaml"), *(f"--set={each}" for each in values)]


Needed = Callable[[str, str | None], str]


@pytest.fixture(scope="session")
def needed() -> Needed:
    """A program that a test cannot do without: where it is absent the test is skipped, and in CI fails."""

    def need(name: str, program: str | None) -> str:
        if program is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{name} is not installed: make chart")
        return program

    return need


@pytest.fixture(scope="session")
def helm(needed: Needed) -> Helm:
    return Helm(needed("helm", find("helm")))


@pytest.fixture(scope="session")
def promtool(needed: Needed) -> str:
    return needed("promtool", find("promtool"))


@pytest.fixture
def write(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--write"))
