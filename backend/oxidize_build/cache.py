"""A cache keyed by content: an entry is complete or absent, and never changes.

Entries are files or directories below ``<root>/<kind>/``. A key is a digest of everything that
the entry was made from, so nothing is ever invalidated; deleting the whole folder is always safe.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from oxidize_build.errors import OutputError
from oxidize_build.staging import CANNOT_WRITE, remove_abandoned

ENVIRONMENT_VARIABLE = "OXIDIZE_CACHE_DIR"
WORKSHOP_PREFIX = ".making-"


def cache_key(*parts: str | bytes) -> str:
    """Return the SHA-256 digest, in hexadecimal, of *parts* and of where each one ends."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


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

    def obtain(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the entry's path, making it first where there is none.

        *make* is given a path that does not exist and creates a file or directory there. It is
        renamed into place when *make* has returned: of several processes that make the same entry
        at once, one wins and the others use its result. When *make* raises, nothing is left behind.

        Raises OutputError when the cache cannot be written.
        """
        entry = self.path(kind, key)
        if entry.exists():
            return entry
        with self.workshop(entry.parent) as workshop:
            made = workshop / "entry"
            make(made)
            try:
                made.rename(entry)
            except OSError:  # a directory that another process finished first
                if not entry.exists():
                    raise
        return entry

    @contextmanager
    def workshop(self, directory: Path) -> Iterator[Path]:
        """Give a directory inside *directory* of the cache, which disappears when the block ends.

        Raises OutputError when the block, or making the directory, meets a file that cannot be written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            remove_abandoned(directory, WORKSHOP_PREFIX)
            with tempfile.TemporaryDirectory(dir=directory, prefix=WORKSHOP_PREFIX) as workshop:
                yield Path(workshop)
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                raise
            raise OutputError(
                f"cannot write {error.filename or 'a file'} for the cache {self.root}: {error.strerror}",
                hint=f"set {ENVIRONMENT_VARIABLE} to a directory that can be written and has space",
            ) from error
