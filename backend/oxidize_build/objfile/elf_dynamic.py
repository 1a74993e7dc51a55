"""What an ELF object asks of the dynamic linker (gABI, "Dynamic Section"; ld.so(8)).

Reading is pyelftools' work. Of the file only the segments are read, as the dynamic linker does:
section headers may be missing, and walking them takes most of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from oxidize_build.objfile.elf_format import DYNAMIC_ENTRY, ET_DYN, ElfFile, opened

_DF_1_PIE = 0x0800_0000
DAMAGE = (
    ELFError,
    ConstructError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    TypeError,
    ValueError,
)
"""What pyelftools raises for damaged input, beside its own errors."""


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


class SegmentsOnly(ELFFile):
    """An ELF file that is read by its segments alone."""

    def num_sections(self) -> int:
        """Return 0."""
        return 0


def read_dynamic(source: Path | bytes) -> Dynamic:
    """Read what *source*, an object file or its bytes, says to the dynamic linker.

    Raises ImageError if it cannot be read, is not a 64-bit little-endian ELF file or is damaged.
    """
    interpreter: str | None = None
    strings: dict[str, list[str]] = {name: [] for name in ("SONAME", "NEEDED", "RPATH", "RUNPATH")}
    flags = 0
    with opened(source) as elf, _damage_reported(elf):
        elf.segments()  # pyelftools would follow a damaged table anywhere
        for segment in SegmentsOnly(elf.stream).iter_segments():
            if isinstance(segment, InterpSegment):
                interpreter = segment.get_interp_name()
            elif isinstance(segment, DynamicSegment):
                for tag in islice(segment.iter_tags(), segment["p_filesz"] // DYNAMIC_ENTRY.size):
                    name = str(tag.entry.d_tag).removeprefix("DT_")
                    if name in strings:
                        strings[name].append(getattr(tag, name.lower()))
                    elif name == "FLAGS_1":
                        flags = tag.entry.d_val
    run_paths = strings["RUNPATH"] or strings["RPATH"]
    return Dynamic(
        machine=elf.header.machine,
        is_shared_object=elf.header.type == ET_DYN and not flags & _DF_1_PIE,
        soname=strings["SONAME"][-1] if strings["SONAME"] else None,
        needed=tuple(strings["NEEDED"]),
        runpath=tuple(directory for entry in run_paths for directory in entry.split(":") if directory),
        interpreter=interpreter,
    )


@contextmanager
def _damage_reported(elf: ElfFile) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise elf.malformed(f"its dynamic segment cannot be read ({error})") from error
