"""What an executable runs: the module ``__main__`` that is packed for it, and its options."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import PurePosixPath

from oxidize_build.errors import EntryPointError
from oxidize_build.image.format import INTERPRETER_PATH, MainKind, Option
from oxidize_build.image.writer import OptionValue
from oxidize_build.interpreter_config import interpreter_options
from oxidize_build.progress import note
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SourceModule,
)
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Command, EntryPoint, Executable, Module, Repl, Script

OWN = "oxidize"
"""Origin of what belongs to no distribution."""
SELF_TEST_MODULE = "_oxidize_self_test"
"""Name of the packed module that imports all others, see :mod:`oxidize_build.self_test`."""

_LAUNCHER = """\
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({attribute}())
"""

_NOT_BY_ITSELF = b"""\
#!/bin/sh
echo "$0: this is sys.executable of a packed program, which cannot be copied out of it" >&2
exit 126
"""


@dataclass(frozen=True, slots=True)
class Program:
    """How the stub is told what to run."""

    options: tuple[OptionValue, ...]
    main: SourceModule | None
    """The module ``__main__``; None where a packed module is run as ``python -m`` does, and for a REPL."""


def make_program(executable: Executable, resources: Sequence[Resource], runtime: Runtime) -> Program:
    """Return the program of *executable*, whose modules are among *resources*.

    Raises EntryPointError when it refers to a module or an object that does not exist, and SettingsError
    when *runtime* cannot be configured as it says.
    """
    program = _make_program(executable, resources, runtime)
    more = [OptionValue(Option.FROZEN)] if executable.frozen else []
    if executable.exit == "fast":
        more.append(OptionValue(Option.FAST_EXIT))
    if not executable.immortal_constants:
        more.append(OptionValue(Option.MARSHAL))
    if not executable.huge_pages:
        more.append(OptionValue(Option.SMALL_PAGES))
    if executable.self_test:
        more.append(OptionValue(Option.SELF_TEST, SELF_TEST_MODULE))
    if executable.write_modules_directory_env:
        more.append(OptionValue(Option.MODULES_DIRECTORY, executable.write_modules_directory_env))
    return Program((*program.options, *more, *interpreter_options(executable, runtime)), program.main)


def _make_program(executable: Executable, resources: Sequence[Resource], runtime: Runtime) -> Program:
    where = f"executable {executable.name}"
    modules = {
        resource.name: resource
        for resource in resources
        if isinstance(resource, (SourceModule, ExtensionModule, NamespacePackage))
    }
    match executable.run:
        case Module(name):
            _check_runnable(name, modules, where)
            return Program((OptionValue(Option.RUN_MODULE, name),), None)
        case EntryPoint(module, attribute):
            _check_entry_point(module, attribute, modules, runtime, where)
            first = attribute.partition(".")[0]
            text = _LAUNCHER.format(module=module, first=first, attribute=attribute)
        case Repl():
            return Program((OptionValue(Option.RUN_PYTHON),), None)
        case Command(code):
            content = Content(code.encode())
            return _main(PurePosixPath("bin") / executable.name, content, executable, MainKind.ANONYMOUS)
        case Script(path):
            return _main(PurePosixPath("bin") / path.name, Content(path), executable)
    return _main(PurePosixPath("bin") / executable.name, Content(text.encode()), executable)


def add_own_files(program: Program, resources: Sequence[Resource]) -> list[Resource]:
    """Return *resources* with the program's main module and with the file that ``sys.executable`` names.

    What wheels bring at the same paths, such as a script of the executable's name, gives way.
    """
    own: dict[PurePosixPath, Resource] = {}
    interpreter = _interpreter_entry()
    own[interpreter.path] = interpreter
    if program.main:
        is_interpreter = program.main.path == interpreter.path
        own[program.main.path] = replace(program.main, executable=is_interpreter)
    for resource in resources:
        if resource.path in own:
            note(f"{resource.path} of {resource.origin} is left out: the program's own file takes its place")
    return [*(resource for resource in resources if resource.path not in own), *own.values()]


def _interpreter_entry() -> DataFile:
    """Return the file that ``sys.executable`` names, so that it exists.

    The stub never runs it: it starts the executable itself, as an interpreter.
    """
    return DataFile(PurePosixPath(INTERPRETER_PATH), Content(_NOT_BY_ITSELF), OWN, executable=True)


def _main(
    path: PurePosixPath, content: Content, executable: Executable, kind: MainKind = MainKind.FILE
) -> Program:
    main = SourceModule("__main__", is_package=False, path=path, content=content, origin=executable.name)
    return Program((OptionValue(Option.RUN_MAIN, number=kind),), main)


def _check_runnable(name: str, modules: dict[str, ModuleResource], where: str) -> None:
    _check_module(name, modules, where)
    main = f"{name}.__main__"
    module = modules[name]
    is_package = isinstance(module, NamespacePackage) or module.is_package
    if is_package and main not in modules:
        raise EntryPointError(
            f"{where}: module {name} is a package without {main}",
            hint="only a package that has a module __main__ can be run",
        )


ModuleResource = SourceModule | ExtensionModule | NamespacePackage


def _check_module(name: str, modules: dict[str, ModuleResource], where: str) -> None:
    if name in modules:
        return
    near = get_close_matches(name, modules, n=1)
    hint = f"did you mean {near[0]}?" if near else "is it part of the project's wheel or a dependency?"
    raise EntryPointError(f"{where}: there is no module {name}", hint=hint)


def _check_entry_point(
    module: str, attribute: str, modules: dict[str, ModuleResource], runtime: Runtime, where: str
) -> None:
    first = attribute.partition(".")[0]
    if module in runtime.builtin_modules | runtime.frozen_modules:
        return
    _check_module(module, modules, where)
    resource = modules[module]
    if f"{module}.{first}" in modules or not isinstance(resource, SourceModule):
        return
    names = _names_bound_by(resource)
    if names is not None and first not in names:
        near = get_close_matches(first, names, n=1)
        hint = f"did you mean {module}:{near[0]}?" if near else None
        raise EntryPointError(f"{where}: module {module} defines no {first}", hint=hint)


def _names_bound_by(module: SourceModule) -> set[str] | None:
    """Return the names that *module* binds at its top level; None where that cannot be known."""
    source = module.content.read()
    try:
        tree = ast.parse(source)
        table = symtable.symtable(source.decode(), str(module.path), "exec")
    except (SyntaxError, ValueError):
        return None
    star = any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        for node in ast.walk(tree)
    )
    names = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    # `global` in a function, and globals(), bind names that the table of the module does not show.
    dynamic = star or "__getattr__" in names or b"globals()" in source or b"global " in source
    return None if dynamic else names
