"""Config settings: what the front end is told on the command line and hands to every hook.

Those that begin with ``oxidize.`` are ours, all others are the wrapped backend's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import SettingsError
from oxidize_build.settings.faults import shown
from oxidize_build.settings.suggestions import did_you_mean, listed

PREFIX = "oxidize."
EXECUTABLE = "oxidize.executable"
TARGET = "oxidize.target"
OUTPUT = "oxidize.output"
KNOWN = (EXECUTABLE, OUTPUT, TARGET)
ALL = "all"


@dataclass(frozen=True, slots=True)
class ConfigSettings:
    """Config settings, taken apart."""

    wrapped: dict[str, object] | None
    """What the wrapped backend gets."""
    build_executables: bool = False
    """Whether ``build_wheel`` makes executables too."""
    names: tuple[str, ...] | None = None
    """``oxidize.executable``: the executables to be built; None for all."""
    targets: tuple[str, ...] | None = None
    """``oxidize.target``: the targets that they are built for; None for all."""
    output: Path | None = None
    """``oxidize.output``: the absolute path of the directory for the executables."""


def read_config_settings(values: Mapping[str, object] | None) -> ConfigSettings:
    """Return *values*, as a front end gives them to a hook, taken apart.

    :raises SettingsError: for an unknown ``oxidize.`` key or a value of the wrong kind.
    """
    if values is None:
        return ConfigSettings(wrapped=None)
    for key in values:
        if key.startswith(PREFIX) and key not in KNOWN:
            raise SettingsError(
                f"config setting {key}: unknown; allowed: {listed(KNOWN)}{did_you_mean(key, KNOWN)}"
            )
    return ConfigSettings(
        wrapped={key: value for key, value in values.items() if not key.startswith(PREFIX)},
        build_executables=EXECUTABLE in values,
        names=_names(values, EXECUTABLE),
        targets=_names(values, TARGET),
        output=_output(values[OUTPUT]) if OUTPUT in values else None,
    )


def _names(values: Mapping[str, object], key: str) -> tuple[str, ...] | None:
    # A front end makes a list of a setting that is given several times
    value = values.get(key, ALL)
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names):
        raise SettingsError(
            f"config setting {key}: found {shown(value)}, expected the name of one or {ALL!r}"
        )
    if ALL in names or "" in names:
        return None
    return tuple(dict.fromkeys(names))


def _output(value: object) -> Path:
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value)
    # A relative path would be relative to a copy of the project that the front end deletes
    raise SettingsError(f"config setting {OUTPUT}: found {shown(value)}, expected an absolute path")
