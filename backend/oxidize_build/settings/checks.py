"""Faults of a table's keys together; each check has the JSON schema that says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from oxidize_build.settings.model import ExecutableTable, Rule, TargetTable
from oxidize_build.settings.place import Place

Given: TypeAlias = Mapping[str, object]
"""The keys of a table and their values in TOML."""

RUN_KEYS = ("entry-point", "module", "command", "script", "repl")
MATCH_KEYS = ("package", "module", "files", "kind")
EFFECT_KEYS = ("include", "placement", "compression", "source", "bytecode", "optimize")


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    find: Callable[[Given, Place], None]
    """Remembers the fault of a table at its place, if it has it."""
    schema: Mapping[str, object]


def _runs_one_thing(given: Given, place: Place) -> None:
    present = [key for key in RUN_KEYS if key in given]
    if len(present) > 1:
        place.fault(f"found {', '.join(present)}; exactly one of them says what to run")


def _matches_something(given: Given, place: Place) -> None:
    if not any(key in given for key in MATCH_KEYS):
        place.fault(f"matches nothing: expected one or more of {', '.join(MATCH_KEYS)}")


def _has_an_effect(given: Given, place: Place) -> None:
    if not any(key in given for key in EFFECT_KEYS):
        place.fault(f"has no effect: expected one or more of {', '.join(EFFECT_KEYS)}")


def _leaves_out_or_changes(given: Given, place: Place) -> None:
    others = [key for key in EFFECT_KEYS[1:] if key in given]
    if given.get("include") is False and others:
        place.at(others[0]).fault("has no effect on what include = false leaves out")


def _leaves_something_of_modules(given: Given, place: Place) -> None:
    if given.get("source") is False and given.get("bytecode") is False:
        place.fault("found source = false and bytecode = false; to leave modules out, say include = false")


def _musl_has_no_glibc(given: Given, place: Place) -> None:
    if str(given.get("triple")).endswith("-musl") and "glibc" in given:
        place.at("glibc").fault("the triple is one of musl; glibc is for those that end in -gnu")


def _any_of(keys: Sequence[str]) -> dict[str, object]:
    return {"anyOf": [{"required": [key]} for key in keys]}


def _has(key: str, value: object) -> dict[str, object]:
    return {"properties": {key: {"const": value}}, "required": [key]}


def _never(*conditions: Mapping[str, object]) -> dict[str, object]:
    return {"not": {"allOf": [dict(condition) for condition in conditions]}}


CHECKS: Mapping[type, Sequence[Check]] = {
    ExecutableTable: (
        Check(
            _runs_one_thing,
            {"not": {"anyOf": [{"required": list(pair)} for pair in combinations(RUN_KEYS, 2)]}},
        ),
    ),
    Rule: (
        Check(_matches_something, _any_of(MATCH_KEYS)),
        Check(_has_an_effect, _any_of(EFFECT_KEYS)),
        Check(_leaves_out_or_changes, _never(_has("include", value=False), _any_of(EFFECT_KEYS[1:]))),
        Check(
            _leaves_something_of_modules, _never(_has("source", value=False), _has("bytecode", value=False))
        ),
    ),
    TargetTable: (
        Check(
            _musl_has_no_glibc, _never(_has("triple", "x86_64-unknown-linux-musl"), {"required": ["glibc"]})
        ),
    ),
}
"""Class of the model -> its checks."""
