"""What pip has chosen is used again only where it would choose the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oxidize_build.cache import Cache
from oxidize_build.resolutions import Question, answer

Ask = Callable[[Question], int]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place in which pip looks."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    for name in ("HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)
    (tmp_path / "links").mkdir()
    return tmp_path / "links"


@pytest.fixture
def question(tmp_path: Path) -> Question:
    return Question(("demo", "1.0", "requires: other>=1"), (), "Dependencies", ("3.13", "glibc"), tmp_path)


@pytest.fixture
def times_asked(cache: Cache, make_wheel: Any) -> Ask:
    """Return a function that returns how often pip has been asked once a question has been answered."""
    times = 0
    wheel = make_wheel("other", folder=cache.root / "wheels")

    def ask() -> Mapping[str, Path]:
        nonlocal times
        times += 1
        return {"other": wheel}

    def answered(question: Question) -> int:
        assert answer(question, cache, ask) == {"other": wheel}
        return times

    return answered


def test_it_is_asked_once(question: Question, times_asked: Ask) -> None:
    assert [times_asked(question) for _ in range(3)] == [1, 1, 1]


def test_for_ten_minutes(question: Question, times_asked: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    times_asked(question)
    monkeypatch.setattr(time, "time", lambda: now + 590)
    assert times_asked(question) == 1
    monkeypatch.setattr(time, "time", lambda: now + 610)
    assert times_asked(question) == 2
    monkeypatch.setattr(time, "time", lambda: now)  # the clock was set back
    assert times_asked(question) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"project": ("demo", "1.0", "requires: other>=2")},
        {"project": ("demo", "1.0", "extra", "requires: other>=1")},
        {"arguments": ("third",)},
        {"interpreter": ("3.13", "musl")},
    ],
)
def test_another_question(question: Question, times_asked: Ask, change: dict[str, Any]) -> None:
    times_asked(question)
    assert times_asked(replace(question, **change)) == 2


def test_other_settings_of_pip(
    question: Question, times_asked: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    times_asked(question)
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text("[global]\npre = true\n")
    assert times_asked(question) == 2
    monkeypatch.setenv("PIP_PRE", "1")
    assert times_asked(question) == 3


def test_a_wheel_came_to_a_folder(question: Question, times_asked: Ask, folder: Path) -> None:
    times_asked(question)
    (folder / "other-2.0-py3-none-any.whl").touch()
    assert [times_asked(question) for _ in range(2)] == [2, 2]


def test_a_version_came_to_an_index_in_files(
    question: Question, times_asked: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "simple/other/index.html"
    page.parent.mkdir(parents=True)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", (tmp_path / "simple").as_uri())
    assert times_asked(question) == 1
    page.write_text("another page")
    assert [times_asked(question) for _ in range(2)] == [2, 2]


def test_a_file_of_requirements(question: Question, times_asked: Ask, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"# all\nthird>=1 \\\n  --hash=sha256:{'0' * 64}\n\nfourth  # why\n")
    with_file = replace(question, arguments=("--requirement", "requirements.txt"))
    assert [times_asked(with_file) for _ in range(2)] == [1, 1]
    file.write_text("third>=22")
    assert [times_asked(with_file) for _ in range(2)] == [2, 2]


@pytest.mark.parametrize(
    "line", ["-e ../library", "x @ file:///x", "./x.tar.gz", "-r more.txt", "-c held.txt"]
)
def test_a_file_of_requirements_that_leads_elsewhere(
    question: Question, times_asked: Ask, tmp_path: Path, line: str
) -> None:
    (tmp_path / "requirements.txt").write_text(f"third\n{line}\n")
    with_file = replace(question, arguments=("--requirement", "requirements.txt"))
    assert [times_asked(with_file) for _ in range(2)] == [1, 2]


def test_a_local_wheel(question: Question, times_asked: Ask, make_wheel: Any) -> None:
    wheel = make_wheel("third")
    with_wheel = replace(question, arguments=(str(wheel),))
    assert [times_asked(with_wheel) for _ in range(2)] == [1, 1]
    os.utime(wheel, (0, 0))
    assert times_asked(with_wheel) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"project": ("demo", "1.0", "requires: other @ git+https://example.org/other")},
        {"arguments": ("third @ file:///third",)},
        {"arguments": ("../third",)},
    ],
)
def test_what_is_built_of_a_place(question: Question, times_asked: Ask, change: dict[str, Any]) -> None:
    asked = replace(question, **change)
    assert [times_asked(asked) for _ in range(2)] == [1, 2]


def test_a_dependency_that_is_built_of_a_place(question: Question, cache: Cache, make_wheel: Any) -> None:
    wheel = make_wheel("other", folder=cache.root / "wheels", requires=["third @ file:///third"])
    times: list[None] = []

    def ask() -> Mapping[str, Path]:
        times.append(None)
        return {"other": wheel}

    for _ in range(2):
        answer(question, cache, ask)
    assert len(times) == 2


def test_without_caches(question: Question, times_asked: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    assert [times_asked(question) for _ in range(2)] == [1, 2]


def test_a_wheel_has_been_removed(question: Question, cache: Cache, make_wheel: Any) -> None:
    made: list[Path] = []

    def ask() -> Mapping[str, Path]:
        made.append(make_wheel("other", folder=cache.root / "wheels"))
        return {"other": made[-1]}

    answer(question, cache, ask)["other"].unlink()
    assert answer(question, cache, ask)["other"].is_file()
    assert len(made) == 2
