"""The stub's C sources: no compiler has anything to say about them."""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from oxidize_build import link
from oxidize_build.compiler import has_zig, zig
from oxidize_build.runtime.build.sources import find_component
from oxidize_build.runtime.model import Runtime
from oxidize_build.stub_form import FORMS, StubForm

STUB = Path(__file__).parents[1] / "stub"


@pytest.mark.parametrize("compiler", ["gcc", "clang", "clang-19"])
def test_no_warnings(compiler: str, runtime: Runtime) -> None:
    if shutil.which(compiler) is None:
        if os.environ.get("CI") and compiler in {"gcc", "clang"}:
            pytest.fail(f"CI has to install {compiler}")
        pytest.skip(f"needs {compiler}")
    assert complaints((compiler,), FORMS["glibc"], runtime) == []


def test_no_warnings_for_musl(musl_compiler: tuple[str, ...], runtime: Runtime) -> None:
    command = (*musl_compiler, "-Wno-unused-command-line-argument")  # some are for the linker
    assert complaints(command, FORMS["musl"], runtime) == []


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_decoder_has_names_of_its_own(compiler: str, tmp_path: Path) -> None:
    """A libzstd may be linked with the same executable, of whatever version."""
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    made = tmp_path / "zstd.o"
    subprocess.run([compiler, *link.COMPILE_FLAGS, "-c", STUB / "zstd.c", "-o", made], check=True)
    with made.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(symbols, SymbolTableSection)
        names = {
            symbol.name
            for symbol in symbols.iter_symbols()
            if symbol["st_info"]["bind"] == "STB_GLOBAL" and symbol["st_shndx"] != "SHN_UNDEF"
        }
    assert len(names) > 50
    assert [name for name in names if not name.startswith(("oxidize_", "zstd_"))] == []


def test_the_decoder_is_of_the_version_that_is_told() -> None:
    text = (STUB / link.DECODER / "zstddeclib.c").read_text()
    parts = re.findall(r"#define ZSTD_VERSION_(?:MAJOR|MINOR|RELEASE) +(\d+)", text)
    assert ".".join(parts) == find_component("zstd").version


def complaints(compiler: Sequence[str], form: StubForm, runtime: Runtime) -> list[str]:
    """Return what *compiler* says of the sources of that form."""
    includes = [f"-isystem{path}" for path in runtime.include_dirs]
    flags = [*link.COMPILE_FLAGS, *form.compile_flags, "-Wall", "-Wextra", "-Werror", *includes]

    def compile_one(source: Path) -> str:
        command = [*compiler, *flags, "-c", str(source), "-o", os.devnull]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    sources = form.sources(STUB)
    assert sources
    with ThreadPoolExecutor(2) as pool:
        return [text for text in pool.map(compile_one, sources) if text]


class Wide(ctypes.Structure):
    """A 128-bit number, as functions are given it and return it."""

    _fields_ = (("low", ctypes.c_uint64), ("high", ctypes.c_uint64))

    @classmethod
    def of(cls, number: int) -> Wide:
        return cls(number & 2**64 - 1, number >> 64)

    def __int__(self) -> int:
        return int(self.high) << 64 | int(self.low)


def test_division_of_wide_numbers(tmp_path: Path) -> None:
    made = tmp_path / "division.so"
    flags = ("-O2", "-shared", "-fPIC", "-fvisibility=default")
    subprocess.run(["gcc", *flags, STUB / "int128.c", "-o", made], check=True)
    library = ctypes.CDLL(str(made))
    divide, remain = functions = library["__udivti3"], library["__umodti3"]
    for function in functions:
        function.argtypes, function.restype = (Wide, Wide), Wide
    edges = [2**bits + more for bits in (0, 1, 31, 32, 63, 64, 65, 126, 127) for more in (-1, 0, 1)]
    chance = random.Random(1)
    numbers = [*edges, 2**128 - 1, *(chance.getrandbits(chance.randint(1, 128)) for _ in range(200))]
    for dividend, divisor in itertools.product(numbers, filter(None, numbers)):
        arguments = Wide.of(dividend), Wide.of(divisor)
        result = int(divide(*arguments)), int(remain(*arguments))
        assert result == divmod(dividend, divisor), (dividend, divisor)


DIVIDING = """\
#include <string.h>
#include <math.h>
int main(int count, char **arguments)
{
    char copy[4096];
    memcpy(copy, arguments[0], count * 2);
    unsigned __int128 wide = (unsigned __int128)copy[0] << 64 | 1;
    return (int)(wide / (unsigned long)(count + cos(copy[1])));
}
"""


def test_a_stub_that_divides_has_the_other_functions_of_libc(tmp_path: Path) -> None:
    """zig's library has all in one object."""
    if not has_zig():
        pytest.skip("ziglang is not installed")
    program = tmp_path / "program.c"
    program.write_text(DIVIDING)
    command = (*zig("-target", "x86_64-linux-gnu.2.17"), *link.COMPILE_FLAGS, "-Wno-conversion", "-Wl,-s")
    made = tmp_path / "program"
    subprocess.run([*command, program, STUB / "int128.c", "-lm", "-o", made], check=True, cwd=tmp_path)
    with made.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(symbols, SymbolTableSection)
        missing = {symbol.name for symbol in symbols.iter_symbols() if symbol["st_shndx"] == "SHN_UNDEF"}
    assert {"memcpy", "cos"} <= missing
