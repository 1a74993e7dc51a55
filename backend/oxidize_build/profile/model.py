"""What a traced run of an executable has seen: modules, files and libraries, in order of first use.

A profile names no path of a machine, and holds of time only what is needed to draw where it goes: whole
microseconds, in two significant digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """Something that a module's body did beyond defining what is in the module.

    Each is seen while the body runs, in the thread that imports. What is not seen: attributes set on other
    modules and classes, and registries that live in Python code (``abc``'s, ``functools.singledispatch``'s).
    """

    ATEXIT = "atexit"
    """Registered a function with ``atexit``."""
    BUILTINS = "builtins"
    """Changed the module ``builtins``."""
    CODECS = "codecs"
    """Registered a codec or an error handler."""
    COPYREG = "copyreg"
    """Registered how objects are pickled."""
    ENVIRONMENT = "environment"
    """Set or removed environment variables."""
    FILES = "files"
    """Wrote, created or removed files."""
    HOOKS = "hooks"
    """Set ``sys.excepthook``, ``displayhook`` or ``unraisablehook``, a function that traces or profiles, an
    audit hook, or a callback of ``sys.monitoring``."""
    IMPORTS = "imports"
    """Changed ``sys.path``, ``sys.meta_path`` or ``sys.path_hooks``."""
    LIMITS = "limits"
    """Changed the recursion limit, whether garbage is collected, or a limit of the process."""
    LOCALE = "locale"
    """Set the locale."""
    LOGGING = "logging"
    """Changed the handlers or the level of the root logger."""
    MODULES = "modules"
    """Put something else than a plain module in its own place in ``sys.modules``."""
    NETWORK = "network"
    """Made or used a socket, or looked a host up."""
    OUTPUT = "output"
    """Replaced ``sys.stdin``, ``stdout`` or ``stderr``."""
    PROCESSES = "processes"
    """Started another process, or forked."""
    SIGNALS = "signals"
    """Set a signal handler."""
    THREADS = "threads"
    """Started a thread."""
    WARNINGS = "warnings"
    """Changed the filters of ``warnings``, or how they are shown."""
    WORKING_DIRECTORY = "working-directory"
    """Changed the current directory."""


@dataclass(frozen=True, slots=True)
class ProfiledModule:
    """A module that was imported, or whose code was run as a program."""

    name: str
    parent: str | None = None
    """The module whose body imported it first; None for what the program itself or the interpreter did."""
    own: int = 0
    """Microseconds that its import took without those of the modules that it imported."""
    effects: tuple[Effect, ...] = ()
    """In order of name."""
    child: bool = False
    """Only child processes have imported it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What runs of one executable have seen; each part in order of first use."""

    modules: tuple[ProfiledModule, ...] = ()
    """Those of the interpreter itself (built in, frozen) included."""
    files: tuple[str, ...] = ()
    """Packed files that were opened or looked at by path, as :func:`portable_path` writes them."""
    libraries: tuple[str, ...] = ()
    """Packed shared libraries, other than extension modules, that were loaded."""

    def names(self) -> frozenset[str]:
        """Return the names of the modules."""
        return frozenset(module.name for module in self.modules)

    def effects(self) -> dict[str, tuple[Effect, ...]]:
        """Return the effects of each module that has any."""
        return {module.name: module.effects for module in self.modules if module.effects}

    def inclusive(self) -> Mapping[str, int]:
        """Return how long the import of each module took, with all that it imported, in microseconds."""
        totals = {module.name: module.own for module in self.modules}
        # A module stands behind the one that imported it, so each total is complete when it is added
        for module in reversed(self.modules):
            if module.parent in totals:
                totals[module.parent] += totals[module.name]
        return totals


EMPTY = Profile()
