"""What a start from a snapshot finds done, and what it must not find changed by how it is made quick."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from making import write_project

from conftest import MUSL, VERSIONS_WITH_SNAPSHOTS, Build, Frontend, make_build, snapshot_settings

CODE = """
import argparse
import gc
import sys
import time
import weakref


class Told:
    pass


def make(held):
    def function():
        return held

    return function


def takes(argument=Told()):
    return argument


ENDS = {"value": Told(), "closure": make(Told()), "default": takes, "tuple": (Told(), 1)}
ENDED = []
for name, held in ENDS.items():
    told = {"value": lambda: held, "tuple": lambda: held[0]}.get(name, held)()
    weakref.finalize(told, ENDED.append, name)
del takes, held, told
TEXT = ("a", ("b", 1.5, 1 << 70))


def main():
    known = sorted(sys.modules)
    parser = argparse.ArgumentParser(prog="app", description="none")
    parser.add_argument("--number", type=int, default=3)
    number = parser.parse_args().number
    ENDS.clear()
    gc.collect()
    print({
        "known": known, "number": number, "ended": sorted(ENDED), "help": parser.format_help(),
        "zone": [time.tzname, time.timezone], "text": TEXT, "counted": sys.getrefcount(main) < 1 << 30,
    })
"""


@pytest.fixture(scope="session", params=[*VERSIONS_WITH_SNAPSHOTS, MUSL])
def app(
    request: pytest.FixtureRequest,
    frontend: Frontend,
    build_with: Callable[[str], Build],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    if request.param == MUSL:
        build = make_build(frontend, tmp_path_factory, snapshot_settings(request, MUSL))
    else:
        build = build_with(request.param)
    return build(write_project(tmp_path_factory.mktemp("start") / "app", code=CODE)) / "app"


def tell(app: Path, *arguments: str, **variables: str) -> dict[str, object]:
    environment = {**os.environ, **variables}
    done = subprocess.run([app, *arguments], capture_output=True, env=environment, text=True, check=True)
    assert done.stderr == ""
    told: dict[str, object] = ast.literal_eval(done.stdout)
    return told


@pytest.fixture(scope="session")
def told(app: Path) -> dict[str, object]:
    return tell(app, "--number", "4", OXIDIZE_SNAPSHOT="explain")


@pytest.fixture(scope="session")
def usual(app: Path) -> dict[str, object]:
    return tell(app, "--number", "4", OXIDIZE_SNAPSHOT="off")


def test_what_can_tell_that_it_ends_ends(told: dict[str, object]) -> None:
    assert told["ended"] == ["closure", "default", "tuple", "value"]


def test_functions_are_not_counted(told: dict[str, object], usual: dict[str, object]) -> None:
    assert usual["counted"]
    assert not told["counted"]


def test_what_argparse_uses_later_is_imported(told: dict[str, object], usual: dict[str, object]) -> None:
    assert isinstance(told["known"], list)
    assert isinstance(usual["known"], list)
    assert {"copy", "locale", "textwrap"} <= {*told["known"]}
    assert "textwrap" not in usual["known"]


def test_all_else_is_the_same(told: dict[str, object], usual: dict[str, object]) -> None:
    for key in ("ended", "number", "help", "zone", "text"):
        assert told[key] == usual[key]


@pytest.mark.parametrize("zone", ["UTC", "UTC0", "Asia/Tokyo", "EST5EDT", ""])
def test_a_time_zone_counts(app: Path, zone: str) -> None:
    found = [tell(app, OXIDIZE_SNAPSHOT=mode, TZ=zone)["zone"] for mode in ("explain", "off")]
    assert found[0] == found[1]
