"""The runtimes that are at hand by name: those in the cache, and those of installed distributions.

Both are archives, which are unpacked into the cache when they are first used. A distribution of a
runtime has an entry point in the group ``oxidize.runtimes`` that names its package, and the archive in the
directory of that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from oxidize_build.cache import Cache
from oxidize_build.errors import OxidizeError, RuntimeNotUsableError
from oxidize_build.progress import note, stage
from oxidize_build.runtime.extract import extract
from oxidize_build.runtime.fetch import KIND as DOWNLOADED
from oxidize_build.runtime.model import Runtime
from oxidize_build.runtime.standalone import standalone_runtime

ENTRY_POINTS = "oxidize.runtimes"
SUFFIXES = (".tar.zst", ".tar.gz", ".tar.xz", ".tar.bz2", ".tgz")

_UNPACKED = "unpacked-runtimes"
_TREE = "tree"
_MEASURE = "measure"
_SOURCE = "source.json"
_NOT_MEASURED = "__pycache__"  # the interpreter writes it

Origin: TypeAlias = Literal["cache", "wheel"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A runtime's archive at hand."""

    name: str
    """The file name of its archive without the ending."""
    origin: Origin
    source: str
    """Where it came from: an URL, a path, or a distribution and its version."""
    archive: Path


@dataclass(frozen=True, slots=True)
class RuntimeStore:
    """The runtimes that ``runtime = "3.14"`` chooses from."""

    cache: Cache

    def entries(self) -> list[Stored]:
        """Return all, in order of name, those of the cache first."""
        return [*self._cached(), *sorted(_installed(), key=lambda stored: stored.name)]

    def runtimes(self) -> Iterator[tuple[Stored, Runtime]]:
        """Yield the entries with what they hold; one that cannot be used is told of in a note."""
        for stored in self.entries():
            try:
                yield stored, self.open(stored.archive)
            except OxidizeError as error:
                note(f"the runtime {stored.name} cannot be used: {error.message}")

    def open(self, archive: Path) -> Runtime:
        """Return the runtime in *archive*, which is unpacked into the cache once.

        Raises ArchiveError when it is damaged, and RuntimeNotUsableError when it holds no usable runtime.
        """
        return standalone_runtime(self.unpacked(archive))

    def unpacked(self, archive: Path) -> Path:
        """Return the directory in the cache with the content of *archive*. Raises ArchiveError."""

        def make(made: Path) -> None:
            made.mkdir()
            with stage("Unpack the runtime"):
                extract(archive, made / _TREE)
            (made / _MEASURE).write_text(_measure(made / _TREE), "ascii")

        return self.cache.obtain(_UNPACKED, self.cache.sha256(archive), make, _is_sound) / _TREE

    def add(self, file_name: str, archive: Path, source: str) -> Stored:
        """Take *archive* by its *file_name*, in the place of any other of that name.

        *source* tells people where it came from.

        Raises what :meth:`open` does, and RuntimeNotUsableError for other names; then nothing is taken.
        """
        name = archive_stem(file_name)
        if not name:
            raise RuntimeNotUsableError(
                f"{file_name!r} is not the name of an archive",
                hint=f"the names of archives end with {', '.join(SUFFIXES)}",
            )
        self.open(archive)
        directory = self._directory
        with self.cache.workshop(directory) as workshop:
            made = workshop / "entry"
            made.mkdir()
            if self.cache.root in archive.parents:  # where nobody alters it
                (made / file_name).hardlink_to(archive)
            else:
                shutil.copyfile(archive, made / file_name)
            (made / _SOURCE).write_text(json.dumps({"source": source}), "utf-8")
            with suppress(FileNotFoundError):
                (directory / name).rename(workshop / "replaced")
            made.rename(directory / name)
        return Stored(name, "cache", source, directory / name / file_name)

    def remove(self, name: str) -> Stored:
        """Remove the runtime of that *name* from the cache, as downloaded and as unpacked.

        Raises RuntimeNotUsableError when there is none, or it belongs to an installed distribution.
        """
        stored = self.find(name)
        if stored.origin != "cache":
            raise RuntimeNotUsableError(
                f"the runtime {name} is a part of {stored.source}",
                hint="uninstall that distribution, by pip or what it was installed with",
            )
        digest = self.cache.sha256(stored.archive)
        with self.cache.workshop(self._directory) as workshop:
            (self._directory / name).rename(workshop / "removed")
            for kind in (_UNPACKED, DOWNLOADED):
                with suppress(FileNotFoundError):
                    self.cache.path(kind, digest).rename(workshop / kind)
        return stored

    def find(self, name: str) -> Stored:
        """Return the entry of that *name*. Raises RuntimeNotUsableError when there is none."""
        entries = self.entries()
        for stored in entries:
            if stored.name == name:
                return stored
        known = ", ".join(stored.name for stored in entries) or "none"
        raise RuntimeNotUsableError(
            f"there is no runtime named {name}; known: {known}",
            hint="`oxidize runtime list` shows all of them",
        )

    @property
    def _directory(self) -> Path:
        return self.cache.root / "runtimes"

    def _cached(self) -> Iterator[Stored]:
        with suppress(FileNotFoundError):
            for directory in sorted(self._directory.iterdir()):
                archive = _archive_in(directory)
                if archive is not None and not directory.name.startswith("."):
                    yield Stored(directory.name, "cache", _source(directory), archive)


def archive_stem(name: str) -> str | None:
    """Return the file name of an archive without its ending; None for other names."""
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.endswith(suffix)), None)


def _installed() -> Iterator[Stored]:
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        if entry.dist is None:
            continue
        archive = _archive_in(Path(str(entry.dist.locate_file(entry.value))))
        if archive is None:
            note(f"{entry.dist.name} {entry.dist.version} holds no runtime: install it again")
            continue
        yield Stored(
            str(archive_stem(archive.name)), "wheel", f"{entry.dist.name} {entry.dist.version}", archive
        )


def _source(directory: Path) -> str:
    try:
        return str(json.loads((directory / _SOURCE).read_bytes())["source"])
    except (OSError, ValueError, LookupError, TypeError):  # it is for people alone
        return "an unknown place"


def _archive_in(directory: Path) -> Path | None:
    found = sorted(path for path in directory.glob("*") if archive_stem(path.name) and path.is_file())
    return found[0] if found else None


def _is_sound(entry: Path) -> bool:
    """Tell whether the unpacked archive is as it was made."""
    try:
        return (entry / _MEASURE).read_text("ascii") == _measure(entry / _TREE)
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return False


def _measure(tree: Path) -> str:
    """Return the number of files in *tree*, and of their bytes."""
    count = size = 0
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name != _NOT_MEASURED]
        count += len(names)
        size += sum(os.lstat(f"{folder}/{name}").st_size for name in names)
    return f"{count} {size}"
