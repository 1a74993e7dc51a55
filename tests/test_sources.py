from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import tomlkit

from oxidize_build import pip
from oxidize_build.cache import Cache
from oxidize_build.errors import DependencyError, SettingsError, WheelError
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import PlacedFiles
from oxidize_build.sources import Sources
from oxidize_build.sources.groups import group_requirements
from oxidize_build.sources.local import local_wheels, placed_files, root_files
from oxidize_build.sources.lock import locked_wheels, read_lock
from oxidize_build.sources.tags import runtime_tags
from oxidize_build.wheels import store

SITE = "lib/python3.13/site-packages"
HASH = "0" * 64


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# --- local files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_", "to", "places"),
    [
        ("data", "share", {"share/a.json", "share/deep/b.json", "share/deep/c.txt"}),
        ("data/deep", ".", {"b.json", "c.txt"}),
        ("data/*.json", "share", {"share/a.json"}),
        ("data/**/*.json", "share", {"share/a.json", "share/deep/b.json"}),
        ("*/deep", "x", {"x/data/deep/b.json", "x/data/deep/c.txt"}),
        ("data/a.json", "etc", {"etc/a.json"}),
        ("data/a.json", "site-packages/app", {f"{SITE}/app/a.json"}),
    ],
)
def test_placed_files(from_: str, to: str, places: set[str], tmp_path: Path, toy_runtime: Runtime) -> None:
    files = {"data/a.json": "", "data/deep/b.json": "", "data/deep/c.txt": "", "data/__pycache__/x.pyc": ""}
    project = write_files(tmp_path / "project", files)
    found = placed_files(project, [PlacedFiles(from_=from_, to=to)], "app", toy_runtime)
    assert {str(file.path) for file in found} == places


def test_files_that_are_not_there(tmp_path: Path, toy_runtime: Runtime) -> None:
    with pytest.raises(SettingsError, match=r"from = 'no/\*\.txt', but the project has no such file"):
        list(placed_files(tmp_path, [PlacedFiles(from_="no/*.txt", to=".")], "app", toy_runtime))


def test_package_roots(tmp_path: Path, toy_runtime: Runtime) -> None:
    root = write_files(tmp_path / "more", {"a/__init__.py": "", "a.egg-info/PKG-INFO": "", "b.pyc": ""})
    found = list(root_files([root], "app", toy_runtime))
    assert [(file.path, file.origin) for file in found] == [(PurePosixPath(SITE, "a/__init__.py"), "app")]


def test_local_wheels(tmp_path: Path, toy_runtime: Runtime) -> None:
    names = ["a-1-py3-none-any.whl", "b-1-cp313-cp313-win32.whl", "c-1-py3-none-any.whl"]
    write_files(tmp_path / "vendor", dict.fromkeys([*names, "notes.txt"], ""))

    def found(*patterns: str) -> list[str]:
        return [wheel.name for wheel in local_wheels(tmp_path, patterns, toy_runtime)]

    assert found("vendor") == [names[0], names[2]]
    assert found("vendor/c*", "vendor") == [names[0], names[2]]
    assert found("vendor/b-1-cp313-cp313-win32.whl") == [names[1]], "pip is to say what is wrong with it"
    with pytest.raises(SettingsError, match=r"1 wheels, of which none is for Python 3\.13\.5"):
        found("vendor/b*")
    with pytest.raises(SettingsError, match="stands for no file"):
        found("nothing/*.whl")
    with pytest.raises(WheelError, match="not named as a wheel"):
        found("vendor/*.txt")


def test_tags_keep_within_the_target(toy_runtime: Runtime) -> None:
    def platforms(runtime: Runtime) -> set[str]:
        return {tag.platform for tag in runtime_tags(runtime)}

    assert "manylinux_2_17_x86_64" in platforms(toy_runtime)
    limited = platforms(replace(toy_runtime, glibc_limit="2.17"))
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "any"} <= limited
    assert "manylinux_2_18_x86_64" not in limited
    assert platforms(replace(toy_runtime, libc="musl")) == {"any"}


# --- dependency groups ----------------------------------------------------------------------


def test_groups(tmp_path: Path) -> None:
    text = '[dependency-groups]\na = ["x>1", {include-group = "b"}]\nb = ["y"]\nc = [{include-group = "c"}]\n'
    write_files(tmp_path, {"pyproject.toml": text})
    assert group_requirements(tmp_path, ["a"]) == ("x>1", "y")
    assert group_requirements(tmp_path / "nowhere", []) == ()
    for name in ("aa", "c"):
        with pytest.raises(DependencyError, match=f"dependency groups {name} cannot be resolved") as caught:
            group_requirements(tmp_path, [name])
        assert "defines: a, b, c" in str(caught.value)


# --- locks ----------------------------------------------------------------------------------


def package(name: str, version: str = "1.0", **more: Any) -> dict[str, Any]:
    wheel = {"name": f"{name}-{version}-py3-none-any.whl", "hashes": {"sha256": HASH}, "path": "no/x.whl"}
    return {"name": name, "version": version, "wheels": [wheel], **more}


def asked_of_pip(
    packages: list[dict[str, Any]],
    wheel: Path,
    monkeypatch: pytest.MonkeyPatch,
    runtime: Runtime,
    **sources: Any,
) -> list[str]:
    """Return the requirements that pip is given for a lock of *packages*."""
    lock = wheel.parent / "pylock.toml"
    content = {"lock-version": "1.0", "created-by": "test", "packages": packages, **sources.pop("lock", {})}
    lock.write_text(tomlkit.dumps(content))
    given: list[str] = []

    class Asked(Exception):  # noqa: N818 - no error
        pass

    def make_wheels(arguments: list[str], *_: object) -> None:
        given.extend(Path(arguments[arguments.index("--requirement") + 1]).read_text().splitlines())
        raise Asked

    monkeypatch.setattr(pip, "make_wheels", make_wheels)
    with pytest.raises(Asked):
        locked_wheels(
            wheel, Sources(lock.parent, lock=lock, **sources), runtime, Cache(lock.parent / "cache")
        )
    return given


def test_what_a_lock_holds_for_this_executable(
    make_wheel: Any, monkeypatch: pytest.MonkeyPatch, toy_runtime: Runtime
) -> None:
    packages = [
        package("demo"),
        package("plain"),
        package("old", marker="python_version < '3'"),
        package("fast", marker="'speed' in extras"),
        package("slow", marker="'none' in extras"),
        package("tool", marker="'dev' in dependency_groups"),
        package("mine", tool={"oxidize": {"executables": ["app"]}}),
        package("other", tool={"oxidize": {"executables": ["other"]}}),
    ]
    text = '[dependency-groups]\ndev = ["tool"]\n'
    wheel = make_wheel(requires=["plain>=1", "fast; extra == 'speed'"], extras=["speed"])
    write_files(wheel.parent, {"pyproject.toml": text})
    more: dict[str, Any] = {"extras": ("speed",), "groups": ("dev",), "locked_for": "app"}
    known = {"extras": ["speed", "none"], "dependency-groups": ["dev"]}
    given = asked_of_pip(packages, wheel, monkeypatch, toy_runtime, lock=known, **more)
    assert given == [f"{name}==1.0 --hash=sha256:{HASH}" for name in ("plain", "fast", "tool", "mine")]


def test_a_wheel_of_the_cache_is_taken_by_its_hash(
    make_wheel: Any, cache: Cache, toy_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip, "make_wheels", lambda *_: pytest.fail("pip was run"))
    wheel, other = make_wheel(requires=["plain"]), make_wheel("plain")
    store({"plain": other}, cache)
    digest = hashlib.sha256(other.read_bytes()).hexdigest().upper()
    packages = [package("plain", wheels=[{"name": other.name, "hashes": {"sha256": digest}, "url": "no"}])]
    lock = wheel.parent / "pylock.toml"
    lock.write_text(tomlkit.dumps({"lock-version": "1.0", "created-by": "test", "packages": packages}))
    locked = locked_wheels(wheel, Sources(lock.parent, lock=lock), toy_runtime, cache)
    assert [path.name for path in locked] == [wheel.name, other.name]


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        ([], "pylock.toml does not hold plain>=2, which is required"),
        ([package("plain")], "pylock.toml holds plain 1.0, but plain>=2 is required"),
        (
            [package("plain", "2", **{"requires-python": "<3"})],
            "pylock.toml cannot be used for Python 3.13.5",
        ),
        ([package("plain", "2", wheels=[])], "pylock.toml is not a lock that can be used"),
        ("x", "pylock.toml is not a lock that can be used"),
    ],
)
def test_locks_that_do_not_serve(
    packages: Any, message: str, make_wheel: Any, cache: Cache, toy_runtime: Runtime
) -> None:
    wheel = make_wheel(requires=["plain>=2"])
    lock = wheel.parent / "pylock.toml"
    lock.write_text(tomlkit.dumps({"lock-version": "1.0", "created-by": "test", "packages": packages}))
    with pytest.raises(DependencyError) as caught:
        locked_wheels(wheel, Sources(lock.parent, lock=lock), toy_runtime, cache)
    assert caught.value.message.startswith(message)
    assert "oxidize lock" in (caught.value.hint or "")


def test_a_lock_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DependencyError, match="No such file"):
        read_lock(tmp_path / "pylock.toml")
