"""Run by the interpreter in question: print which modules of its standard library it can import, as JSON."""

import importlib
import json
import os
import pkgutil
import re
import sys
from pathlib import Path

LEFT_OUT = re.compile(
    r"antigravity|this|turtle.*|tkinter.*|idlelib.*|lib2to3.*|ensurepip.*|nis|pydoc_data.*|_?xx.*|_pyrepl.*|__phello.*"
    r"|(?:.*\.)?_?(?:test|tests|testing|__main__)(?:[._].*)?|_test.*|_ctypes_test.*"
)
"""Tests, tools, what executables leave out by default, and what does something when it is imported."""


def names() -> list[str]:
    """Return the names of all modules that are looked at."""
    top = sorted(name for name in sys.stdlib_module_names if not LEFT_OUT.fullmatch(name))
    library = Path(os.__file__).parent
    return [found for name in top for found in (name, *below(name, library / name))]


def below(package: str, folder: Path) -> list[str]:
    """Return the names of the modules in the *folder* of a package, and of those in packages in it."""
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules([str(folder)])]
    wanted = [name for name in names if not LEFT_OUT.fullmatch(name)]
    return [found for name in wanted for found in (name, *below(name, folder / name.rpartition(".")[2]))]


def main() -> None:
    """Try them, one after the other."""
    found = []
    for name in names():
        try:
            importlib.import_module(name)
        except (Exception, SystemExit):  # noqa: BLE001, S112 (a module for another system may fail in any way)
            continue
        found.append(name)
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
