"""Snapshots are made of versions of Python that have been looked at; the others are refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oxidize_build.errors import SnapshotError
from oxidize_build.link import COMPILE_FLAGS
from oxidize_build.runtime import Runtime
from oxidize_build.settings import EntryPoint, Executable
from oxidize_build.snapshot import check_possible

STUB = Path(__file__).parents[1] / "stub"
TELL = """\
#include <stdio.h>
#include "snapshot_cpython.h"

int
main(void)
{
    const char *why = snapshot_cpython_unsupported();
    puts(why != NULL ? why : "supported");
    return snapshot_cpython_restore(false);
}
"""


def headers_of(runtime: Runtime, folder: Path, hexversion: int, *, free_threaded: bool = False) -> list[str]:
    """Return the compiler's options for *runtime*'s headers as if they were those of another version."""
    (original,) = (path for path in runtime.include_dirs if (path / "patchlevel.h").exists())
    shutil.copytree(original, folder)
    text = (folder / "patchlevel.h").read_text()
    for name, value in {
        "PY_VERSION": f'"{hexversion >> 24}.{hexversion >> 16 & 0xFF}.x"',
        "PY_VERSION_HEX": hex(hexversion),
    }.items():
        text = re.sub(rf"#define {name}\s(?:.*\\\n)*.*\n", f"#define {name} {value}\n", text)
    (folder / "patchlevel.h").write_text(text)
    if free_threaded:
        with (folder / "pyconfig.h").open("a") as file:
            file.write("#define Py_GIL_DISABLED 1\n")
    return [f"-isystem{path}" for path in (folder, *runtime.include_dirs)]


@pytest.mark.parametrize(
    ("hexversion", "free_threaded", "told"),
    [
        (0x030F00F0, False, "snapshots are not supported for Python 3.15.x, but for 3.12,"),
        (0x04000000, False, "snapshots are not supported for Python 4.0.x, but for 3.12,"),
        (0x030B07F0, False, "snapshots are not supported for Python 3.11.x, but for 3.12,"),
        (0x030E00F0, False, "snapshots are not supported for Python 3.14.x, but for 3.12,"),
        (0x030D00F0, True, "snapshots are not supported for free-threaded Pythons"),
    ],
)
def test_the_stub_knows_for_which_versions_it_was_written(
    runtime: Runtime, tmp_path: Path, hexversion: int, free_threaded: bool, told: str
) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    main = tmp_path / "main.c"
    main.write_text(TELL)
    includes = headers_of(runtime, tmp_path / "headers", hexversion, free_threaded=free_threaded)
    program = tmp_path / "program"
    sources = [main, STUB / "snapshot_cpython.c"]
    command: list[str | Path] = [
        "gcc",
        *COMPILE_FLAGS,
        "-no-pie",
        "-Werror",
        f"-I{STUB}",
        *includes,
        *sources,
        "-o",
        program,
    ]
    subprocess.run(command, check=True)
    done = subprocess.run([program], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"version": "3.15.0", "hexversion": 0x030F00F0},
            "Python 3.15.0: snapshots are made for 3.12, 3.13 and 3.14 from 3.14.1",
        ),
        (
            {"version": "3.11.7", "hexversion": 0x030B07F0},
            "Python 3.11.7: snapshots are made for 3.12, 3.13 and 3.14 from 3.14.1",
        ),
        ({"free_threaded": True}, "Python 3.13.5 is free-threaded"),
        ({"platform": "linux-aarch64"}, "its runtime is for linux-aarch64"),
    ],
)
def test_the_build_says_what_there_is_no_snapshot_for(
    toy_runtime: Runtime, changes: dict[str, Any], told: str
) -> None:
    executable = Executable("app", EntryPoint("app", "main"), snapshot=True)
    with pytest.raises(SnapshotError, match=re.escape(told)):
        check_possible(executable, replace(toy_runtime, **changes))
    check_possible(executable, toy_runtime)
    check_possible(replace(executable, snapshot=False), replace(toy_runtime, **changes))
