"""Reopen a finished executable and check everything in it."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import ImageError
from oxidize_build.image.reader import Image, read_image
from oxidize_build.objfile.elf import image_extent


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found in an executable that is whole."""

    path: Path
    size: int
    """Of the file, in bytes."""
    image_size: int
    """In bytes."""
    image: Image


def verify(path: Path) -> VerifyReport:
    """Check every record and every content of the executable at *path*.

    Raises ImageError, naming the file and the fault, when it is damaged or not one of oxidize's.
    """
    extent = image_extent(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with memoryview(mapped) as whole, whole[extent.offset : extent.end] as data:
            try:
                image = read_image(data)
            except ImageError as error:
                raise ImageError(f"{path}: {error.message}") from None
        return VerifyReport(path, len(mapped), extent.size, image)
