"""Functions that are looked up when they are first called: linked, run, and found in what is needed."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from oxidize_build.late import LateFunction, late_functions, late_source
from oxidize_build.link import stub_sources
from oxidize_build.objfile.elf_dynamic import read_dynamic

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="it is for x86-64")

PROGRAM = """
#include <errno.h>
#include <math.h>
#include <stdio.h>
double (*volatile function)(double) = cos;
int main(int argc, char **argv)
{
    double one = argc, exponent = 10;
    int power;
    errno = 0;
    double raised = pow(one + 1, exponent);
    int after_pow = errno;
    double infinite = log(one - 1);
    int after_log = errno;
    errno = 0;
    double fraction = frexp(one * 48, &power);
    printf("%g %d %g %d %g %d %g %d %g\\n", raised, after_pow, infinite, after_log == ERANGE, fraction, power,
           function(one - 1), errno, ldexp(fma(one, 3, 4), power));
    return 0;
}
"""
REST = """
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include "os.h"
#include "status.h"
void *os_dlopen(const char *path, int flags)
{
    void *handle = dlopen(path, flags);
    errno = ENOENT; /* as a loader leaves it that has looked in several places */
    return handle;
}
void status_die(struct status status)
{
    (void)status;
    abort();
}
"""


def compile_program(folder: Path, *sources: Path) -> Path:
    program = folder / "program"
    command: list[str | Path] = [
        "cc",
        "-O1",
        "-fno-builtin",
        "-no-pie",
        f"-I{stub_sources()}",
        "-o",
        program,
        *sources,
    ]
    subprocess.run([*command, "-Wl,--as-needed", "-ldl", "-lm"], check=True)
    return program


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "main.c"
    path.write_text(PROGRAM, "ascii")
    return path


def test_a_program_does_the_same_and_needs_the_library_no_more(source: Path, tmp_path: Path) -> None:
    program = compile_program(tmp_path, source)
    expected = subprocess.run([program], check=True, capture_output=True).stdout
    functions = late_functions(program)
    assert {"pow", "log", "cos"} <= {function.name for function in functions}
    assert {function.library for function in functions} == {"libm.so.6"}
    rest = {"late_functions.c": late_source(functions), "rest.c": REST}
    for name, text in rest.items():
        (tmp_path / name).write_text(text, "ascii")
    program = compile_program(
        tmp_path, source, stub_sources() / "late.c", *(tmp_path / name for name in rest)
    )
    assert "libm.so.6" not in read_dynamic(program).needed
    assert late_functions(program) == []
    assert subprocess.run([program], check=True, capture_output=True).stdout == expected


def test_a_program_without_such_functions_has_none(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n", "ascii")
    assert late_functions(compile_program(tmp_path, source)) == []


def test_each_function_has_a_slot_of_its_own() -> None:
    text = late_source([LateFunction("first", "libm.so.6"), LateFunction("second", "libutil.so.1")])
    assert "late_slots+0(%rip)" in text
    assert "late_slots+8(%rip)" in text
    assert '{"second", "libutil.so.1"}' in text
