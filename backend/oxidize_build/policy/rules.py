"""``[[tool.oxidize.rules]]``: which resources each rule matches, and what it makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name

from oxidize_build.errors import SettingsError
from oxidize_build.patterns import compile_patterns
from oxidize_build.resources import (
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Placement,
    Resource,
    SharedLibrary,
    SourceModule,
)
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings.model import Rule

KINDS: dict[type[Resource], str] = {
    SourceModule: "source",
    ExtensionModule: "extension",
    SharedLibrary: "library",
    DataFile: "data",
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the rules make of a resource; None where none of them says anything."""

    include: bool | None = None
    placement: Placement | None = None
    source: bool | None = None
    bytecode: bool | None = None
    optimize: int | None = None
    compression: bool | None = None
    decided_by: int | None = None
    """Number of the rule, from 1, that said whether it is packed."""


class Rules:
    """The rules of an executable, and how often each has matched."""

    def __init__(self, rules: Sequence[Rule], resources: Iterable[Resource], runtime: Runtime) -> None:
        self._rules = [_Matcher(rule) for rule in rules]
        self._tree = Names(resources, runtime) if rules else None
        self._used: set[int] = set()

    def treatment(self, resource: Resource) -> Treatment:
        """Return what the rules make of *resource*: of several that match, the last one counts."""
        treatment = Treatment()
        if self._tree is None or isinstance(resource, NamespacePackage):
            return treatment
        for number, matcher in enumerate(self._rules, 1):
            if matcher.matches(resource, self._tree):
                self._used.add(number)
                treatment = _after(treatment, _for(resource, matcher.rule, self._tree), number)
        return treatment

    def includes_builtin(self, module: str) -> bool | None:
        """Return what the rules say of a *module* that is compiled into the interpreter."""
        include = None
        for number, matcher in enumerate(self._rules, 1):
            if matcher.rule.include is not None and matcher.names_builtin(module):
                self._used.add(number)
                include = matcher.rule.include
        return include

    def warnings(self) -> list[str]:
        """Return a line about every rule that has matched nothing."""
        return [
            f"warning: rule {number} of tool.oxidize.rules matches nothing{matcher.suggestion(self._tree)}"
            for number, matcher in enumerate(self._rules, 1)
            if number not in self._used and self._tree is not None
        ]


def treated(resource: Resource, treatment: Treatment) -> Resource:
    """Return *resource* as *treatment* has it.

    Raises SettingsError when neither source nor bytecode of a module would be packed.
    """
    changes: dict[str, Any] = {}
    if treatment.placement is not None:
        changes["placement"] = treatment.placement
    if treatment.compression is not None:
        changes["compression"] = treatment.compression
    if isinstance(resource, SourceModule):
        asked = {
            "packs_source": treatment.source,
            "packs_bytecode": treatment.bytecode,
            "optimize": treatment.optimize,
        }
        changes |= {name: value for name, value in asked.items() if value is not None}
    changed = replace(resource, **changes) if changes else resource
    if isinstance(changed, SourceModule) and not (changed.packs_source or changed.packs_bytecode):
        raise SettingsError(
            f"tool.oxidize.rules: nothing is left of {changed.name}: neither its source nor its bytecode",
            hint="include = false leaves a module out",
        )
    return changed


class Names:
    """The names under which rules may speak of resources."""

    def __init__(self, resources: Iterable[Resource], runtime: Runtime) -> None:
        self.roots = runtime.module_roots
        self.packages: dict[PurePosixPath, str] = {}
        """Directories of packages, and the names of these."""
        self.modules: set[str] = set()
        self.distributions: set[str] = set()
        for resource in resources:
            self.distributions.add(str(canonicalize_name(resource.origin)))
            if isinstance(resource, NamespacePackage):
                self.packages[resource.path] = resource.name
            elif isinstance(resource, SourceModule | ExtensionModule):
                self.modules.add(resource.name)
                if resource.is_package:
                    self.packages[resource.path.parent] = resource.name

    def module(self, resource: Resource) -> str:
        """Return the name of the module that *resource* is, else of the package around it, else ``""``."""
        if isinstance(resource, SourceModule | ExtensionModule):
            return resource.name
        return next(
            (self.packages[parent] for parent in resource.path.parents if parent in self.packages), ""
        )

    def paths(self, resource: Resource) -> list[str]:
        """Return the path of *resource* in the tree, and that below its directory of ``sys.path``."""
        inside = [root for root in self.roots if root in resource.path.parents]
        return [str(resource.path), *(str(resource.path.relative_to(root)) for root in inside[-1:])]


class _Matcher:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.packages = [_normalized(package) for package in rule.package]
        self.files = compile_patterns(map(_anchored, rule.files))

    def matches(self, resource: Resource, names: Names) -> bool:
        rule = self.rule
        return (
            (not rule.kind or KINDS.get(type(resource)) in rule.kind)
            and (not rule.package or _any(_normalized(resource.origin), self.packages))
            and (not rule.module or _within(names.module(resource), rule.module))
            and (not rule.files or any(self.files.fullmatch(path) for path in names.paths(resource)))
        )

    def names_builtin(self, module: str) -> bool:
        rule = self.rule
        others = rule.files or rule.package or (rule.kind and "extension" not in rule.kind)
        return not others and _within(module, rule.module)

    def suggestion(self, names: Names | None) -> str:
        """Return what the nearest name to one that the rule matches by is, if there is a near one."""
        known = ((self.packages, names.distributions), (self.rule.module, names.modules)) if names else ()
        for wanted, present in known:
            for name in wanted:
                near = get_close_matches(name, present, n=1)
                if near and near[0] != name:
                    return f": there is no {name}; did you mean {near[0]}?"
        asked = [*self.rule.package, *self.rule.module, *self.rule.files, *self.rule.kind]
        return f" ({', '.join(asked)})"


def _for(resource: Resource, rule: Rule, names: Names) -> Rule:
    """Return *rule* without a placement for what is not among modules, unless it speaks of files.

    What stands elsewhere, as in ``share``, is looked for below ``sys.prefix``: in the executable.
    """
    elsewhere = len(names.paths(resource)) == 1 and not rule.files
    return replace(rule, placement=None) if elsewhere else rule


def _after(treatment: Treatment, rule: Rule, number: int) -> Treatment:
    effects: dict[str, Any] = {
        "include": rule.include,
        "placement": None if rule.placement is None else Placement(rule.placement),
        "source": rule.source,
        "bytecode": rule.bytecode,
        "optimize": rule.optimize,
        "compression": rule.compression,
        "decided_by": None if rule.include is None else number,
    }
    return replace(treatment, **{name: value for name, value in effects.items() if value is not None})


def _normalized(distribution: str) -> str:
    """Return the name in its one spelling, whose wildcards are kept."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _anchored(pattern: str) -> str:
    """Return the pattern with a meaning at any depth, if it has no slash but at its end, as in gitignore."""
    body = pattern.rstrip("/")
    return body.removeprefix("/") if "/" in body else f"**/{body}"


def _within(module: str, patterns: Iterable[str]) -> bool:
    """Whether *module* is, or is in, one that a pattern names."""
    while module:
        if _any(module, patterns):
            return True
        module = module.rpartition(".")[0]
    return False


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
