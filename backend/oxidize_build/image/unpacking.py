"""Contents that are compressed in the image: unpacked piece by piece, and never more than there should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import zstandard

from oxidize_build.errors import ImageError
from oxidize_build.resources import CHUNK


def unpacked(
    frame: bytes | memoryview, size: int, dictionaries: Sequence[bytes], title: str = "a file"
) -> Iterator[bytes]:
    """Yield the content of *frame*, which is to have *size* bytes, in pieces of at most one mebibyte.

    *dictionaries* are the image's. Raises ImageError, naming the *title* of the file, if the frame is
    malformed or its content of another size.
    """
    total = 0
    try:
        dictionary = _dictionary(zstandard.get_frame_parameters(frame).dict_id, dictionaries)
        with zstandard.ZstdDecompressor(dict_data=dictionary).stream_reader(
            frame, read_across_frames=True
        ) as reader:
            while piece := reader.read(min(CHUNK, size - total + 1)):
                total += len(piece)
                if total > size:
                    break
                yield piece
    except (zstandard.ZstdError, LookupError) as error:
        raise ImageError(f"{title} cannot be unpacked: {error}") from error
    if total != size:
        more = "more" if total > size else total
        raise ImageError(f"{title} is unpacked to {more} bytes, where there should be {size}")


def check_frame(frame: memoryview, size: int, dictionaries: Sequence[bytes], title: str) -> None:
    """Unpack *frame*, and forget what it holds. Raises ImageError as :func:`unpacked` does."""
    for _ in unpacked(frame, size, dictionaries, title):
        pass


def _dictionary(number: int, dictionaries: Sequence[bytes]) -> zstandard.ZstdCompressionDict | None:
    if number == 0:
        return None
    if number > len(dictionaries):
        raise LookupError(f"there is no dictionary {number}")
    return zstandard.ZstdCompressionDict(dictionaries[number - 1])
