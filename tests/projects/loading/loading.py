"""Compares the code of all packed modules, as the executable loads it, with what marshal makes of the same bytes.

Prints how many modules and code objects these were, and how many modules marshal loaded.
"""

import ctypes
import gc
import importlib.util
import json
import marshal
import pkgutil
import sys
import types

from _imp import _fix_co_filename

ATTRIBUTES = (
    *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_nlocals", "co_stacksize", "co_flags"),
    *("co_firstlineno", "co_name", "co_qualname", "co_filename", "co_names", "co_varnames", "co_cellvars"),
    *("co_freevars", "co_code", "_co_code_adaptive", "co_linetable", "co_exceptiontable"),
)
IMMORTAL = 2**29  # what immortal objects have at least, in place of a number of references
WORD = 8
HEADER = 3 * WORD
NUMBERS = HEADER + 3 * WORD  # where they begin in a PyCodeObject of 3.13 and 3.14
VERSION = NUMBERS + 11 * 4
EMPTY = VERSION + 4 + 6 * WORD
FIRST_TRACEABLE = EMPTY + (6 if sys.version_info >= (3, 14) else 5) * WORD


class Comparison:
    """Of two objects, and all objects in them: one loaded, the other unmarshalled."""

    def __init__(self, where):
        self.where = where
        self.codes = 0
        self.twins = {}

    def equal(self, loaded, twin, *what):
        assert type(loaded) is type(twin), (self.where, *what, loaded, twin)
        assert loaded == twin, (self.where, *what, loaded, twin)

    def compare(self, loaded, twin):
        """Raise AssertionError if the two differ in anything that a program could find out."""
        if isinstance(loaded, types.CodeType):
            self.compare_code(loaded, twin)
        elif isinstance(loaded, tuple):
            self.equal(len(loaded), len(twin))
            for pair in zip(loaded, twin, strict=True):
                self.compare(*pair)
        elif isinstance(loaded, frozenset):
            self.equal(list(loaded), list(twin))
        elif isinstance(loaded, slice):
            for name in ("start", "stop", "step"):
                self.compare(getattr(loaded, name), getattr(twin, name))
        else:
            self.equal(repr(loaded), repr(twin))  # for the sign of zero, too
        self.equal(loaded, twin)
        self.equal(sys.getsizeof(loaded), sys.getsizeof(twin), loaded)
        self.compare_identity(loaded, twin)

    def compare_identity(self, loaded, twin):
        """What is one object here is one there; what is one in the whole process is so for both."""
        is_interned = getattr(sys, "_is_interned", None)
        single = isinstance(loaded, str) and len(loaded) < 2 and loaded < "\u0100"
        shared = single or (isinstance(loaded, str) and is_interned and is_interned(loaded))
        if shared:
            assert loaded is twin, (self.where, loaded)
        elif isinstance(loaded, str) and is_interned:
            assert not is_interned(twin), (self.where, loaded)
        assert self.twins.setdefault(id(loaded), id(twin)) == id(twin), (self.where, loaded)
        if not shared and sys.getrefcount(loaded) < IMMORTAL:
            self.equal(sys.getrefcount(loaded), sys.getrefcount(twin), "references", loaded)

    def compare_code(self, loaded, twin):
        self.codes += 1
        assert loaded is not twin
        if sys.version_info[:2] in {(3, 13), (3, 14)} and not hasattr(sys, "gettotalrefcount"):
            self.compare_memory(loaded, twin)
        for name in ATTRIBUTES:
            if hasattr(twin, name):
                self.equal(getattr(loaded, name), getattr(twin, name), loaded, name)
        for name in ("co_lines", "co_positions"):
            self.equal(list(getattr(loaded, name)()), list(getattr(twin, name)()), loaded, name)
        self.equal(hash(loaded), hash(twin))
        for name in ("co_consts", "co_names", "co_name", "co_qualname", "co_linetable", "co_exceptiontable"):
            self.compare(getattr(loaded, name), getattr(twin, name))

    def compare_memory(self, loaded, twin):
        """Compare what Python code does not see; of new code objects, of which nothing has been asked."""
        first, second = (ctypes.string_at(id(code), object.__sizeof__(code)) for code in (loaded, twin))
        assert first[NUMBERS:VERSION] == second[NUMBERS:VERSION], (self.where, loaded)
        versions = {code[VERSION : VERSION + 4] for code in (first, second)}
        assert len(versions) == 2, "functions could be taken for others by specialised instructions"
        assert bytes(4) not in versions, "functions of this code would never be specialised"
        assert first[EMPTY : EMPTY + 5 * WORD] == second[EMPTY : EMPTY + 5 * WORD], (self.where, loaded)
        traceable = slice(FIRST_TRACEABLE, FIRST_TRACEABLE + 4)
        assert first[traceable] == second[traceable], (self.where, loaded)


def packed_specs(finder, path=None, prefix=""):
    """Yield the spec of every packed module that has bytecode. None of them is imported, nor are their parents."""
    for module in pkgutil.iter_modules(path, prefix):
        spec = finder.find_spec(module.name, path)
        if spec is not None and type(spec.loader).__module__ == "oxidize":
            yield spec
            yield from packed_specs(finder, spec.submodule_search_locations or (), f"{module.name}.")


def compare_module(spec):
    """Return the number of code objects in a module, and whether they came from marshal."""
    bytecode = spec.loader.get_data(importlib.util.cache_from_source(spec.origin))
    loaded = spec.loader.get_code(spec.name)
    again = spec.loader.get_code(spec.name)
    twin = marshal.loads(memoryview(bytecode)[16:])
    marshalled = sys.getrefcount(loaded.co_linetable) < IMMORTAL
    assert sys.getrefcount(again.co_linetable) < IMMORTAL, "constants that live for ever were made twice"
    _fix_co_filename(twin, loaded.co_filename)
    assert loaded.co_filename == spec.origin
    comparison = Comparison(spec.name)
    comparison.compare_code(loaded, twin)
    compare_marshalled(loaded, twin, spec.name)
    return comparison.codes, marshalled


def compare_marshalled(loaded, twin, where):
    """What is written of the two differs at most in what is noted as referred to: that goes by references."""
    try:
        first, second = (marshal.dumps(code, 2) for code in (loaded, twin))  # which notes no references
    except ValueError:  # 3.14 has slices, which that version cannot write
        copy = marshal.loads(marshal.dumps(loaded))
        Comparison(where).compare_code(copy, marshal.loads(marshal.dumps(twin)))
        return
    assert first == second, where


def main():
    gc.disable()  # it would stop tracking tuples
    (finder,) = (finder for finder in sys.meta_path if type(finder).__module__ == "oxidize")
    counts, marshalled = zip(*map(compare_module, packed_specs(finder)), strict=True)
    print(json.dumps({"modules": len(counts), "code objects": sum(counts), "marshalled": sum(marshalled)}))
