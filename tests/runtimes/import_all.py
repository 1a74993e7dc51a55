"""Print the modules of the standard library that this interpreter can import, as JSON: a program."""

from __future__ import annotations

import importlib
import json
import os
import sys

WITH_EFFECTS = frozenset({"antigravity", "this"})
LEFT_OUT = frozenset({"_dbm", "_gdbm", "_tkinter", "tkinter", "turtle", "turtledemo", "idlelib"})
"""Modules that runtimes built from source do not have."""


def can_import(name: str) -> bool:
    """Import the module *name* in a process of its own, for some do much when imported."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001 (SystemExit too)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    print(json.dumps([name for name in sorted(sys.stdlib_module_names - WITH_EFFECTS) if can_import(name)]))
