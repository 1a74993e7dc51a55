"""Modules of the standard library that are changed for packed files."""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

from oxidize_build.adaptation import adapt
from oxidize_build.resources import Content, SourceModule

STRICT = b"""\
import os, stat
def realpath(path, part_count):
    newpath = path
    st_mode = os.lstat(newpath).st_mode
    return part_count and not stat.S_ISDIR(st_mode)
"""


def module(name: str, source: bytes) -> SourceModule:
    return SourceModule(
        name, is_package=False, path=PurePosixPath(f"{name}.py"), content=Content(source), origin="python"
    )


def test_posixpath_asks_whether_something_is_below_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapted = ModuleType("adapted")
    exec(adapt(module("posixpath", STRICT)).content.read(), vars(adapted))
    file = tmp_path / "file"
    file.touch()
    assert adapted.realpath(str(file), 1)
    assert adapted.realpath(str(file).encode(), 1)
    assert not adapted.realpath(str(tmp_path), 1)
    lstat = adapted.os.lstat
    monkeypatch.setattr(adapted.os, "lstat", lambda path: lstat(path.rstrip("/")))
    assert not adapted.realpath(str(file), 1)


def test_other_modules_and_other_versions_stay_as_they_are() -> None:
    for other in (module("ntpath", STRICT), module("posixpath", b"import stat\n")):
        assert adapt(other) is other


def test_this_python_has_at_most_one_place_to_adapt() -> None:
    source = Path(posixpath.__file__).read_bytes()
    assert source.count(b"S_ISDIR(") <= 1
    found = module("posixpath", source)
    assert (adapt(found) is found) == (b"S_ISDIR(" not in source)
