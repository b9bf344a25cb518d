"""`make mutants`: take each check of the verifier and of `decide()` out, one at a time; every time a test must fail.

The tests run once with coverage, which tells what test runs what line. Then, for each mutant, a process of its own runs
the tests that run its line, until one fails. What survives and is not in `redundant.toml`, with the reason why nothing
can tell the difference, makes this fail; so does what is there and does not survive.

It is cheap, so that it can be run: everything is imported and collected once, and the mutants are forks of that, in
which the changed functions get their new code; the test that told the last time goes first, then those that told of a
mutant before, then the fastest.
"""

import argparse
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Final

import coverage
import hypothesis
import pytest
from functions import Functions
from sites import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "proxy" / "sealgate"
BUILD: Final = ROOT / "build"
REDUNDANT: Final = Path(__file__).parent / "redundant.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files whose checks are taken out, and the tests that are to notice."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


PARTS: Final = (
    Part(
        name="decision",
        files=tuple(
            f"policy/{name}.py"
            for name in ("decide", "cover", "rules", "weigh", "denied", "exceptions", "freshness", "rule", "matchers")
        ),
        tests=("tests/unit/policy",),
    ),
    Part(
        name="verifier",
        files=(
            *(
                f"adapters/signatures/{path.name}"
                for path in sorted((PACKAGE / "adapters/signatures").glob("[!_]*.py"))
            ),
            "adapters/keys.py",
            "evidence/payload.py",
        ),
        tests=(
            "tests/unit/adapters/signatures",
            "tests/unit/adapters/test_keys.py",
            "tests/unit/adapters/test_rekor.py",
            "tests/unit/evidence",
            "tests/hostile/test_signatures.py",
        ),
    ),
)
# The property tests try the same examples each time, and need not find the smallest that fails.
PROPERTIES: Final = {
    "derandomize": True,
    "database": None,
    "phases": (hypothesis.Phase.explicit, hypothesis.Phase.generate),
}
SECONDS: Final = 10  # of the processor, that one test may take beyond thrice its usual: some mutants never end
BYTES: Final = 4 * 1024**3  # of one mutant's process: some of them fill the memory meanwhile
OPTIONS: Final = (
    *("--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider"),
    *("-q", "-s", "--no-header", "--no-summary", "--timeout=0"),
)
KEPT: Final = BUILD / "mutants.jsonl"  # results, of which the last one of each mutant is used again


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one mutant: how many tests run its line, and which one failed; "" where none did."""

    file: str
    line: int
    mutant: str
    tests: int
    killer: str
    seconds: float


@dataclass(kw_only=True, eq=False)
class Session:
    """A pytest plugin that runs the collected tests for each mutant, instead of once.

    Args:
        files: whose checks are taken out.
        jobs: mutants at a time.
        known: which test told of a mutant the last time, by file and name.
    """

    files: list[str]
    jobs: int
    known: dict[tuple[str, str], str]
    results: list[Result] = field(default_factory=list)
    failed: bool = False
    _items: dict[str, pytest.Item] = field(default_factory=dict)
    _killers: dict[str, None] = field(default_factory=dict)  # the last one last
    _running: dict[int, tuple[str, Mutant, int, int, float]] = field(default_factory=dict)
    _telling: int = -1  # where a fork says which test failed; -1 in the process that forks

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run them."""
        self._items = {item.nodeid: item for item in session.items}
        for file in self.files:
            importlib.import_module(".".join((PACKAGE.name, *Path(file).with_suffix("").parts)))
        functions = {file: Functions(str(PACKAGE / file)) for file in self.files}
        lines, seconds = self._lines([*functions.values()])
        gc.freeze()  # the forks share what is there
        for file in () if self.failed else self.files:
            for mutant in mutants((PACKAGE / file).read_text()):
                first, last = mutant.statement
                names = {name for line in range(first, last + 1) for name in lines[file].get(str(line), ())}
                ordered = self._order(names, seconds, self.known.get((file, mutant.name), ""))
                self._start(file, mutant, functions[file], ordered, seconds)
                while len(self._running) >= self.jobs:
                    self._end()
        while self._running:
            self._end()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a fork the first test that fails is enough."""
        if report.failed and self._telling >= 0:
            os.write(self._telling, report.nodeid.encode())
            os._exit(1)
        if report.failed:
            self.failed = True
            print(f"\n{report.nodeid}\n{report.longreprtext}")

    def _lines(self, functions: list[Functions]) -> tuple[dict[str, dict[str, list[str]]], dict[str, float]]:
        """Which tests run each line of each file, and how long each takes; in a fork."""
        reading, writing = os.pipe()
        if child := os.fork():
            os.close(writing)
            with os.fdopen(reading, "rb") as told:
                found = told.read()
            self.failed = os.waitpid(child, 0)[1] != 0
            return tuple(json.loads(found)) if not self.failed else ({}, {})
        try:
            paths = {file: str(PACKAGE / file) for file in self.files}
            measured = coverage.Coverage(data_file=None, include=[*paths.values()], branch=False)
            seconds = {}
            measured.start()
            for item, following in _with_next(list(self._items.values())):
                for one in functions:
                    one.forget()  # so that each test runs what it needs
                began = time.process_time()
                measured.switch_context(item.nodeid)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds[item.nodeid] = time.process_time() - began
            measured.stop()
            data = measured.get_data()
            lines = {
                file: {line: [name for name in names if name] for line, names in data.contexts_by_lineno(path).items()}
                for file, path in paths.items()
            }
            with os.fdopen(writing, "wb") as telling:
                telling.write(json.dumps([lines, seconds]).encode())
            os._exit(int(self.failed))
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(2)

    def _order(self, names: set[str], seconds: dict[str, float], known: str) -> list[str]:
        first = (name for name in (known, *reversed(self._killers)) if name in names)
        return list(dict.fromkeys([*first, *sorted(names, key=seconds.__getitem__)]))

    def _start(
        self, file: str, mutant: Mutant, functions: Functions, names: list[str], seconds: dict[str, float]
    ) -> None:
        reading, writing = os.pipe()
        if child := os.fork():
            os.close(writing)
            self._running[child] = file, mutant, len(names), reading, time.perf_counter()
            return
        try:
            self._telling = writing
            output = os.open(BUILD / "mutants.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
            if functions.replace(mutant.source):
                for item, following in _with_next([self._items[name] for name in names]):
                    most = int(time.process_time() + SECONDS + 3 * seconds[item.nodeid])
                    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            os._exit(0)
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(2)

    def _end(self) -> None:
        child, status = os.wait()
        file, mutant, tests, reading, began = self._running.pop(child)
        with os.fdopen(reading, "rb") as told:
            killer = told.read().decode()
        if os.WIFSIGNALED(status):
            killer = signal.Signals(os.WTERMSIG(status)).name
        elif status and not killer:
            raise RuntimeError(f"{file}: {mutant.name} could not be tried: see build/mutants.log")
        if killer in self._items:
            self._killers.pop(killer, None)
            self._killers[killer] = None
        result = Result(
            file=file,
            line=mutant.line,
            mutant=mutant.name,
            tests=tests,
            killer=killer,
            seconds=round(time.perf_counter() - began, 2),
        )
        with KEPT.open("a") as kept:
            print(json.dumps(asdict(result)), file=kept)
        self.results.append(result)


def _with_next(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Each with the one after it, for which fixtures are kept."""
    return zip_longest(items, items[1:])


def judged(part: Part, files: list[str], jobs: int, known: dict[tuple[str, str], str]) -> list[Result] | None:
    """What becomes of the mutants of some of a part's files; None where the tests fail as it is. In a process apart."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            found = told.read()
        return None if os.waitpid(child, 0)[1] else [Result(**one) for one in json.loads(found)]
    try:
        hypothesis.settings.register_profile("mutants", **PROPERTIES)
        hypothesis.settings.load_profile("mutants")
        session = Session(files=files, jobs=jobs, known=known)
        output, errors = os.dup(1), os.open(BUILD / "mutants.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(errors, 1)
        ended = pytest.main([*OPTIONS, *part.tests], plugins=[session])
        sys.stdout.flush()
        os.dup2(output, 1)
        with os.fdopen(writing, "wb") as telling:
            telling.write(json.dumps([asdict(one) for one in session.results]).encode())
        os._exit(int(session.failed or ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)))
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(2)


def main() -> int:
    """Print the table; 0 when every check matters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="parts of file names: change these files only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    options = parser.parse_args()
    os.chdir(ROOT)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "mutants.log").unlink(missing_ok=True)
    kept = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    known = {(one["file"], one["mutant"]): one["killer"] for one in kept}
    results: list[Result] = []
    for part in PARTS:
        files = [file for file in part.files if not options.only or any(only in file for only in options.only)]
        found = judged(part, files, options.jobs, known) if files else []
        if found is None:
            print(f"the tests of the {part.name} fail before anything is changed: see build/mutants.log")
            return 1
        results += found
    return report(results, whole=not options.only)


def report(results: list[Result], *, whole: bool) -> int:
    """Print what came of it."""
    redundant = {
        (entry["file"], entry["mutant"]) for entry in tomllib.loads(REDUNDANT.read_text()).get("redundant", ())
    }
    survived = [result for result in results if not result.killer]
    unexcused = [result for result in survived if (result.file, result.mutant) not in redundant]
    print(f"{'file':<44} {'mutants':>8} {'killed':>7} {'redundant':>10} {'survived':>9} {'seconds':>8}")
    for file in (*dict.fromkeys(result.file for result in results), ""):
        here = [result for result in results if file in ("", result.file)]
        lost = sum(file in ("", result.file) for result in unexcused)
        killed = sum(bool(result.killer) for result in here)
        seconds = sum(result.seconds for result in here)
        print(
            f"{file or 'all':<44} {len(here):>8} {killed:>7} {len(here) - killed - lost:>10} {lost:>9} {seconds:>8.0f}"
        )
    for result in unexcused:
        print(f"survived {result.file}:{result.line}: {result.mutant} ({result.tests} tests run it)")
    stale = sorted(redundant - {(result.file, result.mutant) for result in survived}) if whole else []
    for file, mutant in stale:
        print(f"redundant.toml names what does not survive: {file}: {mutant}")
    return 1 if unexcused or stale else 0


if __name__ == "__main__":
    sys.exit(main())
