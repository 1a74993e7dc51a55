"""What an ELF object asks of the dynamic linker (gABI, "Dynamic Section"; ld.so(8))."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oxidize_build.objfile.elf_format import (
    DT_FLAGS_1,
    DT_NEEDED,
    DT_RPATH,
    DT_RUNPATH,
    DT_SONAME,
    ET_DYN,
    opened,
)
from oxidize_build.objfile.elf_tags import DynamicTable

_DF_1_PIE = 0x0800_0000


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What an object says to the dynamic linker."""

    machine: int
    """``e_machine`` of its header; the class is ELFCLASS64 always."""
    is_shared_object: bool
    """Whether it can be loaded into a process: no executable, neither PIE nor static."""
    soname: str | None
    """DT_SONAME: the name by which others need it."""
    needed: tuple[str, ...]
    """DT_NEEDED, in order: names of the libraries to be loaded with it."""
    runpath: tuple[str, ...]
    """The directories of DT_RUNPATH, else of DT_RPATH; ``$ORIGIN`` is not yet replaced."""
    interpreter: str | None
    """PT_INTERP: path of the dynamic linker."""


def read_dynamic(source: Path | bytes) -> Dynamic:
    """Read what *source*, an object file or its bytes, says to the dynamic linker.

    Raises ImageError if it cannot be read, is not a 64-bit little-endian ELF file or is damaged.
    """
    with opened(source) as elf:
        table = DynamicTable.of(elf)
        flags = table.last(DT_FLAGS_1) or 0
        sonames = table.strings(DT_SONAME)
        run_paths = table.strings(DT_RUNPATH) or table.strings(DT_RPATH)
        return Dynamic(
            machine=elf.header.machine,
            is_shared_object=elf.header.type == ET_DYN and not flags & _DF_1_PIE,
            soname=sonames[-1] if sonames else None,
            needed=tuple(table.strings(DT_NEEDED)),
            runpath=tuple(directory for entry in run_paths for directory in entry.split(":") if directory),
            interpreter=table.interpreter(),
        )
