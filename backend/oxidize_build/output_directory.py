"""What one run of ``python -m build --executable`` has written: what of it is kept, and its report."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from oxidize_build.beside import companions
from oxidize_build.digests import file_sha256
from oxidize_build.errors import OutputError

KINDS = {".whl": "wheel", ".tar.gz": "sdist"}
EXECUTABLE = "executable"


def results(directory: Path, kinds: Iterable[str]) -> list[Path]:
    """Return the executables in *directory* and its distributions of the given *kinds*, sorted.

    :raises OutputError: when there is no executable.
    """
    beside = companions(directory)
    found = sorted(path for path in directory.iterdir() if path.is_file() and path not in beside)
    if not any(kind(path) == EXECUTABLE for path in found):
        raise OutputError(
            "the build has ended, but its backend wrote no executable",
            hint="the build backend of the project must be oxidize_build.build_meta",
        )
    return [path for path in found if kind(path) in {EXECUTABLE, *kinds}]


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
            "hashes": {"sha256": file_sha256(path)},
        }
        for path in files
    ]
    report.write_text(
        json.dumps({"version": "1.0", "artifacts": artifacts}, indent=2) + "\n", encoding="utf-8"
    )
