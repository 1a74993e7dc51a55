"""Unpack a tar archive that may be damaged or hostile: all of it, or nothing.

The formats are those of POSIX ``pax`` and GNU ``tar``, compressed by gzip, bzip2, xz or zstd. An archive
is read once, from beginning to end, into a directory beside the one that is asked for; when everything
in it has been found right, that one is renamed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Literal, Self, TypeAlias, cast

import zstandard

from oxidize_build.errors import ArchiveError
from oxidize_build.staging import CANNOT_WRITE, STAGING_PREFIX, remove_abandoned

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ROOT = PurePosixPath()

_CHUNK = 1 << 20
_MOST_LINKS = 40
"""How many links in a row the kernel follows (``MAXSYMLINKS``)."""
_LAST_TIME = 0xFFFF_FFFF
_DAMAGED = (
    *(tarfile.TarError, EOFError, ValueError, OverflowError),
    *(zlib.error, lzma.LZMAError, zstandard.ZstdError),
)

Kind: TypeAlias = Literal["file", "directory", "link"]


def extract(archive: Path, directory: Path) -> None:
    """Unpack *archive* into the new *directory*, whose parent exists.

    Files keep their time and whether they can be executed, and hard links stay such; owners,
    other permissions and extended attributes are not kept.

    Raises ArchiveError when the archive is damaged or ends too early, and when it holds what no sound
    archive does: paths or links that lead out of it, devices, two members of one name, members below
    a link. *directory* does not exist then. Raises OSError where files cannot be
    read or written.
    """
    remove_abandoned(directory.parent, STAGING_PREFIX)
    aside = Path(tempfile.mkdtemp(dir=directory.parent, prefix=STAGING_PREFIX))
    try:
        unpacked = aside / "unpacked"
        unpacked.mkdir()
        with archive.open("rb") as file, _readable_faults(archive):
            _unpack(_decompressed(file), unpacked)
        unpacked.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _readable_faults(archive: Path) -> Iterator[None]:
    hint = "the file is damaged, or is no archive that can be trusted: get it again"
    try:
        yield
    except ArchiveError as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error.message}", hint=hint) from None
    except _DAMAGED as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}", hint=hint) from error
    except OSError as error:
        if error.errno in CANNOT_WRITE:
            raise
        raise ArchiveError(f"{archive} cannot be unpacked: {error}", hint=hint) from error


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    """Return the content of the compressed *file*, told by how it begins. Raises ArchiveError."""
    formats: dict[bytes, Callable[[IO[bytes]], object]] = {
        b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
        b"BZh": bz2.BZ2File,
        b"\xfd7zXZ\0": lzma.LZMAFile,
        b"\x28\xb5\x2f\xfd": lambda file: io.BufferedReader(_ZstdFile(file), _CHUNK),
    }
    head = file.read(6)
    file.seek(0)
    for magic, opened in formats.items():
        if head.startswith(magic):
            return cast("IO[bytes]", opened(file))
    raise ArchiveError("it is not compressed by gzip, bzip2, xz or zstd")


class _ZstdFile(io.RawIOBase):
    """The content of zstd frames; unlike zstandard's own reader it tells when the last one is cut short."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._content = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._content:
            packed = (self._frame.unused_data if self._frame.eof else b"") or self._file.read(_CHUNK)
            if not packed:
                if self._frame.eof:
                    return 0
                raise EOFError("the zstd frame ends too early")
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._content = self._frame.decompress(packed)
        size = min(len(view), len(self._content))
        view[:size] = self._content[:size]
        self._content = self._content[size:]
        return size


class _Member(tarfile.TarInfo):
    """A member whose damaged header is an error: to :mod:`tarfile` it is the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Return the next one, as documented for TarInfo. Raises ReadError instead of most header errors."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"the header of a member is damaged: {error}") from error


def _unpack(stream: IO[bytes], directory: Path) -> None:
    tree = _Tree(directory)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as members:
        for member in members:
            tree.add(member, members)
    while stream.read(_CHUNK):  # checksums stand at the end
        pass
    tree.check_links()


@dataclass(frozen=True, slots=True)
class _Tree:
    """What has been unpacked so far."""

    directory: Path
    kinds: dict[PurePosixPath, Kind] = field(default_factory=lambda: {ROOT: "directory"})
    links: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)

    def add(self, member: tarfile.TarInfo, members: tarfile.TarFile) -> None:
        """Write *member*. Raises ArchiveError when it may not be written."""
        path = _inside(member.name, member.name)
        if path == ROOT and member.isdir():
            return
        self._make_parents(path)
        if member.isdir():
            self._make_directory(path)
            return
        if path in self.kinds:
            raise ArchiveError(f"{path} is in it twice")
        target = self.directory / path
        if member.issym():
            self.links[path] = PurePosixPath(member.linkname)
            self.kinds[path] = "link"
            target.symlink_to(member.linkname)
        elif member.islnk():
            original = _inside(member.linkname, member.name)
            if self.kinds.get(original) != "file":
                raise ArchiveError(f"{path} is a link to {original}, which is no file that came before it")
            self.kinds[path] = "file"
            target.hardlink_to(self.directory / original)
        elif member.isreg():
            self.kinds[path] = "file"
            _write(member, members, target)
        else:
            raise ArchiveError(f"{path} is a device or another special file")

    def check_links(self) -> None:
        """Raise ArchiveError when a link leads out of the tree, even through other links."""
        for link in self.links:
            self._follow(link)

    def _make_parents(self, path: PurePosixPath) -> None:
        for parent in reversed(path.parents):
            self._make_directory(parent)

    def _make_directory(self, path: PurePosixPath) -> None:
        kind = self.kinds.setdefault(path, "directory")
        if kind != "directory":
            raise ArchiveError(f"{path} is a {kind}, and a directory too")
        (self.directory / path).mkdir(exist_ok=True)

    def _follow(self, link: PurePosixPath) -> None:
        """Walk to where *link* leads, as the kernel does."""
        at = ROOT
        todo = list(reversed(link.parts))
        links = 0
        while todo:
            part = todo.pop()
            if part == "/" or (part == ".." and at == ROOT):
                raise ArchiveError(f"{link} is a link to {self.links[link]}, outside of the archive")
            at = at.parent if part == ".." else at / part
            if at in self.links:
                links += 1
                if links > _MOST_LINKS:
                    return  # to nowhere: a circle
                todo += reversed(self.links[at].parts)
                at = at.parent


def _inside(name: str, member: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ArchiveError(f"{member!r} names a place outside of the archive: {name!r}")
    return path


def _write(member: tarfile.TarInfo, members: tarfile.TarFile, target: Path) -> None:
    content = members.extractfile(member)
    assert content is not None  # noqa: S101 (for the type checker: it is a regular file)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
    if target.stat().st_size != member.size:
        raise ArchiveError(f"it ends in the middle of {member.name}")
    target.chmod(0o755 if member.mode & 0o100 else 0o644)
    time = min(max(int(member.mtime), 0), _LAST_TIME)
    with suppress(OSError):  # a file system may have no place for it
        os.utime(target, (time, time))
