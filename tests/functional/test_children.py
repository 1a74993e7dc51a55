"""Child processes: sys.executable, multiprocessing, packed programs; nothing leaks, nothing multiplies."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import PROJECTS

Build = Callable[[Path], Path]


@pytest.fixture(scope="module")
def children(build_either: Build) -> Path:
    return build_either(PROJECTS / "children") / "children"


def ask(children: Path, what: str, scratch: Path, **environment: str) -> Any:
    result = subprocess.run(
        [children, what],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": os.environ["PATH"], "SCRATCH": str(scratch), "TMPDIR": str(scratch), **environment},
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_sys_executable_is_a_working_python(children: Path, tmp_path: Path) -> None:
    assert ask(children, "executable", tmp_path) == {
        "-c": [0, "['-c', 'a'] 0 True", ""],
        "-O": [0, "['-c'] 1 True", ""],
        "-E -s -I -u": [0, "1", ""],
        "-X -W": [0, "{'utf8': True} ['error']", ""],
        "-m": [0, "worker ['x'] children.worker", ""],
        "pip": "pip 25.3",
        "pip list": True,
        "script": [0, "['b'] 42 __main__", ""],
        "-": [0, "['-', 'c']", ""],
        "stdin": [0, "typed", ""],
        "--version": True,
        "status": [3, "", ""],
        "shell": [0, "42\ndone", ""],
        "env": [0, "1", ""],
        "system": 4,
        "popen": "8\n",
        "posix_spawn": 9,
        "no close_fds": [0, "1", ""],
        "new session": [0, "2", ""],
        "grandchild": [0, "b'5\\n'", ""],
        "again": [0, "hello", ""],
        "by name": [0, "hello", ""],
        "other names": "PYTHON-config PYTHON.13",
        "missing": "127",
    }


def test_children_of_a_program_whose_current_directory_is_packed(children: Path, tmp_path: Path) -> None:
    assert ask(children, "from_a_packed_directory", tmp_path) == [True, 7]


def test_subinterpreters_have_the_same_names(children: Path, tmp_path: Path) -> None:
    assert ask(children, "subinterpreter", tmp_path) == "['SiteBuiltin', True, None, False]"
    frozen = children.with_name("frozen")
    assert ask(frozen, "subinterpreter", tmp_path) == "['SiteBuiltin', True, True, True]"


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(method: str, children: Path, tmp_path: Path) -> None:
    squares = [0, 1, 4, 9, 16]
    assert ask(children, method, tmp_path) == [squares, "from the child", 0, squares]


def test_shared_memory_and_its_tracker(children: Path, tmp_path: Path) -> None:
    assert ask(children, "by_shared_memory", tmp_path) == "hello"


def test_loky(children: Path, tmp_path: Path) -> None:
    assert ask(children, "with_loky", tmp_path) == [0, 1, 4, 9, 16]


def test_packed_programs(children: Path, tmp_path: Path) -> None:
    assert ask(children, "programs", tmp_path) == {
        "sh": [0, "shell x", ""],
        "py": [0, "python ['y'] True", ""],
    }


def test_children_inherit_the_environment_as_it_is(children: Path, tmp_path: Path) -> None:
    names, count = ask(children, "environment", tmp_path, LD_LIBRARY_PATH="/nowhere", PYTHONPATH="/nowhere")
    assert names == ["LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SCRATCH", "TMPDIR"]
    assert count[1] == str(len(names))


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_with_sys_frozen(method: str, children: Path, tmp_path: Path) -> None:
    """The application never calls freeze_support, and does not multiply for that."""
    squares = [0, 1, 4, 9, 16]
    frozen = children.with_name("frozen")
    assert ask(frozen, method, tmp_path) == [squares, "from the child", 0, squares]
    assert ask(frozen, "fork bomb", tmp_path) == [0, 0]


def test_sys_frozen_and_what_belongs_to_it(children: Path, tmp_path: Path) -> None:
    assert ask(children.with_name("frozen"), "masquerade", tmp_path) == [True, True, True]
    plain = subprocess.run([children, "masquerade"], capture_output=True, text=True, check=False)
    assert "module 'sys' has no attribute 'frozen'" in plain.stderr


def test_no_fork_bomb(children: Path, tmp_path: Path) -> None:
    """A child that imports the main module again is the interpreter, never the application."""
    assert ask(children, "fork bomb", tmp_path) == [0, 0]
