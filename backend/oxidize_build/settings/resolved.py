"""What later stages take: the settings, with the scripts of the project and all defaults filled in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oxidize_build.errors import SettingsError
from oxidize_build.settings.model import (
    DEFAULT_WHEEL_BACKEND,
    Common,
    Licenses,
    Triple,
    WantedRuntime,
)
from oxidize_build.settings.suggestions import did_you_mean, listed
from oxidize_build.settings.values import Run


@dataclass(frozen=True, slots=True)
class Override(Common):
    """What pyproject.toml says of an executable whose entry point only the project's wheel knows."""

    name: str
    """File name of the result."""
    targets: tuple[str, ...] = field(default=(), kw_only=True)
    """Names of the targets that it is built for; empty for all of them."""


@dataclass(frozen=True, slots=True)
class Executable(Override):
    """One executable to be built, with what ``[tool.oxidize]`` says for all of them."""

    run: Run
    """What it runs: one of ``entry-point``, ``module``, ``command``, ``script`` and ``repl``."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an executable is built for: ``[tool.oxidize.targets.NAME]``."""

    name: str = ""
    """Empty where pyproject.toml names no targets."""
    runtime: WantedRuntime = "host"
    triple: Triple | None = None
    """The platform that the runtime must be for; None: any."""
    glibc: str | None = None
    """Highest version of glibc that the result may need."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a project's pyproject.toml says to oxidize."""

    project: Path
    """Directory of pyproject.toml."""
    name: str = ""
    """Name of the project; empty where only its wheel knows."""
    wheel_backend: str = DEFAULT_WHEEL_BACKEND
    """The PEP 517 backend that makes the project's wheels and sdists."""
    executables: tuple[Executable, ...] = ()
    """In order of name."""
    overrides: tuple[Override, ...] = ()
    """For executables whose entry points only the project's wheel knows, in order of name."""
    scripts_are_dynamic: bool = False
    """Whether only the project's wheel knows its scripts."""
    common: Common = field(default_factory=Common)
    """What holds for executables that pyproject.toml does not speak of."""
    targets: tuple[Target, ...] = (Target(),)
    """At least one, in order of name."""
    licenses: Licenses = field(default_factory=Licenses)


@dataclass(frozen=True, slots=True)
class Build:
    """One file to be made: an executable for a target."""

    project: Path
    executable: Executable
    target: Target
    licenses: Licenses
    file_name: str
    """Name of the executable, and of the target where the project has several: ``app`` or ``app-linux``."""
    traced: bool = False
    """Whether it is to tell what it imports and opens."""


def resolve(settings: Settings, executable: Executable, target: Target) -> Build:
    """Return all that *settings* say of the *executable* for the *target*."""
    name = file_name(settings, executable.name, target)
    return Build(settings.project, executable, target, settings.licenses, name)


def file_name(settings: Settings, executable: str, target: Target) -> str:
    """Return the name of the file of *executable* for *target*."""
    return f"{executable}-{target.name}" if len(settings.targets) > 1 else executable


def check_names(settings: Settings, names: Sequence[str] | None, targets: Sequence[str] | None) -> None:
    """Check *names* and *targets*, as :func:`select` takes them, as far as can be before there is a wheel.

    :raises SettingsError: when one is unknown.
    """
    _known(targets, {target.name: target for target in settings.targets}, "target")
    if not settings.scripts_are_dynamic:
        # A project without any has a REPL of its name
        known = [executable.name for executable in settings.executables] or [settings.name]
        _known(names, known, "executable")


def select(settings: Settings, names: Sequence[str] | None, targets: Sequence[str] | None) -> list[Build]:
    """Return what is to be made: the executables *names* for those of their targets that are in *targets*.

    None picks all. Executables of one target follow each other.

    :raises SettingsError: when nothing can be built, or a name is unknown.
    """
    executables = {executable.name: executable for executable in settings.executables}
    by_name = {target.name: target for target in settings.targets}
    chosen = [executables[name] for name in _known(names, executables, "executable")]
    wanted = _known(targets, by_name, "target")
    builds = [
        resolve(settings, executable, by_name[target])
        for target in wanted
        for executable in chosen
        if target in (executable.targets or by_name)
    ]
    if not builds:
        raise SettingsError(f"nothing of {listed(names or executables)} is for the target {listed(wanted)}")
    return builds


def _known(asked: Sequence[str] | None, known: Collection[str], kind: str) -> Sequence[str]:
    if asked is None:
        return list(known)
    for name in asked:
        if name not in known:
            raise SettingsError(
                f"there is no {kind} {name!r}; the project defines {listed(filter(None, known))}"
                f"{did_you_mean(name, known)}"
            )
    return list(dict.fromkeys(asked))
