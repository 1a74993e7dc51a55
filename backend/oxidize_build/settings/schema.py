"""The JSON schema of ``[tool.oxidize]``, derived from the model.

Draft 7, which validate-pyproject and SchemaStore take: https://json-schema.org/draft-07/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from oxidize_build.settings.checks import CHECKS
from oxidize_build.settings.constraints import Keys, Text
from oxidize_build.settings.docstrings import key_docs, summary
from oxidize_build.settings.interpreter import interpreter_docs
from oxidize_build.settings.interpreter_fields import (
    ALLOCATOR,
    ALLOCATOR_NAMES,
    ALLOCATORS,
    DOMAIN_ALLOCATORS,
    DOMAINS,
    FIELDS,
    ORIGIN,
    InterpreterField,
    Kind,
)
from oxidize_build.settings.model import Interpreter, OxidizeTable
from oxidize_build.settings.shapes import (
    ChoiceShape,
    EitherShape,
    FlagOrListShape,
    FlagShape,
    InterpreterShape,
    KeyShape,
    ListShape,
    MapShape,
    RecordShape,
    Shape,
    TextShape,
    record_shape,
)

Json = dict[str, Any]

_TYPES = {bool: "boolean", int: "integer", str: "string"}
_ORIGIN_PATH = rf"^(?:/|{re.escape(ORIGIN)}(?:/|$))"


def schema(tool: str = "oxidize") -> Json:
    """Return the schema of the table; *tool* is what validate-pyproject calls its plugins with.

    https://validate-pyproject.readthedocs.io/en/latest/dev-guide.html
    """
    definitions: Json = {}
    table = _record(record_shape(OxidizeTable), definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"https://json.schemastore.org/partial-{tool}.json",
        "title": "Settings of oxidize: one native executable of a Python project",
        **table,
        "definitions": dict(sorted(definitions.items())),
    }


def _schema(shape: Shape, definitions: Json) -> Json:  # noqa: PLR0911 (a case for each shape)
    match shape:
        case TextShape(text):
            return _text(text)
        case FlagShape():
            return {"type": "boolean"}
        case ChoiceShape(values):
            return {"type": _TYPES[type(values[0])], "enum": list(values)}
        case ListShape(item, or_one):
            items = _schema(item, definitions)
            array = {"type": "array", "items": items}
            return {"anyOf": [items, array]} if or_one else array
        case FlagOrListShape(items):
            return {"anyOf": [{"type": "boolean"}, _schema(items, definitions)]}
        case MapShape(keys, item):
            return {
                "type": "object",
                "propertyNames": _names(keys),
                "additionalProperties": _schema(item, definitions),
            }
        case RecordShape(record):
            return _reference(record, _record(shape, definitions), definitions)
        case EitherShape(text, records):
            shapes: tuple[Shape, ...] = (text, *records)
            return {"anyOf": [_schema(item, definitions) for item in shapes]}
        case InterpreterShape():
            return _reference(Interpreter, _interpreter(), definitions)
    raise TypeError(shape)


def _reference(record: type, definition: Json, definitions: Json) -> Json:
    name = record.__name__.removesuffix("Table")
    definitions[name] = definition
    return {"$ref": f"#/definitions/{name}"}


def _text(text: Text) -> Json:
    found: Json = {"type": "string", "pattern": f"^(?:{text.pattern})$"}
    return found | ({"examples": list(text.examples)} if text.examples else {})


def _names(keys: Keys) -> Json:
    return {"pattern": f"^(?:{keys.pattern})$"}


def _record(shape: RecordShape, definitions: Json) -> Json:
    docs = key_docs(shape.record)
    found: Json = {
        "description": summary(shape.record),
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key.key: _described(_schema(key.shape, definitions), docs[key.field.name], _default(key))
            for key in shape.keys
        },
    }
    if required := [key.key for key in shape.keys if key.required]:
        found["required"] = required
    if checks := CHECKS.get(shape.record, ()):
        found["allOf"] = [dict(check.schema) for check in checks]
    return found


def _described(value: Json, doc: str, default: Json) -> Json:
    # Draft 7 ignores what stands beside a $ref
    value = {"allOf": [value]} if "$ref" in value else value
    return {"description": doc, **value, **default}


def _default(key: KeyShape) -> Json:
    default = key.field.default
    if default is MISSING or default is None or isinstance(key.shape, RecordShape):
        return {}
    return {"default": list(default) if isinstance(default, tuple) else default}


def _interpreter() -> Json:
    names = {"type": "string", "enum": list(DOMAIN_ALLOCATORS)}
    values: Json = {field.key: _field(field) for field in FIELDS}
    values[ALLOCATOR] = {"type": "string", "enum": list(ALLOCATOR_NAMES)}
    values[ALLOCATORS] = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(DOMAINS, names),
    }
    return {
        "description": summary(Interpreter),
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": doc, **values[key]} for key, doc in interpreter_docs().items()},
    }


def _field(field: InterpreterField) -> Json:
    text: Json = {"type": "string", "minLength": 1}
    if field.allowed:
        text = {"type": "string", "enum": list(field.allowed)}
    path: Json = {"type": "string", "pattern": _ORIGIN_PATH}
    number: Json = {"type": "integer", "minimum": field.least, "maximum": field.most}
    kinds: Mapping[Kind, Json] = {
        Kind.FLAG: {"type": "boolean"},
        Kind.NUMBER: number,
        Kind.LONG: number,
        Kind.TEXT: text,
        Kind.PATH: path,
        Kind.TEXTS: {"type": "array", "items": text},
        Kind.PATHS: {"type": "array", "items": path},
    }
    return kinds[field.kind]
