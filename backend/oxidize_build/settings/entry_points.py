"""Entry points: object references and ``entry_points.txt``.

https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import configparser
import re
from dataclasses import replace

from oxidize_build.errors import SettingsError, WheelError
from oxidize_build.settings.faults import shown
from oxidize_build.settings.merging import values_of
from oxidize_build.settings.model import Common
from oxidize_build.settings.resolved import Executable, Settings
from oxidize_build.settings.suggestions import did_you_mean, listed
from oxidize_build.settings.texts import ENTRY_POINT, read_entry_point
from oxidize_build.settings.values import EntryPoint, Repl

GROUPS = ("console_scripts", "gui_scripts")


def parse_entry_point(reference: str) -> tuple[EntryPoint, tuple[str, ...]] | None:
    """Return what *reference*, ``module:attribute [extra, ...]``, calls and its extras; None if malformed."""
    return read_entry_point(reference) if re.fullmatch(ENTRY_POINT.pattern, reference) else None


LONGEST_NAME = 200
"""Bytes: file systems take 255, and the build adds to the name while it writes."""


def bad_file_name(name: str) -> bool:
    """Tell whether *name* cannot be the file name of an executable."""
    too_long = len(name.encode()) > LONGEST_NAME
    return (
        too_long
        or not name.strip()
        or name in {".", ".."}
        or name.startswith("-")
        or any(c in name for c in "/\\\0")
    )


def add_entry_points(settings: Settings, entry_points_txt: str, name: str = "") -> Settings:
    """Return *settings* with an executable for each script of a wheel that they do not have yet.

    Where there is none at all, a REPL is added, which has the project's name, or the wheel's: *name*.

    *entry_points_txt* is the content of the wheel's ``entry_points.txt``, empty if it has none.
    What pyproject.toml says of an executable goes before what the wheel says.

    :raises WheelError: when the text is malformed.
    :raises SettingsError: when pyproject.toml speaks of a script that the wheel does not have.
    """
    executables = {executable.name: executable for executable in settings.executables}
    for executable in _scripts(entry_points_txt, settings.common):
        executables.setdefault(executable.name, executable)
    for override in settings.overrides:
        name = override.name
        if name not in executables:
            raise SettingsError(
                f"pyproject.toml: tool.oxidize.executables.{name} does not say what to run, and the wheel "
                f"has no script of that name; executables: {listed(executables)}"
                f"{did_you_mean(name, executables)}"
            )
        own = executables[name]
        values = values_of(override, own.extras)
        executables[name] = Executable(name, own.run, targets=override.targets, **values)
    if (name := settings.name or name) and not executables:
        executables[name] = Executable(name, Repl(), **values_of(settings.common))
    return replace(
        settings,
        executables=tuple(executables[name] for name in sorted(executables)),
        overrides=(),
    )


def _scripts(entry_points_txt: str, common: Common) -> list[Executable]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep the case
    try:
        parser.read_string(entry_points_txt)
    except configparser.Error as error:
        raise WheelError(f"the project's wheel has a malformed entry_points.txt: {error}") from error
    pairs = [pair for group in GROUPS if parser.has_section(group) for pair in parser.items(group)]
    return [_executable(name, reference, common) for name, reference in pairs]


def _executable(name: str, reference: str, common: Common) -> Executable:
    parsed = parse_entry_point(reference)
    if parsed is None or bad_file_name(name):
        raise WheelError(
            "the project's wheel has a malformed script in entry_points.txt: "
            f"{shown(f'{name} = {reference}')}, expected NAME = {ENTRY_POINT.expected}"
        )
    return Executable(name, parsed[0], **values_of(common, parsed[1]))
