"""``oxidize cache``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from oxidize_build.cache import Cache

Outcome = Callable[..., int]


@pytest.fixture(autouse=True)
def filled(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("OXIDIZE_CACHE_DIR", str(cache.root))
    for key, size in (("aa1", 2000), ("aa2", 500)):
        entry = cache.obtain("wheels", key, lambda made, size=size: made.write_bytes(bytes(size)))  # type: ignore[misc]  # mypy infers no default
        os.utime(entry, (size, size))
    cache.obtain("stubs", "bb", Path.touch)
    return cache


def test_show(cache: Cache, outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome("cache", "show") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        [str(cache.root)],
        ["2.5", "kB", "2", "wheels"],
        ["0", "B", "1", "stubs"],
        ["2.5", "kB", "3", "in", "all"],
    ]
    assert outcome("cache", "show", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["directory"] == str(cache.root)
    assert [entry["size"] for entry in told["entries"]] == [500, 2000, 0]


@pytest.mark.parametrize(
    ("options", "removed"),
    [
        (["--older-than", "1d"], {"aa1", "aa2"}),
        (["--older-than", "99999w"], set()),
        (["--max-size", "2kB"], {"aa2"}),
        (["--max-size", "0.1 kb"], {"aa1", "aa2"}),
        (["--max-size", "1TB"], set()),
        (["--all"], {"aa1", "aa2", "bb"}),
    ],
)
def test_prune(
    options: list[str], removed: set[str], cache: Cache, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("cache", "prune", "--json", *options) == 0
    told = json.loads(capsys.readouterr().out)["removed"]
    assert {Path(entry["path"]).name for entry in told} == removed
    assert {entry.path.name for entry in cache.entries()} == {"aa1", "aa2", "bb"} - removed


@pytest.mark.parametrize("options", [[], ["--older-than", "5"], ["--max-size", "lots"], ["--max-size", "-1"]])
def test_prune_of_what(
    options: list[str], cache: Cache, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome("cache", "prune", *options) == 2
    assert "Error: " in capsys.readouterr().err
    assert len(cache.entries()) == 3
