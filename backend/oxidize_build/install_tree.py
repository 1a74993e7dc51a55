"""Install trees: the directories ``NAME.d`` that are delivered beside executables ``NAME``."""

from __future__ import annotations

from pathlib import Path

TREE_SUFFIX = ".d"
"""What the name of an install tree adds to that of its executable."""
MARKER = "tree-"
"""Begins the name of the file that shows which executable an install tree belongs to."""


def is_tree(directory: Path) -> bool:
    """Tell whether *directory* is an install tree that a build has written."""
    return directory.is_dir() and any(directory.glob(f"{MARKER}*"))


def install_trees(directory: Path) -> list[Path]:
    """Return the install trees in *directory*, in order of name."""
    return sorted(path for path in directory.glob(f"*{TREE_SUFFIX}") if is_tree(path))
