"""What a runtime holds, for people who choose one."""

from __future__ import annotations

import os
from pathlib import Path

from oxidize_build.runtime.model import Runtime


def shared_modules(runtime: Runtime) -> list[str]:
    """Return the names of the standard library's extension modules that are shared libraries, sorted."""
    names = (path.name for path in runtime.dynload.glob("*.so"))
    return sorted({name.partition(".")[0] for name in names})


def sizes(runtime: Runtime) -> dict[str, int]:
    """Return how many bytes each part of *runtime* has: those that it does not have are left out."""
    parts = {
        "standard library": _size(runtime.stdlib),
        "libpython": _size(runtime.libpython),
        "other libraries": sum(map(_size, runtime.link_archives)),
        "stub": _size(runtime.stub) if runtime.stub is not None else 0,
    }
    return {part: size for part, size in parts.items() if size}


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(
        os.lstat(f"{folder}/{name}").st_size
        for folder, folders, names in os.walk(path)
        if not _prune(folders)
        for name in names
    )


def _prune(folders: list[str]) -> bool:
    """Leave out of a walk what is no part of the library; return false."""
    folders[:] = [name for name in folders if name not in {"__pycache__", "site-packages"}]
    return False
