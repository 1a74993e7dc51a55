"""The directory that ``python -m build --executable`` fills, and what one run has written to it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from oxidize_build.errors import OutputError

KINDS = {".whl": "wheel", ".tar.gz": "sdist"}
EXECUTABLE = "executable"


class OutputDirectory:
    """A directory that may have files from before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = self._files()

    def written(self) -> list[Path]:
        """Return the files that are new, or were replaced, since the object was made; sorted."""
        now = self._files()
        return sorted(path for path, identity in now.items() if self._before.get(path) != identity)

    def check_for_executables(self) -> None:
        """Check that executables were written.

        :raises OutputError: when there is none.
        """
        if not any(kind(path) == EXECUTABLE for path in self.written()):
            raise OutputError(
                f"the build has ended, but its backend wrote no executable to {self.path}",
                hint="the build backend of the project must be oxidize_build.build_meta",
            )

    def keep(self, scratch: Path, kinds: Iterable[str]) -> None:
        """Move the distributions of the given *kinds* (``sdist``, ``wheel``) here from *scratch*."""
        for path in sorted(scratch.iterdir()):
            if kind(path) in kinds:
                aside = self.path / f".{path.name}.part"
                shutil.copyfile(path, aside)
                aside.replace(self.path / path.name)

    def _files(self) -> dict[Path, tuple[int, int, int]]:
        if not self.path.is_dir():
            return {}
        files = [(Path(entry.path), entry.stat()) for entry in os.scandir(self.path) if entry.is_file()]
        return {path: (status.st_ino, status.st_mtime_ns, status.st_size) for path, status in files}


def kind(path: Path) -> str:
    """Return ``sdist``, ``wheel`` or ``executable``."""
    return next((kind for suffix, kind in KINDS.items() if path.name.endswith(suffix)), EXECUTABLE)


def write_report(report: Path, files: Iterable[Path]) -> None:
    """Write about *files* what ``build --report`` writes about distributions, to the file *report*."""
    artifacts = [
        {
            "name": path.name,
            "path": os.fspath(path),
            "kind": kind(path),
            "size": path.stat().st_size,
            "hashes": {"sha256": _sha256(path)},
        }
        for path in files
    ]
    report.write_text(
        json.dumps({"version": "1.0", "artifacts": artifacts}, indent=2) + "\n", encoding="utf-8"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
