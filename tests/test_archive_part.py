"""A static library without some of its modules, as gcc makes and links it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from oxidize_build.archive_part import write_part

Library: TypeAlias = Callable[..., Path]

SOURCES = {
    "core": (
        "extern int PyInit_kept(void), PyInit_gone(void), PyInit_shared(void), shared_value(void);\n"
        "int Py_Run(void) { return PyInit_kept() + PyInit_gone() + PyInit_shared() + shared_value(); }\n"
    ),
    "kept": "extern int kept_helper(void); int PyInit_kept(void) { return kept_helper(); }\n",
    "kept_helper_whose_name_is_longer_than_a_header_has_room_for": "int kept_helper(void) { return 1; }\n",
    "gone": "extern int gone_helper(void); int PyInit_gone(void) { return gone_helper(); }\n",
    "gone_helper": "extern int outside(void); int gone_helper(void) { return outside(); }\n",
    "shared": "int PyInit_shared(void) { return 2; } int shared_value(void) { return 3; }\n",
}
MAIN = "extern int Py_Run(void); int PyInit_gone(void) { return 10; } int main(void) { return Py_Run(); }\n"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    for name, text in SOURCES.items():
        (tmp_path / f"{name}.c").write_text(text)
    subprocess.run(["gcc", "-c", *(f"{name}.c" for name in SOURCES)], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rcs", "libtoy.a", *(f"{name}.o" for name in SOURCES)], cwd=tmp_path, check=True)
    return tmp_path / "libtoy.a"


def members(library: Path) -> set[str]:
    listed = subprocess.run(["ar", "t", library], check=True, capture_output=True, text=True).stdout
    return {name.removesuffix(".o") for name in listed.split()}


def test_modules_go_with_what_only_they_need(library: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.a"
    assert write_part(library, part, {"gone", "shared", "absent"}) == ["gone"]
    assert members(part) == SOURCES.keys() - {"gone", "gone_helper"}
    (tmp_path / "main.c").write_text(MAIN)
    program = tmp_path / "program"
    whole = ["-Wl,--whole-archive", str(part), "-Wl,--no-whole-archive"]
    subprocess.run(["gcc", "-o", str(program), str(tmp_path / "main.c"), *whole], check=True)
    assert subprocess.run([program], check=False).returncode == 1 + 10 + 2 + 3


def test_without_less_nothing_goes(library: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.a"
    assert write_part(library, part, ()) == []
    assert members(part) == SOURCES.keys()


def test_a_damaged_library_is_refused(library: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.a"
    damaged.write_bytes(library.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"ends too early|damaged"):
        write_part(damaged, tmp_path / "part.a", {"gone"})
