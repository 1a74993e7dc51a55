"""Reads and documents ``[tool.oxidize.interpreter]``: fields of CPython's configuration."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from oxidize_build.settings.faults import shown
from oxidize_build.settings.interpreter_fields import (
    ALLOCATOR,
    ALLOCATOR_NAMES,
    ALLOCATORS,
    DOMAIN_ALLOCATORS,
    DOMAINS,
    FIELDS,
    FIELDS_BY_KEY,
    OWNED,
    InterpreterField,
    InterpreterValue,
    Only,
)
from oxidize_build.settings.model import Interpreter
from oxidize_build.settings.place import Place
from oxidize_build.settings.suggestions import did_you_mean, one_of


def read_interpreter(value: object, place: Place) -> Interpreter:
    """Return what the table *value* at *place* says; its faults are remembered."""
    if not isinstance(value, dict):
        place.refuse(value, "a table")
        return Interpreter()
    given = cast("dict[str, object]", value)
    values: dict[str, InterpreterValue] = {}
    for key, item in given.items():
        if key == ALLOCATOR:
            if _is_one_of(item, ALLOCATOR_NAMES, place.at(key)):
                values[key] = cast("str", item)
        elif key in FIELDS_BY_KEY:
            try:
                values[key] = FIELDS_BY_KEY[key].read(item)
            except ValueError as error:
                place.at(key).refuse(item, f"{error}{did_you_mean(item, FIELDS_BY_KEY[key].allowed)}")
        elif key != ALLOCATORS:
            _refuse_key(key, place.at(key))
    allocators = _read_allocators(given.get(ALLOCATORS, {}), place.at(ALLOCATORS))
    return Interpreter(values=values, allocators=allocators)


def _refuse_key(key: str, place: Place) -> None:
    spelling = key.replace("_", "-")
    if spelling in OWNED:
        place.fault(f"cannot be set: {OWNED[spelling]}")
        return
    near = did_you_mean(spelling, (*FIELDS_BY_KEY, ALLOCATOR, ALLOCATORS))
    place.fault(
        f"unknown key; allowed here: {ALLOCATOR}, {ALLOCATORS}, and the fields of PyPreConfig and PyConfig "
        f"by their names in C with hyphens{near}"
    )


def _read_allocators(value: object, place: Place) -> dict[str, str]:
    if not isinstance(value, dict):
        place.refuse(value, "a table")
        return {}
    read: dict[str, str] = {}
    for domain, name in value.items():
        if domain not in DOMAINS:
            near = did_you_mean(domain, DOMAINS)
            place.at(domain).fault(f"unknown key; allowed here: {', '.join(DOMAINS)}{near}")
        elif _is_one_of(name, DOMAIN_ALLOCATORS, place.at(domain)):
            read[domain] = name
    return read


def _is_one_of(value: object, allowed: Collection[str], place: Place) -> bool:
    if isinstance(value, str) and value in allowed:
        return True
    place.fault(f"found {shown(value)}, expected {one_of(allowed)}{did_you_mean(value, allowed)}")
    return False


_BUILDS = {
    Only.FREE_THREADED: "Only free-threaded builds have it.",
    Only.DEBUG: "Only debug builds have it.",
    Only.WINDOWS: "Only Windows has it.",
    Only.MACOS: "Only macOS has it.",
}


def interpreter_docs() -> dict[str, str]:
    """Return what each key of the table means, in the order of the reference."""
    docs = {field.key: _field_doc(field) for field in FIELDS}
    docs[ALLOCATOR] = "Memory allocator of all domains; the names ending in `debug` add checks."
    docs[ALLOCATORS] = f"Allocators of single domains: a table with {', '.join(map(_code, DOMAINS))}."
    return docs


def _field_doc(field: InterpreterField) -> str:
    since = f"Since Python {'.'.join(map(str, field.since))}." if field.since > (3, 11) else ""
    return " ".join(filter(None, (field.doc, since, _BUILDS[field.only] if field.only else "")))


def _code(text: str) -> str:
    return f"`{text}`"
