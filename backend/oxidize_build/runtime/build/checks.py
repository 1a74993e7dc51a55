"""What the programs of a runtime have to be before it is packed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from oxidize_build.distributions import release_key
from oxidize_build.errors import RuntimeBuildError
from oxidize_build.libc_floor import libc_floor
from oxidize_build.libraries import is_part_of_libc
from oxidize_build.objfile.elf_facts import elf_facts
from oxidize_build.runtime.build.plan import Plan

_MODULES = (
    *("_bz2", "_ctypes", "_curses", "_curses_panel", "_decimal", "_elementtree", "_hashlib", "_lzma"),
    *("_sqlite3", "_ssl", "_uuid", "pyexpat", "readline", "zlib"),
)
"""What configure leaves out, without a word, where it has not found the library."""
_MODULES_SINCE_314 = ("_zstd",)


def check_modules(plan: Plan, builtin_modules: Collection[str]) -> None:
    """Raise RuntimeBuildError when a module that *plan* promises is not among *builtin_modules*."""
    wanted = {*_MODULES, *(_MODULES_SINCE_314 if plan.minor >= (3, 14) else ())}
    missing = sorted(wanted.difference(builtin_modules))
    if missing:
        raise RuntimeBuildError(
            f"CPython {plan.version} was built without the modules {', '.join(missing)}",
            hint="see the log of the step that configures it for what was not found",
        )


def check_program(plan: Plan, program: Path) -> str | None:
    """Return the oldest glibc that *program*, made by *plan*, runs with; None for one that needs none.

    Raises RuntimeBuildError when it needs a newer glibc than *plan* allows, a library that is no part of
    libc or, made for musl, any at all; and when it does not share the environment with libc.
    """
    with program.open("rb") as file:
        facts = elf_facts(file, str(program))
    if plan.toolchain.is_static and not facts.static:
        raise RuntimeBuildError(f"{program} is not static: it needs {', '.join(facts.needed) or 'a loader'}")
    foreign = [name for name in facts.needed if not is_part_of_libc(name)]
    if foreign:
        raise RuntimeBuildError(f"{program} needs {', '.join(foreign)}, which not every system has")
    version = libc_floor(facts.needed, facts.symbol_versions, facts.interpreter).version
    most = plan.toolchain.glibc
    if most is not None and release_key(version) > release_key(most):
        raise RuntimeBuildError(f"{program} needs glibc {version}, but was to run with glibc {most}")
    if not shares_environment(program):
        raise RuntimeBuildError(f"{program} has an environment of its own, which libc knows nothing of")
    return version


def shares_environment(program: Path) -> bool:
    """Tell whether *program* and its libc mean the same variable by ``environ``.

    A program at a fixed address may take a library's variable for its own. If it does not do so under
    all names that the variable has, which it does not learn from a library made for linking alone, libc
    goes on with another one.
    """
    with program.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym")
        if not isinstance(symbols, SymbolTableSection):
            return True
        taken = {symbol.name for symbol in symbols.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}
    return ("environ" in taken) == ("__environ" in taken)
