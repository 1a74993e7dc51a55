"""Compare CPython's own tests in a packed interpreter with the same in the interpreter that it was made of.

    python tests/cpython/run.py [--python PYTHON] [--snapshot] [--jobs N] [--results DIRECTORY] [TEST ...]

With --snapshot the packed interpreter starts from one, in which regrtest and most of the standard library
have been imported. Processes that the tests start themselves are interpreters, which have none.

The exit status is 0 if every test that passes unpacked passes packed too, or is expected to fail by
expected_failures.toml; 1 otherwise. What the list says too much is told.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1] / "backend"))

from packing import pack_tests

from oxidize_build.runtime import Runtime
from oxidize_build.runtime.host import host_runtime
from oxidize_build.runtime.standalone import standalone_runtime

TESTS = tuple(
    f"test_{name}"
    for name in (
        *("importlib", "import", "pkgutil", "runpy", "inspect", "traceback", "linecache", "os", "posix"),
        *("pathlib", "glob", "shutil", "io", "fileio", "mmap", "subprocess", "multiprocessing_fork"),
        *("multiprocessing_forkserver", "multiprocessing_spawn", "concurrent_futures", "signal"),
        *("threading", "ssl", "sqlite3", "ctypes", "tempfile", "zipimport", "cmd_line"),
        *("cmd_line_script", "sys", "site"),
    )
)
"""test_resources and test_metadata are parts of test_importlib, of which each version has its own set."""

RESOURCES = "all,-audio,-gui,-largefile,-network,-urlfetch"
"""What the tests may use, as ``python -m test -u`` takes it."""

TIMEOUT = 1200
"""Seconds that one file of tests may take."""

Results: TypeAlias = Mapping[str, "Result"]
"""By the test's name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test."""

    status: str
    """``passed``, ``skipped``, ``failed``, or ``missing``: it was never come to."""
    detail: str = ""


MISSING = Result("missing", "the test was not run")
SEVERITY = ("passed", "skipped", "failed")

HEADING = f"{'':30}{'unpacked':>24}{'packed':>24}\n{'':30}" + "".join(
    f"{word:>8}" for word in (*SEVERITY, *SEVERITY, "differ")
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Tests that cannot pass packed, for one reason."""

    reason: str
    patterns: tuple[str, ...]
    """As ``fnmatch`` has them, of whole names."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One file of tests, run both ways."""

    name: str
    unpacked: Results
    packed: Results

    def defects(self) -> dict[str, Result]:
        """Return what passed unpacked and did not packed, and what failed packed and is unknown unpacked."""
        passed = [test for test, result in self.unpacked.items() if result.status == "passed"]
        found = {test: self.packed.get(test, MISSING) for test in passed}
        found |= {test: result for test, result in self.packed.items() if test not in self.unpacked}
        return {
            test: result
            for test, result in found.items()
            if result.status == "failed" or (test in self.unpacked and result.status != "passed")
        }

    def with_packed(self, again: Results) -> Comparison:
        """Return the comparison with the results of tests that were run once more."""
        return Comparison(self.name, self.unpacked, {**self.packed, **again})

    def row(self) -> str:
        """Return a line of the table of all files."""
        counts = [_count(results, s) for results in (self.unpacked, self.packed) for s in SEVERITY]
        return f"{self.name:30}" + "".join(f"{count:8}" for count in counts) + f"{len(self.defects()):8}"


def _count(results: Results, status: str) -> int:
    return sum(result.status == status for result in results.values())


@dataclass(frozen=True, slots=True)
class Suite:
    """The two interpreters, and where their results are kept."""

    runtime: Runtime
    executable: Path
    results: Path
    keep_unpacked: bool = False

    def compare(self, name: str) -> Comparison:
        """Run a file of tests both ways; what passed unpacked only, packed once more by itself."""
        kept = self.results / f"{name}.unpacked.jsonl"
        if self.keep_unpacked and kept.exists() and kept.stat().st_size:
            unpacked = read_record(kept)
        else:
            unpacked = self.run(installed_python(self.runtime), "unpacked", name)
        comparison = Comparison(name, unpacked, self.run(self.executable, "packed", name))
        defects = comparison.defects()
        if not 0 < len(defects) <= len(unpacked) / 2:
            return comparison
        matching = [argument for test in defects for argument in ("--match", test)]
        again = self.run(self.executable, "again", name, *matching)
        return comparison.with_packed({test: again[test] for test in defects if test in again})

    def run(self, python: Path, how: str, name: str, *more: str) -> Results:
        """Run a file of tests with *python*; keep the record and the output."""
        record = self.results / f"{name}.{how}.jsonl"
        run_file(python, record, name, "-u", RESOURCES, *more)
        return read_record(record)


def run_file(python: Path, record: Path, name: str, *options: str) -> int | None:
    """Run a file of tests with *python* in a directory of its own; *options* are those of ``python -m test``.

    What became of each test is written to *record*, the output to a file beside it that ends in ``.log``.
    Return the exit status, or None if the time was not enough.
    """
    record.unlink(missing_ok=True)
    record.touch()
    waiting = ["-v", "--timeout", str(TIMEOUT - 60)]
    command: list[str | Path] = [python, "-B", HERE / "probe.py", record, *waiting, *options, name]
    with (
        tempfile.TemporaryDirectory(prefix="cpython-", ignore_cleanup_errors=True) as directory,
        record.with_suffix(".log").open("wb") as log,
    ):
        try:
            return subprocess.run(
                command,
                cwd=directory,
                env=_environment(directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            log.write(b"\nout of time\n")
            return None


def has_tests(runtime: Runtime, name: str) -> bool:
    """Tell whether the runtime's library has that file of tests, or package of them."""
    directory = runtime.stdlib / "test"
    return (directory / f"{name}.py").is_file() or (directory / name / "__init__.py").is_file()


def installed_python(runtime: Runtime) -> Path:
    """Return the interpreter itself where *runtime* was found by that of a virtual environment."""
    installed = runtime.stdlib.parents[1] / "bin" / f"python{runtime.short_version}"
    return installed if installed.exists() else runtime.python


def _environment(directory: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**environment, "TMPDIR": directory}


def read_record(path: Path) -> Results:
    """Return the results that probe.py wrote: of several for one test, the worst."""
    results: dict[str, Result] = {}
    for line in path.read_text("utf-8").splitlines():
        entry = json.loads(line)
        result = Result(entry["status"], entry["detail"])
        known = results.setdefault(entry["test"], result)
        if SEVERITY.index(result.status) > SEVERITY.index(known.status):
            results[entry["test"]] = result
    return results


def read_expectations(path: Path, *, snapshot: bool = False) -> list[Expectation]:
    """Return what expected_failures.toml lists; what goes for programs only, if they have a *snapshot*."""
    tables = tomllib.loads(path.read_text("utf-8"))["expected"]
    return [
        Expectation(table["reason"], tuple(table["tests"]))
        for table in tables
        if snapshot or not table.get("program")
    ]


def unexpected(comparison: Comparison, expectations: Iterable[Expectation]) -> dict[str, Result]:
    """Return the defects that no expectation explains."""
    patterns = [pattern for expectation in expectations for pattern in expectation.patterns]
    return {
        test: result
        for test, result in comparison.defects().items()
        if not any(fnmatchcase(test, pattern) for pattern in patterns)
    }


def outdated(comparisons: Sequence[Comparison], expectations: Iterable[Expectation]) -> list[str]:
    """Return the patterns that match tests of *comparisons*, but no failure."""
    run = [test for comparison in comparisons for test in comparison.unpacked]
    failed = [test for comparison in comparisons for test in comparison.defects()]
    patterns = [pattern for expectation in expectations for pattern in expectation.patterns]
    return [
        pattern
        for pattern in patterns
        if any(fnmatchcase(test, pattern) for test in run)
        and not any(fnmatchcase(test, pattern) for test in failed)
    ]


def report(comparisons: Sequence[Comparison], expectations: Sequence[Expectation]) -> bool:
    """Print what differs from the list; tell whether it is nothing that failed."""
    found = {
        test: r for comparison in comparisons for test, r in unexpected(comparison, expectations).items()
    }
    for test, result in found.items():
        print(f"only packed: {test}: {result.status}: {' '.join(result.detail.split())}")
    for comparison in comparisons:
        if not comparison.unpacked:
            print(f"{comparison.name}: no test was run unpacked")
            found[comparison.name] = MISSING
    for pattern in outdated(comparisons, expectations):
        print(f"expected to fail, but passed: {pattern}")
    return not found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tests", nargs="*", metavar="TEST", default=TESTS, help="such as test_os")
    parser.add_argument("--python", type=Path, help="the interpreter to pack (default: this one)")
    parser.add_argument(
        "--runtime",
        type=Path,
        help="an unpacked runtime to pack instead, into which Lib/test has been copied",
    )
    parser.add_argument("--snapshot", action="store_true", help="run the tests from a snapshot")
    parser.add_argument("--jobs", type=int, default=2, help="how many files of tests to run at a time")
    parser.add_argument("--results", type=Path, help="where records and output are kept (default: nowhere)")
    parser.add_argument(
        "--executable", type=lambda path: Path(path).absolute(), help="one that was packed before"
    )
    parser.add_argument(
        "--keep-unpacked", action="store_true", help="do not run again unpacked what is in DIRECTORY"
    )
    return parser.parse_args()


def compare_all(suite: Suite, tests: Iterable[str], jobs: int) -> list[Comparison]:
    """Run the tests named both ways, *jobs* files at a time."""

    def compare(name: str) -> Comparison:
        comparison = suite.compare(name)
        print(comparison.row(), flush=True)
        return comparison

    print(HEADING)
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(compare, tests))


def main() -> int:
    """Run the command."""
    arguments = _arguments()
    runtime = standalone_runtime(arguments.runtime) if arguments.runtime else host_runtime(arguments.python)
    results = (arguments.results or Path(tempfile.mkdtemp(prefix="cpython-tests-"))).absolute()
    results.mkdir(parents=True, exist_ok=True)
    try:
        executable = arguments.executable or pack_tests(runtime, results, snapshot=arguments.snapshot)
        suite = Suite(runtime, executable, results, arguments.keep_unpacked)
        missing = [name for name in arguments.tests if not has_tests(runtime, name)]
        comparisons = compare_all(suite, sorted({*arguments.tests} - {*missing}), arguments.jobs)
    finally:
        if arguments.results is None:
            shutil.rmtree(results, ignore_errors=True)
    if missing:
        print(f"not installed with this version: {', '.join(missing)}")
    expectations = read_expectations(HERE / "expected_failures.toml", snapshot=arguments.snapshot)
    return 0 if report(comparisons, expectations) else 1


if __name__ == "__main__":
    sys.exit(main())
