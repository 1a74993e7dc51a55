"""Attaching to real stubs made by the system's compiler, and reading damaged files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_samples import LINKER_SCRIPT, SECTION, link_stub

from oxidize_build.errors import ImageError, OutputError, OxidizeError
from oxidize_build.objfile import elf_format
from oxidize_build.objfile.elf import (
    IMAGE_ADDRESS,
    IMAGE_ADDRESS_END,
    IMAGE_ALIGNMENT,
    IMAGE_SECTION,
    Extent,
    attach,
    image_extent,
    read_dynamic,
    without_runpath,
)

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the stubs")

IMAGE = (200_003).to_bytes(8, "little") + bytes(range(256)) * 781 + b"endOK" * 11 + b"\0" * 4
PROGRAM = """
#include <stdint.h>
#include <stdio.h>
#include <string.h>
extern const unsigned char image[];
int main(void) {
    const unsigned char *volatile bytes = image;
    uint64_t size, sum = 0;
    memcpy(&size, bytes, sizeof size);
    if (!memcmp(bytes, "OXISTUB", 8)) size = 64;
    for (uint64_t i = 0; i < size; i++) sum += bytes[i];
    printf("%lu\\n", sum);
    return 0;
}
"""
KINDS = {
    "dynamic": ["-no-pie"],
    "pie": ["-pie", "-fPIE"],
    "static": ["-no-pie", "-static"],
    "static-pie": ["-static-pie", "-fPIE"],
}


def link(folder: Path, *flags: str, script: str = LINKER_SCRIPT, section: str = SECTION) -> Path:
    return link_stub(folder, *flags, program=PROGRAM, script=script, section=section)


@pytest.fixture(scope="module", params=KINDS)
def stub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link(tmp_path_factory.mktemp(request.param), *KINDS[request.param])


@pytest.fixture(scope="module")
def plain_stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link(tmp_path_factory.mktemp("plain"), "-no-pie", "-s")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(IMAGE)
    return path


def check_carries_image(path: Path) -> None:
    extent = image_extent(path)
    assert path.read_bytes()[extent.offset : extent.end] == IMAGE
    assert extent.offset % IMAGE_ALIGNMENT == 0
    size = int.from_bytes(IMAGE[:8], "little")
    printed = subprocess.run([path], check=True, stdout=subprocess.PIPE).stdout
    assert int(printed) == sum(IMAGE[:size])


def tool(name: str, *arguments: str | Path, tolerate: bool = False) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert tolerate or done.returncode == 0, done.stdout
    return done.stdout


class TestAttach:
    def test_the_program_finds_its_image(self, stub: Path, image: Path, tmp_path: Path) -> None:
        attach(stub, image, tmp_path / "app")
        check_carries_image(tmp_path / "app")
        assert (tmp_path / "app").stat().st_mode & 0o7777 == 0o755

    def test_only_the_two_headers_change(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        attach(plain_stub, image, tmp_path / "app")
        before, after = plain_stub.read_bytes(), (tmp_path / "app").read_bytes()
        changed = [at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
        assert 0 < len(changed) <= 5 * 8
        assert not after[len(before) : image_extent(tmp_path / "app").offset].strip(b"\0")

    def test_readelf_finds_nothing_wrong(self, stub: Path, image: Path, tmp_path: Path) -> None:
        attach(stub, image, tmp_path / "app")
        said = tool("readelf", "-lSW", tmp_path / "app")
        assert "arning" not in said
        assert "rror" not in said
        segment = next(line.split() for line in said.splitlines() if f"{IMAGE_ADDRESS:#018x}" in line)
        assert segment[0] == "LOAD"
        assert [int(field, 16) for field in segment[4:6]] == [len(IMAGE)] * 2
        assert segment[6] == "R"

    def test_elflint_says_the_same_as_of_the_stub(self, stub: Path, image: Path, tmp_path: Path) -> None:
        attach(stub, image, tmp_path / "app")
        before, after = (
            tool("eu-elflint", "--gnu-ld", path, tolerate=True) for path in (stub, tmp_path / "app")
        )
        assert after == before

    @pytest.mark.parametrize(
        "command",
        [("strip", "-o"), ("strip", "-g", "-o"), ("eu-strip", "-o"), ("llvm-strip", "-o")],
        ids=" ".join,
    )
    def test_strip_keeps_it(self, stub: Path, image: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        if subprocess.run(
            [*command, tmp_path / "bare", stub], stderr=subprocess.DEVNULL, check=False
        ).returncode:
            pytest.skip(f"{command[0]} cannot strip the stub itself")
        attach(stub, image, tmp_path / "app")
        tool(*command, tmp_path / "stripped", tmp_path / "app")
        check_carries_image(tmp_path / "stripped")

    def test_objcopy_keeps_it(self, stub: Path, image: Path, tmp_path: Path) -> None:
        attach(stub, image, tmp_path / "app")
        tool("objcopy", "-R", ".comment", tmp_path / "app", tmp_path / "copied")
        check_carries_image(tmp_path / "copied")

    def test_debugger_reads_it(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        attach(plain_stub, image, tmp_path / "app")
        shown = tool("gdb", "-nx", "-batch", "-ex", f"x/dg {IMAGE_ADDRESS:#x}", tmp_path / "app")
        assert "200003" in shown
        assert "arning" not in shown

    def test_found_without_section_headers(self, stub: Path, image: Path, tmp_path: Path) -> None:
        attach(stub, image, tmp_path / "app")
        data = bytearray((tmp_path / "app").read_bytes())
        header = elf_format.Header._make(elf_format.HEADER.unpack_from(data))
        elf_format.HEADER.pack_into(data, 0, *header._replace(shoff=0, shnum=0, shstrndx=0))
        bare = tmp_path / "bare"
        bare.write_bytes(data)
        bare.chmod(0o755)
        check_carries_image(bare)

    def test_replaces_what_was_there(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        output = tmp_path / "app"
        output.write_text("old")
        attach(plain_stub, image, output)
        check_carries_image(output)
        assert {path.name for path in tmp_path.iterdir()} == {"app", "image"}

    def test_memory_stays_small(self, plain_stub: Path, tmp_path: Path) -> None:
        image = tmp_path / "image"
        image.write_bytes(IMAGE)
        os.truncate(image, 48 << 20)
        tracemalloc.start()
        try:
            attach(plain_stub, image, tmp_path / "app")
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()
        assert image_extent(tmp_path / "app").size == 48 << 20


class TestRefusals:
    def refused(self, stub: Path, image: Path, tmp_path: Path, match: str) -> None:
        folder = tmp_path / "dist"
        folder.mkdir()
        with pytest.raises(ImageError, match=match):
            attach(stub, image, folder / "app")
        assert not list(folder.iterdir())

    def test_no_object_file(self, image: Path, tmp_path: Path) -> None:
        text = tmp_path / "text"
        text.write_text("#!/bin/sh\n")
        self.refused(text, image, tmp_path, "not an ELF file")

    def test_32_bits(self, image: Path, tmp_path: Path) -> None:
        small = tmp_path / "small"
        small.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(100))
        self.refused(small, image, tmp_path, "not a 64-bit little-endian")

    def test_no_stub(self, image: Path, tmp_path: Path) -> None:
        plain = "SECTIONS { .plain : { *(.plain) } } INSERT AFTER .rodata;"
        ordinary = link(tmp_path / "plain", script=plain, section=SECTION.replace(".oxdata", ".rodata"))
        self.refused(ordinary, image, tmp_path, "not one of oxidize's stubs: 0 sections")

    def test_missing_files(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        self.refused(tmp_path / "none", image, tmp_path, "none: cannot be read: No such file")
        (tmp_path / "dist").rmdir()
        self.refused(plain_stub, tmp_path / "none", tmp_path, "none: cannot be read: No such file")

    def test_attached_already(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        attach(plain_stub, image, tmp_path / "app")
        self.refused(tmp_path / "app", image, tmp_path, "carries an image already")

    def test_not_alone(self, image: Path, tmp_path: Path) -> None:
        script = LINKER_SCRIPT.replace("}\nINSERT", "  .other : { KEEP(*(.other)) }\n}\nINSERT")
        other = SECTION + '.section .other,"a",@progbits\n.quad 1\n'
        stub = link(tmp_path / "other", "-no-pie", script=script, section=other)
        self.refused(stub, image, tmp_path, "not alone in its segment")

    def test_overlap(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        data = bytearray(plain_stub.read_bytes())
        header = elf_format.Header._make(elf_format.HEADER.unpack_from(data))
        at = next(
            offset
            for offset in range(header.phoff, header.phoff + header.phnum * 56, 56)
            if elf_format.PROGRAM_HEADER.unpack_from(data, offset)[0] == elf_format.PT_LOAD
        )
        first = elf_format.ProgramHeader._make(elf_format.PROGRAM_HEADER.unpack_from(data, at))
        data[at : at + 56] = first._replace(vaddr=IMAGE_ADDRESS + 0x20000).pack()
        crossed = tmp_path / "crossed"
        crossed.write_bytes(data)
        self.refused(crossed, image, tmp_path, "overlap")

    def test_too_large(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        os.truncate(image, IMAGE_ADDRESS_END - IMAGE_ADDRESS + 1)
        self.refused(
            plain_stub, image, tmp_path, "the image has 274609471489 bytes; at most 274609471488 fit"
        )

    def test_empty(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        os.truncate(image, 0)
        self.refused(plain_stub, image, tmp_path, "an image of 0 bytes")

    def test_output_cannot_be_written(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        (tmp_path / "app" / "inside").mkdir(parents=True)
        with pytest.raises(OutputError, match="cannot be written"):
            attach(plain_stub, image, tmp_path / "app")
        with pytest.raises(OutputError, match="No such file"):
            attach(plain_stub, image, tmp_path / "absent" / "app")
        assert {path.name for path in tmp_path.iterdir()} == {"app", "image"}


class TestExtent:
    def test_stub(self, plain_stub: Path) -> None:
        with pytest.raises(ImageError, match="no image has been attached"):
            image_extent(plain_stub)

    def test_other_program(self) -> None:
        with pytest.raises(ImageError, match="carries no image"):
            image_extent(Path("/bin/sh").resolve())

    def test_truncated(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        attach(plain_stub, image, tmp_path / "app")
        whole = image_extent(tmp_path / "app")
        assert whole == Extent(whole.offset, len(IMAGE))
        os.truncate(tmp_path / "app", whole.end - 1)
        with pytest.raises(ImageError, match="truncated: its image ends at byte"):
            image_extent(tmp_path / "app")


def shared_object(folder: Path, code: str, *flags: str, name: str = "libx.so") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.c").write_text(code)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", str(folder / "x.c"), "-o", str(folder / name), *flags], check=True
    )
    return folder / name


class TestDynamic:
    def test_library(self, tmp_path: Path) -> None:
        path = shared_object(
            tmp_path,
            "int f(void) { return 1; }",
            "-Wl,-soname,libx.so.3,--no-as-needed,--enable-new-dtags,-rpath,$ORIGIN/../y:/opt/z",
            "-lm",
        )
        for source in (path, path.read_bytes()):
            dynamic = read_dynamic(source)
            assert dynamic.soname == "libx.so.3"
            assert dynamic.needed == ("libm.so.6", "libc.so.6")
            assert dynamic.runpath == ("$ORIGIN/../y", "/opt/z")
            assert dynamic.is_shared_object
            assert dynamic.interpreter is None

    def test_runpath_is_stronger_than_rpath(self, tmp_path: Path) -> None:
        path = shared_object(tmp_path, "", "-Wl,--disable-new-dtags,-rpath,/old")
        assert read_dynamic(path).runpath == ("/old",)

    def test_executables(self, stub: Path) -> None:
        dynamic = read_dynamic(stub)
        assert not dynamic.is_shared_object
        static = "static" in stub.parent.name
        assert (dynamic.interpreter is None) == static
        assert dynamic.needed == (() if static else ("libc.so.6",))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="No such file"):
            read_dynamic(tmp_path / "none.so")


class TestWithoutRunpath:
    def test_entry_and_text_vanish(self, tmp_path: Path) -> None:
        path = shared_object(tmp_path, "int f(void) { return 1; }", "-Wl,-rpath,/somewhere/else/lib")
        before = path.read_bytes()
        after = without_runpath(before)
        assert len(after) == len(before)
        assert b"/somewhere/else/lib" not in after
        assert read_dynamic(after).runpath == ()
        assert read_dynamic(after).needed == read_dynamic(before).needed
        path.write_bytes(after)
        assert "arning" not in tool("readelf", "-dW", path)
        assert tool("eu-elflint", "--gnu-ld", path).strip() == "No errors"
        assert without_runpath(after) == after

    def test_shared_tail_is_kept(self, tmp_path: Path) -> None:
        path = shared_object(
            tmp_path, "int tail(void) { return 1; }", "-Wl,-O2,-rpath,/somewhere/tail", name="x.so"
        )
        before = path.read_bytes()
        if b"\0tail\0" in before[: before.index(b"/somewhere/tail")]:
            pytest.skip("this linker does not merge tails")
        after = without_runpath(before)
        assert b"/somewhere" not in after
        with path.open("wb") as file:
            file.write(after)
        with path.open("rb") as file:
            symbols = ELFFile(file).get_section_by_name(".dynsym")
            assert symbols is not None
            assert "tail" in {symbol.name for symbol in symbols.iter_symbols()}  # type: ignore[attr-defined]  # it is a symbol table

    def test_nothing_to_do(self, tmp_path: Path, plain_stub: Path) -> None:
        for data in (shared_object(tmp_path, "").read_bytes(), plain_stub.read_bytes()):
            assert without_runpath(data) is data


def interesting_bytes(data: bytes) -> list[int]:
    """Offsets of everything that says where something else is."""
    header = elf_format.Header._make(elf_format.HEADER.unpack_from(data))
    offsets = [*range(64), *range(header.phoff, header.phoff + header.phnum * 56)]
    offsets.extend(range(header.shoff, header.shoff + header.shnum * 64))
    for at in range(header.phoff, header.phoff + header.phnum * 56, 56):
        segment = elf_format.ProgramHeader._make(elf_format.PROGRAM_HEADER.unpack_from(data, at))
        if segment.type == elf_format.PT_DYNAMIC:
            offsets.extend(range(segment.offset, segment.offset + segment.filesz))
    return offsets


@pytest.fixture(scope="module")
def library_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("library")
    code = '#include <stdio.h>\nint f(void) { return puts("x"); }'
    return shared_object(folder, code, "-s", "-Wl,-soname,libx.so.1,-rpath,/a/b").read_bytes()


SLOW_FIXTURES = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
FLIPS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4)


def damaged(data: bytes, flips: list[tuple[int, int]]) -> bytes:
    places = interesting_bytes(data)
    result = bytearray(data)
    for place, value in flips:
        result[places[place % len(places)]] = value
    return bytes(result)


class TestDamage:
    @SLOW_FIXTURES
    @given(flips=FLIPS)
    def test_stub(self, plain_stub: Path, tmp_path: Path, flips: list[tuple[int, int]]) -> None:
        (tmp_path / "image").write_bytes(IMAGE)
        (tmp_path / "stub").write_bytes(damaged(plain_stub.read_bytes(), flips))
        try:
            attach(tmp_path / "stub", tmp_path / "image", tmp_path / "app")
        except OxidizeError:
            return
        extent = image_extent(tmp_path / "app")
        assert (tmp_path / "app").read_bytes()[extent.offset : extent.end] == IMAGE

    @SLOW_FIXTURES
    @given(flips=FLIPS)
    def test_executable(self, plain_stub: Path, tmp_path: Path, flips: list[tuple[int, int]]) -> None:
        (tmp_path / "image").write_bytes(IMAGE)
        attach(plain_stub, tmp_path / "image", tmp_path / "app")
        (tmp_path / "app").write_bytes(damaged((tmp_path / "app").read_bytes(), flips))
        try:
            extent = image_extent(tmp_path / "app")
        except OxidizeError:
            return
        assert 0 < extent.offset < extent.end <= (tmp_path / "app").stat().st_size

    @SLOW_FIXTURES
    @given(flips=FLIPS)
    def test_library(self, library_bytes: bytes, flips: list[tuple[int, int]]) -> None:
        data = damaged(library_bytes, flips)
        for function in (read_dynamic, without_runpath):
            try:
                function(data)
            except OxidizeError:
                continue

    def test_every_truncation_of_headers(self, library_bytes: bytes) -> None:
        for length in [*range(1200), *range(1200, len(library_bytes), 97)]:
            for function in (read_dynamic, without_runpath):
                try:
                    function(library_bytes[:length])
                except OxidizeError as error:
                    assert "object file in memory" in str(error)  # noqa: PT017 - it need not fail

    def test_section_and_segment_differ(self, plain_stub: Path, image: Path, tmp_path: Path) -> None:
        attach(plain_stub, image, tmp_path / "app")
        data = (tmp_path / "app").read_bytes()
        with elf_format.opened(tmp_path / "app") as elf:
            sections = elf.sections()
            index = elf.named(sections, IMAGE_SECTION)[0]
            at = elf.header.shoff + index * elf_format.SECTION_HEADER.size
        moved = sections[index]._replace(size=len(IMAGE) + 1).pack()
        (tmp_path / "app").write_bytes(data[:at] + moved + data[at + len(moved) :])
        with pytest.raises(ImageError, match="differ"):
            image_extent(tmp_path / "app")
