"""``libpython3.x.a`` as it is delivered: the whole interpreter but third-party libraries, in machine code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from oxidize_build.runtime.build.cpython import OBJECT_LIST
from oxidize_build.runtime.build.plan import Plan, Workshop, new_directory
from oxidize_build.runtime.build.startup import gather_start
from oxidize_build.runtime.build.steps import Tools

_ELF = b"\x7fELF"


def write_libpython(
    library: Path, bundled: Iterable[str], plan: Plan, workshop: Workshop, tools: Tools
) -> None:
    """Write the static *library* of the interpreter that was compiled in *workshop*.

    *bundled* are paths, in the build tree, of static libraries that come with CPython's source.
    An optimising link has made other objects of them all, of which the program's main function is left out.
    """
    tree = workshop.build
    members = [tree / name for name in (tree / OBJECT_LIST).read_text("utf-8").split()]
    unpacked = new_directory(workshop.root / "bundled")
    for name in bundled:  # into one directory, for some objects are in several of them
        tools.run([plan.toolchain.ar, "x", tree / name], cwd=unpacked)
    members += sorted(unpacked.iterdir())
    if plan.lto:
        optimised = (path for path in sorted(workshop.native_objects.iterdir()) if not _defines_main(path))
        members = [*filter(_is_elf, optimised), *filter(_is_elf, members)]
    library.unlink(missing_ok=True)
    tools.run([plan.toolchain.ar, "qcsD", library, *members], cwd=tree)
    gather_start(library, members, plan, workshop, tools)


def _is_elf(path: Path) -> bool:
    """Tell machine code from the compiler's intermediate code, and from an empty file."""
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


def _defines_main(path: Path) -> bool:
    return _is_elf(path) and "main" in _defined_symbols(path)


def _defined_symbols(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections("SHT_SYMTAB"):
            if isinstance(section, SymbolTableSection):
                yield from (
                    symbol.name for symbol in section.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"
                )
