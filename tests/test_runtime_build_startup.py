"""Code that a start executes gets sections that linkers put side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from toolchain_samples import CLANG

from oxidize_build.runtime.build.plan import Plan, Workshop
from oxidize_build.runtime.build.startup import executed_functions, gather_start, start_sections
from oxidize_build.runtime.build.steps import Tools

REPORT = """Counters:
  ../source/Modules/signalmodule.c;signal_clear:
    Hash: 0x09a4e9b7cd0c23f8
    Counters: 7
    Block counts: [1, 0, 0, 0, 0, 0, 0]
  PyTuple_Pack:
    Hash: 0x0a4d0ad3efffffff
    Counters: 1
    Block counts: [12]
Instrumentation level: IR  entry_first = 0
Functions shown: 2
Total functions: 11836
"""


def test_names_of_functions_without_their_files() -> None:
    assert executed_functions(REPORT) == {"signal_clear", "PyTuple_Pack"}


def test_only_sections_of_functions_that_were_executed() -> None:
    names = [
        *(".text", ".text.hot.PyTuple_Pack", ".text.PyTuple_Packed", ".text.unlikely.signal_clear.llvm.123"),
        *(".rela.text.hot.PyTuple_Pack", ".data.PyTuple_Pack", ".text.startup.PyTuple_Pack"),
    ]
    assert start_sections(names, executed_functions(REPORT)) == {
        ".text.hot.PyTuple_Pack": ".text.startup.PyTuple_Pack",
        ".text.unlikely.signal_clear.llvm.123": ".text.startup.signal_clear.llvm.123",
    }


def test_sections_of_a_library_are_renamed(tmp_path: Path) -> None:
    objcopy = shutil.which("objcopy")
    if objcopy is None:
        pytest.skip("needs binutils")
    source = tmp_path / "code.c"
    source.write_text("int PyTuple_Pack(void) { return 1; }\nint other(void) { return PyTuple_Pack(); }\n")
    subprocess.run(["gcc", "-ffunction-sections", "-c", source, "-o", tmp_path / "code.o"], check=True)
    library = tmp_path / "libpython.a"
    subprocess.run(["ar", "qcsD", library, tmp_path / "code.o"], check=True)
    workshop = Workshop(tmp_path / "workshop")
    workshop.profile.mkdir(parents=True)
    (workshop.profile / "start-functions.txt").write_text(REPORT)
    plan = Plan("3.14.7", replace(CLANG, objcopy=objcopy), pgo=True, lto=True)
    tools = Tools(tmp_path / "log", {"PATH": os.environ["PATH"]})
    gather_start(library, [tmp_path / "code.o"], plan, workshop, tools)
    listed = subprocess.run(["objdump", "-h", library], check=True, capture_output=True, text=True).stdout
    assert " .text.startup.PyTuple_Pack " in listed
    assert " .text.other " in listed
    assert " .text.PyTuple_Pack " not in listed
