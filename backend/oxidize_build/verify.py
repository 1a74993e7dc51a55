"""Reopen a finished executable and check everything in it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from oxidize_build.errors import ImageError
from oxidize_build.image.format import Option
from oxidize_build.image.reader import Image, PackedFile, read_image
from oxidize_build.objfile.elf import IMAGE_ADDRESS, image_extent
from oxidize_build.objfile.elf_packed import unpacked_program
from oxidize_build.objfile.elf_program import program_digest
from oxidize_build.placement import read_tree, tree_key


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found in an executable that is whole."""

    path: Path
    size: int
    """Of the file, in bytes."""
    image_offset: int
    """Where the image begins in the file, in bytes."""
    image_size: int
    """In bytes."""
    image: Image
    program_size: int | None = None
    """Of the program in front of the image, in bytes, if that is compressed."""

    def read(self, file: PackedFile, stream: BinaryIO) -> bytes:
        """Return the content of *file*; *stream* is the open executable."""
        stream.seek(self.image_offset + file.offset)
        return self.image.content(file, stream.read(file.stored_size))


def verify(path: Path) -> VerifyReport:
    """Check every record and every content of the executable at *path*, and return what it holds.

    Raises ImageError, naming the file and the fault, when it is damaged or not one of oxidize's.
    """
    extent = image_extent(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        size = len(mapped)
        with memoryview(mapped) as whole, whole[extent.offset : extent.end] as data:
            image = _checked(data, lambda: mapped.madvise(mmap.MADV_DONTNEED))
    if isinstance(image, str):
        raise ImageError(f"{path}: {image}")
    _check_program(path, image)
    _check_install_tree(path, image)
    program = unpacked_program(path)
    program_size = None if program is None else len(program)
    return VerifyReport(path, size, extent.offset, extent.size, image, program_size)


def read_packed_file(path: Path, pattern: str) -> str:
    """Return the text of the first file of the executable at *path* whose path in the tree matches *pattern*.

    The executable is checked first, as by :func:`verify`. Raises ImageError also when there is no such file.
    """
    report = verify(path)
    found = next((file for file in report.image.files if file.path.match(pattern)), None)
    if found is None:
        raise ImageError(f"{path} holds no file {pattern}", hint="build it again with this oxidize")
    with path.open("rb") as file:
        return report.read(found, file).decode()


def _check_program(path: Path, image: Image) -> None:
    """Raise ImageError if what stands in front of the image is not what the image was attached to."""
    expected = [option.text for option in image.options if option.key is Option.PROGRAM_DIGEST]
    if expected != [program_digest(path, IMAGE_ADDRESS)]:
        raise ImageError(f"{path}: the program in front of the image is damaged, or not the one it is for")


def _check_install_tree(path: Path, image: Image) -> None:
    """Raise ImageError if the files beside the executable are not those that it was built with."""
    for option in image.options:
        if option.key is not Option.INSTALL_TREE:
            continue
        tree = path.parent / option.text.partition("/")[0]
        if not option.text.endswith(tree_key(read_tree(tree)) if tree.is_dir() else "/"):
            raise ImageError(
                f"{tree}: is not the directory of files that belongs to {path.name}",
                hint="the two have to be moved, and replaced, together",
            )


def _checked(data: memoryview, release: Callable[[], None]) -> Image | str:
    """Return the image, or its fault as a text: an exception would keep the mapping in use."""
    try:
        return read_image(data, release)
    except ImageError as error:
        return error.message
