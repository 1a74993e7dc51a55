"""Which wheels pip is asked for, and what an error says of one that it cannot provide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from oxidize_build import pip
from oxidize_build.errors import DependencyError
from oxidize_build.runtime import Runtime

NO_WHEEL = "ERROR: No matching distribution found for numpy>=2\n"
NO_COMPILER = "ERROR: a fully static executable can load no extension modules\n"


class Pip:
    """Stands for pip: gives *answers*, in turn, and remembers what it was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[Sequence[str]] = []

    def __call__(self, arguments: Sequence[str], _runtime: Runtime, _cwd: Path | None) -> str | None:
        self.asked.append(arguments)
        return self.answers.pop(0)


@pytest.fixture
def static(toy_runtime: Runtime) -> Runtime:
    return replace(toy_runtime, libc="musl")


def make_wheels(answering: Pip, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip, "_run", answering)
    pip.make_wheels(["numpy>=2"], "app", runtime, Path("wheels"))


def test_once_for_a_dynamic_runtime(toy_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Pip(None)
    make_wheels(answering, toy_runtime, monkeypatch)
    assert answering.asked == [["wheel", "--wheel-dir=wheels", "numpy>=2"]]


def test_wheels_for_every_platform_come_first(static: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Pip(None)
    make_wheels(answering, static, monkeypatch)
    assert answering.asked == [["wheel", "--wheel-dir=wheels", "numpy>=2", "--only-binary=:all:"]]


def test_others_are_built(static: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Pip(NO_WHEEL, None)
    make_wheels(answering, static, monkeypatch)
    assert answering.asked[1] == ["wheel", "--wheel-dir=wheels", "numpy>=2"]


def test_what_has_no_such_wheel_is_named(static: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DependencyError, match=r"app's dependency numpy>=2 has no wheel for every") as caught:
        make_wheels(Pip(NO_WHEEL, NO_COMPILER), static, monkeypatch)
    assert NO_COMPILER.strip() in caught.value.message
    assert "py3-none-any" in (caught.value.hint or "")


def test_another_fault_is_told_as_it_is(static: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    mismatch = (
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    numpy==2.0 from x:\n"
    )
    with pytest.raises(DependencyError, match=r"dependency numpy==2\.0") as caught:
        make_wheels(Pip(mismatch, mismatch), static, monkeypatch)
    assert caught.value.hint == pip.NOT_AS_HASHED_HINT
