"""Several executables for several targets, built by one command: what they share is done once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from making import names, write_project

from conftest import Frontend, interpreters

CODE = "import sys, pyflakes\ndef main():\n    print(sys.version_info[:2], pyflakes.__version__)\n"
METADATA = 'dependencies = ["pyflakes==3.2.0"]\n[project.scripts]\none = "app:main"\ntwo = "app:main"\n'
NAMES = ("one", "two", "three")
THREE = '[tool.oxidize.executables.three]\ncommand = "import app; app.main()"\n'
SHARED = ("Make the stub for Python VERSION", "Resolve dependencies", "Collect files")
STAGE = re.compile(r"^(.*) \(\d+\.\d s\)$", re.MULTILINE)


def version(python: Path) -> str:
    """Return what the executables made of *python* are to print."""
    code = "import sys; print(sys.version_info[:2], '3.2.0')"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout


def oxidize(frontend: Frontend, project: Path, *arguments: str) -> Counter[str]:
    """Run ``oxidize build`` and return how often each stage has run."""
    done = frontend.run("-m", "oxidize_build", "build", "--no-isolation", *arguments, cwd=project)
    assert done.returncode == 0, done.stderr
    return Counter(re.sub(r"3\.\d+\.\d+.*", "VERSION", title) for title in STAGE.findall(done.stderr))


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_three_executables_for_two_targets(frontend: Frontend, tmp_path: Path, same: bool) -> None:
    here, other = Path(sys.executable).resolve(), interpreters()[-1].resolve()
    if same:
        other = here
    elif version(here) == version(other):
        pytest.skip("OXIDIZE_TEST_PYTHONS names no other interpreter")
    targets = f"[tool.oxidize.targets.other]\nruntime.path = '{other}'\n[tool.oxidize.targets.here]\n"
    tables = f"[tool.oxidize]\nruntime.path = '{here}'\n{THREE}{targets}"
    project = write_project(tmp_path, code=CODE, metadata=METADATA, tables=tables)
    stages = oxidize(frontend, project)
    pythons = {f"{name}-other": other for name in NAMES} | {f"{name}-here": here for name in NAMES}
    assert names(project / "dist") == sorted(pythons)
    assert [stages[title] for title in SHARED] == [1 if same else 2] * 3
    for name, python in pythons.items():
        assert stages[f"{name}: write the executable"] == 1
        done = subprocess.run([project / "dist" / name], capture_output=True, text=True, check=True)
        assert done.stdout == version(python)


@pytest.mark.slow
def test_one_of_the_targets(frontend: Frontend, tmp_path: Path) -> None:
    tables = f"{THREE}[tool.oxidize.targets.here]\n[tool.oxidize.targets.other]\n"
    project = write_project(tmp_path, code=CODE, metadata=METADATA, tables=tables)
    oxidize(frontend, project, "--target", "here", "two")
    assert names(project / "dist") == ["two-here"]
    config = ("-C", "oxidize.executable=one", "-C", "oxidize.target=other")
    done = frontend.run("-m", "build", "--wheel", "--no-isolation", *config, cwd=project)
    assert done.returncode == 0, done.stderr
    assert names(project / "dist") == ["app-1.0-py3-none-any.whl", "one-other", "two-here"]
