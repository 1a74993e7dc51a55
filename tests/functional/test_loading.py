"""Loading: an executable's modules get the code that marshal would make, sooner."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from making import write_files

from conftest import PROJECTS, Frontend, interpreters

DEEP = 150
MODULES = {
    "long_parts.py": f"""\
NAME = "{"x_" * 200}"
TEXT = "{"x. " * 200}"
BYTES = b"{"x" * 300}"
TUPLE = ({", ".join(f"{number}.5" for number in range(300))})
""",
    "many_names.py": "def function():\n"
    + "".join(f"    global name_{i}; name_{i} = name_{i}.attribute_{i}\n" for i in range(300)),
    "too_deep.py": f"VALUE = {'(' * DEEP}1{',)' * DEEP}\n",
}
"""Sizes that take more than a byte, and what is nested deeper than the stub reads itself."""
OWN = {(3, 13), (3, 14)}
"""The versions of CPython whose code the stub makes itself, if they have the GIL."""


def version(python: Path) -> tuple[int, ...]:
    command: list[str | Path] = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    return tuple(map(int, subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()))


def write_project(folder: Path, settings: str = "") -> Path:
    project = write_files(Path(shutil.copytree(PROJECTS / "loading", folder / "loading")), MODULES)
    modules = ", ".join(f'"{Path(name).stem}"' for name in MODULES)
    text = (project / "pyproject.toml").read_text("utf-8")
    text = text.replace("py-modules = [", f"py-modules = [{modules}, ")
    (project / "pyproject.toml").write_text(text + settings, "utf-8")
    return project


def compare(executable: Path) -> dict[str, int]:
    """Return what a comparison of all packed code with marshal's counts; it raises at a difference."""
    done = subprocess.run([executable], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    assert counts["modules"] > len(sys.stdlib_module_names)  # most of them are packages or not extensions
    assert counts["code objects"] > 10_000
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_code_is_what_marshal_makes(
    python: Path, make_frontend: Callable[[Path], Frontend], tmp_path: Path
) -> None:
    project = write_project(tmp_path)
    counts = compare(make_frontend(python).build(project, "--no-isolation") / "loading")
    if version(python) in OWN:  # but for modules that the comparison needs, and one that is too deep
        assert 0 < counts["marshalled"] < counts["modules"] / 4
    else:
        assert counts["marshalled"] == counts["modules"]


@pytest.mark.slow
def test_code_of_a_built_runtime(built_runtime: Path, frontend: Frontend, tmp_path: Path) -> None:
    settings = f"\n[tool.oxidize]\nruntime = {{ path = {json.dumps(str(built_runtime))} }}\n"
    project = write_project(tmp_path / "own", settings)
    counts = compare(frontend.build(project, "--no-isolation") / "loading")
    assert counts["marshalled"] < counts["modules"] / 4
    project = write_project(tmp_path / "marshal", f"{settings}immortal-constants = false\n")
    counts = compare(frontend.build(project, "--no-isolation") / "loading")
    assert counts["marshalled"] == counts["modules"]
