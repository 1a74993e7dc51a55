"""What values may be in TOML, derived from the model's annotations; reads them.

A shape reads a value into what the model's field holds, and remembers each fault at its place. The JSON
schema and the reference are written from shapes too. Libraries that read dataclasses (pydantic, cattrs) tell
faults in their own words and without lines, and every hook of a build would import them.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Protocol, Union, cast, get_args, get_origin

from oxidize_build.settings.checks import CHECKS
from oxidize_build.settings.constraints import Keys, OrOne, Text
from oxidize_build.settings.faults import shown
from oxidize_build.settings.interpreter import read_interpreter
from oxidize_build.settings.model import TABLES, Interpreter
from oxidize_build.settings.place import Place, RefusedError
from oxidize_build.settings.suggestions import did_you_mean, listed

ANY_TEXT = Text("a non-empty string", r"[\s\S]*\S[\s\S]*")
WRONG = object()
"""What reading a wrong value gives."""


class Shape(Protocol):
    """What a value may be."""

    @property
    def expected(self) -> str:
        """What a value has to be, as an error message goes on after ``expected``."""

    def read(self, value: object, place: Place) -> object:
        """Return what the model holds for the TOML *value* at *place*; WRONG if its faults leave nothing."""


@dataclass(frozen=True, slots=True)
class TextShape:
    """A string."""

    text: Text

    @property
    def expected(self) -> str:
        """See Shape."""
        return self.text.expected

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if not isinstance(value, str) or not re.fullmatch(self.text.pattern, value):
            quotes_missing = isinstance(value, float) and re.fullmatch(self.text.pattern, str(value))
            known = (str(value),) if quotes_missing else self.text.examples
            place.refuse(value, f"{self.expected}{did_you_mean(str(value), known)}")
            return WRONG
        if self.text.convert is None:
            return value
        try:
            return self.text.convert(value, place.context)
        except RefusedError as error:
            place.fault(f"found {shown(value)}, {error}")
            return WRONG


@dataclass(frozen=True, slots=True)
class FlagShape:
    """True or false."""

    expected: str = "true or false"

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if isinstance(value, bool):
            return value
        near = did_you_mean(value, ("true", "false"))
        place.refuse(value, f"{self.expected}{near}")
        return WRONG


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """One of some strings, integers or booleans."""

    values: tuple[object, ...]

    @property
    def expected(self) -> str:
        """See Shape."""
        values = ", ".join(map(shown, self.values))
        return f"one of {values}" if len(self.values) > 1 else values

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if any(value == known and type(value) is type(known) for known in self.values):  # True equals 1
            return value
        place.refuse(value, f"{self.expected}{did_you_mean(value, self.values)}")
        return WRONG


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list."""

    item: Shape
    or_one: bool
    """Whether its only item may be written for it."""

    @property
    def expected(self) -> str:
        """See Shape."""
        if isinstance(self.item, RecordShape):
            return "a list of tables"
        return "a string, or a list of strings" if self.or_one else "a list of strings"

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if self.or_one and isinstance(value, str):
            item = self.item.read(value, place)
            return WRONG if item is WRONG else (item,)
        if not isinstance(value, list):
            near = f", such as [{shown(value)}]" if isinstance(value, str) else ""
            place.refuse(value, f"{self.expected}{near}")
            return WRONG
        items = [self.item.read(item, place.at(index)) for index, item in enumerate(value)]
        return tuple(item for item in items if item is not WRONG)


@dataclass(frozen=True, slots=True)
class FlagOrListShape:
    """True or false, or a list of what it is true for."""

    items: ListShape

    @property
    def expected(self) -> str:
        """See Shape."""
        return f"true, false, or {self.items.expected}"

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if isinstance(value, bool):
            return value
        if isinstance(value, list):
            return self.items.read(value, place)
        is_flag = not isinstance(value, str) or value in {"true", "false"}
        near = did_you_mean(value, ("true", "false")) if is_flag else f", such as [{shown(value)}]"
        place.refuse(value, f"{self.expected}{near}")
        return WRONG


@dataclass(frozen=True, slots=True)
class MapShape:
    """A table of names of the user's own."""

    keys: Keys
    item: Shape
    expected: str = "a table"

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if not isinstance(value, dict):
            place.refuse(value, self.expected)
            return WRONG
        items: dict[str, object] = {}
        for name, raw in value.items():
            if not re.fullmatch(self.keys.pattern, name):
                place.at(name).fault(f"found the name {shown(name)}, expected {self.keys.expected}")
            item = self.item.read(raw, place.at(name))
            if item is not WRONG:
                items[name] = item
        return items


@dataclass(frozen=True, slots=True)
class InterpreterShape:
    """The interpreter's configuration, whose keys a table of their own lists."""

    expected: str = "a table"

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        return read_interpreter(value, place)


@dataclass(frozen=True, slots=True)
class KeyShape:
    """One key of a table of the model."""

    key: str
    field: Field[Any]
    shape: Shape

    @property
    def required(self) -> bool:
        """Whether the table must have it."""
        return self.field.default is MISSING and self.field.default_factory is MISSING


@dataclass(frozen=True, slots=True)
class RecordShape:
    """A table of the model."""

    record: type
    keys: tuple[KeyShape, ...]

    @property
    def expected(self) -> str:
        """See Shape."""
        required = [repr(key.key) for key in self.keys if key.required]
        return f"a table with {' and '.join(required)}" if required else "a table"

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if not isinstance(value, dict):
            place.refuse(value, self.expected)
            return WRONG
        known = [key.key for key in self.keys]
        for name in value:
            if name not in known:
                near = self._elsewhere(name) or did_you_mean(name, known)
                place.at(name).fault(f"unknown key; allowed here: {listed(known)}{near}")
        for check in CHECKS.get(self.record, ()):
            check.find(value, place)
        read = {key.field.name: self._read_key(key, value, place) for key in self.keys}
        values = {name: item for name, item in read.items() if item is not WRONG}
        if any(key.required and key.field.name not in values for key in self.keys):
            return WRONG
        return self.record(**values)

    def _elsewhere(self, name: str) -> str:
        """Return which other table has the key *name*, if one has."""
        for header, record in TABLES.items():
            if record is not self.record and any(key.key == name for key in record_shape(record).keys):
                return f"; {name} is a key of {header}"
        return ""

    @staticmethod
    def _read_key(key: KeyShape, table: Mapping[str, object], place: Place) -> object:
        if key.key in table:
            return key.shape.read(table[key.key], place.at(key.key))
        if key.required:
            place.fault(f"{key.key} is missing, expected {key.shape.expected}")
        return WRONG


@dataclass(frozen=True, slots=True)
class EitherShape:
    """A string, or one of some tables."""

    text: TextShape
    records: tuple[RecordShape, ...]

    @property
    def expected(self) -> str:
        """See Shape."""
        return self.text.expected

    def read(self, value: object, place: Place) -> object:
        """See Shape."""
        if not isinstance(value, dict):
            return self.text.read(value, place)
        given = value.keys()
        meant = max(self.records, key=lambda record: len(given & {key.key for key in record.keys}))
        return meant.read(value, place)


@cache
def record_shape(record: type) -> RecordShape:
    """Return the shape of the table that the class *record* of the model is."""
    return RecordShape(
        record, tuple(KeyShape(_key(field.name), field, _shape(field.type)) for field in fields(record))
    )


def _key(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _shape(annotation: Any, *constraints: object) -> Shape:  # noqa: ANN401, PLR0911 (annotations are anything)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], *arguments[1:])
    if text := next((item for item in constraints if isinstance(item, Text)), None):
        return TextShape(text)
    if origin in {types.UnionType, Union}:
        return _either([item for item in arguments if item is not types.NoneType])
    if annotation is bool:
        return FlagShape()
    if annotation is str:
        return TextShape(ANY_TEXT)
    if annotation is Interpreter:
        return InterpreterShape()
    if origin is Literal:
        return ChoiceShape(arguments)
    if origin is tuple:
        return ListShape(_shape(arguments[0]), any(isinstance(item, OrOne) for item in constraints))
    if origin is not None and issubclass(origin, Mapping):
        keys = next(item for item in constraints if isinstance(item, Keys))
        return MapShape(keys, _shape(arguments[1]))
    assert is_dataclass(annotation)  # noqa: S101 - model.py has no other kinds
    return record_shape(cast("type", annotation))


def _either(arguments: list[object]) -> Shape:
    shapes = [_shape(argument) for argument in arguments]
    if len(shapes) == 1:
        return shapes[0]
    if flagged := next((shape for shape in shapes if isinstance(shape, ListShape)), None):
        return FlagOrListShape(flagged)
    text = next(shape for shape in shapes if isinstance(shape, TextShape))
    return EitherShape(text, tuple(shape for shape in shapes if isinstance(shape, RecordShape)))
