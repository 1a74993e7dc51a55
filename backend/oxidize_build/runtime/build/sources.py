"""The sources of everything that a runtime is built of: pinned in ``sources.toml``, taken from here or there.

An archive is known by its SHA-256 alone. It is looked for in a folder that the user gives, where it may
have any name, then in the cache, then at its URL.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from oxidize_build.cache import Cache
from oxidize_build.errors import ArchiveError
from oxidize_build.runtime.extract import extract
from oxidize_build.runtime.fetch import download, file_name


@dataclass(frozen=True, slots=True)
class Component:
    """CPython, or a third-party library that a runtime is built of."""

    name: str
    version: str
    license: str
    """SPDX expression."""
    license_files: tuple[str, ...]
    """Paths of its licence texts in the source tree."""
    url: str
    """Where the upstream offers the archive."""
    sha256: str
    """Of the upstream's archive, in hexadecimal."""
    alternatives: tuple[str, ...] = ()
    """SHA-256 of archives of the same version, packed by others, that are accepted as well."""

    @property
    def title(self) -> str:
        """``openssl 3.5.7``."""
        return f"{self.name} {self.version}"

    @property
    def accepted(self) -> tuple[str, ...]:
        """SHA-256 of every archive that will do."""
        return (self.sha256, *self.alternatives)


@cache
def read_components() -> tuple[Component, ...]:
    """Return the rows of ``sources.toml``."""
    text = resources.files(__package__).joinpath("sources.toml").read_text(encoding="utf-8")
    return tuple(_component(row) for row in tomllib.loads(text)["component"])


def _component(row: Mapping[str, Any]) -> Component:
    return Component(
        name=row["name"],
        version=row["version"],
        license=row["license"],
        license_files=tuple(row["license-files"]),
        url=row["url"],
        sha256=row["sha256"],
        alternatives=tuple(alternative["sha256"] for alternative in row.get("alternative", ())),
    )


def find_component(name: str, version: str | None = None) -> Component:
    """Return the component *name*, of which there is one version unless *version* says which.

    Raises ArchiveError when the table has no such component.
    """
    versions = [row for row in read_components() if row.name == name]
    found = [row for row in versions if version in {None, row.version}]
    if len(found) != 1:
        raise ArchiveError(
            f"the sources of {name}{f' {version}' if version else ''} are not known",
            hint=f"known are {', '.join(row.title for row in versions or read_components())}",
        )
    return found[0]


def unpack_tree(archive: Path, directory: Path) -> None:
    """Unpack *archive*, of one source tree, as the new *directory*, whose parent exists.

    Raises ArchiveError when it is damaged, or is no source tree; *directory* does not exist then.
    """
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as workshop:
        unpacked = Path(workshop) / "unpacked"
        extract(archive, unpacked)
        trees = [path for path in unpacked.iterdir() if path.is_dir()]
        if len(trees) != 1:
            raise ArchiveError(f"{archive} is not the archive of one source tree")
        trees[0].rename(directory)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where source archives are taken from."""

    folder: Path | None
    """A folder of archives, which is looked at first; None to use the cache and the network alone."""
    cache: Cache

    def archive(self, component: Component) -> Path:
        """Return the archive of *component*; what is downloaded for it is kept in the cache.

        Raises ArchiveError when it is not the one that the table names, DownloadError when it cannot be had.
        """
        return self._given(component) or download(component.url, component.sha256, self.cache)

    def unpack(self, component: Component, directory: Path) -> None:
        """Unpack the source tree of *component* as the new *directory*, whose parent exists.

        Raises ArchiveError when the archive is damaged, or is no source tree, and DownloadError when it
        cannot be had; *directory* does not exist then.
        """
        unpack_tree(self.archive(component), directory)

    def _given(self, component: Component) -> Path | None:
        """Return the folder's archive. Raises ArchiveError for a file of its name and other content."""
        if self.folder is None:
            return None
        digests = self._digests(self.folder)
        for sha256 in component.accepted:
            if sha256 in digests:
                return digests[sha256]
        impostor = self.folder / file_name(component.url)
        if impostor.exists():
            found = self.cache.sha256(impostor)
            raise ArchiveError(
                f"{impostor} is not the archive of {component.title}: its sha256 is {found}, "
                f"expected {' or '.join(component.accepted)}",
                hint="remove it, or get it again: it is damaged, or another version",
            )
        return None

    def _digests(self, folder: Path) -> dict[str, Path]:
        """Return the files of *folder* by their SHA-256. Raises ArchiveError when it cannot be read."""
        try:
            return {self.cache.sha256(path): path for path in sorted(folder.iterdir()) if path.is_file()}
        except OSError as error:
            raise ArchiveError(
                f"the folder of sources {folder} cannot be read: {error.strerror}",
                hint="name a directory that holds the archives of the sources",
            ) from None
