from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oxidize_build import pip, wheels
from oxidize_build.errors import DependencyError, WheelError

if TYPE_CHECKING:
    from oxidize_build.cache import Cache
    from oxidize_build.runtime.model import Runtime

MakeWheel = Callable[..., Path]
INFO = "demo-1.0.dist-info"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip knows of, by way of its own environment variables."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("pip was run")

    monkeypatch.setattr(pip, "make_wheels", refuse)


def altered(wheel: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write *wheel* again with its files changed and its RECORD left as *change* leaves it."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return wheel


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name.partition("-py3")[0] for path in paths]


def test_every_file_has_its_scheme(make_wheel: MakeWheel, cache: Cache) -> None:
    files = {
        "demo.py": b"",
        "demo-1.0.data/platlib/native.py": b"",
        "demo-1.0.data/scripts/run": b"#!python\nprint()\n",
        "demo-1.0.data/data/share/demo.txt": b"text",
        "demo-1.0.data/headers/demo.h": b"",
    }
    wheel = wheels.unpack(make_wheel(files=files, executable=["demo.py"]), cache)
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
    assert {file.scheme for file in wheels.unpack(make_wheel(pure=False), cache).files} == {"platlib"}


def test_metadata_and_entry_points(make_wheel: MakeWheel, cache: Cache) -> None:
    text = "[console_scripts]\ndemo = demo:main\n"
    files = {f"{INFO}/entry_points.txt": text.encode()}
    wheel = make_wheel(files=files, requires=["other>=1"])
    assert wheels.entry_points(wheel) == text
    assert wheels.metadata(wheels.unpack(wheel, cache))["requires_dist"] == ["other>=1"]
    assert wheels.entry_points(make_wheel("plain")) == ""


@pytest.mark.parametrize("name", ["demo.whl", "other-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl"])
def test_entry_points_of_what_is_no_wheel(make_wheel: MakeWheel, name: str) -> None:
    wheel = make_wheel(files={f"{INFO}/entry_points.txt": b"\xff"})
    with pytest.raises(WheelError, match=name):
        wheels.entry_points(wheel.rename(wheel.with_name(name)))


def test_a_wheel_is_unpacked_once(
    make_wheel: MakeWheel, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel()
    first = wheels.unpack(wheel, cache)
    monkeypatch.setattr(wheels, "_unpack_into", lambda *_: pytest.fail("unpacked again"))
    assert wheels.unpack(wheel, cache) == first


@pytest.mark.parametrize("damaged", ["manifest.json", "demo.py", "METADATA", "demo-1.0-py3-none-any.whl"])
@pytest.mark.parametrize("size", [0, 9, None])
def test_a_damaged_entry_is_made_again(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime, damaged: str, size: int | None
) -> None:
    def contents() -> list[bytes]:
        (stored,) = wheels.resolve(make_wheel(), [], toy_runtime, cache)
        return [file.source.read_bytes() for file in wheels.unpack(stored, cache).files]

    first = contents()
    (file,) = cache.root.rglob(damaged)
    if size is None:
        file.unlink()
    else:
        os.truncate(file, size)
    assert contents() == first
    assert not list(cache.root.rglob(".making-*"))


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
        wheels.unpack(wheel, cache)
    assert fault in str(caught.value)
    assert wheel.name in caught.value.message
    assert caught.value.hint
    assert not list(cache.root.rglob("manifest.json"))


def test_faults_of_the_metadata_files_are_named(make_wheel: MakeWheel, cache: Cache) -> None:
    files = {f"{INFO}/WHEEL": b"Wheel-Version: 2.0\n", f"{INFO}/METADATA": b"Name: demo\n"}
    with pytest.raises(WheelError) as caught:
        wheels.unpack(make_wheel(files=files), cache)
    assert "Wheel-Version is '2.0', expected 1.x" in str(caught.value)
    assert "METADATA: no Version" in str(caught.value)


def test_all_faults_are_told_at_once(make_wheel: MakeWheel, cache: Cache) -> None:
    def change(contents: dict[str, bytes]) -> None:
        contents["a.py"] = b"changed"
        del contents["b.py"]
        contents["c.py"] = b""

    wheel = altered(make_wheel(files={"a.py": b"a", "b.py": b"b"}), change)
    with pytest.raises(WheelError) as caught:
        wheels.unpack(wheel, cache)
    assert [name for name in ("a.py: ", "b.py: ", "c.py: ") if name not in str(caught.value)] == []


def test_damaged_data_is_a_fault_like_others(make_wheel: MakeWheel, cache: Cache) -> None:
    wheel = make_wheel(files={"demo.py": b"VALUE = 1\n" * 100})
    data = bytearray(wheel.read_bytes())
    start = data.index(b"demo.py") + len(b"demo.py")
    data[start : start + 8] = b"\xff" * 8
    wheel.write_bytes(data)
    with pytest.raises(WheelError, match=r"demo\.py: cannot be unpacked"):
        wheels.unpack(wheel, cache)


@pytest.mark.parametrize("size", [0, 1, 40, 200])
def test_a_truncated_wheel_is_refused(make_wheel: MakeWheel, cache: Cache, size: int) -> None:
    wheel = make_wheel()
    wheel.write_bytes(wheel.read_bytes()[:size])
    with pytest.raises(WheelError, match=wheel.name):
        wheels.unpack(wheel, cache)


@pytest.mark.parametrize(
    "name", ["../outside.py", "a/../../outside.py", "/outside.py", "a//b.py", "./a.py", "a\\..\\b.py"]
)
def test_a_file_cannot_leave_the_directory(
    make_wheel: MakeWheel, cache: Cache, tmp_path: Path, name: str
) -> None:
    with pytest.raises(WheelError, match="not a plain relative path"):
        wheels.unpack(make_wheel(files={name: b"evil"}), cache)
    assert not list(tmp_path.rglob("outside.py"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(make_wheel: MakeWheel, cache: Cache, kind: int) -> None:
    wheel = make_wheel()
    with zipfile.ZipFile(wheel, "a") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = (kind | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(WheelError, match="link: a link or special file"):
        wheels.unpack(wheel, cache)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_that_exclude_each_other_are_refused(make_wheel: MakeWheel, cache: Cache) -> None:
    wheel = make_wheel(files={"a": b"", "a/b.py": b""})
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("a", "twice")
    with pytest.raises(WheelError) as caught:
        wheels.unpack(wheel, cache)
    assert "a/b.py: stands below a file" in str(caught.value)
    assert "a: is in the archive 2 times" in str(caught.value)


def test_an_unknown_scheme_is_refused(make_wheel: MakeWheel, cache: Cache) -> None:
    with pytest.raises(WheelError, match="not a known scheme"):
        wheels.unpack(make_wheel(files={"demo-1.0.data/nosuch/file": b""}), cache)


def test_a_file_name_that_is_no_wheels_is_refused(make_wheel: MakeWheel, cache: Cache) -> None:
    wheel = make_wheel()
    for name in ("demo.whl", "other-1.0-py3-none-any.whl"):
        with pytest.raises(WheelError, match=name):
            wheels.unpack(wheel.rename(wheel.with_name(name)), cache)
        wheel = wheel.with_name(name)


@pytest.mark.usefixtures("no_pip")
def test_pip_does_not_run_without_dependencies(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime
) -> None:
    requires = ["other; python_version < '3'", "third; extra == 'more'"]
    wheel = make_wheel(requires=requires, extras=["more"])
    (stored,) = wheels.resolve(wheel, [], toy_runtime, cache)
    assert stored.is_relative_to(cache.root)
    assert stored.name == wheel.name
    assert stored.read_bytes() == wheel.read_bytes()


def test_markers_are_those_of_the_runtime(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(pip, "make_wheels", lambda requirements, *_: asked.append(requirements))
    wheel = make_wheel(requires=["other; python_full_version == '9.8.7'"])
    wheels.resolve(wheel, [], toy_runtime, cache)
    assert asked == []
    wheels.resolve(wheel, [], replace(toy_runtime, version="9.8.7"), cache)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert asked == [[f"demo @ {wheel.as_uri()}#sha256={digest}"]]


def test_dependencies_come_with_extras_in_order(
    make_wheel: MakeWheel, cache: Cache, runtime: Runtime, index: Path
) -> None:
    make_wheel("Zebra", folder=index, requires=["apple>=1"])
    make_wheel("apple", "2.0", folder=index)
    make_wheel("apple", "1.0", folder=index)
    make_wheel("more", folder=index, requires=["apple<2"])
    wheel = make_wheel(requires=["zebra", "more; extra == 'all'"], extras=["all"])
    plain = wheels.resolve(wheel, [], runtime, cache)
    assert names(plain) == ["apple-2.0", "demo-1.0", "Zebra-1.0"]
    assert wheels.resolve(wheel, [], runtime, cache) == plain
    assert names(wheels.resolve(wheel, ["all"], runtime, cache)) == [
        "apple-1.0",
        "demo-1.0",
        "more-1.0",
        "Zebra-1.0",
    ]


@pytest.mark.usefixtures("index")
def test_a_dependency_that_does_not_exist_is_named(
    make_wheel: MakeWheel, cache: Cache, runtime: Runtime, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DependencyError) as caught:
        wheels.resolve(make_wheel(requires=["nosuch>=3"]), [], runtime, cache)
    assert "demo's dependency nosuch>=3 cannot be provided" in caught.value.message
    assert "ERROR: Could not find a version" in caught.value.message
    assert "Looking in links" not in caught.value.message
    assert caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_conflict_is_named(make_wheel: MakeWheel, cache: Cache, runtime: Runtime, index: Path) -> None:
    make_wheel("apple", "2.0", folder=index)
    make_wheel("apple", "1.0", folder=index)
    make_wheel("more", folder=index, requires=["apple<2"])
    with pytest.raises(DependencyError, match=r"demo's dependency apple>=2 cannot be provided") as caught:
        wheels.resolve(make_wheel(requires=["apple>=2", "more"]), [], runtime, cache)
    assert "more 1.0 depends on apple<2" in caught.value.message


@pytest.mark.parametrize(
    ("output", "message", "hint"),
    [
        (
            "Collecting bad\n  error: subprocess-exited-with-error\n  ERROR: Failed building wheel for bad\n",
            "demo's dependency bad cannot be provided",
            pip.NOT_BUILT_HINT,
        ),
        (
            "\N{MULTIPLICATION SIGN} Encountered error while generating package metadata.\n╰─> bad\n",
            "demo's dependency bad cannot be provided",
            pip.NOT_BUILT_HINT,
        ),
        ("ERROR: something else\n", "the dependencies of demo cannot be provided:\n  ERROR: so", "pip wheel"),
        ("", "the dependencies of demo cannot be provided", "pip wheel"),
    ],
)
def test_what_pip_says_becomes_one_error(
    make_wheel: MakeWheel,
    cache: Cache,
    toy_runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    message: str,
    hint: str,
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, output)
    )
    with pytest.raises(DependencyError) as caught:
        wheels.resolve(make_wheel(requires=["bad"]), [], toy_runtime, cache)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "Collecting" not in caught.value.message


def test_an_unknown_extra_is_named(make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime) -> None:
    wheel = make_wheel(extras=["Fast_Json"])
    (_,) = wheels.resolve(wheel, ["fast-json"], toy_runtime, cache)
    with pytest.raises(DependencyError, match="no extra named 'slow'") as caught:
        wheels.resolve(wheel, ["slow"], toy_runtime, cache)
    assert "Fast_Json" in (caught.value.hint or "")


def test_a_malformed_requirement_is_named(make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime) -> None:
    with pytest.raises(DependencyError, match="demo requires 'not a requirement'"):
        wheels.resolve(make_wheel(requires=["not a requirement"]), [], toy_runtime, cache)


@pytest.mark.slow
def test_a_dependency_of_the_index(make_wheel: MakeWheel, cache: Cache, runtime: Runtime) -> None:
    stored = wheels.resolve(make_wheel(requires=["pyflakes"]), [], runtime, cache)
    assert [wheels.unpack(wheel, cache).name for wheel in stored] == ["demo", "pyflakes"]


@pytest.mark.parametrize("required", [">=3.14", "==3.12.*", "nonsense"])
def test_a_project_for_other_pythons_is_refused(
    required: str, make_wheel: MakeWheel, toy_runtime: Runtime, cache: Cache
) -> None:
    text = f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: {required}\n"
    wheel = make_wheel(files={"demo-1.0.dist-info/METADATA": text.encode(), "demo.py": b""})
    with pytest.raises((DependencyError, WheelError), match=re.escape(required)):
        wheels.resolve(wheel, (), toy_runtime, cache)
