"""The dynamic table says what pyelftools says it does."""

from __future__ import annotations

import io
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from oxidize_build.errors import ImageError, ObjectFileError
from oxidize_build.objfile.elf_facts import elf_needs
from oxidize_build.objfile.elf_format import DT_NEEDED, DT_SONAME, ElfFile
from oxidize_build.objfile.elf_tags import DynamicTable, NeededVersion

OBJECTS = sorted(
    path
    for place in (sysconfig.get_config_var("DESTSHARED"), "/usr/lib/x86_64-linux-gnu")
    for path in Path(place or "/nonexistent").glob("*.so*")
    if path.is_file() and path.read_bytes()[:5] == b"\x7fELF\x02"
)[:80]


def table_of(data: bytes) -> DynamicTable:
    return DynamicTable.of(ElfFile.parse(io.BytesIO(data), "x"))


@pytest.mark.skipif(not OBJECTS, reason="there is no shared object here")
def test_real_files() -> None:
    for path in OBJECTS:
        data = path.read_bytes()
        table = table_of(data)
        elf = ELFFile(io.BytesIO(data))
        expected: dict[str, list[str]] = {"DT_NEEDED": [], "DT_SONAME": []}
        for segment in elf.iter_segments():
            for tag in segment.iter_tags() if isinstance(segment, DynamicSegment) else ():
                if tag.entry.d_tag in expected:
                    expected[tag.entry.d_tag].append(
                        getattr(tag, tag.entry.d_tag.lower().removeprefix("dt_"))
                    )
        assert table.strings(DT_NEEDED) == expected["DT_NEEDED"], path
        assert table.strings(DT_SONAME) == expected["DT_SONAME"], path
        versions = [
            NeededVersion(str(need.name), version.name, version["vna_flags"])
            for section in elf.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for need, names in section.iter_versions()
            for version in names
        ]
        assert list(table.needed_versions()) == versions, path


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the object")
def test_every_byte_of_the_table_may_be_damaged(tmp_path: Path) -> None:
    library = tmp_path / "libx.so"
    flags = ["-shared", "-fPIC", "-nostartfiles", "-s", "-Wl,-soname,libx.so.1", "-Wl,-z,noseparate-code"]
    code = '#include <stdio.h>\nint f(void) { return puts(""); }\n'
    subprocess.run(["gcc", *flags, "-xc", "-", "-o", library], input=code, text=True, check=True)
    whole = library.read_bytes()
    assert [need.library for need in table_of(whole).needed_versions()] == ["libc.so.6"]
    assert elf_needs(io.BytesIO(whole), "x").soname == "libx.so.1"
    damaged = [whole[:n] + bytes([whole[n] ^ 0xFF]) + whole[n + 1 :] for n in range(64, len(whole))]
    outcomes = [outcome(data) for data in [*damaged, *(whole[:size] for size in range(len(whole)))]]
    assert {"read", "refused"} == set(outcomes)


def outcome(data: bytes) -> str:
    try:
        elf_needs(io.BytesIO(data), "x")
        table = table_of(data)
        list(table.needed_versions())
        table.interpreter()
    except (ImageError, ObjectFileError):
        return "refused"
    return "read"
