"""Functions that import a name when they find it missing.

Where a function loads a global name that is imported lazily, the name is missing from the module's
namespace until then, and the interpreter raises NameError. An entry of the exception table for just that
instruction leads to a handler behind the function's end. It has the import statement run, drops the
exception, and jumps back to the instruction, whose stack is as it was. So a name that has been imported
costs nothing: the instructions of the function are what they were.
"""

from __future__ import annotations

import dis
from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise
from types import CodeType
from typing import Any

from oxidize_build.lazy.instructions import (
    UNIT,
    Access,
    Handler,
    Instruction,
    UnsupportedCodeError,
    access,
    accesses,
    assemble,
    covering,
    instructions,
    last_line,
    next_instructions,
    position_entries,
    read_handlers,
    write_handlers,
)

LOAD = "__oxidize_lazy_load__"
"""The built-in function that handlers call, with the exception and the name (stub/lazy.c)."""
_HANDLER_DEPTH = 6
"""What a handler needs of the stack: the exception, the function and what is called with it."""


def loaded_name(code: CodeType, instruction: Instruction) -> str | None:
    """Return the name that *instruction* looks for in the module's namespace."""
    kind, name = access(code, instruction) or (None, None)
    return name if kind is Access.LOADED else None


def add_handlers(code: CodeType, names: Collection[str]) -> CodeType:
    """Return *code*, of a function or a class body, so that it imports those of *names* that it loads.

    :raises UnsupportedCodeError: when the code is not understood.
    """
    if not any(kind is Access.LOADED and name in names for kind, name in accesses(code)):
        return code
    sites = [each for each in instructions(code) if loaded_name(code, each) in names]
    depths = stack_depths(code)
    editor = _Editor(code)
    for site in sites:
        if site.start in depths:  # else it is never reached
            editor.add(site, depths[site.start])
    return editor.finish()


def stack_depths(code: CodeType) -> dict[int, int]:
    """Return how many values are on the stack before each instruction, by its first unit.

    :raises UnsupportedCodeError: when that depends on the way that leads there.
    """
    by_start = {each.start: each for each in instructions(code)}
    handlers = read_handlers(code.co_exceptiontable)
    depths: dict[int, int] = {}
    waiting = [(0, 0)]
    while waiting:
        start, depth = waiting.pop()
        if start in depths:
            if depths[start] != depth:
                raise UnsupportedCodeError(
                    f"{code.co_qualname}: {depths[start]} or {depth} values at {start}"
                )
            continue
        if start not in by_start or not 0 <= depth <= code.co_stacksize:
            raise UnsupportedCodeError(f"{code.co_qualname}: {depth} values at {start}")
        depths[start] = depth
        instruction = by_start[start]
        waiting += [(target, depth + grown) for target, grown in next_instructions(instruction)]
        if handler := covering(handlers, start):
            waiting.append((handler.target, handler.depth_at_target))
    return depths


class _Editor:
    """A code object that grows at its end."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.data = bytearray(code.co_code)
        self.names = list(code.co_names)
        self.constants: list[object] = list(code.co_consts)
        self.handlers = read_handlers(code.co_exceptiontable)
        self.positions = bytearray(code.co_linetable)
        self.line = last_line(code)
        self.depth = code.co_stacksize
        self._places = list(code.co_positions())

    def add(self, site: Instruction, depth: int) -> None:
        """Let a handler import what *site* looks for; *depth* values are on the stack there."""
        name = loaded_name(self.code, site)
        around = covering(self.handlers, site.start)
        start = len(self.data) // UNIT
        self.data += self._handler_code(name, site.start)
        end = len(self.data) // UNIT
        self._cut(site)
        self.handlers.append(Handler(site.start, site.end, start, depth, keeps_place=False))
        if around:
            self.handlers.append(replace(around, start=start, end=end))
        place = self._places[site.end - 1]
        self.positions += position_entries(end - start, place, self.line)
        self.line = place[0] if place[0] is not None and place[1] is not None else self.line
        self.depth = max(self.depth, depth + _HANDLER_DEPTH)

    def finish(self) -> CodeType:
        return self.code.replace(
            co_code=bytes(self.data),
            co_names=tuple(self.names),
            co_consts=tuple(self.constants),
            co_exceptiontable=write_handlers(self.handlers),
            co_linetable=bytes(self.positions),
            co_stacksize=self.depth,
        )

    def _handler_code(self, name: str | None, back_to: int) -> bytes:
        function = _index(self.names, LOAD)
        constant = _index(self.constants, name)
        code = (
            assemble("LOAD_GLOBAL", function << 1 | 1)  # with a null, before it or behind it
            + assemble("COPY", 3)
            + assemble("LOAD_CONST", constant)
            + (assemble("PRECALL", 2) if "PRECALL" in dis.opmap else b"")
            + assemble("CALL", 2)
            + assemble("POP_TOP")
            + assemble("POP_TOP")
        )
        here = len(self.data) // UNIT + len(code) // UNIT
        jump = b""
        while jump != (jump := assemble("JUMP_BACKWARD_NO_INTERRUPT", here + len(jump) // UNIT - back_to)):
            pass
        return code + jump

    def _cut(self, site: Instruction) -> None:
        """Take the units of *site* out of the entry that covers them."""
        kept: list[Handler] = []
        for handler in self.handlers:
            if handler.start < site.end and site.start < handler.end:
                edges = sorted(
                    {handler.start, max(handler.start, site.start), min(handler.end, site.end), handler.end}
                )
                pieces = [replace(handler, start=start, end=end) for start, end in pairwise(edges)]
                kept += [piece for piece in pieces if not site.start <= piece.start < site.end]
            else:
                kept.append(handler)
        self.handlers = kept


def _index(items: list[Any], wanted: object) -> int:
    """Return the index of *wanted*, a text, in *items*, which is appended if it is not there."""
    for index, item in enumerate(items):
        if type(item) is str and item == wanted:
            return index
    items.append(wanted)
    return len(items) - 1
