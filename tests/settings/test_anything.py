"""Anything in the place of anything: told as a fault or taken, and the reader and the schema agree."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from oxidize_build.errors import SettingsError
from oxidize_build.settings import Settings, read_settings
from oxidize_build.settings.model import TABLES
from oxidize_build.settings.schema import schema
from oxidize_build.settings.shapes import record_shape

RULE = {
    "package": "a",
    "module": ["a.b"],
    "files": "*.txt",
    "kind": "source",
    "placement": "extract",
    "compression": True,
    "source": True,
    "bytecode": False,
    "optimize": 2,
}
COMMON: dict[str, Any] = {
    "extras": ["fast"],
    "dependencies": ["flask[async]>=3,<4; python_version >= '3.11'"],
    "requirements": ["requirements.txt"],
    "lock": "pylock.toml",
    "wheels": ["vendor/*.whl"],
    "package-roots": ["src"],
    "files": [{"from": "data/**/*.json", "to": "share"}],
    "stdlib": "used",
    "builtin-modules": "used",
    "profile": "profiles/app.json",
    "prune": "profile",
    "compression": False,
    "compress-program": True,
    "write-modules-directory-env": "APP_MODULES",
    "callback": "hooks.py:change",
    "lazy-imports": ["flask.*", "json"],
    "immortal-constants": False,
    "huge-pages": False,
    "self-test": True,
    "snapshot": True,
    "preload": ["json", "app.models"],
    "prepare": "app.models:warm",
    "allow": ["app.times"],
    "exit": "fast",
    "frozen": False,
    "interpreter": {
        "utf8-mode": True,
        "hash-seed": 3,
        "module-search-paths": ["$ORIGIN/lib"],
        "stdio-errors": "strict",
        "allocator": "mimalloc",
        "allocators": {"raw": "system"},
    },
    "rules": [RULE, {"package": "*", "include": False}],
}
FULL: dict[str, Any] = {
    **COMMON,
    "groups": [],
    "wheel-backend": "hatchling.build",
    "runtime": {"url": "https://example.org/python.tar.zst", "sha256": "0" * 64},
    "executables": {
        "app": {"entry-point": "a.b:c.d [x]", "targets": ["old"], **COMMON},
        "other": {"command": "print()"},
        "script": {"script": "tools/run.py"},
        "repl": {"repl": True},
        "module": {"module": "a.b"},
    },
    "targets": {
        "old": {"runtime": "3.14t", "triple": "x86_64-unknown-linux-gnu", "glibc": "2.17"},
        "new": {"runtime": {"path": "/opt/python"}},
    },
    "licenses": {"allow": ["MIT"], "deny": ["GPL-*"], "exceptions": ["a"], "overrides": {"b": "MIT"}},
}
VALIDATOR = jsonschema.Draft7Validator(schema())
NAMES = sorted({key.key for record in TABLES.values() for key in record_shape(record).keys})
WORDS = st.one_of(
    st.sampled_from(
        [*NAMES, "", " ", "3.14", "../x", "/x", "a b", "a:b", "a.py:b", "MIT", "é", "old", "a\nb"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-3, 5), st.floats(allow_nan=False), st.dates(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)


def nodes(value: object) -> list[tuple[Any, Any]]:
    """Return each table and array in *value* with each of its keys or indexes."""
    pairs = list(
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [(value, key) for key, _ in pairs] + [node for _, item in pairs for node in nodes(item)]


def read(table: dict[str, Any]) -> Settings:
    with tempfile.TemporaryDirectory() as project:
        text = tomlkit.dumps({"tool": {"oxidize": table}})
        Path(project, "pyproject.toml").write_text(text, encoding="utf-8")
        return read_settings(Path(project), check_files=False)


def test_every_key_is_in_the_document() -> None:
    read(FULL)
    VALIDATOR.validate(FULL)
    keys = {key for _, key in nodes(FULL)}
    assert [name for name in NAMES if name not in keys] == []


def check(document: dict[str, Any]) -> None:
    """Have *document* read: with faults, or without any that the schema would find."""
    try:
        read(document)
    except SettingsError as error:
        assert "pyproject.toml" in error.message  # noqa: PT017 (either outcome is right, no other is)
    else:
        VALIDATOR.validate(document)


@pytest.mark.parametrize("value", [True, 1, 2.5, "", "x y", "../x", [], [1], [""], {}, {"x": 1}], ids=str)
def test_one_value_in_the_place_of_every_other(value: object) -> None:
    for number in range(len(nodes(FULL))):
        document = copy.deepcopy(FULL)
        container, key = nodes(document)[number]
        container[key] = value
        check(document)


@given(st.integers(min_value=0), VALUES, st.booleans(), WORDS)
def test_anything_in_the_place_of_anything(number: int, value: object, added: bool, name: str) -> None:
    document = copy.deepcopy(FULL)
    places = nodes(document)
    container, key = places[number % len(places)]
    container[name if added and isinstance(container, dict) else key] = value
    check(document)
