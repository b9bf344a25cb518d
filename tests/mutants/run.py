"""`make mutants`: take each check of the verifier and of `decide()` out, one at a time; every time a test must fail.

The tests run once with coverage, which tells what test runs what line. Then, for each mutant, a process of its own runs
the tests that run its line, fastest first, until one fails. What survives and is not in `redundant.toml`, with the
reason why nothing can tell the difference, makes this fail; so does what is there and does not survive.
"""

import argparse
import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

import coverage
import pytest
from sites import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "proxy" / "sealgate"
CHECKED = (
    *sorted((PACKAGE / "adapters" / "signatures").glob("*.py")),
    PACKAGE / "adapters" / "keys.py",
    PACKAGE / "evidence" / "payload.py",
    PACKAGE / "policy" / "decide.py",
    PACKAGE / "policy" / "rules.py",
)
TESTS = ("tests/unit/adapters", "tests/unit/evidence", "tests/unit/policy", "tests/hostile/test_signatures.py")
# Plain asserts: the rewriting of asserts imports the package by itself, from the files.
QUIET = ("--assert=plain", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--no-header", "--no-summary", "-x")
Lines = dict[str, dict[str, list[str]]]  # file, line, tests
MOST_SECONDS = 300  # of one mutant: some never end


@dataclass(frozen=True)
class Result:
    """What became of one mutant: how many tests ran its line, and whether one failed."""

    path: Path
    mutant: Mutant
    tests: int
    killed: bool


class Contexts:
    """A pytest plugin that notes which lines each test runs, and how long it takes."""

    def __init__(self) -> None:
        self.coverage = coverage.Coverage(data_file=None, include=[str(path) for path in CHECKED], branch=False)
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        began = time.perf_counter()
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.perf_counter() - began


class Replacing(MetaPathFinder, Loader):
    """Imports one module of the package from other source than its file's."""

    def __init__(self, path: Path, source: str) -> None:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        self._name = ".".join(parts)
        self._path, self._source = path, source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self, origin=str(self._path)) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)  # noqa: S102


def lines_of_tests(found: Path) -> int:
    """Run all tests once, and write down which test runs which line, fastest first. 1 when one fails."""
    plugin = Contexts()
    plugin.coverage.start()
    failed = pytest.main([*QUIET, *TESTS], plugins=[plugin])
    plugin.coverage.stop()
    if failed:
        return 1
    data = plugin.coverage.get_data()
    told = {
        str(path): {
            str(line): sorted((name for name in names if name), key=lambda name: plugin.seconds[name])
            for line, names in data.contexts_by_lineno(str(path)).items()
        }
        for path in CHECKED
    }
    found.write_text(json.dumps(told))
    return 0


def start(work: Callable[[], int], log: Path) -> int:
    """Run a function in a process of its own, whose exit status is what it returns; 1 when it raises."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(MOST_SECONDS)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        status = work()
    finally:
        os._exit(status)


def judge(todo: list[tuple[Path, Mutant]], lines: Lines, jobs: int, log: Path) -> list[Result]:
    """What becomes of each mutant, so many at a time."""
    results: list[Result] = []
    running: dict[int, tuple[Path, Mutant, int]] = {}
    for path, mutant in todo:
        first, last = mutant.statement
        here = lines[str(path)]
        names = tuple(dict.fromkeys(name for line in range(first, last + 1) for name in here.get(str(line), ())))
        if not names:
            results.append(Result(path, mutant, 0, killed=False))
            continue
        running[start(lambda: _tests_with(path, mutant, names), log)] = path, mutant, len(names)  # noqa: B023
        while len(running) >= jobs:
            results.append(_ended(running))
    while running:
        results.append(_ended(running))
    return sorted(results, key=lambda result: (result.path, result.mutant.line, result.mutant.after))


def _tests_with(path: Path, mutant: Mutant, names: tuple[str, ...]) -> int:
    sys.meta_path.insert(0, Replacing(path, mutant.source))
    return int(pytest.main([*QUIET, *names]))


def _ended(running: dict[int, tuple[Path, Mutant, int]]) -> Result:
    child, status = os.wait()
    path, mutant, tests = running.pop(child)
    return Result(path, mutant, tests, killed=status != 0)


def main() -> int:
    """Print the table; 0 when every check matters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="parts of file names: change these files only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time")
    options = parser.parse_args()
    os.chdir(ROOT)
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    log, found = build / "mutants.log", build / "mutants-lines.json"
    log.unlink(missing_ok=True)
    if os.waitpid(start(lambda: lines_of_tests(found), log), 0)[1]:
        print(f"the tests fail before anything is changed: see {log.relative_to(ROOT)}")
        return 1
    lines = json.loads(found.read_text())
    # What every child needs is imported once, before they are forked; nothing of the package that may be changed is.
    import aiohttp  # noqa: F401
    import sigstore.verify  # noqa: F401

    redundant = {
        (entry["file"], entry["mutant"]): entry["why"]
        for entry in tomllib.loads((Path(__file__).parent / "redundant.toml").read_text()).get("redundant", ())
    }
    todo = [
        (path, mutant)
        for path in CHECKED
        if not options.only or any(part in str(path) for part in options.only)
        for mutant in mutants(path.read_text())
    ]
    return report(judge(todo, lines, options.jobs, log), redundant, whole=not options.only)


def report(results: list[Result], redundant: dict[tuple[str, str], str], *, whole: bool) -> int:
    """Print what came of it, and write `build/mutants.json`."""
    survived = [result for result in results if not result.killed]
    seen = {(str(result.path.relative_to(PACKAGE)), result.mutant.name) for result in survived}
    print(f"{'file':<44} {'mutants':>8} {'killed':>7} {'redundant':>10} {'survived':>9}")
    for path in dict.fromkeys(result.path for result in results):
        name = str(path.relative_to(PACKAGE))
        here = [result for result in results if result.path == path]
        excused = sum((name, result.mutant.name) in redundant for result in here if not result.killed)
        killed = sum(result.killed for result in here)
        print(f"{name:<44} {len(here):>8} {killed:>7} {excused:>10} {len(here) - killed - excused:>9}")
    unexcused = [
        result for result in survived if (str(result.path.relative_to(PACKAGE)), result.mutant.name) not in redundant
    ]
    for result in unexcused:
        where = f"{result.path.relative_to(PACKAGE)}:{result.mutant.line}"
        print(f"survived {where}: {result.mutant.name} ({result.tests} tests run it)")
    stale = sorted(entry for entry in redundant if entry not in seen) if whole else []
    for file, name in stale:
        print(f"redundant.toml names what does not survive: {file}: {name}")
    killed = len(results) - len(survived)
    print(
        f"{len(results)} mutants, {killed} killed, "
        f"{len(survived) - len(unexcused)} redundant, {len(unexcused)} survived"
    )
    told = [
        {
            "file": str(result.path.relative_to(PACKAGE)),
            "line": result.mutant.line,
            "mutant": result.mutant.name,
            "tests": result.tests,
            "killed": result.killed,
        }
        for result in results
    ]
    (ROOT / "build" / "mutants.json").write_text(json.dumps(told, indent=1))
    return 1 if unexcused or stale else 0


if __name__ == "__main__":
    sys.exit(main())
