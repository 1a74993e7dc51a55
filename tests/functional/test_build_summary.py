"""The account that a build gives of itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from making import write_project

from conftest import Frontend

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("summary") / "app")


def test_json(frontend: Frontend, project: Path) -> None:
    done = frontend.run("-m", "oxidize_build", "build", "--no-isolation", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (app,) = told["executables"]
    built = project / "dist" / "app"
    assert app["path"] == str(built)
    assert app["runs"] == "app:main"
    assert app["size"] == built.stat().st_size == sum(app["parts"].values())
    assert all(size > 0 for size in app["parts"].values())
    assert app["sha256"] == hashlib.sha256(built.read_bytes()).hexdigest()
    assert app["floor"]["libc"] == "glibc"
    assert app["modules"] > 300
    assert sum(app["placement"].values()) == app["placement"]["memory"]
    assert "development tools" in {left_out["reason"] for left_out in app["left_out"]}
    assert app["stages"][0]["title"] == "compile bytecode"
    titles = [stage["title"] for stage in told["stages"]]
    assert "Make the project's wheel" in titles
    assert "Resolve dependencies" in titles


def test_plain_lines(frontend: Frontend, project: Path) -> None:
    done = frontend.run("-m", "oxidize_build", "build", "--no-isolation", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{project / 'dist' / 'app'}\n"
    lines = done.stderr.splitlines()
    for name in ("runs", "packed", "left out", "size", "time", "needs", "sha256"):
        assert any(line.startswith(f"app: {name}: ") for line in lines), done.stderr
