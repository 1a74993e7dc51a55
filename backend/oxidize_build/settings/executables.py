"""Puts ``[tool.oxidize.executables]``, the project's scripts and the keys common to all together."""

from __future__ import annotations

from collections.abc import Collection

from oxidize_build.settings.checks import RUN_KEYS
from oxidize_build.settings.entry_points import bad_file_name, parse_entry_point
from oxidize_build.settings.faults import shown
from oxidize_build.settings.merging import merged, values_of
from oxidize_build.settings.model import Common, ExecutableTable, OxidizeTable
from oxidize_build.settings.resolved import Executable, Override
from oxidize_build.settings.suggestions import did_you_mean, listed
from oxidize_build.settings.table import Table
from oxidize_build.settings.texts import ENTRY_POINT
from oxidize_build.settings.values import Command, EntryPoint, Module, Repl, Run, Script

SCRIPT_TABLES = ("scripts", "gui-scripts")


class Executables:
    """The executables of a project, by name."""

    def __init__(self, metadata: Table, tables: Table, common: Common) -> None:
        self.complete: dict[str, Executable] = {}
        """Those of which is known what they run."""
        self.overrides: dict[str, Override] = {}
        """Those whose entry points only the project's wheel knows."""
        self._metadata = metadata
        self._tables = tables
        self._common = common

    def read(self, table: OxidizeTable) -> None:
        """Fill in the executables; what is wrong with them is remembered as faults."""
        scripts = _read_scripts(self._metadata)
        for name, (run, extras) in scripts.items():
            self.complete[name] = Executable(name, run, **values_of(self._common, extras))
        for name, own in table.executables.items():
            given = self._tables.table(name).values.keys()
            common = merged(self._common, own, {key.replace("-", "_") for key in given})
            says = not given.isdisjoint(RUN_KEYS)
            if ran := _what_runs(own) if says else scripts.get(name):
                values = values_of(common, ran[1])
                self.complete[name] = Executable(name, ran[0], targets=own.targets, **values)
            elif not says:
                self._leave_to_wheel(Override(name, targets=own.targets, **values_of(common)), given)

    @property
    def scripts_are_dynamic(self) -> bool:
        """Whether only the project's wheel knows its scripts."""
        dynamic = self._metadata.values.get("dynamic")
        later = dynamic if isinstance(dynamic, list) else ()
        return not self._metadata.values or any(name in later for name in SCRIPT_TABLES)

    def _leave_to_wheel(self, override: Override, given: Collection[str]) -> None:
        if self.scripts_are_dynamic and given:
            self.overrides[override.name] = override
            return
        known = self._script_names()
        self._tables.fault(
            override.name,
            f"says nothing to run: expected one of {', '.join(RUN_KEYS)}, or the name of a script of the "
            f"project ({listed(known)}){did_you_mean(override.name, known)}",
        )

    def _script_names(self) -> set[str]:
        tables = (self._metadata.values.get(name) for name in SCRIPT_TABLES)
        return {name for table in tables if isinstance(table, dict) for name in table}


def _what_runs(table: ExecutableTable) -> tuple[Run, tuple[str, ...]] | None:
    """Return what the keys of *table* say to run, and the extras that come with it."""
    if table.entry_point:
        return table.entry_point
    if table.module:
        return Module(table.module), ()
    if table.command:
        return Command(table.command), ()
    if table.script:
        return Script(table.script), ()
    return (Repl(), ()) if table.repl else None


def _read_scripts(metadata: Table) -> dict[str, tuple[EntryPoint, tuple[str, ...]]]:
    """Return what each script of the project calls, and its extras."""
    scripts: dict[str, tuple[EntryPoint, tuple[str, ...]]] = {}
    for table in map(metadata.table, SCRIPT_TABLES):
        for name in table.values:
            reference = table.text(name)
            parsed = parse_entry_point(reference) if reference else None
            if reference and not parsed:
                table.fault(name, f"found {shown(reference)}, expected {ENTRY_POINT.expected}")
            if bad_file_name(name):
                table.fault(name, "the name of a script must be a file name")
            elif name in scripts:
                table.fault(name, f"{name!r} is in project.scripts too; a name is given to one of them")
            elif parsed:
                scripts[name] = parsed
    return scripts
