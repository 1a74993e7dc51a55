"""What is in wheels is checked against their RECORD."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oxidize_build import unpacked_wheel
from oxidize_build.errors import WheelError
from oxidize_build.unpacked_wheel import entry_points, metadata, unpack

if TYPE_CHECKING:
    from oxidize_build.cache import Cache

MakeWheel = Callable[..., Path]
INFO = "demo-1.0.dist-info"


def altered(wheel: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write *wheel* again with its files changed and its RECORD left as *change* leaves it."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return wheel


def test_every_file_has_its_scheme(make_wheel: MakeWheel, cache: Cache) -> None:
    files = {
        "demo.py": b"",
        "demo-1.0.data/platlib/native.py": b"",
        "demo-1.0.data/scripts/run": b"#!python\nprint()\n",
        "demo-1.0.data/data/share/demo.txt": b"text",
        "demo-1.0.data/headers/demo.h": b"",
    }
    wheel = unpack(make_wheel(files=files, executable=["demo.py"]), cache)
    placed = {(file.scheme, str(file.path)): file for file in wheel.files}
    assert (wheel.name, wheel.version, wheel.dist_info) == ("demo", "1.0", INFO)
    assert set(placed) == {
        ("purelib", "demo.py"),
        ("platlib", "native.py"),
        ("scripts", "run"),
        ("data", "share/demo.txt"),
        ("headers", "demo.h"),
        *(("purelib", f"{INFO}/{name}") for name in ("METADATA", "WHEEL", "RECORD")),
    }
    assert placed["scripts", "run"].source.read_bytes() == b"#!python\nprint()\n"
    assert {path for (_, path), file in placed.items() if file.executable} == {"demo.py", "run"}


def test_files_of_an_impure_wheel_are_platlib(make_wheel: MakeWheel, cache: Cache) -> None:
    assert {file.scheme for file in unpack(make_wheel(pure=False), cache).files} == {"platlib"}


def test_metadata_and_entry_points(make_wheel: MakeWheel, cache: Cache) -> None:
    text = "[console_scripts]\ndemo = demo:main\n"
    files = {f"{INFO}/entry_points.txt": text.encode()}
    wheel = make_wheel(files=files, requires=["other>=1"])
    assert entry_points(wheel) == text
    assert metadata(unpack(wheel, cache))["requires_dist"] == ["other>=1"]
    assert entry_points(make_wheel("plain")) == ""


@pytest.mark.parametrize("name", ["demo.whl", "other-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl"])
def test_entry_points_of_what_is_no_wheel(make_wheel: MakeWheel, name: str) -> None:
    wheel = make_wheel(files={f"{INFO}/entry_points.txt": b"\xff"})
    with pytest.raises(WheelError, match=name):
        entry_points(wheel.rename(wheel.with_name(name)))


def test_a_wheel_is_unpacked_once(
    make_wheel: MakeWheel, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel()
    first = unpack(wheel, cache)
    monkeypatch.setattr(unpacked_wheel, "_unpack_into", lambda *_: pytest.fail("unpacked again"))
    assert unpack(wheel, cache) == first


def drop_record(contents: dict[str, bytes]) -> None:
    del contents[f"{INFO}/RECORD"]


def drop_record_line(contents: dict[str, bytes]) -> None:
    lines = contents[f"{INFO}/RECORD"].splitlines(keepends=True)
    contents[f"{INFO}/RECORD"] = b"".join(line for line in lines if not line.startswith(b"demo.py"))


def edit_record(old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(contents: dict[str, bytes]) -> None:
        record = contents[f"{INFO}/RECORD"]
        assert old in record
        contents[f"{INFO}/RECORD"] = record.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (drop_record, "RECORD: cannot be read"),
        (drop_record_line, "demo.py: not in RECORD"),
        (lambda files: files.pop("demo.py"), "demo.py: in RECORD, not in the archive"),
        (lambda files: files.update({"demo.py": b"VALUE = 2\n"}), "demo.py: sha256 is "),
        (lambda files: files.update({"demo.py": b"longer than before"}), "demo.py: 18 bytes, RECORD says 10"),
        (lambda files: files.update({"extra.py": b""}), "extra.py: not in RECORD"),
        (edit_record(b"demo.py,sha256=", b"demo.py,md5="), "demo.py: no hash, or one that PEP 427 forbids"),
        (edit_record(b"demo.py,sha256=", b"demo.py,nosuch="), "invalid hash algorithm 'nosuch'"),
        (edit_record(b",10\n", b",ten\n"), "`size` cannot be non-integer"),
        (edit_record(b",10\n", b",10,more\n"), "expected 3 elements, got 4"),
        (edit_record(b"demo.py", b"\xff\xfe"), "RECORD: cannot be read"),
        (lambda files: files.update({f"{INFO}/WHEEL": b"Wheel-Version: 2.0\n"}), "WHEEL: "),
        (lambda files: files.pop(f"{INFO}/METADATA"), "METADATA"),
    ],
)
def test_a_fault_of_record_is_named(
    make_wheel: MakeWheel, cache: Cache, change: Callable[[dict[str, bytes]], None], fault: str
) -> None:
    wheel = altered(make_wheel(), change)
    with pytest.raises(WheelError) as caught:
        unpack(wheel, cache)
    assert fault in str(caught.value)
    assert wheel.name in caught.value.message
    assert caught.value.hint
    assert not list(cache.root.rglob("manifest.json"))


def test_faults_of_the_metadata_files_are_named(make_wheel: MakeWheel, cache: Cache) -> None:
    files = {f"{INFO}/WHEEL": b"Wheel-Version: 2.0\n", f"{INFO}/METADATA": b"Name: demo\n"}
    with pytest.raises(WheelError) as caught:
        unpack(make_wheel(files=files), cache)
    assert "Wheel-Version is '2.0', expected 1.x" in str(caught.value)
    assert "METADATA: no Version" in str(caught.value)


def test_all_faults_are_told_at_once(make_wheel: MakeWheel, cache: Cache) -> None:
    def change(contents: dict[str, bytes]) -> None:
        contents["a.py"] = b"changed"
        del contents["b.py"]
        contents["c.py"] = b""

    wheel = altered(make_wheel(files={"a.py": b"a", "b.py": b"b"}), change)
    with pytest.raises(WheelError) as caught:
        unpack(wheel, cache)
    assert [name for name in ("a.py: ", "b.py: ", "c.py: ") if name not in str(caught.value)] == []


def test_damaged_data_is_a_fault_like_others(make_wheel: MakeWheel, cache: Cache) -> None:
    wheel = make_wheel(files={"demo.py": b"VALUE = 1\n" * 100})
    data = bytearray(wheel.read_bytes())
    start = data.index(b"demo.py") + len(b"demo.py")
    data[start : start + 8] = b"\xff" * 8
    wheel.write_bytes(data)
    with pytest.raises(WheelError, match=r"demo\.py: cannot be unpacked"):
        unpack(wheel, cache)


@pytest.mark.parametrize("size", [0, 1, 40, 200])
def test_a_truncated_wheel_is_refused(make_wheel: MakeWheel, cache: Cache, size: int) -> None:
    wheel = make_wheel()
    wheel.write_bytes(wheel.read_bytes()[:size])
    with pytest.raises(WheelError, match=wheel.name):
        unpack(wheel, cache)


@pytest.mark.parametrize(
    "name", ["../outside.py", "a/../../outside.py", "/outside.py", "a//b.py", "./a.py", "a\\..\\b.py"]
)
def test_a_file_cannot_leave_the_directory(
    make_wheel: MakeWheel, cache: Cache, tmp_path: Path, name: str
) -> None:
    with pytest.raises(WheelError, match="not a plain relative path"):
        unpack(make_wheel(files={name: b"evil"}), cache)
    assert not list(tmp_path.rglob("outside.py"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(make_wheel: MakeWheel, cache: Cache, kind: int) -> None:
    wheel = make_wheel()
    with zipfile.ZipFile(wheel, "a") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = (kind | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(WheelError, match="link: a link or special file"):
        unpack(wheel, cache)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_that_exclude_each_other_are_refused(make_wheel: MakeWheel, cache: Cache) -> None:
    wheel = make_wheel(files={"a": b"", "a/b.py": b""})
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("a", "twice")
    with pytest.raises(WheelError) as caught:
        unpack(wheel, cache)
    assert "a/b.py: stands below a file" in str(caught.value)
    assert "a: is in the archive 2 times" in str(caught.value)


def test_an_unknown_scheme_is_refused(make_wheel: MakeWheel, cache: Cache) -> None:
    with pytest.raises(WheelError, match="not a known scheme"):
        unpack(make_wheel(files={"demo-1.0.data/nosuch/file": b""}), cache)


def test_a_file_name_that_is_no_wheels_is_refused(make_wheel: MakeWheel, cache: Cache) -> None:
    wheel = make_wheel()
    for name in ("demo.whl", "other-1.0-py3-none-any.whl"):
        with pytest.raises(WheelError, match=name):
            unpack(wheel.rename(wheel.with_name(name)), cache)
        wheel = wheel.with_name(name)
