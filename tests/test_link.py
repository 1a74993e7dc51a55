"""The stub: what it is linked of, and what may not get into it."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from oxidize_build import compiler, link
from oxidize_build.archive import exported_names, write_hidden_copy
from oxidize_build.cache import Cache
from oxidize_build.compiler import Compiler, find_compiler, has_zig, host_zig_target, identify, zig
from oxidize_build.errors import CompilerError, RuntimeNotUsableError
from oxidize_build.link import make_stub, stub_key, stub_sources
from oxidize_build.objfile.elf_dynamic import read_dynamic
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.host import host_runtime
from oxidize_build.stub_form import FORMS

MAIN = """
#include <Python.h>
#include <stdio.h>
#include <string.h>
extern const char oxidize_image[], _end[];
long __real_syscall(long, long, long, long, long, long, long);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    return __real_syscall(number, a, b, c, d, e, f);
}
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--where") == 0)
        return printf("%p %s %d\\n", (void *)oxidize_image, oxidize_image, _end < oxidize_image) < 0;
    return Py_BytesMain(argc, argv);
}
"""
DEBIAN = Path("/usr/bin/python3.11")
PYENV = [
    python
    for version in ("3.11", "3.12", "3.13", "3.14")
    for python in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
]
ZIG = zig(*host_zig_target())
COMPILERS: list[tuple[str, ...]] = [(name,) for name in ("gcc", "clang-14", "clang-19") if shutil.which(name)]
COMPILERS += [ZIG] if has_zig() else []


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A stub that does no more than start Python."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("image_section.c", "image.ld"):
        shutil.copy(stub_sources() / name, folder)
    (folder / "main.c").write_text(MAIN)
    (folder / "os_otherwise.c").write_text("#error not for this platform\n")
    return folder


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run_python(stub: Path, runtime: Runtime, code: str) -> str:
    home = {"PYTHONHOME": str(runtime.stdlib.parents[1])}
    done = subprocess.run([stub, "-c", code], check=True, capture_output=True, text=True, env=home)
    return done.stdout.strip()


def exported(stub: Path) -> set[str]:
    with stub.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        return {symbol.name for symbol in table.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}


def check_stub(stub: Path, runtime: Runtime) -> None:
    """Assert everything that later stages rely on."""
    with stub.open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_type"] == "ET_EXEC"
        *others, last = [part for part in elf.iter_segments() if part["p_type"] == "PT_LOAD"]
        section = elf.get_section_by_name(".oxdata")
        assert section is not None
        assert section.data() == b"OXISTUB\0" + bytes(8)
        assert elf.get_section_by_name(".symtab") is None
        assert elf.get_section_by_name(".note.gnu.build-id") is not None
    assert last["p_vaddr"] == section["sh_addr"] == 0x10000000
    assert (last["p_filesz"], last["p_memsz"], last["p_flags"], last["p_align"]) == (16, 16, 4, 0x10000)
    assert last["p_offset"] == section["sh_offset"]
    assert all(part["p_offset"] + part["p_filesz"] <= last["p_offset"] for part in others)
    assert set(read_dynamic(stub).needed) <= FORMS["glibc"].may_need | {
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    }
    assert {"PyArg_ParseTuple", "PyExc_ValueError", "Py_BytesMain"} <= exported(stub)
    assert not {"oxidize_image", "oxidize_bss_end"} & exported(stub)
    content = stub.read_bytes()
    assert not [path for path in runtime.build_paths if path.encode() in content]
    assert output(stub, "--where").startswith("0x10000000 OXISTUB")
    assert run_python(stub, runtime, "import sys; print(sys.version.split()[0])") == runtime.version


def check_strip(stub: Path, runtime: Runtime, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    output("strip", "-o", stripped, stub)
    check_stub(stripped, runtime)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMPILERS, ids=lambda command: "zig" if command is ZIG else command[0])
def test_every_compiler(
    command: tuple[str, ...], cache: Cache, runtime: Runtime, sources: Path, tmp_path: Path
) -> None:
    stub = make_stub(runtime, cache, sources=sources, compiler=identify(command))
    check_stub(stub, runtime)
    check_strip(stub, runtime, tmp_path)
    assert str(tmp_path).encode() not in stub.read_bytes()
    complaints = subprocess.run(["readelf", "-hlSW", stub], check=True, capture_output=True, text=True).stderr
    assert complaints == ""


@pytest.mark.slow
@pytest.mark.parametrize("python", PYENV, ids=lambda python: python.parts[-3])
def test_every_version(python: Path, cache: Cache, sources: Path) -> None:
    found = host_runtime(python)
    check_stub(make_stub(found, cache, sources=sources), found)


@pytest.mark.slow
@pytest.mark.skipif(
    not (DEBIAN.exists() and list(Path("/usr/lib").glob("python3.11/config-*/libpython3.11.a"))),
    reason="needs Debian's libpython3.11-dev",
)
@pytest.mark.parametrize("command", COMPILERS, ids=lambda command: "zig" if command is ZIG else command[0])
def test_static_libraries_are_linked_and_hidden(
    command: tuple[str, ...], cache: Cache, sources: Path
) -> None:
    found = host_runtime(DEBIAN)
    stub = make_stub(found, cache, sources=sources, compiler=identify(command))
    check_stub(stub, found)
    assert not {"XML_ParserCreate", "deflate", "inflate", "crc32"} & exported(stub)
    code = "import zlib, pyexpat; print(zlib.decompress(zlib.compress(b'abc')), zlib, pyexpat)"
    assert run_python(stub, found, code) == "b'abc' <module 'zlib' (built-in)> <module 'pyexpat' (built-in)>"


@pytest.mark.slow
def test_extension_modules_find_the_c_api(cache: Cache, runtime: Runtime, sources: Path) -> None:
    stub = make_stub(runtime, cache, sources=sources)
    assert run_python(stub, runtime, "import _json, _datetime, math; print(math.floor(1.5))") == "1"


@pytest.mark.slow
def test_same_bytes_from_another_place_and_none_made_twice(
    cache: Cache, runtime: Runtime, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_compiler()
    stub = make_stub(runtime, cache, sources=sources, compiler=found)
    elsewhere = shutil.copytree(sources, tmp_path / "elsewhere")
    again = make_stub(runtime, Cache(tmp_path / "other"), sources=elsewhere, compiler=found)
    assert again.read_bytes() == stub.read_bytes()
    monkeypatch.setattr(subprocess, "run", None)
    assert make_stub(runtime, cache, sources=elsewhere, compiler=found) == stub


@pytest.mark.slow
def test_a_damaged_stub_is_made_again(cache: Cache, runtime: Runtime, sources: Path) -> None:
    stub = make_stub(runtime, cache, sources=sources)
    whole = stub.read_bytes()
    os.truncate(stub, 4096)
    assert make_stub(runtime, cache, sources=sources) == stub
    assert stub.read_bytes() == whole
    assert os.access(stub, os.X_OK)


def test_changed_source_makes_another_stub(cache: Cache, runtime: Runtime, sources: Path) -> None:
    stub = make_stub(runtime, cache, sources=sources)
    (sources / "more.c").write_text(
        "int oxidize_private(void);\nint oxidize_private(void) { return 1; }\n"
        '__attribute__((visibility("default"))) int oxidize_public(void) { return 1; }\n'
    )
    other = make_stub(runtime, cache, sources=sources)
    assert other != stub
    assert exported(other) - exported(stub) == {"oxidize_public"}


def test_compiler_error_shows_command_and_output(cache: Cache, runtime: Runtime, sources: Path) -> None:
    (sources / "main.c").write_text("int main(void) { return nonsense; }\n")
    with pytest.raises(CompilerError, match=r"(?s)main\.c.*ended with status 1:.*nonsense"):
        make_stub(runtime, cache, sources=sources)
    assert not [path for path in (cache.root / "stubs").rglob("*") if path.is_file()]


def test_no_sources(cache: Cache, runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(CompilerError, match="holds no C sources"):
        make_stub(runtime, cache, sources=tmp_path)


def test_parts_of_libc_and_of_the_compiler_are_not_looked_for(runtime: Runtime) -> None:
    assert link.static_libraries(dataclasses.replace(runtime, link_libraries=("m", "atomic", "dl"))) == []


def test_missing_static_library(cache: Cache, runtime: Runtime, sources: Path) -> None:
    needing = dataclasses.replace(runtime, link_libraries=("m", "nowhere"))
    with pytest.raises(RuntimeNotUsableError, match=r"needs the static library libnowhere\.a"):
        make_stub(needing, cache, sources=sources)


def test_other_platforms(cache: Cache, runtime: Runtime) -> None:
    with pytest.raises(RuntimeNotUsableError, match="not for macosx-11-arm64"):
        make_stub(dataclasses.replace(runtime, platform="macosx-11-arm64"), cache)


def test_dependencies_beside_libc_are_refused(tmp_path: Path) -> None:
    (tmp_path / "shared.c").write_text("int shared(void) { return 1; }\n")
    (tmp_path / "main.c").write_text("int shared(void); int main(void) { return shared(); }\n")
    command = find_compiler().command
    library = tmp_path / "libshared.so"
    output(*command, "-shared", "-fPIC", tmp_path / "shared.c", "-o", library, "-Wl,-soname,libshared.so")
    output(*command, tmp_path / "main.c", library, "-o", tmp_path / "main")
    with pytest.raises(CompilerError, match=r"came to depend on libshared\.so, beside libc"):
        link._check_needed(tmp_path / "main", FORMS["glibc"])


class TestReadyStub:
    @pytest.fixture
    def ready(self, runtime: Runtime, sources: Path, tmp_path: Path) -> Runtime:
        """A runtime with a stub of the *sources*."""
        (tmp_path / "ready").write_bytes(b"\x7fELF")
        return dataclasses.replace(runtime, stub=tmp_path / "ready", stub_key=stub_key(sources))

    @pytest.mark.usefixtures("no_compiler")
    def test_is_used_as_it_is(self, ready: Runtime, cache: Cache, sources: Path) -> None:
        assert make_stub(ready, cache, sources=sources) == ready.stub

    @pytest.mark.usefixtures("no_compiler")
    def test_of_other_sources_without_a_compiler(self, ready: Runtime, cache: Cache, sources: Path) -> None:
        (sources / "more.h").write_text("/* another version */\n")
        with pytest.raises(
            CompilerError, match=r"was linked for another version of oxidize.*no C comp"
        ) as caught:
            make_stub(ready, cache, sources=sources)
        assert "get the runtime that was built for oxidize" in (caught.value.hint or "")

    @pytest.mark.usefixtures("no_compiler")
    def test_without_some_modules_and_without_a_compiler(
        self, ready: Runtime, cache: Cache, sources: Path
    ) -> None:
        with pytest.raises(CompilerError, match=r"has all built-in modules.*no C compiler") as caught:
            make_stub(ready, cache, sources=sources, without={"zlib"})
        assert (caught.value.hint or "").startswith('leave out builtin-modules = "used", or install one')

    def test_of_other_sources_with_a_compiler(
        self, ready: Runtime, cache: Cache, sources: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compiler, "has_zig", lambda: False)
        (sources / "more.h").write_text("/* another version */\n")
        stub = make_stub(ready, cache, sources=sources)
        assert stub != ready.stub
        check_stub(stub, ready)

    def test_of_other_sources_for_an_old_glibc_with_zig(
        self, ready: Runtime, cache: Cache, sources: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def identify(command: tuple[str, ...]) -> Compiler:
            raise CompilerError(f"asked for {command[-1]}")

        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setattr(compiler, "has_zig", lambda: True)
        monkeypatch.setattr(compiler, "identify", identify)
        (sources / "more.h").write_text("/* another version */\n")
        with pytest.raises(CompilerError, match=rf"{platform.machine()}-linux-gnu\.2\.17"):
            make_stub(dataclasses.replace(ready, glibc="2.17"), cache, sources=sources)

    def test_a_named_compiler_is_asked_to_link(self, ready: Runtime, cache: Cache, sources: Path) -> None:
        assert make_stub(ready, cache, sources=sources, compiler=find_compiler()) != ready.stub


def test_libraries_of_the_runtime_are_linked_in_any_order_and_hidden(
    cache: Cache, runtime: Runtime, sources: Path, tmp_path: Path
) -> None:
    codes = {"a": "int b(void); int a(void) { return b(); }", "b": "int c(void); int b(void) { return c(); }"}
    codes["c"] = "int c(void) { return 7; }"
    for name, code in codes.items():
        (tmp_path / f"{name}.c").write_text(f"{code}\n")
        output(*find_compiler().command, "-c", tmp_path / f"{name}.c", "-o", tmp_path / f"{name}.o")
        output("ar", "rc", tmp_path / f"lib{name}.a", tmp_path / f"{name}.o")
    (sources / "more.c").write_text(
        'int a(void);\n__attribute__((visibility("default"))) int oxidize_public(void) { return a(); }\n'
    )
    needing = dataclasses.replace(runtime, link_archives=tuple(tmp_path / f"lib{name}.a" for name in "cba"))
    stub = make_stub(needing, cache, sources=sources)
    assert "oxidize_public" in exported(stub)
    assert not {"a", "b", "c"} & exported(stub)


def test_exported_names(tmp_path: Path) -> None:
    (tmp_path / "one.c").write_text(
        "int public_data; int public(void) { return 1; } static int local(void) { return 2; }\n"
        '__attribute__((visibility("hidden"))) int hidden(void) { return public() + local(); }\n'
        "int elsewhere(void); int (*pointer)(void) = elsewhere;\n"
    )
    output(*find_compiler().command, "-c", tmp_path / "one.c", "-o", tmp_path / "one.o")
    output("ar", "rc", tmp_path / "lib.a", tmp_path / "one.o")
    assert exported_names(tmp_path / "lib.a") == ["pointer", "public", "public_data"]


class TestHiddenCopy:
    def test_not_a_library(self, tmp_path: Path) -> None:
        (tmp_path / "lib.a").write_bytes(b"text")
        with pytest.raises(ValueError, match="not a static library"):
            write_hidden_copy(tmp_path / "lib.a", tmp_path / "copy.a")

    def test_truncated_and_damaged_libraries_are_refused_or_copied(self, tmp_path: Path) -> None:
        (tmp_path / "one.c").write_text("int one(void) { return 1; }\n")
        output(*find_compiler().command, "-c", tmp_path / "one.c", "-o", tmp_path / "one.o")
        output("ar", "rc", tmp_path / "lib.a", tmp_path / "one.o")
        whole = (tmp_path / "lib.a").read_bytes()
        for length in range(8, len(whole)):
            (tmp_path / "cut.a").write_bytes(whole[:length])
            try:
                write_hidden_copy(tmp_path / "cut.a", tmp_path / "copy.a")
            except ValueError:
                continue
            assert (tmp_path / "copy.a").stat().st_size == length
        write_hidden_copy(tmp_path / "lib.a", tmp_path / "copy.a")
        assert (tmp_path / "copy.a").read_bytes() != whole
