"""Common keys: those of ``[tool.oxidize]`` together with those of one executable."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from oxidize_build.settings.interpreter_fields import InterpreterValue
from oxidize_build.settings.model import Common, Interpreter
from oxidize_build.settings.texts import normalized


def merged(common: Common, own: Common, given: Collection[str]) -> Common:
    """Return *common* with what an executable has of its *own*; *given* are the names of its fields.

    Lists add up, the interpreter's configuration does so key by key, and any other value replaces the common
    one.
    """
    values = values_of(common)
    for name in given & values.keys():
        values[name] = _both(values[name], getattr(own, name))
    return Common(**values)


def values_of(common: Common, extras: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the common keys by field name, with more *extras* if given."""
    values = {field.name: getattr(common, field.name) for field in fields(Common)}
    values["extras"] = normalized((*extras, *common.extras))
    return values


def _both(common: object, own: object) -> object:
    if isinstance(common, tuple) and isinstance(own, tuple):
        return tuple(dict.fromkeys((*common, *own)))
    if isinstance(common, Interpreter) and isinstance(own, Interpreter):
        return Interpreter(
            values=_by_key(common.values, own.values), allocators={**common.allocators, **own.allocators}
        )
    return own


def _by_key(
    common: Mapping[str, InterpreterValue], own: Mapping[str, InterpreterValue]
) -> dict[str, InterpreterValue]:
    values = dict(common)
    for key, value in own.items():
        before = values.get(key)
        if isinstance(before, tuple) and isinstance(value, tuple):
            values[key] = (*before, *value)
        else:
            values[key] = value
    return values
