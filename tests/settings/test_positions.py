"""Lines of keys, against what tomllib reads."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxidize_build.settings.positions import KeyPath, locate

DOCUMENT = '''\
title = "a # b"   # comment [x]

[project]
name.first = 1
name."se.cond" = 2
'quo ted' = """
[not.a.table]
key = "no"
\\"""\\" """"
text = \'\'\'
]]''\'\'\'
dates = [
    1979-05-27 07:32:00,  # one ]
    [1, 2], { x = "}", y = [ "," ] },
]

[[tool.rules]]
a = 1
[tool.rules.inner]
b = 2
[[tool.rules]]
[[tool.rules.deep]]
c = inf
[[tool.rules.deep]]
d = { e.f = 1, g = {} }
  [ other . "ta ble" ]
last = true'''

LINES: dict[KeyPath, int] = {
    ("title",): 1,
    ("project",): 3,
    ("project", "name"): 4,
    ("project", "name", "first"): 4,
    ("project", "name", "se.cond"): 5,
    ("project", "quo ted"): 6,
    ("project", "text"): 10,
    ("project", "dates"): 12,
    ("project", "dates", 0): 13,
    ("project", "dates", 1): 14,
    ("project", "dates", 1, 0): 14,
    ("project", "dates", 1, 1): 14,
    ("project", "dates", 2): 14,
    ("project", "dates", 2, "x"): 14,
    ("project", "dates", 2, "y"): 14,
    ("project", "dates", 2, "y", 0): 14,
    ("tool",): 17,
    ("tool", "rules"): 17,
    ("tool", "rules", 0): 17,
    ("tool", "rules", 0, "a"): 18,
    ("tool", "rules", 0, "inner"): 19,
    ("tool", "rules", 0, "inner", "b"): 20,
    ("tool", "rules", 1): 21,
    ("tool", "rules", 1, "deep"): 22,
    ("tool", "rules", 1, "deep", 0): 22,
    ("tool", "rules", 1, "deep", 0, "c"): 23,
    ("tool", "rules", 1, "deep", 1): 24,
    ("tool", "rules", 1, "deep", 1, "d"): 25,
    ("tool", "rules", 1, "deep", 1, "d", "e"): 25,
    ("tool", "rules", 1, "deep", 1, "d", "e", "f"): 25,
    ("tool", "rules", 1, "deep", 1, "d", "g"): 25,
    ("other",): 26,
    ("other", "ta ble"): 26,
    ("other", "ta ble", "last"): 27,
}


def paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    """Return the place of all that is in *value*, as tomllib returns it."""
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    below = [paths(item, (*path, key)) for key, item in items]
    return {(*path, key) for key, _ in items}.union(*below)


def test_every_kind_of_key() -> None:
    assert locate(DOCUMENT) == LINES
    assert paths(tomllib.loads(DOCUMENT)) == LINES.keys()


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "a = 1\r\nb = [\r\n1,\r\n]\r\n", "a = {b = 1}"])
def test_edges(text: str) -> None:
    assert locate(text).keys() == paths(tomllib.loads(text))


KEYS = st.text(min_size=1, max_size=3, alphabet="ab-_.# \"'[]=\\é")
STRINGS = st.text(max_size=8, alphabet="ab \"'#[]{},=\\\n")
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), STRINGS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def written(value: object, multiline: bool) -> str:  # noqa: PLR0911 (a case for each kind)
    """Return *value* as TOML, strings and arrays over several lines if so asked."""
    match value:
        case bool():
            return str(value).lower()
        case str() if multiline and "\\" not in value and "'''" not in value and not value.endswith("'"):
            return f"'''\n{value}'''"
        case str() if multiline:
            return f'"""{json.dumps(value)[1:-1]}"""'
        case str():
            return json.dumps(value)
        case list():
            separator = ",  # ]\n" if multiline else ", "
            return f"[{separator.join(written(item, multiline) for item in value)}\n]"
        case dict():
            pairs = (f"{json.dumps(key)} = {written(item, False)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
    return str(value)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.lists(KEYS, max_size=3), st.booleans())
def test_no_key_is_missed(table: dict[str, object], header: list[str], multiline: bool) -> None:
    name = ".".join(json.dumps(part, ensure_ascii=False) for part in header)
    pairs = "".join(f"{json.dumps(key)} = {written(value, multiline)} # '\n" for key, value in table.items())
    texts = [pairs, *([f"[{name}]\n{pairs}", f"[[{name}]]\n{pairs}[[{name}]]\n{pairs}"] if header else [])]
    for text in texts:
        assert locate(text).keys() == paths(tomllib.loads(text))
    if not multiline:
        one_by_one = [line for path, line in locate(pairs).items() if len(path) == 1]
        lines = [written(value, multiline).count("\n") + 1 for value in table.values()]
        assert one_by_one == [1 + sum(lines[:index]) for index in range(len(lines))]
