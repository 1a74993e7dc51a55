"""Reads a project's pyproject.toml into :class:`Settings`, telling all of its faults at once."""

from __future__ import annotations

from pathlib import Path

from oxidize_build.settings.build_system import load_pyproject
from oxidize_build.settings.entry_points import bad_file_name
from oxidize_build.settings.executables import Executables
from oxidize_build.settings.faults import Faults, shown
from oxidize_build.settings.merging import values_of
from oxidize_build.settings.model import Common, OxidizeTable
from oxidize_build.settings.place import Context, Place
from oxidize_build.settings.resolved import Settings, Target, file_name
from oxidize_build.settings.shapes import record_shape
from oxidize_build.settings.suggestions import did_you_mean, listed
from oxidize_build.settings.table import Table


def read_settings(project: Path, *, check_files: bool = True) -> Settings:
    """Return what pyproject.toml in the directory *project* says.

    Every entry of ``[project.scripts]`` and ``[project.gui-scripts]`` is an executable, and so is every
    ``[tool.oxidize.executables.NAME]``, which goes before a script of the same name. Unless *check_files*,
    files that only executables are made of need not be there, as in an sdist without them.

    :raises SettingsError: when there is no pyproject.toml, when it is not TOML, and for all of its
        faults at once.
    """
    project = project.resolve()
    text, pyproject = load_pyproject(project)
    faults = Faults("pyproject.toml", text)
    root = Table(pyproject, (), faults)
    metadata, oxidize = root.table("project"), root.table("tool").table("oxidize")
    place = Place(oxidize.path, faults, Context(project, pyproject, check_files))
    table = record_shape(OxidizeTable).read(oxidize.values, place)
    assert isinstance(table, OxidizeTable)  # noqa: S101 (there is no key that it must have)
    common = Common(**values_of(table))
    executables = Executables(metadata, oxidize.table("executables"), common)
    executables.read(table)
    settings = Settings(
        project=project,
        name=_name(metadata),
        wheel_backend=table.wheel_backend,
        executables=tuple(executables.complete[name] for name in sorted(executables.complete)),
        overrides=tuple(executables.overrides[name] for name in sorted(executables.overrides)),
        scripts_are_dynamic=executables.scripts_are_dynamic,
        common=common,
        targets=_targets(table),
        licenses=table.licenses,
    )
    _check_targets(settings, place)
    faults.raise_if_any()
    return settings


def _name(metadata: Table) -> str:
    # The wrapped backend is the one to judge [project]
    name = metadata.values.get("name")
    return name if isinstance(name, str) and not bad_file_name(name) else ""


def _targets(table: OxidizeTable) -> tuple[Target, ...]:
    if not table.targets:
        return (Target(runtime=table.runtime),)
    return tuple(
        Target(name, target.runtime or table.runtime, target.triple, target.glibc)
        for name, target in sorted(table.targets.items())
    )


def _check_targets(settings: Settings, place: Place) -> None:
    """Remember the faults of names of targets, and of names of results, of which two could be the same."""
    known = {target.name: target for target in settings.targets if target.name}
    results: dict[str, str] = {}
    for executable in (*settings.executables, *settings.overrides):
        table = place.at("executables").at(executable.name)
        for index, name in enumerate(executable.targets):
            if name not in known:
                near = did_you_mean(name, known)
                allowed = f"expected one of tool.oxidize.targets ({listed(known)}){near}"
                table.at("targets").at(index).fault(f"found {shown(name)}, {allowed}")
        for target in settings.targets:
            other = results.setdefault(file_name(settings, executable.name, target), executable.name)
            if other != executable.name:
                table.fault(f"its file for the target {target.name} has the name of one of {other}")
