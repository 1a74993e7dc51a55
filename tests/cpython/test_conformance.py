"""The comparison of a built runtime with a plain build: what counts as worse, and what the page says.

``python tests/cpython/conformance.py`` makes both and compares them.
"""

from __future__ import annotations

from pathlib import Path

from conformance import Conformance, Interpreter, Outcome
from run import Result

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
    good = Outcome("test_x", 0, {"a": PASSED, "b": SKIPPED})
    bad = Outcome("test_x", 2, {"a": PASSED, "b": FAILED})
    assert conformance([good], [bad]).holds()
    assert conformance([bad], [bad]).holds()
    assert not conformance([bad], [good]).holds()


def test_a_module_of_the_plain_build_only_is_a_defect() -> None:
    assert conformance([], [], ({"ssl", "zlib"}, {"ssl", "tkinter"})).holds()
    assert not conformance([], [], ({"ssl"}, {"ssl", "zlib"})).holds()


def test_a_file_can_fail_without_a_failing_test() -> None:
    assert list(Outcome("test_x", -11, {"a": PASSED}).failed) == ["test_x (the whole file)"]
    assert Outcome("test_x", None, {}).failed["test_x (the whole file)"].detail == "out of time"
    assert Outcome("test_x", 4, {}).failed == {}
    assert list(Outcome("test_x", 2, {"a": FAILED}).failed) == ["a"]


def test_the_page_has_both_lists() -> None:
    good = Outcome("test_x", 0, {"a": PASSED, "b": PASSED, "c": SKIPPED})
    bad = Outcome("test_x", 2, {"a": PASSED, "b": FAILED, "c": SKIPPED})
    page = "\n".join(conformance([good], [bad], ({"ssl", "zlib"}, {"ssl", "tkinter"})).page())
    assert "With both: `ssl`.\n" in page
    assert "With the plain build only: `tkinter`.\n" in page
    assert "| runtime | 1 | 2 | 1 | 0 |\n| plain | 1 | 1 | 1 | 1 |" in page
    assert "| `b` | did not fail | failed |" in page
