"""Versions of the libraries that are linked into a file, by the texts with which they name themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddedLibrary:
    """A library of which a file has a copy."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class _Signature:
    """How a library is known."""

    name: str
    marker: bytes
    """A text that the library contains: quick to search for."""
    version: re.Pattern[bytes]
    nearby: bool = True
    """Whether the version stands around the marker, or anywhere in the file."""


_SIGNATURES = (
    _Signature(
        "OpenSSL", b"OpenSSL ", re.compile(rb"OpenSSL (\d+\.\d+\.\d+[a-z]*)[\w+-]* +\d+ [A-Z]\w\w \d{4}")
    ),
    # The numbers leave out Python's own 3.x versions
    _Signature("SQLite", b"SQLite format 3\0", re.compile(rb"\0(3\.[2-9]\d\.\d{1,2})\0"), nearby=False),
    _Signature("zlib", b" deflate ", re.compile(rb" deflate (\d+(?:\.[\w-]+)+) Copyright")),
    _Signature("bzip2", b"bzip2/libbzip2", re.compile(rb"\0(1\.\d\.\d), \d+-[A-Z]\w\w-\d{4}"), nearby=False),
    _Signature("Expat", b"expat_", re.compile(rb"expat_(\d+\.\d+\.\d+)")),
    _Signature("ncurses", b"ncurses ", re.compile(rb"ncurses (\d+\.\d+)\.\d{8}")),
    _Signature("libcurl", b"libcurl/", re.compile(rb"libcurl/(\d+\.\d+\.\d+)")),
    _Signature("libpng", b"libpng version ", re.compile(rb"libpng version (\d+\.\d+\.\d+)")),
    _Signature("libtiff", b"LIBTIFF, ", re.compile(rb"LIBTIFF, Version (\d+\.\d+\.\d+)")),
    _Signature("libjpeg-turbo", b"libjpeg-turbo ", re.compile(rb"libjpeg-turbo version (\d+\.\d+\.\d+)")),
    _Signature("OpenBLAS", b"OpenBLAS ", re.compile(rb"OpenBLAS (\d+\.\d+\.\d+)")),
    _Signature("HDF5", b"HDF5 library ", re.compile(rb"HDF5 library version (\d+\.\d+\.\d+)")),
    _Signature("LLVM", b"LLVM version ", re.compile(rb"LLVM version (\d+\.\d+\.\d+)")),
)
_AROUND = 128
"""Bytes after the beginning of a marker in which the version stands."""


def embedded_libraries(data: bytes) -> tuple[EmbeddedLibrary, ...]:
    """Return the libraries that *data*, an object file, names; in order of name, each version once."""
    found = {
        EmbeddedLibrary(signature.name, version)
        for signature in _SIGNATURES
        for version in _versions(signature, data)
    }
    return tuple(sorted(found, key=lambda library: (library.name.lower(), library.version)))


def _versions(signature: _Signature, data: bytes) -> Iterator[str]:
    start = data.find(signature.marker)
    if start >= 0 and not signature.nearby:
        yield from (match[1].decode() for match in signature.version.finditer(data))
        return
    while start >= 0:
        if match := signature.version.match(data, start, start + _AROUND):
            yield match[1].decode()
        start = data.find(signature.marker, start + 1)
