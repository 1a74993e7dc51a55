"""Find shared libraries of the building machine as its dynamic linker does (ld.so(8)).

``LD_LIBRARY_PATH`` is not followed: what is packed must not depend on the shell that builds.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from oxidize_build.errors import ImageError
from oxidize_build.objfile.elf_format import opened

DEFAULT_DIRECTORIES = tuple(
    Path(directory)
    for directory in (
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib/aarch64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
        "/usr/local/lib",
    )
)
"""Where the dynamic linkers of the supported systems look when nothing else names a directory."""

_CACHE_LINE = re.compile(r"\s+(?P<name>\S+) \((?P<flags>[^)]*)\) => (?P<path>/.*)")
_ORIGIN = re.compile(r"\$(?:ORIGIN\b|\{ORIGIN\})")


def expand_origin(directories: Sequence[str], origin: str) -> list[str]:
    """Return those run path *directories* that are absolute once ``$ORIGIN`` is replaced by *origin*.

    Entries with other variables (``$LIB``, ``$PLATFORM``) and relative ones, which depend on the
    current directory, are left out.
    """
    expanded = (_ORIGIN.sub(lambda _match: origin, directory) for directory in directories)
    return [directory for directory in expanded if directory.startswith("/") and "$" not in directory]


@dataclass(frozen=True, slots=True)
class HostLibraries:
    """The shared libraries of the building machine."""

    cached: Mapping[str, tuple[Path, ...]]
    """Where ``ld.so.cache`` says that a library of a name is, best first."""
    directories: tuple[Path, ...] = DEFAULT_DIRECTORIES

    @classmethod
    def of_this_machine(cls) -> HostLibraries:
        """Read the cache of the dynamic linker; where there is none, the default directories remain."""
        return cls(_loader_cache())

    def find(self, name: str, machine: int, run_path: Iterable[Path] = ()) -> Path | None:
        """Return the file, symbolic links resolved, that would be loaded as *name*, None if there is none.

        *machine* is ``e_machine`` of the object that needs it: files for others are passed over, as
        ld.so does. *run_path* holds the directories of that object's own run path.
        """
        candidates = (
            *(directory / name for directory in run_path),
            *self.cached.get(name, ()),
            *(directory / name for directory in self.directories),
        )
        for candidate in candidates:
            if candidate.is_file() and _machine(candidate) == machine:
                return candidate.resolve()
        return None


def _machine(path: Path) -> int | None:
    try:
        with opened(path) as elf:
            return elf.header.machine
    except ImageError:
        return None


def parse_cache_listing(listing: str) -> dict[str, tuple[Path, ...]]:
    """Return the files by library name that *listing*, the output of ``ldconfig -p``, holds.

    Variants for particular processors (glibc-hwcaps) are left out: they would not run everywhere.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for line in listing.splitlines():
        match = _CACHE_LINE.fullmatch(line)
        if match and "hwcap" not in match["flags"]:
            found[match["name"]] = (*found.get(match["name"], ()), Path(match["path"]))
    return found


@cache
def _loader_cache() -> Mapping[str, tuple[Path, ...]]:
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if ldconfig is None:
        return {}
    done = subprocess.run(
        [ldconfig, "-p"], env={"LC_ALL": "C"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return parse_cache_listing(done.stdout.decode("utf-8", "surrogateescape"))
