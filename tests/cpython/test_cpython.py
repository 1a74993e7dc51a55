"""CPython's own tests, packed and unpacked: those that do not take long; and the comparison itself.

``python tests/cpython/run.py`` runs all.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from packing import pack_tests
from run import (
    HERE,
    TESTS,
    Comparison,
    Expectation,
    Result,
    Suite,
    compare_all,
    has_tests,
    outdated,
    read_expectations,
    read_record,
    report,
    unexpected,
)

from oxidize_build.runtime import Runtime
from oxidize_build.runtime.host import host_runtime

TAKE_LONG = {
    *("test_concurrent_futures", "test_io", "test_signal", "test_ssl"),
    *("test_multiprocessing_fork", "test_multiprocessing_forkserver", "test_multiprocessing_spawn"),
}

FROM_SNAPSHOT = 0x030C0000
QUICK_FROM_SNAPSHOT = ("test_fileio", "test_glob", "test_linecache", "test_traceback")

PASSED, SKIPPED, FAILED = Result("passed"), Result("skipped", "why"), Result("failed", "why")


def find_runtime_with_tests(since: int = 0) -> Runtime:
    """Return the first of the interpreters to be tested that came with its tests: Debian's did not.

    It has to be of the version *since*, as ``sys.hexversion`` has it, or a later one.
    """
    others = os.environ.get("OXIDIZE_TEST_PYTHONS", "").split(os.pathsep)
    for python in [sys.executable, *filter(None, others)]:
        runtime = host_runtime(Path(python))
        if runtime.hexversion >= since and has_tests(runtime, "test_os"):
            return runtime
    pytest.skip("no interpreter here was installed with its tests")


@pytest.mark.slow
def test_what_passes_unpacked_passes_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = find_runtime_with_tests()
    suite = Suite(runtime, pack_tests(runtime, tmp_path), tmp_path)
    names = [name for name in TESTS if name not in TAKE_LONG and has_tests(runtime, name)]
    comparisons = compare_all(suite, names, jobs=2)
    assert report(comparisons, read_expectations(HERE / "expected_failures.toml")), capsys.readouterr().out


@pytest.mark.slow
def test_what_passes_unpacked_passes_from_a_snapshot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = find_runtime_with_tests(FROM_SNAPSHOT)
    suite = Suite(runtime, pack_tests(runtime, tmp_path, snapshot=True), tmp_path)
    comparisons = compare_all(suite, QUICK_FROM_SNAPSHOT, jobs=2)
    expectations = read_expectations(HERE / "expected_failures.toml", snapshot=True)
    assert report(comparisons, expectations), capsys.readouterr().out


def test_some_expectations_are_for_programs_only() -> None:
    every, usual = (read_expectations(HERE / "expected_failures.toml", snapshot=s) for s in (True, False))
    assert len(every) > len(usual)
    assert all(expectation in every for expectation in usual)


def test_a_defect_is_what_fails_or_is_left_out_only_when_packed() -> None:
    comparison = Comparison(
        "test_x",
        unpacked={"good": PASSED, "worse": PASSED, "left out": PASSED, "lost": PASSED, "bad": FAILED},
        packed={"good": PASSED, "worse": FAILED, "left out": SKIPPED, "bad": FAILED, "new": FAILED},
    )
    assert {test: result.status for test, result in comparison.defects().items()} == {
        "worse": "failed",
        "left out": "skipped",
        "lost": "missing",
        "new": "failed",
    }
    assert comparison.row().split() == ["test_x", "4", "0", "1", "1", "1", "3", "4"]


def test_expected_failures_are_matched_by_whole_names(capsys: pytest.CaptureFixture[str]) -> None:
    tests = {"a.one": PASSED, "a.two": PASSED, "b.one": PASSED}
    comparison = Comparison("test_x", tests, {**tests, "a.one": FAILED, "b.one": FAILED})
    expectations = [Expectation("because", ("a.*", "a.t*", "c.*"))]
    assert list(unexpected(comparison, expectations)) == ["b.one"]
    assert outdated([comparison], expectations) == ["a.t*"]
    assert not report([comparison], expectations)
    assert "only packed: b.one: failed: why" in capsys.readouterr().out
    assert report([comparison], [Expectation("because", ("?.one",))])


def test_a_file_without_results_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert not report([Comparison("test_x", {}, {})], [])
    assert "test_x: no test was run unpacked" in capsys.readouterr().out


def test_of_several_results_the_worst_counts(tmp_path: Path) -> None:
    record = tmp_path / "record"
    statuses = [("a", "passed"), ("a", "failed"), ("a", "passed"), ("b", "skipped"), ("b", "passed")]
    lines = [f'{{"test": "{test}", "status": "{status}", "detail": ""}}\n' for test, status in statuses]
    record.write_text("".join(lines))
    assert {test: result.status for test, result in read_record(record).items()} == {
        "a": "failed",
        "b": "skipped",
    }


def test_each_expected_failure_has_a_reason() -> None:
    expectations = read_expectations(HERE / "expected_failures.toml")
    assert expectations
    assert all(expectation.reason and expectation.patterns for expectation in expectations)
