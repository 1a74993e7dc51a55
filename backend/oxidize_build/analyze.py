"""What a file needs of the system that it is to run on, what protects it, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from oxidize_build.distributions import Floor, Libc, Verdict, verdicts
from oxidize_build.embedded import EmbeddedLibrary, embedded_libraries
from oxidize_build.errors import ImageError, ObjectFileError
from oxidize_build.image.reader import Image
from oxidize_build.libc_floor import libc_floor
from oxidize_build.libraries import is_part_of_libc
from oxidize_build.objfile.elf import carries_image
from oxidize_build.objfile.elf_facts import MAGIC as ELF_MAGIC
from oxidize_build.objfile.elf_facts import elf_facts, elf_needs
from oxidize_build.objfile.elf_packed import is_packed, unpacked_program
from oxidize_build.objfile.facts import Kind, ObjectFacts
from oxidize_build.objfile.macho_facts import MAGICS as MACHO_MAGICS
from oxidize_build.objfile.macho_facts import macho_facts
from oxidize_build.objfile.pe_facts import MAGIC as PE_MAGIC
from oxidize_build.objfile.pe_facts import pe_facts
from oxidize_build.verify import VerifyReport, verify

_OLDEST_JAVA_CLASS = 43
"""No class file has a lower version, and no universal file so many architectures."""


@dataclass(frozen=True, slots=True)
class PackedObjects:
    """What the shared objects inside an executable of oxidize's need."""

    python_version: str
    objects: int
    """How many there are: extension modules and libraries."""
    floor: Floor
    floor_of: PurePosixPath | None
    """The object that needs the highest version of the C library; None if none needs any."""
    needed: tuple[str, ...]
    """Libraries that they need, are not packed, and are no part of the C library; sorted."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found out about a file."""

    path: Path
    size: int
    """In bytes."""
    objects: tuple[ObjectFacts, ...]
    """One, or as many as a universal Mach-O file has architectures."""
    floor: Floor | None
    """Of the whole file, with what is packed in it; None where it is not for Linux."""
    floor_of: PurePosixPath | None
    """The packed object because of which it is higher than the program itself would have it."""
    distributions: tuple[Verdict, ...]
    libraries: tuple[EmbeddedLibrary, ...]
    """Copies of well-known libraries in it."""
    packed: PackedObjects | None
    """For an executable of oxidize's."""
    program_size: int | None = None
    """Of the program in it, in bytes, if that is compressed."""


def analyze(path: Path) -> Analysis:
    """Return what the ELF, Mach-O or PE file at *path* needs and how it is protected.

    Raises ObjectFileError if it is no such file or is damaged, and ImageError if what oxidize has packed in
    it is damaged.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(8)
            size = path.stat().st_size
    except OSError as error:
        raise ObjectFileError(f"{path}: cannot be read: {error.strerror}") from error
    if magic.startswith(ELF_MAGIC):
        return _analyze_elf(path, size)
    if magic.startswith(PE_MAGIC):
        objects: tuple[ObjectFacts, ...] = (pe_facts(path),)
    elif magic[:4] in MACHO_MAGICS and not _is_java_class(magic):
        objects = macho_facts(path)
    else:
        raise ObjectFileError(
            f"{path}: neither an ELF, nor a Mach-O, nor a PE file",
            hint="programs and shared libraries can be analysed, scripts and archives cannot",
        )
    return Analysis(path, size, objects, None, None, (), embedded_libraries(path.read_bytes()), None)


def _is_java_class(magic: bytes) -> bool:
    """Tell a class file from a universal Mach-O file: both begin with CAFEBABE."""
    return magic.startswith(b"\xca\xfe\xba\xbe") and int.from_bytes(magic[4:], "big") >= _OLDEST_JAVA_CLASS


def _analyze_elf(path: Path, size: int) -> Analysis:
    program = _compressed_program(path)
    facts = _facts(path, program)
    floor = libc_floor(facts.needed, facts.symbol_versions, facts.interpreter)
    packed = floor_of = None
    if carries_image(path):
        report = verify(path)
        packed = packed_objects(report)
        higher = floor.at_least(packed.floor)
        floor_of = packed.floor_of if higher != floor else None
        floor = higher
        libraries = tuple(_packed_libraries(report, program))
    else:
        libraries = embedded_libraries(path.read_bytes())
    runs_on = verdicts(floor) if facts.kind in {Kind.EXECUTABLE, Kind.PIE, Kind.SHARED_LIBRARY} else ()
    program_size = None if program is None else len(program)
    return Analysis(path, size, (facts,), floor, floor_of, runs_on, libraries, packed, program_size)


def _compressed_program(path: Path) -> bytes | None:
    try:
        is_compressed = is_packed(path)
    except ImageError:
        return None  # a file for other machines, or a damaged one, which _facts tells
    return unpacked_program(path) if is_compressed else None


def _facts(path: Path, program: bytes | None) -> ObjectFacts:
    """Return the facts of the ELF file at *path*, or if what it does is done by a *program* in it of that."""
    if program is not None:
        return elf_facts(BytesIO(program), str(path))
    with path.open("rb") as file:
        return elf_facts(file, str(path))


def executable_floor(report: VerifyReport) -> Floor:
    """Return the C library that the executable of *report* needs, with all that is packed in it.

    Raises ObjectFileError if a packed shared object is damaged.
    """
    facts = _facts(report.path, unpacked_program(report.path))
    floor = libc_floor(facts.needed, facts.symbol_versions, facts.interpreter)
    return floor.at_least(packed_objects(report).floor)


def packed_objects(report: VerifyReport) -> PackedObjects:
    """Return what the shared objects in the executable of *report* need.

    Raises ObjectFileError if one of them is damaged.
    """
    floor, floor_of = Floor(Libc.NONE), None
    needed: set[str] = set()
    sonames: set[str] = set()
    count = 0
    for path, data in _objects(report):
        count += 1
        needs = elf_needs(BytesIO(data), f"{report.path}: {path}")
        needed.update(needs.needed)
        sonames |= {path.name, needs.soname or path.name}
        higher = floor.at_least(libc_floor(needs.needed, needs.symbol_versions, None))
        if higher != floor:
            floor, floor_of = higher, path
    outside = tuple(sorted(name for name in needed - sonames if not is_part_of_libc(name)))
    return PackedObjects(python_version(report.image), count, floor, floor_of, outside)


def python_version(image: Image) -> str:
    """Return the version of Python that *image* is for, as ``3.13.5`` (pre-releases: ``3.15.0rc2``)."""
    value = image.python_version
    release = f"{value >> 24}.{value >> 16 & 0xFF}.{value >> 8 & 0xFF}"
    level = {0xA: "a", 0xB: "b", 0xC: "rc"}.get(value >> 4 & 0xF)
    return f"{release}{level}{value & 0xF}" if level else release


def _objects(report: VerifyReport) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the path and the content of each packed shared object that is an ELF file."""
    files = {file.path: file for file in report.image.files}
    with report.path.open("rb") as stream:
        for library in report.image.libraries:
            data = report.read(files[library.path], stream)
            if data.startswith(ELF_MAGIC):
                yield library.path, data


def _packed_libraries(report: VerifyReport, program: bytes | None) -> list[EmbeddedLibrary]:
    """Return the libraries in the program in front of the image, and those in packed shared objects.

    *program* is that program if it is compressed.
    """
    with report.path.open("rb") as stream:
        found = set(embedded_libraries(program or stream.read(report.image_offset)))
    for _, data in _objects(report):
        found.update(embedded_libraries(data))
    return sorted(found, key=lambda library: (library.name.lower(), library.version))
