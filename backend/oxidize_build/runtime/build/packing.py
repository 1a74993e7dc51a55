"""Archives that are the same bytes whoever makes them, of the same files."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path

import zstandard

BYTECODE_FOLDER = "__pycache__"
"""Left out: an interpreter that was run in the tree may have made it."""
_LEVEL = 15
_TIME = 315532800
"""1980-01-01: the oldest time that every kind of archive can hold."""


def write_archive(tree: Path, archive: Path, jobs: int) -> None:
    """Write the directory *tree* to *archive*, a .tar.zst, below the directory's own name.

    Members are sorted, of one time and of nobody's; of a file's mode is kept whether it is executable.
    *jobs* threads compress; the bytes do not depend on how many.
    """
    # a single thread would divide the content otherwise than several
    compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=max(jobs, 2), write_checksum=True)
    with (
        archive.open("wb") as file,
        compressor.stream_writer(file, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in _sorted_paths(tree):
            member = _member(path, path.relative_to(tree.parent).as_posix())
            if member.isreg():
                with path.open("rb") as content:
                    tar.addfile(member, content)
            else:
                tar.addfile(member)


def _sorted_paths(tree: Path) -> list[Path]:
    found = [tree]
    for folder, folders, files in os.walk(tree):
        folders[:] = [name for name in folders if name != BYTECODE_FOLDER]
        found += [Path(folder, name) for name in (*folders, *files)]
    return sorted(found)


def _member(path: Path, name: str) -> tarfile.TarInfo:
    """Describe a file, directory or symbolic link; hard links count as files of their own."""
    status = path.lstat()
    member = tarfile.TarInfo(name)
    member.mtime = _TIME
    member.mode = 0o755
    if stat.S_ISLNK(status.st_mode):
        member.type = tarfile.SYMTYPE
        member.linkname = str(path.readlink())
    elif stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
    else:
        member.size = status.st_size
        member.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    return member
