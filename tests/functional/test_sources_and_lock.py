"""What goes into an executable: every kind of source, offline, and the same again from a lock."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from making import write_files, write_project

from conftest import Frontend

pytestmark = pytest.mark.slow

MakeWheel = Callable[..., Path]

TABLES = """
[dependency-groups]
tools = ["gamma", {include-group = "base"}]
base = ["zeta"]

[tool.oxidize]
dependencies = ["alpha>=1"]
requirements = ["needs/pinned.txt"]
groups = ["tools"]
wheels = ["vendor/*.whl"]
package-roots = ["more"]
files = [
  {from = "data/**/*.json", to = "share/app"},
  {from = "NOTICE", to = "site-packages/app_data"},
  {from = "docs", to = "docs"},
]

[tool.oxidize.executables.other]
command = "import alpha, theta; print(theta.VALUE)"
dependencies = ["theta"]
"""
CODE = """
import importlib.metadata, importlib.util, json, pathlib, sys

def main():
    import alpha, beta, gamma, delta, zeta, extra_root.inner
    print(alpha.VALUE, beta.VALUE, gamma.VALUE, delta.VALUE, zeta.VALUE, extra_root.inner.VALUE)
    print(importlib.metadata.version("alpha"), importlib.util.find_spec("theta"))
    root = pathlib.Path(sys.prefix)
    print(json.loads((root / "share/app/deep/prices.json").read_text()))
    site = pathlib.Path(alpha.__file__).parent
    print((site / "app_data/NOTICE").read_text(), sorted(path.name for path in (root / "docs").iterdir()))
"""
SAID = "1 1 1 1 1 7\n1.1 None\n{'a': 1}\nnotice ['a.txt', 'b.txt']\n"


@pytest.fixture
def offline(frontend: Frontend, make_wheel: MakeWheel, tmp_path: Path) -> Frontend:
    """A front end for which there is a folder of wheels, and no index."""
    links = tmp_path / "links"
    make_wheel("alpha", "1.0", folder=links)
    make_wheel("alpha", "1.1", folder=links, requires=["beta"])
    for name in ("beta", "gamma", "zeta", "theta"):
        make_wheel(name, folder=links, files={f"{name}.py": b"VALUE = 1\n"})
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links), "PIP_CONFIG_FILE": "/dev/null"}
    return replace(frontend, environment={**frontend.environment, **own})


@pytest.fixture
def project(make_wheel: MakeWheel, tmp_path: Path) -> Path:
    make_wheel("delta", folder=tmp_path / "project" / "vendor", files={"delta.py": b"VALUE = 1\n"})
    made = write_project(tmp_path / "project", code=CODE, tables=TABLES)
    return write_files(
        made,
        {
            "needs/pinned.txt": "-r more.txt\n",
            "needs/more.txt": "beta==1.0\n",
            "more/extra_root/__init__.py": "",
            "more/extra_root/inner.py": "VALUE = 7\n",
            "more/extra_root/__pycache__/inner.cpython-39.pyc": "old",
            "data/deep/prices.json": '{"a": 1}',
            "data/deep/other.txt": "",
            "NOTICE": "notice",
            "docs/a.txt": "",
            "docs/b.txt": "",
        },
    )


def oxidize(frontend: Frontend, project: Path, command: str) -> subprocess.CompletedProcess[str]:
    return frontend.run("-m", "oxidize_build", command, "--no-isolation", cwd=project)


def said(executable: Path) -> str:
    return subprocess.run([executable], capture_output=True, text=True, check=True, cwd="/").stdout


def test_every_source_and_the_same_from_a_lock(offline: Frontend, project: Path) -> None:
    built = oxidize(offline, project, "build")
    assert built.returncode == 0, built.stderr
    assert said(project / "dist/app") == SAID
    assert said(project / "dist/other") == "1\n"
    before = {path.name: path.read_bytes() for path in (project / "dist").iterdir()}

    for _ in range(2):
        locked = oxidize(offline, project, "lock")
        assert (locked.returncode, locked.stdout) == (0, f"{project / 'pylock.toml'}\n"), locked.stderr
    lock = project / "pylock.toml"
    packages = {package["name"]: package for package in tomllib.loads(lock.read_text())["packages"]}
    assert list(packages) == ["alpha", "beta", "gamma", "theta", "zeta"]
    assert packages["theta"]["tool"] == {"oxidize": {"executables": ["other"]}}
    assert packages["alpha"]["version"] == "1.1"
    text = lock.read_text()
    assert oxidize(offline, project, "lock").returncode == 0
    assert lock.read_text() == text

    pyproject = project / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace("[tool.oxidize]\n", '[tool.oxidize]\nlock = "pylock.toml"\n')
    )
    # the lock tells paths from where it is: without them pip has to find the files
    lock.write_text(re.sub(r'path = "[^"]*/', 'path = "', text))
    again = oxidize(offline, project, "build")
    assert again.returncode == 0, again.stderr
    assert {path.name: path.read_bytes() for path in (project / "dist").iterdir()} == before

    refuse_an_altered_hash(offline, project, text, before)
    refuse_what_the_lock_does_not_hold(offline, project)


def refuse_an_altered_hash(offline: Frontend, project: Path, text: str, before: dict[str, bytes]) -> None:
    right = tomllib.loads(text)["packages"][2]["wheels"][0]["hashes"]["sha256"]
    for locked in (text, re.sub(r'path = "[^"]*/', 'path = "', text)):
        (project / "pylock.toml").write_text(locked.replace(right, right[::-1]))
        refused = oxidize(offline, project, "build")
        assert refused.returncode == 69
        assert "gamma-1.0-py3-none-any.whl" in refused.stderr.partition("hint")[0]
        assert "Traceback" not in refused.stderr
        assert right in refused.stderr
    assert {path.name: path.read_bytes() for path in (project / "dist").iterdir()} == before


def refuse_what_the_lock_does_not_hold(offline: Frontend, project: Path) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"alpha>=1"', '"alpha>=1", "iota"'))
    refused = oxidize(offline, project, "build")
    assert refused.returncode == 69
    assert "error: pylock.toml does not hold iota, which is required" in refused.stderr
