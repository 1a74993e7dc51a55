"""The one record that describes a Python runtime, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

Libc: TypeAlias = Literal["glibc", "musl"]


@dataclass(frozen=True, slots=True)
class Component:
    """CPython, or a library that is a part of a runtime."""

    name: str
    version: str
    """Empty where the runtime does not say."""
    license: str
    """SPDX expression; empty where the runtime does not say."""
    license_files: tuple[Path, ...] = ()
    """Its licence texts."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A CPython that can be linked into an executable.

    After it has been found no code asks where it came from.
    """

    version: str
    """``3.13.0``, as ``platform.python_version()`` says."""
    hexversion: int
    """``sys.hexversion``: the version as one integer, as in CPython's ``patchlevel.h``."""
    magic: bytes
    """The four bytes that begin a ``.pyc`` file of this interpreter."""
    cache_tag: str
    """``cpython-313``: tag of bytecode files."""
    soabi: str
    """``cpython-313-x86_64-linux-gnu``: tag of extension modules."""
    platform: str
    """``linux-x86_64``, as ``sysconfig.get_platform()`` says."""
    python: Path
    """The interpreter, run at build time to compile bytecode and to resolve dependencies."""
    stdlib: Path
    """Directory of the standard library."""
    dynload: Path
    """Directory of the standard library's shared extension modules."""
    libpython: Path
    """The static library ``libpython3.x.a``."""
    include_dirs: tuple[Path, ...]
    """Directories of ``Python.h`` and ``pyconfig.h``."""
    link_libraries: tuple[str, ...]
    """Names (as after ``-l``) of what the static library needs beside libc."""
    extension_suffixes: tuple[str, ...]
    """File name endings of extension modules, most specific first."""
    builtin_modules: frozenset[str]
    """Names of the modules compiled into the interpreter."""
    frozen_modules: frozenset[str]
    """Names of the modules whose bytecode is compiled into the interpreter."""
    tls_roots: tuple[str, str] | None
    """File and directory in which its OpenSSL looks for trusted certificates; None without ``ssl``."""
    build_paths: tuple[str, ...]
    """Directories of the building machine that the runtime's own files mention."""
    libc: Libc
    """The C library that it was compiled for. One for musl is linked into a fully static executable."""
    glibc: str | None
    """The oldest glibc that its own code runs with, as ``2.17``; None with musl, and where nobody knows."""
    glibc_limit: str | None
    """The newest glibc that anything packed with it may need, as the target says; None: there is no limit."""
    free_threaded: bool
    """Whether it runs without the global interpreter lock (PEP 703)."""
    link_archives: tuple[Path, ...] = ()
    """Third-party static libraries that come with it and that the static library needs, in link order."""
    stub: Path | None = None
    """A stub that comes with it, linked beforehand; None where one must be linked."""
    stub_key: str = ""
    """Digest of the sources that the stub was made of (``link.stub_key``)."""
    unpacker: Path | None = None
    """An unpacker that comes with it (``unpacker.py``); None where one must be compiled."""
    unpacker_key: str = ""
    """Digest of the sources that the unpacker was made of."""
    optimizations: tuple[str, ...] = ()
    """What the compiler was asked for: of ``pgo``, ``lto``, ``bolt`` and ``debug``."""
    components: tuple[Component, ...] = ()
    """What it is made of, CPython first; empty where the runtime does not say."""

    @property
    def is_static(self) -> bool:
        """Whether its executables have libc linked in, and can load no shared libraries."""
        return self.libc == "musl"

    @property
    def short_version(self) -> str:
        """``3.13``."""
        return ".".join(self.version.split(".")[:2])

    @property
    def directory_name(self) -> str:
        """Name of its directories, as CPython has it: ``python3.13``, or ``python3.14t`` if free-threaded."""
        return f"python{self.short_version}{'t' if self.free_threaded else ''}"

    @property
    def triple(self) -> str:
        """Target triple, as Rust spells it: ``x86_64-unknown-linux-gnu``."""
        abi = "musl" if self.libc == "musl" else "gnu"
        return f"{self.platform.rpartition('-')[2]}-unknown-linux-{abi}"

    @property
    def stdlib_path(self) -> PurePosixPath:
        """Where the standard library stands in the executable's tree."""
        return _module_roots(self.directory_name)[0]

    @property
    def module_roots(self) -> tuple[PurePosixPath, ...]:
        """The directories of the tree that are on ``sys.path``, in that order."""
        return _module_roots(self.directory_name)


@cache
def _module_roots(directory_name: str) -> tuple[PurePosixPath, ...]:
    stdlib = PurePosixPath("lib") / directory_name
    return (stdlib, stdlib / "lib-dynload", stdlib / "site-packages")
