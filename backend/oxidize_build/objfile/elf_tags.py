"""The dynamic table of an ELF object (gABI, "Dynamic Section"; symbol versions: LSB, "Symbol Versioning").

Read by the segments alone, as the dynamic linker does: section headers may be missing. A build reads those of
all that it packs, twice, in which pyelftools takes most of the time to describe the structures once more
for each file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from oxidize_build.objfile.elf_format import (
    DT_NULL,
    DT_STRSZ,
    DT_STRTAB,
    DT_VERNEED,
    DT_VERNEEDNUM,
    DYNAMIC_ENTRY,
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    VERSION_NEED,
    VERSION_NEED_NAME,
    DynamicEntry,
    ElfFile,
    ProgramHeader,
)

_MOST_ENTRIES = 1 << 16
"""No table of an honest file is longer: a damaged one is not followed without end."""
_LONGEST_STRING = 1 << 12


class NeededVersion(NamedTuple):
    """A version of symbols that an object needs."""

    library: str
    version: str
    flags: int


@dataclass(frozen=True, slots=True)
class DynamicTable:
    """The entries of the dynamic segment, and what they refer to."""

    elf: ElfFile
    segments: tuple[ProgramHeader, ...]
    entries: tuple[DynamicEntry, ...]

    @classmethod
    def of(cls, elf: ElfFile) -> DynamicTable:
        """Read the table of *elf*; raise ImageError if it is damaged."""
        segments = elf.segments()
        entries: list[DynamicEntry] = []
        for segment in segments:
            if segment.type != PT_DYNAMIC:
                continue
            count = min(segment.filesz // DYNAMIC_ENTRY.size, _MOST_ENTRIES)
            data = elf.read(segment.offset, count * DYNAMIC_ENTRY.size, "its dynamic segment")
            for fields in DYNAMIC_ENTRY.iter_unpack(data):
                if fields[0] == DT_NULL:
                    break
                entries.append(DynamicEntry._make(fields))
        return cls(elf, tuple(segments), tuple(entries))

    def values(self, tag: int) -> list[int]:
        """Return the values of the entries of that *tag*, in order."""
        return [entry.value for entry in self.entries if entry.tag == tag]

    def last(self, tag: int) -> int | None:
        """Return the value that counts of the entries of that *tag*; None if there are none."""
        values = self.values(tag)
        return values[-1] if values else None

    def strings(self, tag: int) -> list[str]:
        """Return the strings to which the entries of that *tag* refer; raise ImageError if there are none."""
        return [self.string(value) for value in self.values(tag)]

    def string(self, index: int) -> str:
        """Return the string at *index* of the string table; raise ImageError if that is not inside it."""
        table, size = self.last(DT_STRTAB), self.last(DT_STRSZ)
        if table is None or size is None or index >= size:
            raise self.elf.malformed(f"its string table has no string at byte {index}")
        start = self._offset(table, "its string table") + index
        data = self.elf.read(start, min(size - index, _LONGEST_STRING), "its string table")
        end = data.find(b"\0")
        if end < 0:
            raise self.elf.malformed(f"the string at byte {index} of its string table does not end")
        return data[:end].decode("utf-8", "replace")

    def interpreter(self) -> str | None:
        """Return the path of the dynamic linker, PT_INTERP."""
        for segment in self.segments:
            if segment.type == PT_INTERP:
                data = self.elf.read(segment.offset, min(segment.filesz, _LONGEST_STRING), "PT_INTERP")
                return data.partition(b"\0")[0].decode("utf-8", "replace")
        return None

    def needed_versions(self) -> Iterator[NeededVersion]:
        """Yield what DT_VERNEED lists, in order; raise ImageError if the table is damaged."""
        address, count = self.last(DT_VERNEED), self.last(DT_VERNEEDNUM)
        if address is None:
            return
        at = self._offset(address, "its table of versions")
        for _ in range(min(count or 0, _MOST_ENTRIES)):
            need = VERSION_NEED.unpack(self.elf.read(at, VERSION_NEED.size, "its table of versions"))
            _, names, library, first, step = need
            yield from self._names(self.string(library), at + first, names)
            if step == 0:
                return
            at += step

    def _names(self, library: str, at: int, count: int) -> Iterator[NeededVersion]:
        for _ in range(count):
            fields = VERSION_NEED_NAME.unpack(
                self.elf.read(at, VERSION_NEED_NAME.size, "its table of versions")
            )
            _, flags, _, name, step = fields
            yield NeededVersion(library, self.string(name), flags)
            if step == 0:
                return
            at += step

    def _offset(self, address: int, what: str) -> int:
        """Return where in the file is what is loaded to *address*."""
        for segment in self.segments:
            if segment.type == PT_LOAD and 0 <= address - segment.vaddr < segment.filesz:
                return address - segment.vaddr + segment.offset
        raise self.elf.malformed(f"{what} is in no segment")
