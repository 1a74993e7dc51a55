"""``[tool.oxidize.interpreter]`` -> options of the image, for the runtime that they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from oxidize_build.errors import SettingsError
from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue
from oxidize_build.runtime import Runtime
from oxidize_build.settings import Executable
from oxidize_build.settings.interpreter_fields import (
    ALLOCATOR,
    ALLOCATOR_NAMES,
    FIELDS_BY_KEY,
    InterpreterField,
    InterpreterValue,
    Kind,
    Only,
)

_LESS_ISOLATED: Mapping[str, bool] = {
    "use-environment": True,
    "user-site-directory": True,
    "safe-path": False,
}
"""What isolated mode excludes."""
_LAZY_IMPORTS_OFF = ("lazy-imports", False)
"""The default, which Python refuses to be told."""
_MIMALLOC_SINCE = (3, 13)


def interpreter_options(executable: Executable, runtime: Runtime) -> tuple[OptionValue, ...]:
    """Return the options that configure the interpreter of *executable* as its settings say.

    Raises SettingsError, for all of them at once, when *runtime* does not have a field or an allocator, or
    settings contradict each other.
    """
    faults: list[str] = []
    options = [
        *_field_options(executable.interpreter.values, runtime, faults),
        *_allocator_options(executable, runtime, faults),
    ]
    if faults:
        lines = "".join(f"\n  interpreter.{fault}" for fault in faults)
        raise SettingsError(
            f"executable {executable.name} cannot be configured so for Python {_described(runtime)}:{lines}"
        )
    return tuple(options)


def bytecode_level(executable: Executable) -> int:
    """Return the optimisation level of the interpreter of *executable*, as of ``python -O``."""
    level = executable.interpreter.values.get("optimization-level", 0)
    return level if isinstance(level, int) else 0


def _described(runtime: Runtime) -> str:
    return f"{runtime.version} (free-threaded)" if runtime.free_threaded else runtime.version


# --- fields ----------------------------------------------------------------------------------


def _field_options(
    values: Mapping[str, InterpreterValue], runtime: Runtime, faults: list[str]
) -> Iterator[OptionValue]:
    for key, value in sorted(_completed(values, faults).items()):
        if key == ALLOCATOR:
            continue
        field = FIELDS_BY_KEY[key]
        problem = _absence(field, runtime)
        if problem:
            faults.append(f"{key}: {problem}")
        elif (key, value) != _LAZY_IMPORTS_OFF:
            yield from _options_of(field, value)


def _options_of(field: InterpreterField, value: InterpreterValue) -> Iterator[OptionValue]:
    if field.kind in {Kind.FLAG, Kind.NUMBER, Kind.LONG}:
        assert isinstance(value, int)  # noqa: S101 (for the type checker)
        yield OptionValue(Option.FIELD, field.name, int(value))
        return
    for text in value if isinstance(value, tuple) else (value,):
        yield OptionValue(Option.FIELD, f"{field.name}={text}")


def _absence(field: InterpreterField, runtime: Runtime) -> str | None:
    """Return why *runtime* does not have *field*; None if it has."""
    version = ".".join(map(str, field.since))
    if _version(runtime) < field.since:
        return f"only Python {version} and later have it"
    match field.only:
        case Only.FREE_THREADED if not runtime.free_threaded:
            return f"only free-threaded builds of Python {version} and later have it"
        case Only.DEBUG if not _defines(runtime, "Py_DEBUG"):
            return f"only debug builds of Python {version} and later have it"
        case Only.WINDOWS:
            return "only Python for Windows has it"
        case Only.MACOS:
            return f"only Python {version} and later for macOS have it"
    return None


def _completed(values: Mapping[str, InterpreterValue], faults: list[str]) -> Mapping[str, InterpreterValue]:
    """Return *values* with what follows from them."""
    complete = dict(values)
    if "hash-seed" in values:
        complete.setdefault("use-hash-seed", True)
    if values.get("inspect"):
        complete.setdefault("quiet", True)  # python -i shows no banner after a program
    less = [key for key, value in _LESS_ISOLATED.items() if values.get(key) is value]
    if less and values.get("isolated"):
        faults.append(f"isolated: found true, which excludes {', '.join(less)}")
    elif less:
        complete["isolated"] = False
    for option in _texts(values, "x-options"):
        # Python reads these two from the command line only, before there is a PyConfig
        if option in {"utf8", "utf8=1", "utf8=0"}:
            complete.setdefault("utf8-mode", option != "utf8=0")
        elif option == "dev":
            complete.setdefault("dev-mode", True)
    return complete


def _texts(values: Mapping[str, InterpreterValue], key: str) -> tuple[str, ...]:
    value = values.get(key, ())
    return value if isinstance(value, tuple) else ()


# --- allocators ------------------------------------------------------------------------------


def _allocator_options(executable: Executable, runtime: Runtime, faults: list[str]) -> Iterator[OptionValue]:
    interpreter = executable.interpreter
    wanted = {"": interpreter.values.get(ALLOCATOR), **interpreter.allocators}
    for domain, name in sorted(wanted.items()):
        if isinstance(name, str):
            key = f"allocators.{domain}" if domain else ALLOCATOR
            problem = _allocator_problem(name.removesuffix("-debug"), domain, runtime)
            if problem:
                faults.append(f"{key}: found {name!r}, but {problem}")
            yield OptionValue(Option.ALLOCATOR, domain, ALLOCATOR_NAMES[name])


def _allocator_problem(name: str, domain: str, runtime: Runtime) -> str | None:
    """Return why *runtime* cannot use the allocator *name* for *domain*, empty for all; None if it can."""
    if name == "mimalloc" and _version(runtime) < _MIMALLOC_SINCE:
        return "mimalloc is a part of Python 3.13 and later"
    if name in {"mimalloc", "pymalloc"} and not _defines(runtime, f"WITH_{name.upper()}"):
        return f"this Python was configured without {name}"
    if name == "pymalloc" and domain == "raw":
        return "pymalloc needs the global interpreter lock, which this domain is used without"
    if runtime.free_threaded and name in {"pymalloc", "system"} and domain != "raw":
        return "a free-threaded Python works with mimalloc only"
    if runtime.free_threaded and name == "mimalloc" and domain == "raw" and _version(runtime) < (3, 15):
        return "a free-threaded Python before 3.15 can only have the system's there"
    return None


def _version(runtime: Runtime) -> tuple[int, int]:
    return runtime.hexversion >> 24, runtime.hexversion >> 16 & 0xFF


def _defines(runtime: Runtime, macro: str) -> bool:
    """Tell whether the runtime's ``pyconfig.h`` defines *macro*."""
    line = f"#define {macro} 1"
    return any(line in path.read_text("utf-8").splitlines() for path in _configurations(runtime))


def _configurations(runtime: Runtime) -> Iterator[Path]:
    multiarch = runtime.soabi.split("-", 2)[-1]
    for directory in runtime.include_dirs:
        # Debian's refers to one of this platform
        for path in (directory, directory.parent / multiarch / directory.name):
            if (path / "pyconfig.h").is_file():
                yield path / "pyconfig.h"
