"""Builds a project's wheel, as a build front end does (PEP 517)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from build import BuildBackendException, BuildException, FailedProcessError
from build.env import DefaultIsolatedEnv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller

from oxidize_build.cache import Cache
from oxidize_build.errors import DependencyError
from oxidize_build.progress import stage
from oxidize_build.settings import Settings, check_names
from oxidize_build.settings.build_system import BuildSystem, read_build_system
from oxidize_build.wrapped import WrappedBackend

if TYPE_CHECKING:
    from oxidize_build.summary import ExecutableSummary

OWN_DISTRIBUTION = "oxidize-build"


def build_project(
    settings: Settings,
    output: Path,
    names: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    *,
    isolated: bool = True,
    traced: bool = False,
) -> list[ExecutableSummary]:
    """Build the project's wheel, and executables of it into the directory *output*; tell of each.

    *names*, *targets* and *traced* are as for :func:`~oxidize_build.pipeline.build_executables`; *isolated*
    is as for :func:`build_project_wheel`.

    Raises an OxidizeError of the failing stage; *output* is then as it was.
    """
    check_names(settings, names, targets)
    with (
        tempfile.TemporaryDirectory(prefix="oxidize-") as scratch,
        ThreadPoolExecutor(1, "wheel") as pool,
    ):
        making = pool.submit(build_project_wheel, settings, Path(scratch), isolated)
        # While the project's backend runs in a process of its own. The wheel alone needs none of it
        from oxidize_build.pipeline import build_executables  # noqa: PLC0415 - see above
        from oxidize_build.preparation import Preparation  # noqa: PLC0415 - see above

        with Preparation(Cache.default()) as preparation:
            preparation.begin_early(settings, names, targets)
            with stage("Make the project's wheel"):
                wheel = making.result()
            return build_executables(settings, wheel, names, output, targets, preparation, traced=traced)


def build_project_wheel(settings: Settings, output: Path, isolated: bool) -> Path:
    """Build the project's wheel into the directory *output* with the project's backend; return its path.

    The backend runs in an environment that has its requirements only, or, not *isolated*, in this one. What
    it says goes to standard error.

    :raises SettingsError: when pyproject.toml has no usable ``[build-system]``.
    :raises DependencyError: when the backend cannot be installed, or fails.
    """
    system = effective_build_system(settings)
    output.mkdir(parents=True, exist_ok=True)
    with _readable_failures(system):
        if not isolated:
            return _build(_hooks(settings, system, sys.executable, {}), output)
        from oxidize_build.build_environment import kept_environment  # noqa: PLC0415 - the other case is quick

        kept = kept_environment(system.requires, Cache.default())
        if kept is not None:
            hooks = _hooks(settings, system, kept.python, kept.variables)
            more = hooks.get_requires_for_build_wheel()
            if not more:
                return _build(hooks, output)
            kept = kept_environment([*system.requires, *more], Cache.default())
            if kept is not None:
                return _build(_hooks(settings, system, kept.python, kept.variables), output)
        return _build_in_new_environment(settings, system, output)


def _build_in_new_environment(settings: Settings, system: BuildSystem, output: Path) -> Path:
    with DefaultIsolatedEnv() as environment:
        environment.install(system.requires)
        variables = environment.make_extra_environ() or {}
        hooks = _hooks(settings, system, environment.python_executable, variables)
        environment.install(hooks.get_requires_for_build_wheel())
        return _build(hooks, output)


def effective_build_system(settings: Settings) -> BuildSystem:
    """Return what builds the project's wheel: its backend, or the one that oxidize's own backend wraps.

    Going straight to the wrapped backend spares installing oxidize-build once more, which runs already.
    """
    system = read_build_system(settings.project)
    if not system.is_own:
        return system
    stated = {line: canonicalize_name(Requirement(line).name) for line in system.requires}
    others = [line for line, name in stated.items() if name != OWN_DISTRIBUTION]
    wrapped = WrappedBackend(settings.wheel_backend)
    missing = [name for name in wrapped.requirements if name not in stated.values()]
    return replace(system, requires=(*others, *missing), backend=wrapped.spec)


def _hooks(
    settings: Settings, system: BuildSystem, python: str, variables: Mapping[str, str]
) -> BuildBackendHookCaller:
    def run(
        cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        environ = {**os.environ, **variables, **(extra_environ or {})}
        # Standard output is for the paths of the results
        subprocess.run(cmd, cwd=cwd, env=environ, stdout=sys.stderr, check=True)

    return BuildBackendHookCaller(
        os.fspath(settings.project),
        system.backend,
        backend_path=system.backend_path or None,
        python_executable=python,
        runner=run,
    )


def _build(hooks: BuildBackendHookCaller, output: Path) -> Path:
    return output / hooks.build_wheel(os.fspath(output.resolve()))


@contextmanager
def _readable_failures(system: BuildSystem) -> Iterator[None]:
    try:
        yield
    except BackendUnavailable as error:
        raise DependencyError(
            f"the project's build backend {system.backend!r} cannot be imported",
            hint=f"it must come with one of build-system.requires: {', '.join(system.requires) or 'none'}",
        ) from error
    except subprocess.CalledProcessError as error:
        raise DependencyError(
            f"making the project's wheel with {system.backend!r} failed: exit status {error.returncode}",
            hint="what the backend or the installer said stands above",
        ) from error
    except (BuildException, BuildBackendException, FailedProcessError) as error:
        raise DependencyError(
            f"building the project's wheel with {system.backend!r} failed: {error}"
        ) from error
