"""Runtimes and stubs are made in the background, and errors told where a result is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import pytest

from oxidize_build import preparation
from oxidize_build.cache import Cache
from oxidize_build.errors import CompilerError, RuntimeNotUsableError
from oxidize_build.preparation import Preparation
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Executable, Repl, Settings, Target

ONE, TWO = Target("one", "3.13"), Target("two", "3.14")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, toy_runtime: Runtime) -> list[str]:
    """What has been done, in order; of 3.15 there is no runtime, and for 3.11 no compiler."""
    done: list[str] = []

    def find_runtime(wanted: str, *_: object, **__: object) -> Runtime:
        assert current_thread() is not main_thread()
        done.append(f"find {wanted}")
        if wanted == "3.15":
            raise RuntimeNotUsableError("none")
        return replace(toy_runtime, version=wanted)

    def make_stub(runtime: Runtime, _cache: Cache) -> Path:
        done.append(f"make {runtime.version}")
        if runtime.version == "3.11":
            raise CompilerError("none")
        return Path(runtime.version)

    monkeypatch.setattr(preparation, "find_runtime", find_runtime)
    monkeypatch.setattr(preparation, "make_stub", make_stub)
    return done


def test_each_is_done_once(done: list[str], cache: Cache) -> None:
    with Preparation(cache) as prepared:
        prepared.begin([ONE, TWO, replace(ONE, name="three")])
        assert prepared.runtime(TWO).version == "3.14"
        assert [prepared.stub(target) for target in (ONE, TWO, ONE)] == [
            Path("3.13"),
            Path("3.14"),
            Path("3.13"),
        ]
    assert done == ["find 3.13", "find 3.14", "make 3.13", "make 3.14"]


def test_what_was_not_begun_is_done_when_it_is_asked_for(done: list[str], cache: Cache) -> None:
    with Preparation(cache) as prepared:
        assert prepared.stub(ONE) == Path("3.13")
    assert done == ["find 3.13", "make 3.13"]


def test_errors_are_those_of_the_target(done: list[str], cache: Cache) -> None:
    missing, failing = Target("missing", "3.15"), Target("failing", "3.11")
    with Preparation(cache) as prepared:
        prepared.begin([missing, failing, ONE])
        assert prepared.stub(ONE) == Path("3.13")
        assert prepared.runtime(failing).version == "3.11"
        with pytest.raises(CompilerError):
            prepared.stub(failing)
        for ask in (prepared.runtime, prepared.stub):
            with pytest.raises(RuntimeNotUsableError):
                ask(missing)
    assert done.count("find 3.15") == 1


@pytest.mark.parametrize(
    ("executables", "names", "expected"),
    [
        ({"app": ("one",)}, None, ["find 3.13", "make 3.13"]),
        ({"app": ("one",), "other": ("two",)}, ["other"], ["find 3.14", "make 3.14"]),
        ({}, ["dynamic"], []),
    ],
)
def test_before_there_is_a_wheel(
    done: list[str], cache: Cache, tmp_path: Path, executables: Any, names: Any, expected: list[str]
) -> None:
    settings = Settings(
        tmp_path,
        executables=tuple(
            Executable(name=name, run=Repl(), targets=chosen) for name, chosen in executables.items()
        ),
        targets=(ONE, TWO),
    )
    with Preparation(cache) as prepared:
        prepared.begin_early(settings, names, None)
        for target in (ONE, TWO):
            if f"make {target.runtime}" in expected:
                prepared.stub(target)
    assert done == expected
