"""Run by the target interpreter, not imported: compiles sources to complete ``.pyc`` files.

Reads one JSON object per line from standard input, ``{"source": FILE, "path": PATH, "optimize": N,
"result": FILE, "lazy": LAZY}``, and writes for each one a line to standard output: ``null``, a string
that says why the source does not compile, or the error number with which the result could not be written.
LAZY, which may be missing, is ``null`` or a LazyRequest: import statements may then wait, as
oxidize_build.lazy has it.
Standard library only.

The result depends on the source and its path alone, though :mod:`marshal` writes down what the process
has made of the code's strings: which ones are interned, which are one object, and of which others
hold a reference too. CPython 3.13, for instance, interns qualified names; where a loaded module has one of
the same text already, the code refers to that instead of the constant that it was. So each source
is compiled twice: whatever the second code can share with anything in the process, it shares with the
first, and so does it in every other process. Strings of at most one character exist once without
being interned, and are interned beforehand. The caller fixes the hash seed, which in 3.13.0 orders
``__static_attributes__``.
"""

from __future__ import annotations

import json
import marshal
import sys
from functools import cache
from importlib import import_module
from importlib.util import MAGIC_NUMBER, source_hash
from types import CodeType, ModuleType
from typing import TypedDict

UNCHECKED_HASH = (0b01).to_bytes(4, "little")
"""Flags of PEP 552: validated by hash, and not to be checked against the source when imported."""

NOT_COMPILABLE = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)
"""What :func:`compile` raises for source that this interpreter cannot run."""

INTERNED = [sys.intern("")] + [sys.intern(chr(code)) for code in range(256)]
"""Every string that the interpreter keeps a single copy of without interning it."""


class LazyRequest(TypedDict):
    """What there is to know for lazy imports, see oxidize_build.lazy.targets."""

    name: str
    package: bool
    packed: list[str]
    lazy: list[str]


def compile_to_pyc(source: bytes, path: str, optimize: int, lazy: LazyRequest | None) -> bytes:
    """Return the ``.pyc`` file of *source*; raise one of NOT_COMPILABLE."""
    codes = [compile(source, path, "exec", dont_inherit=True, optimize=optimize) for _ in range(2)]
    if lazy:
        codes = compile_lazily(source, path, optimize, codes, lazy)
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(codes[1])


def compile_lazily(
    source: bytes, path: str, optimize: int, plain: list[CodeType], lazy: LazyRequest
) -> list[CodeType]:
    """Return the code of *source* as *plain* has it, twice, but with import statements that wait."""
    statements = lazy_statements()
    importer = statements.Importer(lazy["name"], lazy["package"])
    modules = statements.Modules(frozenset(lazy["packed"]), frozenset(lazy["lazy"]))
    rewritten = statements.rewrite(source, path, optimize, plain[1], importer, modules)
    codes = [rewritten.compile() for _ in range(2)] if rewritten else plain
    return plain if None in codes else codes


@cache
def lazy_statements() -> ModuleType:
    """Return the module that does it, which comes from the interpreter that builds."""
    sys.path.append(__file__.rpartition("/oxidize_build/")[0])
    return import_module("oxidize_build.lazy.statements")


def main() -> None:
    """Serve requests until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        with open(request["source"], "rb") as file:
            source = file.read()
        answer: str | int | None = None
        try:
            result = compile_to_pyc(source, request["path"], request["optimize"], request.get("lazy"))
        except NOT_COMPILABLE as error:
            answer = f"{type(error).__name__}: {error}"
        else:
            try:
                with open(request["result"], "wb") as file:
                    file.write(result)
            except OSError as error:
                answer = error.errno
        print(json.dumps(answer), flush=True)  # noqa: T201 (the protocol)


if __name__ == "__main__":
    main()
