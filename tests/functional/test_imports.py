"""Imports: in the order of the search path, with the loaders and finders that code knows from importlib."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import PROJECTS

CASES: dict[str, Any] = {
    "before": ["outside", "outside"],
    "after": ["packed", "outside"],
    "between": ["outside", False],
    "relative": "outside",
    "zipped": ["zipped", "zipped"],
    "off_the_path": "not found",
    "namespace": ["packed", "outside", 2],
    "regular_after_namespace": True,
    "extended": [2, "outside", "packed"],
    "replaced": "outside",
    "main_elsewhere": "main of a directory",
    "reloaded": ["packed", True, "packed_module"],
    "loader": {
        "class": True,
        "name": "packed_package",
        "path": True,
        "is_package": True,
        "source": "import pkgutil",
        "data": "some data\n",
        "is_resource": [True, False],
        "contents": ["__init__.py", "__pycache__", "data.txt", "part.py"],
        "code": True,
        "text": "some data\n",
        "get_data": "some data\n",
    },
    "path_finder": ["FileFinder", ["packed_module", "packed_package"], "packed"],
    "from_location": "packed",
    "derived": ["outside", "derived"],
    "derived_text": "text",
    "meta_path_is_no_list": "packed",
    "unencodable": True,
    "optimised": "False packed None",
    "collector": [
        [True, False, False],
        [False, False, False],
        [False, False, True],
        [False, True, True],
        [True, True, True],
    ],
    "garbage": True,
}


@pytest.fixture(scope="module")
def imports(build: Callable[[Path], Path]) -> Path:
    return build(PROJECTS / "imports") / "imports"


def ask(*command: str | Path, scratch: Path) -> Any:
    environment = {"PATH": os.environ["PATH"], "SCRATCH": str(scratch)}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("case", CASES)
def test_imports(case: str, imports: Path, tmp_path: Path) -> None:
    assert ask(imports, case, scratch=tmp_path) == CASES[case]


def test_garbage_is_not_collected_during_start_up(imports: Path, tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv.pop()); from imports import main; main()"
    project = PROJECTS / "imports"
    python = ask(sys.executable, "-S", "-c", code, "collections", project, scratch=tmp_path)
    assert ask(imports, "collections", scratch=tmp_path) < python
