"""Whether an executable has to be built before it is run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from oxidize_build import run as module
from oxidize_build.cache import Cache
from oxidize_build.errors import BuildFailedError, SettingsError
from oxidize_build.project_state import project_digest
from oxidize_build.run import Wanted, obtain_executable


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\n[project.scripts]\napp = "app:main"\n'
    )
    (folder / "app.py").write_text("def main(): pass\n")
    return folder


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, project: Path) -> list[str]:
    """The names that have been built, by a stand-in for the build."""
    done: list[str] = []
    file = project / "dist" / "app"
    account = json.dumps({"executables": [{"name": "app", "path": str(file)}]})

    def build(command: list[str], _said: object, name: str) -> bytes:
        assert command[-1] == name
        done.append(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text("built")
        return account.encode()

    monkeypatch.setattr(module, "_patiently", build)
    return done


def test_nothing_is_built_twice(project: Path, cache: Cache, builds: list[str]) -> None:
    for _ in range(2):
        assert obtain_executable(Wanted(project, None), cache) == project / "dist" / "app"
    assert builds == ["app"]


def edit(project: Path) -> None:
    (project / "app.py").write_text("def main(): return 1\n")


def add(project: Path) -> None:
    (project / "data.txt").touch()


def remove(project: Path) -> None:
    (project / "dist" / "app").unlink()


def replace(project: Path) -> None:
    (project / "dist" / "app").write_text("something else")


@pytest.mark.parametrize("change", [edit, add, remove, replace])
def test_a_change_makes_it_be_built_again(
    change: Callable[[Path], None], project: Path, cache: Cache, builds: list[str]
) -> None:
    obtain_executable(Wanted(project, None), cache)
    change(project)
    for _ in range(2):
        assert obtain_executable(Wanted(project, None), cache).read_text() == "built"
    assert builds == ["app", "app"]


def test_which_one_is_meant(project: Path, cache: Cache, builds: list[str]) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('tool = "app:main"\n')
    with pytest.raises(SettingsError, match="app, tool"):
        obtain_executable(Wanted(project, None), cache)
    obtain_executable(Wanted(project, "tool"), cache)
    assert builds == ["tool"]


def test_a_build_that_fails(project: Path, cache: Cache) -> None:
    with pytest.raises(BuildFailedError, match="there is no executable 'ap'") as caught:
        obtain_executable(Wanted(project, "ap"), cache)
    assert caught.value.exit_status in {69, 78}
    assert not any(path.is_file() for path in cache.root.rglob("*"))


def test_a_long_build_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    code = "import sys, time; time.sleep(0.3); print('result'); print('noise', file=sys.stderr)"
    with open(os.devnull, "w+b") as said:  # noqa: PTH123 - as it is opened there
        assert module._patiently([sys.executable, "-c", code], said, "app") == b"result\n"
    assert capsys.readouterr().err == "building app ...\n"


@pytest.mark.parametrize(
    "unimportant",
    [
        "dist/app",
        "build/lib/app.py",
        ".git/HEAD",
        "pkg/__pycache__/a.pyc",
        "app.egg-info/PKG-INFO",
        "env/pyvenv.cfg",
    ],
)
def test_what_is_no_part_of_the_project(unimportant: str, project: Path) -> None:
    before = project_digest(project)
    (project / unimportant).parent.mkdir(parents=True)
    (project / unimportant).touch()
    assert project_digest(project) == before


@pytest.mark.parametrize("important", ["pkg/build/data.bin", "pkg/dist/x", ".hidden", "a\udcff"])
def test_what_is_a_part_of_the_project(important: str, project: Path) -> None:
    before = project_digest(project)
    (project / important).parent.mkdir(parents=True, exist_ok=True)
    (project / important).touch()
    named = project_digest(project)
    (project / important).write_text("content")
    assert len({before, named, project_digest(project)}) == 3
