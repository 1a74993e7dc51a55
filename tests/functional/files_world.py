"""What the random sequences of file operations work on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

AnyPath = str | bytes


@dataclass
class World:
    """What a sequence works on."""

    base: str
    tree: str
    chance: random.Random
    directories: list[str]
    files: list[str]
    open_files: list[Any] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    # --- paths: of entries, relative to the tree, and in all spellings

    def entry(self) -> str:
        """Return an entry's path in the tree, or one that is not there."""
        kind = self.chance.randrange(12)
        if kind < 5:
            return self.chance.choice(self.files)
        if kind < 9:
            return self.chance.choice(self.directories)
        if kind == 9:
            return self.chance.choice(self.directories) + "/missing"
        if kind == 10:
            return self.chance.choice(self.files) + "/below"
        return self.chance.choice(["missing/deeper", "data/" + "x" * 256, "x" * 255, "data/lines.txt/"])

    def spelled(self, entry: str) -> str:
        """Spell the path of an entry in one of the possible ways."""
        start = self.chance.choice(
            [
                *[f"{self.base}/{self.tree}"] * 6,
                f"{self.base}/into",
                f"{self.base}/link{self.tree.removeprefix('app')}",
                f"{self.base}/app/../{self.tree}",
                f"{self.base}/into/../{self.tree.rpartition('/')[2]}",
                f"/{self.base}/./{self.tree}",
            ]
        )
        parts = entry.split("/")
        noise = self.chance.randrange(8)
        if noise == 0:
            parts.insert(self.chance.randrange(len(parts)), ".")
        elif noise == 1:
            parts.insert(self.chance.randrange(len(parts)), "")
        elif noise == 2:
            parts[:0] = ["data", ".."]
        elif noise == 3:
            parts.append("")
        elif noise == 4 and entry in self.directories:
            parts.append(self.chance.choice([".", "..", "../" + parts[-1]]))
        return start + "/" + "/".join(parts)

    def path(self) -> AnyPath:
        """Return a path: absolute or relative to the current directory, text or bytes."""
        kind = self.chance.randrange(24)
        path = self.spelled(self.entry())
        if kind == 0:
            return f"{self.base}/plain.txt"
        if kind == 1:
            return f"{self.base}/app/../plain.txt"
        if kind == 2:
            return ""
        if kind in {3, 4}:
            with contextlib.suppress(OSError):
                return os.path.relpath(path)
        return os.fsencode(path) if kind == 5 else path

    def text(self) -> str:
        return os.fsdecode(self.path())

    def scratch(self) -> str:
        """Return a new path outside the tree."""
        return f"{self.base}/scratch/{self.chance.randrange(10**9)}"

    @contextlib.contextmanager
    def directory(self, *, inside: bool = False) -> Iterator[int]:
        """Open a folder of the tree, or the one outside."""
        path = self.spelled(self.chance.choice(self.directories))
        if not inside and self.chance.random() < 0.1:
            path = self.base
        descriptor = os.open(path, os.O_RDONLY | self.chance.choice([0, os.O_DIRECTORY, os.O_PATH]))
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def name(self) -> str:
        """Return a path relative to an open folder."""
        names = [
            self.tree + "/data/lines.txt",
            "lines.txt",
            "../data",
            "deep/../lines.txt",
            "none",
            ".",
            "..",
        ]
        return self.chance.choice([*names, "deep", "deep/er/nothing", "run.sh", "empty.txt/x", self.entry()])

    def neutral(self, value: str) -> str:
        return value.replace(self.base, "<base>")


def digest(data: bytes) -> str:
    return f"{len(data)} bytes, {hashlib.blake2b(data, digest_size=8).hexdigest()}"


def describe(status: os.stat_result) -> list[Any]:
    """Give what of a status is the same for a packed entry and an unpacked one."""
    common = [stat.filemode(status.st_mode), status.st_uid, status.st_gid]
    if stat.S_ISDIR(status.st_mode):
        return common
    return [*common, status.st_size, status.st_nlink]


Operation = Callable[[World], Any]
operations: list[Operation] = []


def operation(function: Operation) -> Operation:
    operations.append(function)
    return function
