"""Bytecode of CPython 3.11 to 3.14: instructions, exception tables, positions.

Where an instruction is, and how far it jumps, is counted in code units of two bytes.
"""

from __future__ import annotations

import dis
import opcode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import CodeType

UNIT = 2
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_END_FLOW = {
    "JUMP_FORWARD",
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "RETURN_VALUE",
    "RETURN_CONST",
    "RAISE_VARARGS",
    "RERAISE",
}
_JUMPS = {*getattr(dis, "hasjump", ()), *dis.hasjrel, *dis.hasjabs}


def _caches() -> list[int]:
    """Return how many units of inline cache follow each instruction."""
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]  # noqa: SLF001 - as `dis` does
    if isinstance(entries, Mapping):  # 3.13
        return [entries.get(opcode.opname[op], 0) for op in range(256)]
    return [*entries, *[0] * (256 - len(entries))]


CACHES = _caches()


class UnsupportedCodeError(Exception):
    """Code that is not understood, and is better left alone."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, with the prefixes of its argument and its inline cache."""

    start: int
    """First unit, of a prefix if there is one."""
    end: int
    """The unit that follows."""
    op: int
    arg: int

    @property
    def name(self) -> str:
        """Return its name, as :mod:`dis` has it."""
        return opcode.opname[self.op]

    @property
    def target(self) -> int | None:
        """Where it jumps to, if it jumps."""
        if self.op not in _JUMPS:
            return None
        return self.end - self.arg if "BACKWARD" in self.name else self.end + self.arg

    def effect(self, *, jump: bool) -> int:
        """Return by how much the stack grows."""
        has_argument = self.op in dis.hasarg if hasattr(dis, "hasarg") else self.op >= opcode.HAVE_ARGUMENT
        return dis.stack_effect(self.op, self.arg if has_argument else None, jump=jump)


def instructions(code: CodeType) -> Iterator[Instruction]:
    """Yield the instructions of *code* in order."""
    data = code.co_code
    unit, start, arg = 0, 0, 0
    while unit < len(data) // UNIT:
        op, arg = data[unit * UNIT], arg << 8 | data[unit * UNIT + 1]
        unit += 1
        if op == _EXTENDED_ARG:
            continue
        unit += CACHES[op]
        yield Instruction(start, unit, op, arg)
        start, arg = unit, 0


class Access(Enum):
    """What an instruction does with a name of the module's namespace."""

    LOADED = auto()
    BOUND = auto()
    """In the namespace of the code itself: of the module, if it is the module's body. Or deleted."""
    BOUND_AS_GLOBAL = auto()


_ACCESSES = {
    opcode.opmap[name]: (access, shift)
    for name, access, shift in (
        ("LOAD_GLOBAL", Access.LOADED, 1),
        ("LOAD_NAME", Access.LOADED, 0),
        ("LOAD_FROM_DICT_OR_GLOBALS", Access.LOADED, 0),
        ("STORE_NAME", Access.BOUND, 0),
        ("DELETE_NAME", Access.BOUND, 0),
        ("STORE_GLOBAL", Access.BOUND_AS_GLOBAL, 0),
        ("DELETE_GLOBAL", Access.BOUND_AS_GLOBAL, 0),
    )
    if name in opcode.opmap
}
"""With how many low bits of the argument do not belong to the name's index."""


def access(code: CodeType, instruction: Instruction) -> tuple[Access, str] | None:
    """Return what *instruction* does with which name, if it is about one."""
    kind, shift = _ACCESSES.get(instruction.op, (None, 0))
    return (kind, code.co_names[instruction.arg >> shift]) if kind else None


def accesses(code: CodeType) -> Iterator[tuple[Access, str]]:
    """Yield what the instructions of *code* do with names; those of inner code are not among them."""
    data = code.co_code
    arg = 0
    for unit in range(0, len(data), UNIT):
        op = data[unit]  # of an inline cache: 0, which is no instruction
        if op == _EXTENDED_ARG:
            arg = (arg | data[unit + 1]) << 8
            continue
        if op in _ACCESSES:
            kind, shift = _ACCESSES[op]
            yield kind, code.co_names[(arg | data[unit + 1]) >> shift]
        arg = 0


def assemble(name: str, arg: int = 0) -> bytes:
    """Return an instruction with its prefixes and its empty inline cache."""
    op = opcode.opmap[name]
    prefixes = b"".join(bytes((_EXTENDED_ARG, arg >> shift & 0xFF)) for shift in (24, 16, 8) if arg >> shift)
    return prefixes + bytes((op, arg & 0xFF)) + bytes(CACHES[op] * UNIT)


def next_instructions(instruction: Instruction) -> Iterator[tuple[int, int]]:
    """Yield where execution goes on after *instruction*, and by how much the stack has grown then."""
    if instruction.target is not None:
        yield instruction.target, instruction.effect(jump=True)
    if instruction.name not in _END_FLOW:
        # A generator that is resumed for the first time is sent a value, which effects do not tell in 3.11
        grown = 1 if instruction.name == "RETURN_GENERATOR" else instruction.effect(jump=False)
        yield instruction.end, grown


# --- exception tables --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handler:
    """Where execution goes on after an exception in the units from `start` up to `end`."""

    start: int
    end: int
    target: int
    depth: int
    """Height that the stack is cut down to."""
    keeps_place: bool
    """Whether the place of the exception is pushed before the exception itself."""

    @property
    def depth_at_target(self) -> int:
        """Return how many values are on the stack there."""
        return self.depth + self.keeps_place + 1


def read_handlers(table: bytes) -> list[Handler]:
    """Return the entries of an exception table, which are in order and do not overlap."""
    numbers: list[int] = []
    value = 0
    for byte in table:
        value = value << 6 | byte & 0x3F
        if not byte & 0x40:
            numbers.append(value)
            value = 0
    return [
        Handler(start, start + size, target, depth >> 1, bool(depth & 1))
        for start, size, target, depth in zip(*[iter(numbers)] * 4, strict=True)
    ]


def write_handlers(handlers: list[Handler]) -> bytes:
    """Return the exception table of *handlers*, which must not overlap."""
    table = bytearray()
    for handler in sorted(handlers, key=lambda handler: handler.start):
        first = len(table)
        depth = handler.depth << 1 | handler.keeps_place
        for number in (handler.start, handler.end - handler.start, handler.target, depth):
            table += _big_endian(number)
        table[first] |= 0x80
    return bytes(table)


def _big_endian(number: int) -> bytes:
    digits = [number & 0x3F]
    while number := number >> 6:
        digits.append(number & 0x3F | 0x40)
    return bytes(reversed(digits))


def covering(handlers: list[Handler], unit: int) -> Handler | None:
    """Return the handler of exceptions in *unit*."""
    return next((handler for handler in handlers if handler.start <= unit < handler.end), None)


# --- positions ---------------------------------------------------------------------------------

Position = tuple[int | None, int | None, int | None, int | None]
"""First and last line, first and last column, as :meth:`CodeType.co_positions` has them."""
_NO_POSITION, _LONG, _NO_COLUMN, _ONE_LINE = 15, 14, 13, 10
_LONGEST = 8


def last_line(code: CodeType) -> int:
    """Return the line that the next entry of the table of positions begins to count from."""
    line = code.co_firstlineno
    table = code.co_linetable
    for start, byte in enumerate(table):
        kind = byte >> 3 & 15
        if not byte & 0x80:
            continue  # in the middle of an entry
        if kind in (_LONG, _NO_COLUMN):
            line += _signed(table, start + 1)
        elif _ONE_LINE <= kind < _NO_COLUMN:
            line += kind - _ONE_LINE
    return line


def position_entries(size: int, position: Position, line_before: int) -> bytes:
    """Return entries of the table of positions for *size* units which all have the same *position*."""
    table = bytearray()
    line, end_line, column, end_column = position
    while size:
        units = min(size, _LONGEST)
        size -= units
        if line is None or end_line is None:
            table.append(0x80 | _NO_POSITION << 3 | units - 1)
            continue
        kind = _NO_COLUMN if column is None or end_column is None else _LONG
        delta, line_before = line - line_before, line
        table.append(0x80 | kind << 3 | units - 1)
        table += _little_endian(-delta << 1 | 1 if delta < 0 else delta << 1)
        if column is not None and end_column is not None:
            for number in (end_line - line, column + 1, end_column + 1):
                table += _little_endian(number)
    return bytes(table)


def _signed(table: bytes, start: int) -> int:
    number, shift = 0, 0
    for digit in table[start:]:
        number |= (digit & 0x3F) << shift
        shift += 6
        if not digit & 0x40:
            break
    return -(number >> 1) if number & 1 else number >> 1


def _little_endian(number: int) -> bytes:
    digits = bytearray()
    while number >= 0x40:
        digits.append(number & 0x3F | 0x40)
        number >>= 6
    digits.append(number)
    return bytes(digits)
