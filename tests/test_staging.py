"""Results appear together, or the directory stays as it was."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from oxidize_build.errors import OutputError
from oxidize_build.staging import ABANDONED_AFTER, deliver, staging


def test_results_replace_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "app").write_text("old")
    with staging(tmp_path) as directory:
        (directory / "app").write_text("new")
        (directory / "scrap").touch()
        assert deliver([directory / "app"], tmp_path) == [tmp_path / "app"]
    assert [path.name for path in tmp_path.iterdir()] == ["app"]
    assert (tmp_path / "app").read_text() == "new"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(output: Path) -> None:
        with staging(output) as directory:
            (directory / "app").touch()
            raise ZeroDivisionError

    for output in (tmp_path, tmp_path / "dist"):
        with pytest.raises(ZeroDivisionError):
            fail(output)
        assert list(tmp_path.iterdir()) == []


def test_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with staging(tmp_path) as directory:
        for name in "ab":
            (directory / name).touch()
        with pytest.raises(OutputError, match=f"cannot write {tmp_path}/b: it is a directory"):
            deliver([directory / "a", directory / "b"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_only_what_the_system_refuses_is_an_output_error(tmp_path: Path) -> None:
    def fail(error: OSError) -> None:
        with staging(tmp_path):
            raise error

    with pytest.raises(OutputError, match=f"cannot write to {tmp_path}: full\n  hint: free some space"):
        fail(OSError(errno.ENOSPC, "full"))
    with pytest.raises(OutputError, match="cannot write /x: refused\n  hint: choose another"):
        fail(OSError(errno.EACCES, "refused", "/x"))
    with pytest.raises(FileNotFoundError):
        fail(FileNotFoundError(errno.ENOENT, "no readme", "README"))


def test_output_is_a_file(tmp_path: Path) -> None:
    output = tmp_path / "dist"
    output.touch()
    with (
        pytest.raises(OutputError, match=f"cannot write to {output}: File exists\n  hint: "),
        staging(output),
    ):
        pytest.fail("there is nowhere to write to")


@pytest.mark.parametrize("others", ["build there", "removed the directory"])
def test_another_build_in_the_same_directory_does_not_hide_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    output = tmp_path / "dist"
    rmdir = Path.rmdir

    def race(path: Path) -> None:
        if others == "build there":
            (path / ".oxidize-other").mkdir()
        else:
            rmdir(path)
        rmdir(path)

    monkeypatch.setattr(Path, "rmdir", race)
    with pytest.raises(ZeroDivisionError), staging(output):
        raise ZeroDivisionError
    assert output.exists() == (others == "build there")


def test_the_directory_may_be_gone_at_the_end(tmp_path: Path) -> None:
    output = tmp_path / "dist"
    with staging(output):
        shutil.rmtree(output)
    assert not output.exists()


def test_what_killed_builds_have_left_is_removed_after_a_day(tmp_path: Path) -> None:
    for name in (".oxidize-old", ".oxidize-new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    long_ago = time.time() - ABANDONED_AFTER - 1
    for name in (".oxidize-old", "old"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    with staging(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {".oxidize-new", "old"}
