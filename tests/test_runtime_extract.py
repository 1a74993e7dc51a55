"""Archives: what is unpacked of sound ones, and that others leave nothing behind."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from oxidize_build.errors import ArchiveError
from oxidize_build.runtime.extract import extract

Entry: TypeAlias = tuple[str, bytes | str, bytes]
"""Name, type (of tarfile's constants), and content or the target of a link."""

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
FILE, DIRECTORY, LINK, HARD_LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def tar(*entries: Entry, mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, content in entries:
            member = tarfile.TarInfo(name)
            member.type = kind.encode() if isinstance(kind, str) else kind
            member.mode = mode
            member.mtime = 1_000_000_000
            if kind == FILE:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content.decode()
                archive.addfile(member)
    return buffer.getvalue()


def write(folder: Path, data: bytes) -> Path:
    archive = folder / "some.tar"
    archive.write_bytes(data)
    return archive


def refused(folder: Path, data: bytes) -> str:
    """The error for an archive of these bytes, which leaves nothing behind."""
    archive = write(folder, data)
    with pytest.raises(ArchiveError) as caught:
        extract(archive, folder / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["some.tar"]
    assert str(archive) in caught.value.message
    assert caught.value.hint is not None
    return caught.value.message


SOUND = (
    ("./python/", DIRECTORY, b""),
    ("python/bin/tool", FILE, b"#!/bin/sh\n"),
    ("python/lib/empty", FILE, b""),
    ("python/lib/real", FILE, bytes(range(256)) * 30),
    ("python/lib/libz.so", LINK, b"libz.so.1"),
    ("python/lib/libz.so.1", HARD_LINK, b"python/lib/real"),
    ("python/" + "long/" * 40 + "name", FILE, b"x" * 3000),
)


@pytest.mark.parametrize("form", COMPRESS)
def test_sound_archive(form: str, tmp_path: Path) -> None:
    extract(write(tmp_path, COMPRESS[form](tar(*SOUND, mode=0o4711))), tmp_path / "out")
    python = tmp_path / "out" / "python"
    assert (python / "bin" / "tool").read_bytes() == b"#!/bin/sh\n"
    assert (python / "bin" / "tool").stat().st_mode & 0o7777 == 0o755
    assert (python / "bin" / "tool").stat().st_mtime == 1_000_000_000
    assert (python / "lib" / "libz.so").readlink() == Path("libz.so.1")
    assert (python / "lib" / "libz.so").read_bytes() == bytes(range(256)) * 30
    assert (python / "lib" / "empty").read_bytes() == b""
    assert len(list(python.rglob("name"))) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "some.tar"]


def test_not_executable(tmp_path: Path) -> None:
    extract(write(tmp_path, gzip.compress(tar(("a", FILE, b"x"), mode=0o6666))), tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("form", COMPRESS)
def test_every_truncation_is_refused(form: str, tmp_path: Path) -> None:
    small = [("a", FILE, b"x" * 600), ("b", FILE, b"y"), ("c", LINK, b"a")]
    whole = COMPRESS[form](tar(*small))
    for length in range(len(whole)):
        refused(tmp_path, whole[:length])
    extract(write(tmp_path, whole), tmp_path / "out")


def test_every_truncation_below_the_compression_is_refused(tmp_path: Path) -> None:
    data = tar(("a", FILE, b"x" * 600), ("b", FILE, b"y"))
    end = len(data.rstrip(b"\0"))
    end += -end % 512
    for length in range(0, end + 1, 64):
        refused(tmp_path, gzip.compress(data[:length]))


def test_end_of_archive_is_needed(tmp_path: Path) -> None:
    assert "damaged" in refused(tmp_path, gzip.compress(tar(("a", FILE, b"x"))[:1024]))


def test_a_damaged_header_in_the_middle_is_not_the_end(tmp_path: Path) -> None:
    data = bytearray(tar(("a", FILE, b"x"), ("b", FILE, b"y"), ("c", FILE, b"z")))
    data[1024 + 148] ^= 1
    assert "damaged" in refused(tmp_path, gzip.compress(bytes(data)))


def test_not_compressed(tmp_path: Path) -> None:
    assert "not compressed by gzip" in refused(tmp_path, tar(("a", FILE, b"x")))
    assert "not compressed by gzip" in refused(tmp_path, b"")


def test_checksum_after_the_last_member(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(tar(("a", FILE, b"x")), mtime=0))
    data[-6] ^= 1
    assert "CRC" in refused(tmp_path, bytes(data))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("/etc/a", FILE, b"x")], "outside of the archive: '/etc/a'"),
        ([("../a", FILE, b"x")], "outside of the archive"),
        ([("a/../../b", FILE, b"x")], "outside of the archive"),
        ([("a/..", DIRECTORY, b"")], "outside of the archive"),
        ([("a", FILE, b"x"), ("a", FILE, b"y")], "a is in it twice"),
        ([("a", FILE, b"x"), ("./a", FILE, b"y")], "a is in it twice"),
        ([("a", DIRECTORY, b""), ("a", FILE, b"y")], "a is in it twice"),
        ([("a", FILE, b"x"), ("a/b", FILE, b"y")], "a is a file, and a directory too"),
        ([("a", LINK, b"b"), ("a/b", FILE, b"y")], "a is a link, and a directory too"),
        ([("a", LINK, b"."), ("a", FILE, b"y")], "a is in it twice"),
        ([("a", LINK, b"/etc")], "a is a link to /etc, outside"),
        ([("a", LINK, b"..")], "outside of the archive"),
        ([("a/b", LINK, b"../../c")], "outside of the archive"),
        ([("d/e", LINK, b".."), ("l", LINK, b"d/e/../x")], "outside of the archive"),
        ([("a", LINK, b"../unpacked/b"), ("b", FILE, b"x")], "outside of the archive"),
        ([("a", HARD_LINK, b"/etc/passwd")], "outside of the archive"),
        ([("a", HARD_LINK, b"../b")], "outside of the archive"),
        ([("a", HARD_LINK, b"b"), ("b", FILE, b"x")], "no file that came before"),
        ([("l", LINK, b"x"), ("a", HARD_LINK, b"l")], "no file that came before"),
        ([("a", tarfile.CHRTYPE, b"")], "a device"),
        ([("a", tarfile.BLKTYPE, b"")], "a device"),
        ([("a", tarfile.FIFOTYPE, b"")], "a device"),
    ],
)
def test_refused(entries: list[Entry], message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, gzip.compress(tar(("fine", FILE, b"x"), *entries)))


@pytest.mark.parametrize(
    "entries",
    [
        [("a", LINK, b"b"), ("b", LINK, b"a")],
        [("a", LINK, b"nowhere")],
        [("x/y/a", LINK, b"../../b/c"), ("b/c", FILE, b"x")],
        [("x/d", LINK, b"../a/b"), ("e", LINK, b"x/d/../../f"), ("a/b/c", FILE, b"x")],
    ],
)
def test_links_inside_are_kept(entries: list[Entry], tmp_path: Path) -> None:
    extract(write(tmp_path, gzip.compress(tar(*entries))), tmp_path / "out")
    assert all((tmp_path / "out" / name).is_symlink() for name, kind, _ in entries if kind == LINK)


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    assert "name too long" in refused(tmp_path, gzip.compress(tar(("n" * 300, FILE, b"x"))))


def test_what_cannot_be_written_is_no_fault_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    archive = write(tmp_path, gzip.compress(tar(*SOUND)))
    with pytest.raises(OSError, match="No space left"):
        extract(archive, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["some.tar"]


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32), form=st.sampled_from(["none", "gz"]))
def test_altered_archives_are_unpacked_inside_or_refused(
    seed: int, form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Bytes are altered before the compression, which gives gzip a right checksum, or after it."""
    rng = random.Random(seed)
    data = bytearray(tar(*SOUND) if form == "none" else gzip.compress(tar(*SOUND)))
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(len(data))] = rng.choice((0, 0x2E, 0x2F, 0x31, 0x32, rng.randrange(256)))
    folder = tmp_path_factory.mktemp("altered")
    archive = write(folder, gzip.compress(bytes(data)) if form == "none" else bytes(data))
    try:
        extract(archive, folder / "out")
    except ArchiveError:
        assert not (folder / "out").exists()
    else:
        inside = os.path.realpath(folder / "out")
        for path in (folder / "out").rglob("*"):
            assert os.path.realpath(path).startswith(inside)
    assert {path.name for path in folder.iterdir()} <= {"some.tar", "out"}
