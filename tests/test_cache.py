"""The cache: entries are complete or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from oxidize_build.cache import Cache
from oxidize_build.errors import OutputError


def files(cache: Cache) -> list[str]:
    return [path.name for path in cache.root.rglob("*") if path.is_file()]


def test_an_entry_is_made_once(cache: Cache) -> None:
    def make(made: Path) -> None:
        made.write_text("once")

    def make_again(_made: Path) -> None:
        pytest.fail("it is there")

    entry = cache.obtain("kind", "abcd", make)
    assert cache.obtain("kind", "abcd", make_again) == entry
    assert entry.read_text() == "once"
    assert sorted(files(cache)) == ["abcd", "abcd.seal"]


def test_a_finished_file_becomes_an_entry(cache: Cache) -> None:
    for text in ("first", "second"):
        with cache.workshop(cache.root / "kind") as workshop:
            made = workshop / "made"
            made.write_text(text)
            entry = cache.adopt("kind", "abcd", made)
        assert entry == cache.path("kind", "abcd")
        assert cache.obtain("kind", "abcd", lambda _: pytest.fail("it is there")).read_text() == text
    assert sorted(files(cache)) == ["abcd", "abcd.seal"]


def test_an_entry_that_another_process_made_at_the_same_time(cache: Cache) -> None:
    def make(made: Path) -> None:
        made.mkdir()
        entry = cache.path("kind", "abcd")
        entry.mkdir()
        (entry / "theirs").touch()

    entry = cache.obtain("kind", "abcd", make, lambda entry: (entry / "theirs").exists())
    assert [file.name for file in entry.iterdir()] == ["theirs"]


def test_nothing_is_left_of_a_failure(cache: Cache) -> None:
    def make(made: Path) -> None:
        made.touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.obtain("kind", "abcd", make)
    assert files(cache) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Not a directory\n  hint: set OXIDIZE_CACHE_DIR"):
        Cache(tmp_path / "file").obtain("kind", "abcd", Path.touch)


def test_a_full_disk(cache: Cache) -> None:
    def make(_made: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=f"cannot write a file for the cache {cache.root}: No space"):
        cache.obtain("kind", "abcd", make)


def test_another_error_of_the_system_is_not_the_caches(cache: Cache) -> None:
    def make(_made: Path) -> None:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        cache.obtain("kind", "abcd", make)


def test_what_killed_builds_have_left_is_removed(cache: Cache) -> None:
    left = cache.path("kind", "abcd").with_name(".making-old")
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    cache.obtain("kind", "abcd", Path.touch)
    assert not left.exists()


@pytest.mark.parametrize("damaged", ["abcd", "abcd.seal"])
@pytest.mark.parametrize("damage", [b"", b"who", b"\0\0\0\0\0", None])
def test_a_damaged_file_is_made_again(cache: Cache, damaged: str, damage: bytes | None) -> None:
    def make(made: Path) -> None:
        made.write_text("whole")

    def fail(_made: Path) -> None:
        pytest.fail("it is sound")

    entry = cache.obtain("kind", "abcd", make)
    file = entry.with_name(damaged)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    cache.obtain("kind", "abcd", make)
    assert entry.read_text() == "whole"
    cache.obtain("kind", "abcd", fail)


def test_a_damaged_directory_is_made_again(cache: Cache) -> None:
    def make(made: Path) -> None:
        made.mkdir()
        (made / "file").touch()

    def is_sound(entry: Path) -> bool:
        return (entry / "file").exists()

    entry = cache.obtain("kind", "abcd", make, is_sound)
    (entry / "file").rename(entry / "other")
    cache.obtain("kind", "abcd", make, is_sound)
    assert files(cache) == ["file"]
    assert list(entry.parent.iterdir()) == [entry]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="in /proc no directory can be made")
def test_a_directory_that_cannot_be_made() -> None:
    with pytest.raises(OutputError, match="cannot write /proc/none for the cache /proc/none/cache"):
        Cache(Path("/proc/none/cache")).obtain("kind", "abcd", Path.touch)


HOUR = 3600
NOW = 1_000_000_000.0


@pytest.fixture
def filled(cache: Cache) -> Cache:
    """A cache of entries of 1, 2, 3 and 4 bytes, the last of which was used last; two are directories."""

    def make_file(made: Path) -> None:
        made.write_bytes(bytes(size))

    def make_directory(made: Path) -> None:
        (made / "below").mkdir(parents=True)
        make_file(made / "below" / "file")

    for size in range(1, 5):
        if size % 2:
            entry = cache.obtain("file", f"aa{size}", make_file)
        else:
            entry = cache.obtain("directory", f"bb{size}", make_directory, Path.is_dir)
        os.utime(entry, (NOW - HOUR * (5 - size),) * 2)
    return cache


def keys(cache: Cache) -> list[str]:
    return [entry.path.name for entry in cache.entries()]


def test_entries_with_what_was_of_no_use_for_longest_first(filled: Cache) -> None:
    entries = filled.entries()
    assert [(entry.kind, entry.path.name, entry.size) for entry in entries] == [
        ("file", "aa1", 1),
        ("directory", "bb2", 2),
        ("file", "aa3", 3),
        ("directory", "bb4", 4),
    ]
    filled.obtain("file", "aa1", Path.touch)
    assert keys(filled)[-1] == "aa1"


def test_a_cache_that_is_not_there_has_no_entries(cache: Cache) -> None:
    assert cache.entries() == []
    assert cache.prune(NOW, 0) == []


@pytest.mark.parametrize(
    ("oldest", "max_size", "left"),
    [
        (None, None, ["aa1", "bb2", "aa3", "bb4"]),
        (NOW - HOUR * 2.5, None, ["aa3", "bb4"]),
        (None, 7, ["aa3", "bb4"]),
        (None, 6, ["bb4"]),
        (NOW - HOUR * 3.5, 4, ["bb4"]),
        (NOW, None, []),
        (None, 0, []),
    ],
)
def test_pruning(oldest: float | None, max_size: int | None, left: list[str], filled: Cache) -> None:
    before = keys(filled)
    removed = [entry.path.name for entry in filled.prune(oldest, max_size)]
    assert removed == [key for key in before if key not in left]
    assert keys(filled) == left
    assert len(files(filled)) == len(left) + sum(key.startswith("aa") for key in left)  # no seal is left


def test_what_is_no_entry_is_left_alone(filled: Cache) -> None:
    (filled.root / "runtimes").mkdir()
    (filled.root / "runtimes" / "cpython.tar.zst").touch()
    (filled.root / "runtimes" / "aa").mkdir()
    (filled.root / "runtimes" / "aa" / "other").touch()
    filled.prune(None, 0)
    assert sorted(files(filled)) == ["cpython.tar.zst", "other"]
