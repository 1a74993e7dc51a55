"""Writes docs/reference/settings.md, derived from the model: ``make docs-reference``."""

from __future__ import annotations

import json
import sys
from dataclasses import MISSING, fields

from oxidize_build.settings.docstrings import key_docs, summary
from oxidize_build.settings.interpreter import interpreter_docs
from oxidize_build.settings.interpreter_fields import (
    ALLOCATOR,
    ALLOCATOR_NAMES,
    DOMAIN_ALLOCATORS,
    FIELDS_BY_KEY,
    OWNED,
)
from oxidize_build.settings.model import TABLES, Common, ExecutableTable, Interpreter
from oxidize_build.settings.shapes import (
    ChoiceShape,
    FlagOrListShape,
    KeyShape,
    ListShape,
    MapShape,
    Shape,
    record_shape,
)
from oxidize_build.settings.suggestions import one_of

INTRODUCTION = """\
<!-- Written by `make docs-reference` from backend/oxidize_build/settings/model.py; not to be edited. -->

# Settings

What oxidize reads in a project's `pyproject.toml`, besides `[project]` and `[build-system]`. All settings are
optional: without any, each script of the project becomes an executable. An example with many of them:

```toml
EXAMPLE```

A key that does not exist and a value that is not allowed are errors. All errors of a file are reported at
once, each with its line, its key, the value, what is allowed and the nearest spelling.

`oxidize schema` prints the JSON schema of these tables, with which editors complete and check them;
validate-pyproject finds it by itself."""

EXAMPLE = """\
[tool.oxidize]
dependencies = ["uvloop"]                # beside those of the project
stdlib = "used"

[tool.oxidize.executables.serve]         # beside the scripts of the project
module = "shop.server"
files = [{ from = "templates", to = "share/shop" }]
interpreter = { utf8-mode = true, warn-options = ["ignore"] }

[tool.oxidize.targets.portable]
runtime = "3.14"
triple = "x86_64-unknown-linux-gnu"
glibc = "2.17"

[[tool.oxidize.rules]]
package = ["numpy", "scipy"]
files = "*.pyi"
include = false

[tool.oxidize.licenses]
deny = ["GPL-*", "AGPL-*"]
"""


def reference() -> str:
    """Return the page, in Markdown."""
    tables = [_table(header, record) for header, record in TABLES.items()]
    return "\n\n".join((INTRODUCTION.replace("EXAMPLE", EXAMPLE), *tables, _interpreter())) + "\n"


def _table(header: str, record: type) -> str:
    docs = key_docs(record)
    inherited = {field.name for field in fields(Common)} if record is ExecutableTable else set()
    keys = [key for key in record_shape(record).keys if key.field.name not in inherited]
    entries = [f"### `{key.key}`\n\n{_allowed(key)}\n\n{docs[key.field.name]}" for key in keys]
    note = [_COMMON_TOO] if record is ExecutableTable else []
    return "\n\n".join((f"## `{header}`", summary(record), *note, *entries))


_COMMON_TOO = """\
All keys of `[tool.oxidize]` are allowed here too, but `wheel-backend`, `runtime`, `executables`, `targets`
and `licenses`."""


def _allowed(key: KeyShape) -> str:
    default = key.field.default
    if key.required:
        return f"Value: {_value(key.shape)}. Required."
    if default is MISSING or default is None or default == ():
        return f"Value: {_value(key.shape)}."
    return f"Value: {_value(key.shape)}. Default: `{_toml(default)}`."


def _value(shape: Shape) -> str:
    match shape:
        case ChoiceShape(values):
            return " or ".join(f"`{_toml(value)}`" for value in values)
        case ListShape(item, or_one):
            return f"{_value(item)}, or a list of such" if or_one else f"a list (each item: {_value(item)})"
        case FlagOrListShape(items):
            return f"true, false, or {_value(items)}"
        case MapShape(keys, item):
            return f"a table (each {keys.placeholder}: {_value(item)})"
    return shape.expected


def _toml(value: object) -> str:
    return json.dumps(value)  # which is TOML for strings, integers and booleans


def _interpreter() -> str:
    rows = [f"| `{key}` | {_field_value(key)} | {doc} |" for key, doc in interpreter_docs().items()]
    owned = "\n".join(f"- `{key}`: {reason}" for key, reason in sorted(OWNED.items()))
    return f"""\
## `[tool.oxidize.interpreter]`

{summary(Interpreter)}

| key | value | meaning |
| --- | --- | --- |
{chr(10).join(rows)}

These fields cannot be set:

{owned}"""


def _field_value(key: str) -> str:
    if key in FIELDS_BY_KEY:
        return FIELDS_BY_KEY[key].expected
    names = ALLOCATOR_NAMES if key == ALLOCATOR else DOMAIN_ALLOCATORS
    return one_of(names) if key == ALLOCATOR else f"a table of names, each {one_of(names)}"


if __name__ == "__main__":
    sys.stdout.write(reference())
