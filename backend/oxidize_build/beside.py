"""What is delivered beside an executable ``NAME``: its install tree ``NAME.d``, and documents about it."""

from __future__ import annotations

from pathlib import Path

TREE_SUFFIX = ".d"
"""What the name of an install tree adds to that of its executable."""
TEXTS_SUFFIX = ".licenses.txt"
"""What the name of the file with all licence texts adds to that of its executable."""
BILL_SUFFIX = ".cdx.json"
"""What the name of the bill of materials adds to that of its executable."""
MARKER = "tree-"
"""Begins the name of the file that shows which executable an install tree belongs to."""


def is_tree(directory: Path) -> bool:
    """Tell whether *directory* is an install tree that a build has written."""
    return directory.is_dir() and any(directory.glob(f"{MARKER}*"))


def companions(directory: Path) -> list[Path]:
    """Return the install trees and the documents in *directory*, in order of name."""
    return sorted(path for path in directory.iterdir() if _is_companion(path))


def _is_companion(path: Path) -> bool:
    if path.name.endswith((TEXTS_SUFFIX, BILL_SUFFIX)):
        return path.is_file()
    return path.name.endswith(TREE_SUFFIX) and is_tree(path)
