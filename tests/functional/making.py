"""Projects that are written on the spot, and pictures of directories before and after a build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

BUILD_SYSTEM = '[build-system]\nrequires = ["oxidize-build"]\nbuild-backend = "oxidize_build.build_meta"\n'
Picture: TypeAlias = dict[str, tuple[int, int, bytes]]
"""Inode, time of change in nanoseconds, and content, by relative path."""
DOCUMENTS = (".licenses.txt", ".cdx.json")
HELLO = "def main():\n    print('hello')\n"


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write *files*, text by relative path, and return *folder*."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_project(folder: Path, *, code: str = HELLO, metadata: str = "", tables: str = "") -> Path:
    """Write a project of one module ``app`` and return its *folder*.

    *metadata* goes into ``[project]``, which has one script unless *metadata* has ``[project.scripts]``;
    *tables* follow.
    """
    scripts = "" if "[project.scripts]" in metadata else '[project.scripts]\napp = "app:main"\n'
    project = f'[project]\nname = "app"\nversion = "1.0"\ndescription = "none"\n{metadata}\n{scripts}'
    modules = '[tool.setuptools]\npy-modules = ["app"]\n'
    return write_files(
        folder, {"pyproject.toml": f"{BUILD_SYSTEM}{project}{modules}{tables}", "app.py": code}
    )


def names(folder: Path) -> list[str]:
    """Return the names of what is in *folder*, without the documents that stand beside executables."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(DOCUMENTS))


def only_file(folder: Path) -> Path:
    """Return the only executable in *folder*."""
    (name,) = names(folder)
    return folder / name


def picture(folder: Path) -> Picture:
    """Return the inode, time of change and content of every file below *folder*."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
