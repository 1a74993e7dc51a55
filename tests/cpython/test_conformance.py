"""The comparison of a built runtime with a plain build: what counts as worse, and what the page says.

``python tests/cpython/conformance.py`` makes both and compares them.
"""

from __future__ import annotations

from pathlib import Path

from conformance import Conformance, Interpreter, Outcome
from run import Result

A, B, C = (f"test.test_x.Case.test_{letter}" for letter in "abc")
PASSED, SKIPPED, FAILED = Result("passed"), Result("skipped", "why"), Result("failed", "why")


def conformance(
    runtime: list[Outcome], plain: list[Outcome], modules: tuple[set[str], set[str]] = (set(), set())
) -> Conformance:
    return Conformance(
        version="3.14.7",
        interpreters=(Interpreter("runtime", "runtime", Path("a")), Interpreter("plain", "plain", Path("b"))),
        modules=(frozenset(modules[0]), frozenset(modules[1])),
        outcomes=(runtime, plain),
    )


def test_what_fails_in_the_runtime_only_is_a_defect() -> None:
    good = Outcome("test_x", 0, {A: PASSED, B: SKIPPED})
    bad = Outcome("test_x", 2, {A: PASSED, B: FAILED})
    assert conformance([good], [bad]).holds()
    assert conformance([bad], [bad]).holds()
    assert not conformance([bad], [good]).holds()


def test_a_module_of_the_plain_build_only_is_a_defect() -> None:
    assert conformance([], [], ({"ssl", "zlib"}, {"ssl", "tkinter"})).holds()
    assert not conformance([], [], ({"ssl"}, {"ssl", "zlib"})).holds()


def test_a_file_can_fail_without_a_failing_test() -> None:
    assert list(Outcome("test_x", -11, {A: PASSED}).failed) == ["test_x (the whole file)"]
    assert Outcome("test_x", None, {}).failed["test_x (the whole file)"].detail == "out of time"
    assert Outcome("test_x", 4, {}).failed == {}
    assert list(Outcome("test_x", 2, {A: FAILED}).failed) == [A]


def test_what_a_test_runs_to_see_it_fail_is_no_failure() -> None:
    samples = {"test.test_x.Case.test_a.<locals>.Sample.test": FAILED, "Module.Sample": FAILED}
    assert list(Outcome("test_x", 2, {**samples, B: FAILED}).failed) == [B]


def test_the_page_has_both_lists() -> None:
    good = Outcome("test_x", 0, {A: PASSED, B: PASSED, C: SKIPPED})
    bad = Outcome("test_x", 2, {A: PASSED, B: FAILED, C: SKIPPED})
    page = "\n".join(conformance([good], [bad], ({"ssl", "zlib"}, {"ssl", "tkinter"})).page())
    assert "With both: `ssl`.\n" in page
    assert "With the plain build only: `tkinter`.\n" in page
    assert "| runtime | 1 | 2 | 1 | 0 |\n| plain | 1 | 1 | 1 | 1 |" in page
    assert f"| `{B}` | did not fail | failed |" in page
