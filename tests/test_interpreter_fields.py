"""The table of interpreter settings: complete, and right about values."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest

from oxidize_build.settings.interpreter_fields import ALLOCATOR, FIELDS, FIELDS_BY_KEY, OWNED, Kind


def _c_fields() -> set[str]:
    """The public fields of the running Python's PyPreConfig and PyConfig, by its own header."""
    header = Path(sysconfig.get_paths()["include"], "cpython", "initconfig.h").read_text("utf-8")
    bodies = re.findall(r"typedef struct Py(?:Pre)?Config \{(.*?)\} Py(?:Pre)?Config;", header, re.DOTALL)
    member = r"^    (?:int|unsigned long|wchar_t \*|PyWideStringList) ?(\w+);"
    names = {name for body in bodies for name in re.findall(member, body, re.MULTILINE)}
    assert len(names) > 60
    return {name for name in names if not name.startswith("_")}


def test_every_field_of_this_python_can_be_set_or_is_refused_with_a_reason() -> None:
    settable = {field.name for field in FIELDS}
    refused = {key.replace("-", "_") for key in OWNED}
    assert _c_fields() - settable - refused == {ALLOCATOR}
    assert not settable & refused


def test_keys_are_the_names_with_hyphens() -> None:
    other = {field.key: field.name for field in FIELDS if field.key != field.name.replace("_", "-")}
    assert other == {"x-options": "xoptions", "warn-options": "warnoptions"}
    assert len(FIELDS_BY_KEY) == len(FIELDS)


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("dev-mode", True, True),
        ("optimization-level", 2, 2),
        ("hash-seed", 2**32 - 1, 2**32 - 1),
        ("stdio-encoding", "latin-1", "latin-1"),
        ("pycache-prefix", "$ORIGIN", "$ORIGIN"),
        ("x-options", ["utf8", "a=b"], ("utf8", "a=b")),
        ("module-search-paths", ["$ORIGIN/plugins", "/opt/x"], ("$ORIGIN/plugins", "/opt/x")),
    ],
)
def test_values_are_read(key: str, value: object, read: object) -> None:
    assert FIELDS_BY_KEY[key].read(value) == read


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dev-mode", 1),
        ("optimization-level", True),
        ("optimization-level", 3),
        ("optimization-level", -1),
        ("hash-seed", 2**32),
        ("cpu-count", 0),
        ("stdio-encoding", ""),
        ("stdio-encoding", "a\0b"),
        ("stdio-errors", "strikt"),
        ("pycache-prefix", "cache"),
        ("pycache-prefix", "$ORIGINAL"),
        ("x-options", "utf8"),
        ("x-options", ["utf8", 1]),
        ("module-search-paths", ["plugins"]),
    ],
)
def test_other_values_are_refused_with_what_is_expected(key: str, value: object) -> None:
    field = FIELDS_BY_KEY[key]
    with pytest.raises(ValueError, match=re.escape(field.expected)):
        field.read(value)


def test_each_kind_is_used() -> None:
    assert {field.kind for field in FIELDS} == set(Kind)
