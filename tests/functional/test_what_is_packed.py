"""Less of everything: no source, no bytecode, another level of it, a part of the standard library."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from making import write_project

from conftest import Frontend

pytestmark = pytest.mark.slow

TABLES = """
[tool.oxidize.executables.small]
script = "app.py"
stdlib = "used"
[tool.oxidize.executables.bare]
script = "app.py"
[[tool.oxidize.executables.bare.rules]]
kind = "source"
source = false
optimize = 2
[tool.oxidize.executables.slow]
script = "app.py"
[[tool.oxidize.executables.slow.rules]]
module = "app"
bytecode = false
[tool.oxidize.executables.fast]
script = "app.py"
interpreter = {optimization-level = 1}
[[tool.oxidize.executables.fast.rules]]
module = "app"
files = "nothing.txt"
include = false
[tool.oxidize.executables.seen]
script = "app.py"
callback = "hooks.py:see"
"""
CODE = """
import app, dataclasses, importlib.util, json, os, subprocess, sys, zoneinfo

@dataclasses.dataclass
class Point:
    x: int

def main():
    "Text."
    print(json.dumps(dataclasses.asdict(Point(1))), app.main.__doc__, sys.flags.optimize)
    print(os.path.exists(app.__cached__), app.__spec__.loader.get_source("app") is None)
    print(importlib.util.find_spec("smtp" + "lib") is not None)
    assert zoneinfo.TZPATH
    code = "import app; print(app.main.__doc__, __debug__)"
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", code])
    assert False, "checked"
    print("no assertions")

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def dist(frontend: Frontend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("packed"), code=CODE, tables=TABLES)
    (project / "hooks.py").write_text(
        "def see(resource):\n    return None if 'smtp' in resource.path.name else resource\n"
    )
    return frontend.build(project, "--no-isolation")


def run(executable: Path) -> tuple[list[str], str]:
    done = subprocess.run([executable], capture_output=True, text=True, check=False)
    return done.stdout.splitlines(), done.stderr


def test_defaults(dist: Path) -> None:
    lines, errors = run(dist / "app")
    assert lines[0] == '{"x": 1} Text. 0'
    assert lines[1:] == ["True False", "True", "Text. True"]
    assert "assert False" in errors


def test_bytecode_only(dist: Path) -> None:
    lines, errors = run(dist / "bare")
    assert lines == ['{"x": 1} None 0', "True True", "True", "None True", "no assertions"]
    assert errors == ""
    assert b"dataclasses.asdict(Point(1))" not in (dist / "bare").read_bytes(), "its own source"
    assert (dist / "bare").stat().st_size < (dist / "app").stat().st_size - 8_000_000


def test_source_only(dist: Path) -> None:
    lines, errors = run(dist / "slow")
    assert lines[0] == '{"x": 1} Text. 0'
    assert lines[1] == "False False"
    assert "AssertionError: checked" in errors


def test_the_level_of_the_interpreter(dist: Path) -> None:
    lines, errors = run(dist / "fast")
    assert lines[0] == '{"x": 1} Text. 1'
    assert lines[-1] == "no assertions"
    assert errors == ""


def test_the_used_part_of_the_standard_library(dist: Path) -> None:
    lines, errors = run(dist / "small")
    assert lines[0] == '{"x": 1} Text. 0'
    assert lines[2:] == ["False", "Text. True"]
    assert "AssertionError: checked" in errors
    assert "assert False" in errors, "tracebacks have their lines"
    assert (dist / "small").stat().st_size < (dist / "app").stat().st_size - 10_000_000


def test_a_callback_has_the_last_word(dist: Path) -> None:
    lines, _ = run(dist / "seen")
    assert lines[2] == "False"
