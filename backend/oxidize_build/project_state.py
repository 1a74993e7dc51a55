"""A digest of all that a project's executables are made of, so as not to build them again for nothing."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import xxhash

NOT_SOURCES = frozenset(
    {
        *(".git", ".hg", ".svn", ".jj"),
        *(".eggs", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".tox", ".venv"),
        *("__pycache__", "node_modules"),
    }
)
"""Directories that tools keep for themselves, wherever they are in the project."""
RESULTS = frozenset({"build", "dist"})
"""Directories at the top of the project that builds write to."""


def project_digest(project: Path, but: Collection[Path] = ()) -> str:
    """Return a digest of the paths and contents of the files in the directory *project*.

    Left out are directories of tools and of virtual environments, what builds write, and *but*. A file that
    cannot be read counts by its name alone.
    """
    digest = xxhash.xxh3_128()
    for path in _files(project):
        if path in but:
            continue
        name = os.fsencode(path.relative_to(project))
        content = _content_digest(path)
        digest.update(len(name).to_bytes(8, "little") + name + content)
    return digest.hexdigest()


def _files(project: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(project):
        at_top = Path(folder) == project
        folders[:] = sorted(
            name
            for name in folders
            if name not in NOT_SOURCES
            and not name.endswith(".egg-info")
            and not (at_top and name in RESULTS)
            and not Path(folder, name, "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            yield Path(folder, name)


def _content_digest(path: Path) -> bytes:
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return b"unreadable"
    return digest.digest()
