"""Check licences against what a project allows: ``[tool.oxidize.licenses]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from oxidize_build.errors import LicenseError
from oxidize_build.licenses.component import Component, Kind, path_to
from oxidize_build.licenses.expressions import is_allowed, normalized
from oxidize_build.settings.model import Licenses


def with_overrides(components: Sequence[Component], policy: Licenses) -> list[Component]:
    """Return *components* with the expressions that the project states itself."""
    overrides = {canonicalize_name(name): text for name, text in policy.overrides.items()}
    return [
        replace(component, expression=normalized(overrides[name]) or overrides[name])
        if (name := canonicalize_name(component.name)) in overrides
        else component
        for component in components
    ]


def audit(components: Sequence[Component], policy: Licenses) -> None:
    """Check every component but the project itself.

    Raises LicenseError, which tells all that the policy does not admit: the licence, and by what path of
    requirements the component came in. An unknown licence is admitted only where *allow* is empty.
    """
    exempt = {canonicalize_name(name) for name in policy.exceptions}
    faults = [
        f"{component.reference}: {reason}{_brought_by(component, components)}"
        for component in components
        if component.kind is not Kind.PROJECT and canonicalize_name(component.name) not in exempt
        if (reason := _objection(component, policy))
    ]
    if faults:
        listing = "".join(f"\n  - {fault}" for fault in faults)
        raise LicenseError(
            f"tool.oxidize.licenses does not admit {len(faults)} of {len(components)} components:{listing}",
            hint="remove the dependency, add the component to licenses.exceptions, "
            "or correct what is known of it in licenses.overrides",
        )


def _objection(component: Component, policy: Licenses) -> str | None:
    if component.expression is None:
        stated = f" (it says {component.stated!r})" if component.stated else ""
        return f"its licence is not known{stated}, and licenses.allow is set" if policy.allow else None
    if not policy.allow and not policy.deny:
        return None
    if is_allowed(component.expression, policy.allow, policy.deny):
        return None
    if is_allowed(component.expression, (), policy.deny):
        return f"{component.expression} is not among licenses.allow"
    return f"{component.expression} is denied by licenses.deny"


def _brought_by(component: Component, components: Sequence[Component]) -> str:
    path = path_to(component.name, components)
    return f" (required by {' -> '.join(path)})" if len(path) > 1 else ""
