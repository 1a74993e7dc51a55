"""Requirements of dependency groups (PEP 735)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups

from oxidize_build.errors import DependencyError
from oxidize_build.settings.build_system import load_pyproject
from oxidize_build.settings.suggestions import did_you_mean, listed


def group_requirements(project: Path, groups: Sequence[str]) -> tuple[str, ...]:
    """Return the requirements of the *groups* that pyproject.toml in *project* defines, includes followed.

    Raises DependencyError when a group does not exist or is malformed.
    """
    if not groups:
        return ()
    defined: Any = load_pyproject(project)[1].get("dependency-groups", {})
    try:
        return resolve_dependency_groups(defined, *groups)
    except (ExceptionGroup, ValueError, TypeError, LookupError) as error:
        faults = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        said = "; ".join(str(fault) for fault in faults)
        near = "".join(did_you_mean(name, defined) for name in groups if name not in defined)
        raise DependencyError(
            f"dependency groups {', '.join(groups)} cannot be resolved: {said}{near}",
            hint=f"[dependency-groups] of pyproject.toml defines: {listed(defined)}",
        ) from error
