"""Reads a project's pyproject.toml into :class:`Settings`, telling all of its faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name

from oxidize_build.settings.build_system import OWN_BACKEND, load_pyproject
from oxidize_build.settings.entry_points import (
    EXPECTED,
    add_entry_points,
    bad_file_name,
    parse_entry_point,
)
from oxidize_build.settings.model import DEFAULT_WHEEL_BACKEND
from oxidize_build.settings.resolved import Executable, Override, Settings
from oxidize_build.settings.suggestions import did_you_mean, listed
from oxidize_build.settings.table import Faults, Table, shown
from oxidize_build.settings.texts import normalized as normalized_extras
from oxidize_build.settings.values import Command, Module, Run, Script

__all__ = ["add_entry_points", "read_settings"]

RUN_KEYS = ("entry-point", "module", "command", "script")
OTHER_KEYS = ("extras", "frozen")
SCRIPT_TABLES = ("scripts", "gui-scripts")

_NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_MODULE = re.compile(_NAME)
_BACKEND = re.compile(rf"{_NAME}(?::{_NAME})?")


def read_settings(project: Path) -> Settings:
    """Return what pyproject.toml in the directory *project* says.

    Every entry of ``[project.scripts]`` and ``[project.gui-scripts]`` is an executable, and so is every
    ``[tool.oxidize.executables.NAME]``, which goes before a script of the same name.

    :raises SettingsError: when there is no pyproject.toml, when it is not TOML, and for all of its
        faults at once.
    """
    project = project.resolve()
    faults = Faults("pyproject.toml")
    root = Table(load_pyproject(project), "", faults)
    metadata = root.table("project")
    oxidize = root.table("tool").table("oxidize")
    oxidize.refuse_unknown(("executables", "wheel-backend"))
    scripts = _read_scripts(metadata)
    tables = oxidize.table("executables")
    entries = [_ExecutableTable(tables.table(name), name, metadata, project) for name in tables.values]
    for entry in entries:
        if executable := entry.read(scripts.get(entry.name)):
            scripts[entry.name] = executable
    backend = _read_wheel_backend(oxidize)
    overrides = [entry.override() for entry in entries if entry.name not in scripts]
    faults.raise_if_any()
    return Settings(
        project=project,
        wheel_backend=backend,
        executables=tuple(scripts[name] for name in sorted(scripts)),
        overrides=tuple(sorted(overrides, key=lambda override: override.name)),
    )


def _read_wheel_backend(oxidize: Table) -> str:
    name = "wheel-backend"
    backend = oxidize.text(name)
    if backend is None:
        return DEFAULT_WHEEL_BACKEND
    if not _BACKEND.fullmatch(backend):
        oxidize.fault(name, f"found {shown(backend)}, expected 'package.module' or 'package.module:object'")
    elif backend.partition(":")[0] == OWN_BACKEND:
        oxidize.fault(
            name, f"found {shown(backend)}, expected the backend that makes the wheel, not this one"
        )
    return backend


def _read_scripts(metadata: Table) -> dict[str, Executable]:
    scripts: dict[str, Executable] = {}
    for table in map(metadata.table, SCRIPT_TABLES):
        for name in table.values:
            reference = table.text(name)
            parsed = parse_entry_point(reference) if reference else None
            if reference and not parsed:
                table.fault(name, f"found {shown(reference)}, expected {EXPECTED}")
            if bad_file_name(name):
                table.fault(name, "the name of a script must be a file name")
            elif name in scripts:
                table.fault(name, f"{name!r} is in project.scripts too; a name is given to one of them")
            elif parsed:
                scripts[name] = Executable(name, parsed[0], extras=parsed[1])
    return scripts


class _ExecutableTable:
    """``[tool.oxidize.executables.NAME]`` with what is needed to judge it."""

    def __init__(self, table: Table, name: str, metadata: Table, project: Path) -> None:
        self.name = name
        self._table = table
        self._metadata = metadata
        self._project = project

    def read(self, script: Executable | None) -> Executable | None:
        """Return the executable; None if it is faulty, or its script is one that only the wheel knows."""
        table = self._table
        table.refuse_unknown((*RUN_KEYS, *OTHER_KEYS))
        if bad_file_name(self.name):
            table.faults.add(table.key, f"found the name {shown(self.name)}, expected a file name")
        present = [key for key in RUN_KEYS if key in table]
        if len(present) > 1:
            table.faults.add(table.key, f"found {listed(present)}; exactly one of them says what to run")
            return None
        self._check_extras()
        if present:
            return self._own(present[0])
        if script is not None:
            extras = normalized_extras((*script.extras, *table.texts("extras")))
            return Executable(self.name, script.run, extras=extras, frozen=table.flag("frozen"))
        if not self._may_be_dynamic():
            known = self._script_names()
            table.faults.add(
                table.key,
                f"says nothing to run: expected one of {', '.join(RUN_KEYS)}, or the name of a script of the "
                f"project ({listed(known)}){did_you_mean(self.name, known)}",
            )
        return None

    def override(self) -> Override:
        """Return what the table says beside what to run."""
        return Override(
            self.name,
            extras=normalized_extras(self._table.texts("extras")),
            frozen=self._table.flag("frozen"),
        )

    def _own(self, key: str) -> Executable | None:
        value = self._table.text(key)
        if value is None:
            return None
        other = self.override()
        if key == "entry-point":
            parsed = parse_entry_point(value)
            if parsed is None:
                self._table.fault(key, f"found {shown(value)}, expected {EXPECTED}")
                return None
            extras = normalized_extras((*parsed[1], *other.extras))
            return Executable(self.name, parsed[0], extras=extras, frozen=other.frozen)
        run = self._run(key, value)
        return Executable(self.name, run, extras=other.extras, frozen=other.frozen) if run else None

    def _run(self, key: str, value: str) -> Run | None:
        if key == "command":
            return Command(value)
        if key == "script":
            return self._script(value)
        if _MODULE.fullmatch(value):
            return Module(value)
        self._table.fault(key, f"found {shown(value)}, expected the dotted name of a module or package")
        return None

    def _script(self, value: str) -> Script | None:
        path = (self._project / value).resolve()
        if Path(value).is_absolute() or not path.is_relative_to(self._project):
            expected = "a path inside the project, relative to pyproject.toml"
            self._table.fault("script", f"found {shown(value)}, expected {expected}")
        elif not path.is_file():
            near = did_you_mean(path.name, _file_names(path.parent))
            self._table.fault("script", f"found {shown(value)}, but the project has no such file{near}")
        else:
            return Script(path)
        return None

    def _check_extras(self) -> None:
        metadata = self._metadata
        if not metadata.values or "optional-dependencies" in _dynamic(metadata):
            return
        known = {canonicalize_name(name) for name in metadata.table("optional-dependencies").values}
        for extra in self._table.texts("extras"):
            if canonicalize_name(extra) not in known:
                self._table.fault(
                    "extras",
                    f"found {shown(extra)}, which is not in project.optional-dependencies; "
                    f"allowed: {listed(known)}{did_you_mean(extra, known)}",
                )

    def _may_be_dynamic(self) -> bool:
        dynamic = _dynamic(self._metadata)
        known_later = not self._metadata.values or any(name in dynamic for name in SCRIPT_TABLES)
        return known_later and any(key in self._table for key in OTHER_KEYS)

    def _script_names(self) -> set[str]:
        tables = (self._metadata.values.get(name) for name in SCRIPT_TABLES)
        return {name for table in tables if isinstance(table, dict) for name in table}


def _dynamic(metadata: Table) -> Iterable[str]:
    # The wrapped backend is the one to judge the rest of [project]
    value = metadata.values.get("dynamic")
    return value if isinstance(value, list) else ()


def _file_names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()] if directory.is_dir() else []
