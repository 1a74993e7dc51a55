"""Wheels are obtained by pip, and kept."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oxidize_build import pip, wheels
from oxidize_build.errors import DependencyError, WheelError
from oxidize_build.unpacked_wheel import unpack

if TYPE_CHECKING:
    from oxidize_build.cache import Cache
    from oxidize_build.runtime.model import Runtime

MakeWheel = Callable[..., Path]


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


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name.partition("-py3")[0] for path in paths]


@pytest.mark.parametrize("damaged", ["manifest.json", "demo.py", "METADATA", "demo-1.0-py3-none-any.whl"])
@pytest.mark.parametrize("size", [0, 9, None])
def test_a_damaged_entry_is_made_again(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime, damaged: str, size: int | None
) -> None:
    def contents() -> list[bytes]:
        (stored,) = wheels.resolve(make_wheel(), [], toy_runtime, cache)
        return [file.source.read_bytes() for file in unpack(stored, cache).files]

    first = contents()
    (file,) = cache.root.rglob(damaged)
    if size is None:
        file.unlink()
    else:
        os.truncate(file, size)
    assert contents() == first
    assert not list(cache.root.rglob(".making-*"))


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
    assert [unpack(wheel, cache).name for wheel in stored] == ["demo", "pyflakes"]


@pytest.mark.parametrize("required", [">=3.14", "==3.12.*", "nonsense"])
def test_a_project_for_other_pythons_is_refused(
    required: str, make_wheel: MakeWheel, toy_runtime: Runtime, cache: Cache
) -> None:
    text = f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: {required}\n"
    wheel = make_wheel(files={"demo-1.0.dist-info/METADATA": text.encode(), "demo.py": b""})
    with pytest.raises((DependencyError, WheelError), match=re.escape(required)):
        wheels.resolve(wheel, (), toy_runtime, cache)
