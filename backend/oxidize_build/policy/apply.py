"""Decide about each resource: whether it is packed, where it is placed and in which form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from oxidize_build.collect import PYTHON
from oxidize_build.placement import settle
from oxidize_build.policy import package_tests, used_stdlib
from oxidize_build.policy.callback import apply_callback
from oxidize_build.policy.defaults import DEFAULTS
from oxidize_build.policy.pruning import Asked, Pruning, Unused
from oxidize_build.policy.rules import Names, Rules, Treatment, treated
from oxidize_build.program import Program
from oxidize_build.resources import ExtensionModule, NamespacePackage, Placement, Resource, SourceModule
from oxidize_build.runtime.model import Runtime
from oxidize_build.settings import Command, EntryPoint, Executable, Module, Repl, Script
from oxidize_build.settings.model import Rule
from oxidize_build.settings.values import Callback

EMPTY_NAMESPACE = "namespace packages whose modules are left out"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings of an executable say about what is packed."""

    rules: tuple[Rule, ...] = ()
    """Later ones win over earlier ones, and all over what is left out by default."""
    stdlib: Literal["full", "used"] = "full"
    builtin_modules: Literal["full", "used"] = "full"
    roots: tuple[str, ...] = ()
    """Names of modules that the executable runs."""
    mains: tuple[bytes, ...] = ()
    """Sources that it runs and which are no module's."""
    callback: Callback | None = None
    """The project's own function, which sees what is kept so far and has the last word."""
    pruning: Pruning | None = None
    """What is left out because it is not used."""

    @classmethod
    def of(cls, executable: Executable, pruning: Pruning | None = None) -> Policy:
        """Return the policy of *executable*, with *pruning* if it is to be pruned."""
        roots: tuple[str, ...] = ()
        mains: tuple[bytes, ...] = ()
        match executable.run:
            case EntryPoint(module=module) | Module(name=module):
                roots = (module,)
            case Command(code):
                mains = (code.encode(),)
            case Script(path):
                mains = (path.read_bytes(),)
            case Repl():
                roots = ("_pyrepl", "pydoc", "readline", "rlcompleter")
        return cls(
            executable.rules,
            executable.stdlib,
            executable.builtin_modules,
            roots,
            mains,
            executable.callback,
            pruning,
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was left out for one reason."""

    reason: str
    count: int
    size: int
    """In bytes."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.count} files, {self.size / 1e6:.1f} MB"


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What is packed, and account of the rest."""

    kept: tuple[Resource, ...]
    """In the order they were given in."""
    left_out: tuple[LeftOut, ...]
    """In the order in which the reasons were met."""
    warnings: tuple[str, ...] = ()
    """Lines about rules that have no effect."""
    pruned: tuple[Resource, ...] = ()
    """What is left out because it is not used."""
    unlinked: frozenset[str] = frozenset()
    """Built-in modules that the interpreter is to be without."""


NO_POLICY = Policy()


def apply_policy(resources: Iterable[Resource], runtime: Runtime, policy: Policy = NO_POLICY) -> PolicyResult:
    """Return what of *resources* is packed, each treated as the rules of *policy* have it.

    What no rule speaks of is left out if :data:`DEFAULTS` lists it, if it belongs to a package's tests
    that nothing packed refers to, and, where only the used part of the standard library is wanted, if
    nothing packed imports it. A namespace package of which no module is left goes too.
    """
    collected = list(resources)
    rules = Rules(policy.rules, collected, runtime)
    treatments = {id(resource): rules.treatment(resource) for resource in collected}
    sieve = _Sieve(collected, {key for key, treatment in treatments.items() if treatment.include})
    sieve.drop(lambda resource: _rejected(treatments[id(resource)]))
    sieve.drop(_omitted)
    tests = package_tests.unused_tests(sieve.kept, policy.roots)
    sieve.drop(
        lambda resource: package_tests.REASON if package_tests.outermost(resource.path, tests) else None
    )
    if policy.stdlib == "used":
        used = used_stdlib.used_modules(sieve.kept, policy.roots, policy.mains, runtime)
        names = Names(sieve.kept, runtime)
        sieve.drop(lambda resource: _unused(resource, names, used))
    moved = [r for r in sieve.kept if treatments[id(r)].placement not in {None, Placement.MEMORY}]
    pruned = sieve.prune(policy, runtime, moved) if policy.pruning else ()
    in_use = _directories_of_modules(sieve.kept)
    sieve.drop(lambda resource: _empty(resource, in_use))
    kept = [treated(resource, treatments[id(resource)]) for resource in sieve.kept]
    if policy.callback is not None:
        kept = apply_callback(policy.callback, kept)
    unlinked = _unlinked(kept, rules, runtime, policy) if policy.builtin_modules == "used" else frozenset()
    packed = tuple(settle(kept, runtime))
    return PolicyResult(packed, sieve.account(), tuple(rules.warnings()), pruned, unlinked)


def _unlinked(kept: Sequence[Resource], rules: Rules, runtime: Runtime, policy: Policy) -> frozenset[str]:
    """Return the built-in modules that rules exclude, or that nothing uses and no rule includes."""
    unused = used_stdlib.unused_builtins(kept, policy.roots, policy.mains, runtime)
    said = {name: rules.includes_builtin(name) for name in runtime.builtin_modules}
    wanted = {name for name, include in said.items() if include or (include is None and name not in unused)}
    return runtime.builtin_modules - wanted - used_stdlib.NEEDED_BUILTINS


def treat_main(program: Program, rules: Sequence[Rule], runtime: Runtime) -> Program:
    """Return *program* with its main module as *rules* have it, but for its place, which is memory."""
    if program.main is None:
        return program
    treatment = Rules(rules, [program.main], runtime).treatment(program.main)
    main = treated(program.main, replace(treatment, placement=None))
    assert isinstance(main, SourceModule)  # noqa: S101 (for the type checker)
    return replace(program, main=main)


class _Sieve:
    """What is still kept, and what was dropped for each reason."""

    def __init__(self, resources: list[Resource], wanted: set[int]) -> None:
        self.kept = resources
        self._wanted = wanted
        """Identities of what a rule includes."""
        self._counts: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()

    def drop(self, reason_for: Callable[[Resource], str | None]) -> None:
        """Drop what there is a reason for, unless a rule includes it."""
        kept = []
        for resource in self.kept:
            reason = None if id(resource) in self._wanted else reason_for(resource)
            if reason is None:
                kept.append(resource)
                continue
            self._counts[reason] += 1
            self._sizes[reason] += 0 if isinstance(resource, NamespacePackage) else resource.content.size
        self.kept = kept

    def prune(self, policy: Policy, runtime: Runtime, moved: Sequence[Resource]) -> tuple[Resource, ...]:
        """Drop what is not used, and return it; *moved* is what is not in the executable."""
        assert policy.pruning is not None  # noqa: S101 (for the type checker)
        before = self.kept
        asked = Asked([resource for resource in before if id(resource) in self._wanted], moved)
        self.drop(Unused(policy.pruning, before, asked, policy.roots, runtime).reason)
        kept = set(map(id, self.kept))
        return tuple(resource for resource in before if id(resource) not in kept)

    def account(self) -> tuple[LeftOut, ...]:
        """Return what has been dropped."""
        return tuple(LeftOut(reason, count, self._sizes[reason]) for reason, count in self._counts.items())


def _rejected(treatment: Treatment) -> str | None:
    return f"rule {treatment.decided_by} of tool.oxidize.rules" if treatment.include is False else None


def _omitted(resource: Resource) -> str | None:
    return next((omission.reason for omission in DEFAULTS if omission.applies_to(resource)), None)


def _unused(resource: Resource, names: Names, used: set[str]) -> str | None:
    if resource.origin != PYTHON or isinstance(resource, NamespacePackage):
        return None
    module = names.module(resource)
    return used_stdlib.REASON if module and module not in used else None


def _directories_of_modules(resources: Iterable[Resource]) -> set[object]:
    return {
        parent
        for resource in resources
        if isinstance(resource, SourceModule | ExtensionModule)
        for parent in resource.path.parents
    }


def _empty(resource: Resource, in_use: set[object]) -> str | None:
    return EMPTY_NAMESPACE if isinstance(resource, NamespacePackage) and resource.path not in in_use else None
