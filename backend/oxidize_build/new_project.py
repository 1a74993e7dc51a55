"""Make a project that builds an executable: a new one, or one that has a pyproject.toml already."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from oxidize_build.errors import OutputError, SettingsError
from oxidize_build.settings.build_system import OWN_BACKEND, OWN_BACKENDS, BuildSystem, read_build_system
from oxidize_build.settings.entry_points import bad_file_name
from oxidize_build.settings.model import DEFAULT_WHEEL_BACKEND
from oxidize_build.settings.reader import read_settings

OWN_REQUIREMENT = "oxidize-build"
PYPROJECT = "pyproject.toml"
LEGACY_FILES = ("setup.py", "setup.cfg")
"""Files of projects that setuptools builds without a pyproject.toml."""

_Toml: TypeAlias = Any
"""A document, table or array of tomlkit: what it holds is found out at run time."""
_MODULE = '''\
"""{name}."""


def main() -> None:
    """Run {name}."""
    print("Hello from {name}")
'''


@dataclass(frozen=True, slots=True)
class Wish:
    """What the executable is to be made of, beside what the project has."""

    requirements: tuple[str, ...] = ()
    """Requirements to be packed."""
    code: str | None = None
    """Python code to be run."""


def init_project(directory: Path, wish: Wish) -> list[Path]:
    """Make the project in *directory* one that builds an executable; return the files that were written.

    Without a pyproject.toml there a new project is made, and *directory* if need be. An existing file keeps
    its comments and its layout. A project that is as wished already is left alone.

    Raises SettingsError when the wish or the project does not allow it, and OutputError when a file cannot be
    written; nothing has changed then.
    """
    _check(wish)
    path = directory / PYPROJECT
    if path.is_file():
        text = _read(path)
        changed = _adopted(text, directory, wish)
        return _write({path: changed}) if changed != text else []
    if any((directory / name).is_file() for name in LEGACY_FILES):
        return _write({path: _adopted("", directory, wish)})
    return _write(_new_project(directory, wish))


def _check(wish: Wish) -> None:
    for requirement in wish.requirements:
        try:
            Requirement(requirement)
        except InvalidRequirement as error:
            raise SettingsError(
                f"{requirement!r} is not a requirement: {str(error).splitlines()[0]}",
                hint='write it as pip takes it from an index: "name", "name==1.2", "name[extra]>=1"',
            ) from error
    if wish.code is not None:
        try:
            compile(wish.code, "<python-code>", "exec")
        except (SyntaxError, ValueError) as error:
            raise SettingsError(f"the Python code cannot be compiled: {error}") from error


def _read(path: Path) -> str:
    """Return the text of pyproject.toml, line ends and all. Raises SettingsError when it is faulty."""
    system = read_build_system(path.parent)
    read_settings(path.parent)
    for requirement in system.requires:
        try:
            Requirement(requirement)
        except InvalidRequirement as error:
            raise SettingsError(
                f"{path}: build-system.requires: {requirement!r} is no requirement"
            ) from error
    return path.read_bytes().decode()


def _write(files: dict[Path, str]) -> list[Path]:
    """Write *files*, each in one go; directories are made."""
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.new")
            aside.write_bytes(text.encode())
            aside.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {error.filename or path}: {error.strerror}") from error
    return list(files)


# --- a new project ---------------------------------------------------------------------------


def _new_project(directory: Path, wish: Wish) -> dict[Path, str]:
    name = project_name(directory)
    document = tomlkit.document()
    document["build-system"] = _table({"requires": [OWN_REQUIREMENT], "build-backend": OWN_BACKEND})
    project = {"name": name, "version": "0.1.0", "requires-python": ">=3.11"}
    document["project"] = _table({**project, "dependencies": list(wish.requirements)})
    files: dict[Path, str] = {}
    modules: list[str] = []
    if wish.code is None and not wish.requirements:
        modules = [module_name(name)]
        module = directory / f"{modules[0]}.py"
        if module.exists():
            raise SettingsError(
                f"{directory} has no {PYPROJECT}, but a file {module.name}",
                hint="write a pyproject.toml for it first, or choose another directory",
            )
        files[module] = _MODULE.format(name=name)
        document["project"]["scripts"] = _table({name: f"{modules[0]}:main"})
    document["tool"] = tomlkit.table()
    _sub_table(document, "tool", "setuptools")["py-modules"] = modules
    if not modules:
        _add_executable(document, name, wish.code)
    return {**files, directory / PYPROJECT: tomlkit.dumps(document)}


def project_name(directory: Path) -> str:
    """Return a name for the project in *directory*: that of the directory, as PyPA's specification allows it.

    Raises SettingsError when nothing of the name is left.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", directory.absolute().name).strip("-._")
    if not name or bad_file_name(name):
        raise SettingsError(
            f"no project can be named for the directory {directory.absolute()}",
            hint="choose a directory whose name has letters or digits",
        )
    return name


def module_name(name: str) -> str:
    """Return a name for the module of the project *name* that no keyword and no other module has."""
    module = re.sub(r"\W", "_", name.lower())
    taken = keyword.iskeyword(module) or module in sys.stdlib_module_names or not module.isidentifier()
    return f"app_{module}" if taken else module


# --- an existing one -------------------------------------------------------------------------


def _adopted(text: str, directory: Path, wish: Wish) -> str:
    """Return *text*, that of the project's pyproject.toml, with what is missing to build executables."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise SettingsError(f"{directory / PYPROJECT} cannot be read: {error}") from error
    _swap_backend(document, directory)
    known = {_normal(item) for item in _dependencies(document)}
    missing = [item for item in wish.requirements if _normal(item) not in known]
    if missing:
        own = _sub_table(document, "tool", "oxidize")
        own["dependencies"] = _extended(own.get("dependencies"), missing)
    if wish.code is not None:
        _add_executable(document, project_name(directory), wish.code)
    changed = tomlkit.dumps(document)
    return re.sub(r"\r?\n", "\r\n", changed) if "\r\n" in text else changed


def _swap_backend(document: _Toml, directory: Path) -> None:
    table = document.get("build-system")
    backend = BuildSystem().backend
    if table is not None:
        backend = table.get("build-backend", backend)
    elif not any((directory / name).is_file() for name in LEGACY_FILES):
        backend = DEFAULT_WHEEL_BACKEND
    if table is not None and table.get("backend-path") and backend not in OWN_BACKENDS:
        raise SettingsError(
            f"{directory / PYPROJECT}: build-system.backend-path is set: the backend {backend!r} is a part "
            "of the project",
            hint="a backend outside the project cannot be added to it; use `oxidize build`, which needs none",
        )
    if table is None:
        table = document["build-system"] = _table({"requires": [], "build-backend": OWN_BACKEND})
    required = {canonicalize_name(Requirement(item).name) for item in table.get("requires", [])}
    if OWN_REQUIREMENT not in required:
        table["requires"] = _extended(table.get("requires"), [OWN_REQUIREMENT])
    if backend in OWN_BACKENDS:
        return
    table["build-backend"] = OWN_BACKEND
    _set_wheel_backend(document, directory, backend)


def _set_wheel_backend(document: _Toml, directory: Path, backend: str) -> None:
    stated = document.get("tool", {}).get("oxidize", {}).get("wheel-backend")
    if stated is None and backend != DEFAULT_WHEEL_BACKEND:
        _sub_table(document, "tool", "oxidize")["wheel-backend"] = backend
    elif (stated or backend) != backend:
        raise SettingsError(
            f"{directory / PYPROJECT}: build-system.build-backend is {backend!r}, but "
            f"tool.oxidize.wheel-backend is {stated!r} already",
            hint="remove the one that does not build the project",
        )


def _add_executable(document: _Toml, name: str, code: str | None) -> None:
    """Add an executable that runs *code*, or is interactive without any.

    Raises SettingsError where one of that name runs something else.
    """
    wanted = {"command": code} if code is not None else {"repl": True}
    executables = document.get("tool", {}).get("oxidize", {}).get("executables", {})
    if name in executables:
        found = {
            key: value for key, value in executables[name].unwrap().items() if key in {"command", "repl"}
        }
        if found != wanted:
            raise SettingsError(
                f"{PYPROJECT} defines an executable {name!r} already, which runs something else",
                hint=f"change tool.oxidize.executables.{name} there",
            )
        return
    _sub_table(document, "tool", "oxidize", "executables")[name] = _table(wanted)


def _dependencies(document: _Toml) -> Iterable[str]:
    yield from document.get("project", {}).get("dependencies", [])
    yield from document.get("tool", {}).get("oxidize", {}).get("dependencies", [])


def _normal(requirement: str) -> str:
    try:
        return str(Requirement(requirement))
    except InvalidRequirement:
        return requirement


def _table(values: dict[str, Any]) -> _Toml:
    table = tomlkit.table()
    for key, value in values.items():
        table[key] = value
    return table


def _sub_table(document: _Toml, *keys: str) -> _Toml:
    """Return the table of *keys*, made where it is missing."""
    table = document
    for key in keys:
        if key not in table:
            table[key] = tomlkit.table()
        table = table[key]
    return table


def _extended(array: Array | None, items: Sequence[str]) -> _Toml:
    """Return *array*, in its own layout, with *items* at its end."""
    if array is None:
        return list(items)
    for item in items:
        array.append(item)
    return array
