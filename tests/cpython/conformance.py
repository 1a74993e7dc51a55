"""Compare a runtime that was built from source with a plain shared build of the same source.

    python tests/cpython/conformance.py --runtime ARCHIVE --source ARCHIVE --results DIRECTORY
                                        [--jobs N] [--keep] [--only-failing] [--page FILE] [TEST ...]

What is compared: the modules of the standard library that can be imported, and what becomes of CPython's own
tests. The plain build is made in DIRECTORY, as ``configure --enable-shared --disable-test-modules
--with-readline=editline && make install`` makes it with the compiler and the libraries of this machine, and
then moved, as a runtime is that is unpacked from an archive. With --keep, what DIRECTORY has is not
made or run again.

The exit status is 1 if a module or a test works in the plain build only. Runtimes leave out tkinter and gdbm.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parents[1] / "backend"), str(HERE.parent / "runtimes")]

import import_all
from run import Result, Results, read_record, run_file

from oxidize_build.runtime.build.sources import unpack_tree
from oxidize_build.runtime.extract import extract
from oxidize_build.runtime.standalone import standalone_runtime

GOOD = frozenset({0, 3, 4})
"""Statuses of ``python -m test`` without a failure: well, well but for the environment, nothing to run."""

WHOLE_FILE = "(the whole file)"

INTRODUCTION = """\
# Built runtimes and plain CPython

CPython {version}, twice: as `oxidize runtime build` makes it, with everything linked statically, and as
CPython's own instructions have it, with a shared libpython and the libraries of the machine, libedit among
them. Both were then moved: an archive is unpacked anywhere.
`tests/cpython/conformance.py` has compared the two, and has written this page.

## Modules

Of the standard library's modules {runtime} can be imported with the runtime, {plain} with the plain build.
"""
TESTS_INTRODUCTION = """\
## CPython's own tests

Files of `python -m test`, each in a process of its own: {files} with the runtime, {others} with the plain
build. Both come without the modules that are there for tests alone (`_testcapi` and the like): what needs
them is skipped, or fails.
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One of the two: how it is called in file names and on the page, and its program."""

    name: str
    title: str
    python: Path

    def lines(self, *arguments: str) -> list[str]:
        """Return what it prints."""
        command = [str(self.python), *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()

    def modules(self) -> frozenset[str]:
        """Return the modules of the standard library that it can import."""
        return frozenset(json.loads(self.lines("-I", import_all.__file__)[-1]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file of tests in one interpreter."""

    name: str
    status: int | None
    """The exit status; None if it ran out of time."""
    tests: Results

    @property
    def failed(self) -> dict[str, Result]:
        """The tests that failed; one that stands for the file where none did, but the file as a whole."""
        if self.status in GOOD:
            return {}  # what failed was there to do so: samples that the tests run
        found = {
            test: result
            for test, result in self.tests.items()
            if result.status == "failed" and not _is_sample(test)
        }
        if not found:
            how = "out of time" if self.status is None else f"status {self.status}"
            found[f"{self.name} {WHOLE_FILE}"] = Result("failed", how)
        return found

    def count(self, status: str) -> int:
        """Return how many tests came to *status*."""
        return sum(result.status == status for result in self.tests.values())


def _is_sample(test: str) -> bool:
    """Whether a test runs it to see what becomes of it: it is made by a function, or in no file of tests."""
    return "<locals>" in test or "test.test_" not in test


def unpack_runtime(archive: Path, source: Path, directory: Path) -> Path:
    """Unpack the runtime, put CPython's tests into its library, and return its interpreter."""
    if not directory.exists():
        extract(archive, directory)
        library = standalone_runtime(directory / "python").stdlib
        shutil.copytree(source / "Lib" / "test", library / "test")
    return standalone_runtime(directory / "python").python


def build_plain(source: Path, directory: Path, jobs: int) -> Path:
    """Build CPython with a shared libpython and without modules for tests, and return its interpreter.

    It is like a runtime in two things: libedit is its readline, and it is moved to *directory*.
    """
    python = directory / "bin" / "python3"
    if not python.exists():
        tree = directory.with_name(f"{directory.name}-build")
        tree.mkdir(exist_ok=True)
        configure = [
            str(source / "configure"),
            *("--enable-shared", "--without-ensurepip", "--disable-test-modules"),
            "--with-readline=editline",
        ]
        installed = directory.with_name(f"{directory.name}-installed")
        commands = [
            [*configure, f"--prefix={installed}", r"LDFLAGS=-Wl,-rpath,\$$ORIGIN/../lib"],
            ["make", f"-j{jobs}"],
            ["make", "install"],
        ]
        with directory.with_name(f"{directory.name}-build.log").open("wb") as log:
            for command in commands:
                subprocess.run(command, check=True, cwd=tree, stdout=log, stderr=subprocess.STDOUT)
        installed.rename(directory)
        (library,) = directory.glob("lib/python3.*")
        shutil.copytree(source / "Lib" / "test", library / "test", dirs_exist_ok=True)
    return python


def run_all(
    interpreter: Interpreter, names: Iterable[str], results: Path, jobs: int, *, keep: bool
) -> list[Outcome]:
    """Run the files of tests, *jobs* at a time."""

    def run(name: str) -> Outcome:
        record = results / f"{name}.{interpreter.name}.jsonl"
        ended = record.with_suffix(".status")
        if not (keep and ended.exists()):
            ended.unlink(missing_ok=True)
            ended.write_text(json.dumps(run_file(interpreter.python, record, name)))
        outcome = Outcome(name, json.loads(ended.read_text()), read_record(record))
        counts = " ".join(f"{outcome.count(word)} {word}" for word in ("passed", "skipped"))
        print(f"{interpreter.name}: {name}: {counts} {len(outcome.failed)} failed", flush=True)
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run, names))


@dataclass(frozen=True, slots=True)
class Conformance:
    """What was found of the two interpreters, the runtime's first."""

    version: str
    interpreters: tuple[Interpreter, Interpreter]
    modules: tuple[frozenset[str], frozenset[str]]
    outcomes: tuple[Sequence[Outcome], Sequence[Outcome]]

    @property
    def failures(self) -> tuple[dict[str, Result], dict[str, Result]]:
        """The tests that failed in each."""
        found = [
            {t: r for outcome in outcomes for t, r in outcome.failed.items()} for outcomes in self.outcomes
        ]
        return found[0], found[1]

    def holds(self) -> bool:
        """Tell whether nothing works in the plain build only, but for what runtimes leave out on purpose."""
        runtime, plain = self.failures
        missing = self.modules[1] - self.modules[0]
        return missing <= import_all.LEFT_OUT and runtime.keys() <= plain.keys()

    def page(self) -> Iterator[str]:
        """Yield the lines of the page about it."""
        runtime, plain = self.modules
        yield INTRODUCTION.format(version=self.version, runtime=len(runtime), plain=len(plain))
        for title, names in (
            ("With both", runtime & plain),
            ("With the plain build only", plain - runtime),
            ("With the runtime only", runtime - plain),
        ):
            yield f"{title}: {', '.join(f'`{name}`' for name in sorted(names)) or 'none'}."
            yield ""
        yield from self._tests()

    def _tests(self) -> Iterator[str]:
        runtime, plain = self.failures
        yield TESTS_INTRODUCTION.format(files=len(self.outcomes[0]), others=len(self.outcomes[1]))
        yield "| | files | passed | skipped | failed |"
        yield "| --- | ---: | ---: | ---: | ---: |"
        for interpreter, outcomes, failed in zip(
            self.interpreters, self.outcomes, self.failures, strict=True
        ):
            passed, skipped = (sum(o.count(word) for o in outcomes) for word in ("passed", "skipped"))
            yield f"| {interpreter.title} | {len(outcomes)} | {passed} | {skipped} | {len(failed)} |"
        yield ""
        yield "The tests that failed:"
        yield ""
        yield f"| test | {' | '.join(interpreter.title for interpreter in self.interpreters)} |"
        yield "| --- | --- | --- |"
        for test in sorted({*runtime, *plain}):
            yield f"| `{test}` | {_told(runtime.get(test))} | {_told(plain.get(test))} |"


def _told(result: Result | None) -> str:
    return "failed" if result else "did not fail"


def compare(arguments: argparse.Namespace) -> Conformance:
    """Make both interpreters, and look at them."""
    results: Path = arguments.results
    results.mkdir(parents=True, exist_ok=True)
    if not arguments.keep:
        for name in ("source", "runtime", "plain", "plain-build", "plain-installed"):
            shutil.rmtree(results / name, ignore_errors=True)
    source = results / "source"
    if not source.exists():
        unpack_tree(arguments.source, source)
    interpreters = (
        Interpreter("runtime", "runtime", unpack_runtime(arguments.runtime, source, results / "runtime")),
        Interpreter("plain", "plain build", build_plain(source, results / "plain", arguments.jobs)),
    )
    names = arguments.tests or interpreters[1].lines("-m", "test", "--list-tests")
    first = run_all(interpreters[0], names, results, arguments.jobs, keep=arguments.keep)
    failing = [outcome.name for outcome in first if outcome.failed]
    again = failing if arguments.only_failing else names
    second = run_all(interpreters[1], again, results, arguments.jobs, keep=arguments.keep)
    version = interpreters[0].lines("-c", "import platform; print(platform.python_version())")[0]
    return Conformance(
        version,
        interpreters,
        (interpreters[0].modules(), interpreters[1].modules()),
        (first, second),
    )


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runtime", type=Path, required=True, help="archive of `oxidize runtime build`")
    parser.add_argument("--source", type=Path, required=True, help="archive of the source it was built of")
    parser.add_argument("--results", type=lambda path: Path(path).absolute(), required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", action="store_true", help="make and run only what is not there yet")
    parser.add_argument(
        "--only-failing",
        action="store_true",
        help="run with the plain build only what fails with the runtime",
    )
    parser.add_argument("--page", type=Path, help="write the page about it to this file")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="such as test_os (default: all)")
    arguments = parser.parse_args()
    conformance = compare(arguments)
    text = "\n".join(conformance.page()) + "\n"
    if arguments.page:
        arguments.page.write_text(text, "utf-8")
    else:
        print(text, end="")
    return 0 if conformance.holds() else 1


if __name__ == "__main__":
    sys.exit(main())
