from __future__ import annotations

import json
from pathlib import Path

import pytest

from oxidize_build.errors import OutputError, ProfileError
from oxidize_build.profile import EMPTY, Effect, Profile, ProfiledModule, read_profiles, write_profiles
from oxidize_build.profile.text import portable_path

PROFILE = Profile(
    (
        ProfiledModule("encodings", own=310),
        ProfiledModule("encodings.aliases", "encodings", 140),
        ProfiledModule("app", own=20, effects=(Effect.ATEXIT, Effect.THREADS)),
        ProfiledModule("app.süß", "app", 7, child=True),
    ),
    ("lib/python/site-packages/app/grüße.txt", 'share/"x"'),
    ("lib/python/site-packages/app.libs/libx.so.1",),
)


def _write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def _executable(**members: object) -> dict[str, object]:
    return {
        "format": 1,
        "executables": {"app": {"modules": [], "files": [], "libraries": [], **members}},
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    profiles = {"b": PROFILE, "a": EMPTY}
    write_profiles(path, profiles)
    assert read_profiles(path) == profiles
    assert [child.name for child in tmp_path.iterdir()] == ["p.json"]
    write_profiles(path, {})
    assert read_profiles(path) == {}


def test_a_line_for_each_thing_without_defaults(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_profiles(path, {"app": PROFILE})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert '        {"name": "encodings", "own": 310},' in lines
    assert '        {"name": "app.süß", "parent": "app", "own": 7, "child": true}' in lines
    assert '        "lib/python/site-packages/app/grüße.txt",' in lines


def test_inclusive_times_add_up() -> None:
    assert PROFILE.inclusive() == {"encodings": 450, "encodings.aliases": 140, "app": 27, "app.süß": 7}


def test_paths_do_not_tell_the_version() -> None:
    assert portable_path("lib/python3.14t/site-packages/a/python3.9/x") == (
        "lib/python/site-packages/a/python3.9/x"
    )
    assert portable_path("share/lib/python3.9/x") == "share/lib/python3.9/x"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"it is \[\], expected an object"),
        ({"executables": {}}, "format is missing"),
        ({"format": 2, "executables": {}}, "has format 2, expected 1"),
        ({"format": True, "executables": {}}, "format is True, expected a number"),
        ({"format": 1, "executables": []}, r"executables is \[\], expected an object"),
        ({"format": 1, "executables": {"app": {}}}, r"executables.app.modules is missing"),
        (_executable(files=[1]), r"executables.app.files\[0\] is 1, expected a text"),
        (_executable(modules=[{}]), r"modules\[0\].name is missing"),
        (_executable(modules=[{"name": "a", "own": -1}]), r"modules\[0\].own is -1, expected a number"),
        (_executable(modules=[{"name": "a", "child": 1}]), r"child is 1, expected true or false"),
        (_executable(modules=[{"name": "a", "effects": ["x"]}]), "effects is 'x', expected one of atexit"),
        (_executable(modules=[{"name": "a"}, {"name": "a"}]), r"modules\[1\] is 'a', expected a new name"),
        (_executable(modules=[{"name": "a", "parent": "b"}]), r"behind that of its parent"),
    ],
)
def test_a_malformed_profile_is_told_with_its_place(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        read_profiles(_write(tmp_path / "p.json", value))


def test_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"cannot read .*p\.json: No such file.*\n.*oxidize trace"):
        read_profiles(tmp_path / "p.json")
    (tmp_path / "p.json").write_text("{")
    with pytest.raises(ProfileError, match=r"p\.json is no JSON"):
        read_profiles(tmp_path / "p.json")


def test_a_profile_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*: No such file"):
        write_profiles(tmp_path / "missing" / "p.json", {"app": PROFILE})
