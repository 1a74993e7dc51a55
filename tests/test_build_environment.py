"""Environments for building wheels are made once, and anew for other versions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from build.env import DefaultIsolatedEnv

from oxidize_build.build_environment import KIND, kept_environment
from oxidize_build.cache import Cache
from oxidize_build.errors import DependencyError

SCRIPT = {"tool-{version}.data/scripts/tool": b"#!python\nimport tool; print(tool.__file__)\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that pip knows of."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def make_tool(make_wheel: Any, version: str, folder: Path) -> None:
    scripts = {name.format(version=version): text for name, text in SCRIPT.items()}
    files = {"tool.py": f"version = {version!r}\n".encode(), **scripts}
    make_wheel("tool", version, files, folder=folder, requires=["helper"], executable=scripts)


def version_in(python: str) -> str:
    code = "import tool, helper; print(tool.version)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def environments(cache: Cache) -> list[Path]:
    return [entry.path for entry in cache.entries() if entry.kind == KIND]


def test_made_once_and_anew_for_another_version(make_wheel: Any, cache: Cache, folder: Path) -> None:
    make_wheel("helper", "1.0", {"helper.py": b""}, folder=folder)
    make_tool(make_wheel, "1.0", folder)
    first = kept_environment(["tool"], cache)
    assert first is not None
    assert version_in(first.python) == "1.0"
    assert kept_environment(["tool"], cache) == first
    assert len(environments(cache)) == 1
    make_tool(make_wheel, "2.0", folder)
    second = kept_environment(["tool"], cache)
    assert second is not None
    assert (version_in(first.python), version_in(second.python)) == ("1.0", "2.0")
    assert len(environments(cache)) == 2


def test_scripts_run_where_the_environment_is(make_wheel: Any, cache: Cache, folder: Path) -> None:
    make_wheel("helper", "1.0", {"helper.py": b""}, folder=folder)
    make_tool(make_wheel, "1.0", folder)
    environment = kept_environment(["tool"], cache)
    assert environment is not None
    variables = {**os.environ, **environment.variables}
    done = subprocess.run(["tool"], env=variables, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(environments(cache)[0])


def test_none_of_a_requirement_that_is_a_place(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept_environment(["tool @ file:///tool"], cache) is None
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    assert kept_environment(["tool"], cache) is None


@pytest.mark.usefixtures("folder")
def test_a_requirement_that_does_not_exist(cache: Cache) -> None:
    with pytest.raises(DependencyError, match="the build's dependency missing-tool cannot be provided"):
        kept_environment(["missing-tool"], cache)
    assert environments(cache) == []


def test_nothing_is_left_of_one_that_fails(
    make_wheel: Any, cache: Cache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel("helper", "1.0", {"helper.py": b""}, folder=folder)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(DefaultIsolatedEnv, "install", fail)
    with pytest.raises(ZeroDivisionError):
        kept_environment(["helper"], cache)
    assert environments(cache) == []
