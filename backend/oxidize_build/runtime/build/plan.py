"""What a runtime is to be built of and how: everything that the steps of its build agree on."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidize_build.errors import RuntimeBuildError

if TYPE_CHECKING:
    from oxidize_build.runtime.build.toolchain import Toolchain

_VERSION = re.compile(r"(?P<minor>3\.\d+)\.\d+(?:(?:a|b|rc)\d+)?")
OLDEST = (3, 13)
"""The oldest version whose extension modules can all be built into the interpreter by its own makefile."""
TAIL_CALLS_SINCE = (3, 14)


@dataclass(frozen=True, slots=True)
class Plan:
    """A build of CPython.

    Raises RuntimeBuildError when the version is none that can be built, or when it asks for what the
    compiler cannot do.
    """

    version: str
    """``3.14.7`` or ``3.15.0rc2``."""
    toolchain: Toolchain
    pgo: bool = False
    """Optimise by the profile of a training run."""
    lto: bool = False
    """Optimise across source files when linking."""
    free_threaded: bool = False
    jobs: int = 1
    """How many compilers run at once."""

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version) or self.minor < OLDEST:
            raise RuntimeBuildError(
                f"CPython {self.version} cannot be built",
                hint=f"name a version like 3.14.7, from {'.'.join(map(str, OLDEST))} on",
            )
        if (self.pgo or self.lto) and not self.toolchain.is_clang:
            raise RuntimeBuildError(
                f"{self.toolchain.cc[0]} is no clang, which --pgo and --lto need",
                hint="install clang 19 and lld (on Debian and Ubuntu: apt install clang-19 lld-19 llvm-19)",
            )

    @property
    def minor(self) -> tuple[int, int]:
        """``(3, 14)``."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def short_version(self) -> str:
        """``3.14``."""
        return ".".join(map(str, self.minor))

    @property
    def abi_suffix(self) -> str:
        """``t`` for the free-threaded build: ends the names of its program, library and directories."""
        return "t" if self.free_threaded else ""

    @property
    def program(self) -> str:
        """``python3.14``: the name of the interpreter, and of its directories of headers and modules."""
        return f"python{self.short_version}{self.abi_suffix}"

    @property
    def options(self) -> tuple[str, ...]:
        """The build options, by the names that python-build-standalone gives them."""
        chosen = {"freethreaded": self.free_threaded, "pgo": self.pgo, "lto": self.lto}
        named = tuple(name for name, wanted in chosen.items() if wanted)
        static = ("static",) if self.toolchain.libc == "musl" else ()
        return (*named, *static) or ("noopt",)

    @property
    def name(self) -> str:
        """``cpython-3.14.7-x86_64-unknown-linux-gnu-glibc2.17-pgo+lto``: names the archive."""
        floor = f"-glibc{self.toolchain.glibc}" if self.toolchain.glibc else ""
        return f"cpython-{self.version}-{self.toolchain.triple}{floor}-{'+'.join(self.options)}"


@dataclass(frozen=True, slots=True)
class Workshop:
    """The directories of one build."""

    root: Path

    @property
    def source(self) -> Path:
        """CPython's source tree."""
        return self.root / "source"

    @property
    def libraries(self) -> Path:
        """Where the third-party libraries are installed: headers, and static libraries alone."""
        return self.root / "libraries"

    @property
    def first_stage(self) -> Path:
        """Build tree of the interpreter that is trained, or whose programs help to build the second."""
        return self.root / "first-stage"

    @property
    def build(self) -> Path:
        """Build tree of the interpreter that is delivered."""
        return self.root / "build"

    @property
    def profile(self) -> Path:
        """What training has recorded."""
        return self.root / "profile"

    @property
    def native_objects(self) -> Path:
        """Machine code that the optimising linker has made."""
        return self.root / "native-objects"

    @property
    def tree(self) -> Path:
        """The tree that goes into the archive."""
        return self.root / "tree" / "python"


def new_directory(path: Path) -> Path:
    """Make *path* an empty directory, and return it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
