"""The stub's C sources: no compiler has anything to say about them."""

from __future__ import annotations

import os
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
