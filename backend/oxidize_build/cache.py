"""A cache keyed by content: an entry is complete or absent, and never changes.

Entries are files or directories below ``<root>/<kind>/``. A key is a digest of everything that
the entry was made from, so nothing is ever invalidated; deleting the whole folder is always safe.

After a power failure files can be shorter than they were written, or empty. So an entry that is a
file has its size and digest in a second file beside it, and who asks for a directory says how to
tell that it is sound. A damaged entry counts as absent, and is made again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import xxhash

from oxidize_build.errors import OutputError
from oxidize_build.staging import CANNOT_WRITE, remove_abandoned

ENVIRONMENT_VARIABLE = "OXIDIZE_CACHE_DIR"
WORKSHOP_PREFIX = ".making-"
SEAL_SUFFIX = ".seal"
"""Ends the name of the file that holds the size and the digest of an entry."""

_CHUNK = 1 << 20


def cache_key(*parts: str | bytes) -> str:
    """Return the SHA-256 digest, in hexadecimal, of *parts* and of where each one ends."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def is_sealed(entry: Path) -> bool:
    """Tell whether *entry* is a file that has the size and the digest with which it was made."""
    try:
        return _seal_path(entry).read_bytes() == _seal(entry).encode()
    except (FileNotFoundError, NotADirectoryError):
        return False


def _seal_path(entry: Path) -> Path:
    return entry.with_name(entry.name + SEAL_SUFFIX)


def _seal(file: Path) -> str:
    """Return the size of *file* and its digest, which is fast and guards against accidents alone."""
    digest = xxhash.xxh3_128()
    size = 0
    with file.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return f"{size} {digest.hexdigest()}"


def _place_directory(made: Path, entry: Path, is_sound: Callable[[Path], bool]) -> None:
    """Rename *made* to *entry*, out of whose place a damaged one is moved, to where *made* was."""
    try:
        made.rename(entry)
    except OSError:
        if is_sound(entry):  # another process finished first
            return
        if not entry.exists():
            raise
        entry.rename(made.with_name("damaged"))
        made.rename(entry)


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of finished entries."""

    root: Path

    @classmethod
    def default(cls) -> Cache:
        """Return the user's cache: ``$OXIDIZE_CACHE_DIR``, else the platform's place for caches."""
        configured = os.environ.get(ENVIRONMENT_VARIABLE)
        return cls(Path(configured) if configured else platformdirs.user_cache_path("oxidize"))

    def path(self, kind: str, key: str) -> Path:
        """Return where the entry *key* of *kind* stands, or would stand."""
        return self.root / kind / key[:2] / key

    def obtain(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], None],
        is_sound: Callable[[Path], bool] = is_sealed,
    ) -> Path:
        """Return the entry's path, making it first where there is none that *is_sound*.

        *make* is given a path that does not exist and creates a file or directory there. It is
        renamed into place when *make* has returned: of several processes that make the same entry
        at once, one wins and the others use its result. When *make* raises, nothing is left behind.
        *is_sound* is given a path where there may be nothing; by default the entry must be a file.

        Raises OutputError when the cache cannot be written.
        """
        entry = self.path(kind, key)
        if is_sound(entry):
            with suppress(OSError):  # the cache may be there to be read only
                os.utime(entry)  # when it was last of use: see prune()
            return entry
        with self.workshop(entry.parent) as workshop:
            made = workshop / "entry"
            make(made)
            if made.is_dir():
                _place_directory(made, entry, is_sound)
            else:
                self._seal_in(made, entry)
        return entry

    def adopt(self, kind: str, key: str, made: Path) -> Path:
        """Make an entry of the finished file *made*, which is moved there from a workshop of this cache.

        An entry that is there is replaced. Where many are made together this is quicker than obtain().
        """
        entry = self.path(kind, key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        self._seal_in(made, entry)
        return entry

    def _seal_in(self, made: Path, entry: Path) -> None:
        """Rename *made* to *entry*; the seal comes first, so that none without one is ever seen."""
        seal = made.with_name(f"{made.name}{SEAL_SUFFIX}")
        seal.write_text(_seal(made), "ascii")
        seal.rename(_seal_path(entry))
        made.rename(entry)

    def sha256(self, file: Path) -> str:
        """Return the SHA-256 of a large *file*, worked out once for as long as the file is not touched."""
        status = file.stat()
        key = cache_key(str(file), str(status.st_size), str(status.st_mtime_ns), str(status.st_ino))

        def make(made: Path) -> None:
            with file.open("rb") as stream:
                made.write_text(hashlib.file_digest(stream, "sha256").hexdigest(), "ascii")

        return self.obtain("digests", key, make).read_text("ascii")

    @contextmanager
    def workshop(self, directory: Path) -> Iterator[Path]:
        """Give a directory inside *directory* of the cache, which disappears when the block ends.

        Raises OutputError when the block, or making the directory, meets a file that cannot be written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._not_writable(error) from error
        try:
            remove_abandoned(directory, WORKSHOP_PREFIX)
            with tempfile.TemporaryDirectory(dir=directory, prefix=WORKSHOP_PREFIX) as workshop:
                yield Path(workshop)
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                raise
            raise self._not_writable(error) from error

    def _not_writable(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {error.filename or 'a file'} for the cache {self.root}: {error.strerror}",
            hint=f"set {ENVIRONMENT_VARIABLE} to a directory that can be written and has space",
        )

    def entries(self) -> list[CacheEntry]:
        """Return all finished entries, those that have not been of use for the longest time first."""
        found = [
            CacheEntry(path.parts[-3], path, _size(path), path.lstat().st_mtime)
            for path in self.root.glob("*/??/*")
            if path.name.startswith(path.parent.name) and not path.name.endswith(SEAL_SUFFIX)
        ]
        return sorted(found, key=lambda entry: (entry.used, entry.path))

    def prune(self, oldest: float | None, max_size: int | None) -> list[CacheEntry]:
        """Remove entries and return them.

        They are those that have not been of use since *oldest*, in seconds of the epoch, and then as many
        that have not been for the longest time as it takes for the others to have *max_size* bytes together.

        Raises OutputError when one cannot be removed.
        """
        entries = self.entries()
        removed = [entry for entry in entries if oldest is not None and entry.used < oldest]
        left = entries[len(removed) :]
        excess = sum(entry.size for entry in left) - max_size if max_size is not None else 0
        for entry in left:
            if excess <= 0:
                break
            removed.append(entry)
            excess -= entry.size
        for entry in removed:
            self._remove(entry.path)
        return removed

    def _remove(self, path: Path) -> None:
        """Remove the entry at *path*, so that nobody meets a part of it."""
        with self.workshop(path.parent) as workshop:
            path.rename(workshop / "removed")
            _seal_path(path).unlink(missing_ok=True)
        with suppress(OSError):  # it holds other entries
            path.parent.rmdir()


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A finished entry of the cache."""

    kind: str
    path: Path
    size: int
    """In bytes, of all files in it."""
    used: float
    """When it was last of use, in seconds of the epoch."""


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
