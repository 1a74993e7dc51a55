"""Results appear in their directory complete and together, or the directory stays as it was."""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from oxidize_build.beside import is_tree
from oxidize_build.errors import OutputError

CANNOT_WRITE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EFBIG,
        errno.EIO,
        errno.ENOTDIR,
    }
)
"""What the operating system answers when a file cannot be written, whatever the program does."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})

OTHER_DIRECTORY_HINT = "choose another directory with --outdir"
STAGING_PREFIX = ".oxidize-"
ABANDONED_AFTER = 24 * 60 * 60
"""Seconds after which a directory that a build works in is that of one which was killed."""
NO_SPACE_HINT = "free some space there, or where TMPDIR and OXIDIZE_CACHE_DIR point to"


@contextmanager
def staging(output: Path) -> Iterator[Path]:
    """Give a directory inside *output*, made if need be, in which results are prepared.

    When the block ends it disappears, and *output* too if it was made here and nothing was delivered.

    Raises OutputError when *output*, or a file in the block, cannot be written.
    """
    existed = output.exists()
    try:
        output.mkdir(parents=True, exist_ok=True)
        remove_abandoned(output, STAGING_PREFIX)
        directory = Path(tempfile.mkdtemp(dir=output, prefix=STAGING_PREFIX))
    except OSError as error:
        raise OutputError(f"cannot write to {output}: {error.strerror}", hint=OTHER_DIRECTORY_HINT) from None
    try:
        yield directory
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise OutputError(
            f"cannot write {error.filename or f'to {output}'}: {error.strerror}",
            hint=NO_SPACE_HINT if error.errno in NO_SPACE else OTHER_DIRECTORY_HINT,
        ) from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        if not existed:
            with suppress(OSError):  # not empty, or another build was quicker to remove it
                output.rmdir()


def remove_abandoned(directory: Path, prefix: str) -> None:
    """Remove the directories in *directory*, of names with *prefix*, which killed builds left long ago."""
    with suppress(OSError):
        for left in directory.glob(f"{prefix}*"):
            with suppress(FileNotFoundError):  # its build, or another one, has removed it meanwhile
                if time.time() - left.lstat().st_mtime > ABANDONED_AFTER:
                    shutil.rmtree(left, ignore_errors=True)


def deliver(files: Sequence[Path], output: Path) -> list[Path]:
    """Move the finished *files* to *output*, on the same file system; return where they are now.

    Among them may be install trees, which replace those of earlier builds.

    Raises OutputError, before any is moved, when another directory stands where one of them belongs.
    """
    results = [output / file.name for file in files]
    for file, result in zip(files, results, strict=True):
        if result.is_dir() and not (file.is_dir() and is_tree(result)):
            raise OutputError(
                f"cannot write {result}: it is a directory",
                hint=f"remove it, or {OTHER_DIRECTORY_HINT}",
            )
    for file, result in zip(files, results, strict=True):
        if result.is_dir():
            result.rename(file.with_name(f"{file.name}.replaced"))
        file.replace(result)
    return results
