"""Compilers for runtimes: this machine's, or one whose results need an older glibc, or none at all (musl)."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from oxidize_build.cache import Cache
from oxidize_build.errors import CompilerError
from oxidize_build.runtime.build.sources import Sources
from oxidize_build.runtime.build.sysroots import glibc_sysroot, musl_sysroot

Libc: TypeAlias = Literal["glibc", "musl"]

HOST = "host"
MUSL = "musl"
OLDEST_GLIBC = (2, 17)
"""That of manylinux2014, the oldest for which wheels are still made."""
OLDEST_CLANG = 19
"""The first that can compile CPython's interpreter made of tail calls."""
NEWEST_CLANG = 30
_GLIBC = re.compile(r"glibc:(\d+)\.(\d+)")
EPOCH = "315532800"
"""1980: the time that is compiled in where a source asks for the time."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A C compiler, its companions, and the libc that they compile for."""

    libc: Libc
    glibc: str | None
    """Highest version of glibc that results may need (``2.17``); None for this machine's, and for musl."""
    triple: str
    """``x86_64-unknown-linux-gnu``."""
    cc: tuple[str, ...]
    """The C compiler: an absolute path, and the arguments that choose its target."""
    cxx: tuple[str, ...]
    """The C++ compiler; its standard library is the host's, for configure scripts that insist on one."""
    ar: str
    ranlib: str
    nm: str
    strip: str
    profdata: str | None
    """``llvm-profdata`` of the same version; None for gcc."""
    objcopy: str | None
    """``llvm-objcopy`` of the same version; None for gcc."""
    cflags: tuple[str, ...]
    """What everything is compiled with."""
    ldflags: tuple[str, ...]
    """What every program is linked with."""
    is_clang: bool
    identity: str
    """Tells this compiler and libc from all others, for what is kept between builds."""
    sysroot: Path | None = None
    """Where the headers and libraries of that libc are; None for the host's own."""

    @property
    def is_static(self) -> bool:
        """Whether programs hold their libc, and can load no shared library."""
        return self.libc == "musl"

    def environment(self) -> dict[str, str]:
        """Return the whole environment in which configure scripts and makefiles are to run."""
        tools = {"AR": self.ar, "RANLIB": self.ranlib, "NM": self.nm, "STRIP": self.strip}
        if self.profdata:
            tools |= {"LLVM_AR": self.ar, "LLVM_PROFDATA": self.profdata}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 (what programs take without it)
            "LC_ALL": "C",
            "TZ": "UTC",
            "SOURCE_DATE_EPOCH": EPOCH,
            "CC": shlex.join(self.cc),
            "CXX": shlex.join(self.cxx),
            "CFLAGS": shlex.join(self.cflags),
            "CXXFLAGS": shlex.join(self.cflags),
            "LDFLAGS": shlex.join(self.ldflags),
            **tools,
        }


def find_toolchain(
    libc: str, *, lto: bool = False, pgo: bool = False, sources: Sources | None = None
) -> Toolchain:
    """Return a toolchain for *libc*: ``host``, ``glibc:2.17`` or ``musl``.

    With *lto* or *pgo*, and for another libc than the host's, it is clang's, complete with a linker and the
    profiling runtime. A libc that is not the host's is made here once, from *sources*, and cached.

    Raises CompilerError when *libc* is none of these, or when a tool is missing; ArchiveError when a source
    cannot be had.
    """
    sources = sources or Sources(None, Cache.default())
    if libc == HOST:
        return _clang_for_host() if lto or pgo else _compiler_for_host()
    if libc == MUSL:
        return _clang_for_musl(sources)
    version = _GLIBC.fullmatch(libc)
    if version is None or tuple(map(int, version.groups())) < OLDEST_GLIBC:
        raise CompilerError(
            f"runtimes cannot be built for the libc {libc!r}",
            hint=f"name {HOST}, {MUSL}, or the oldest glibc that is to do, from "
            f"glibc:{'.'.join(map(str, OLDEST_GLIBC))} on",
        )
    return _clang_for_glibc(libc.removeprefix("glibc:"), sources)


def _compiler_for_host() -> Toolchain:
    """Return $CC, or gcc, or clang, as they are."""
    chosen = shlex.split(os.environ.get("CC", "")) or [
        next((name for name in ("gcc", "clang", "cc") if shutil.which(name)), "gcc")
    ]
    path = shutil.which(chosen[0])
    if path is None:
        raise CompilerError(f"the C compiler {chosen[0]} was not found", hint=_install("gcc"))
    cc = (path, *chosen[1:])
    version = _version_of(cc)
    if "clang" in version:
        return _clang_for_host()
    return Toolchain(
        libc="glibc",
        glibc=None,
        triple=f"{platform.machine()}-unknown-linux-gnu",
        cc=cc,
        cxx=(shutil.which("g++") or path,),
        ar=_tool("ar"),
        ranlib=_tool("ranlib"),
        nm=_tool("nm"),
        strip=_tool("strip"),
        profdata=None,
        objcopy=None,
        cflags=(),
        ldflags=(),
        is_clang=False,
        identity=f"{shlex.join(cc)} {version}",
    )


def _clang_for_host() -> Toolchain:
    clang = _find_clang()
    return clang.toolchain("glibc", None, f"{platform.machine()}-unknown-linux-gnu", None)


def _clang_for_glibc(version: str, sources: Sources) -> Toolchain:
    clang = _find_clang()
    sysroot = glibc_sysroot([clang.clang], version, sources)
    return clang.toolchain("glibc", version, f"{platform.machine()}-unknown-linux-gnu", sysroot)


def _clang_for_musl(sources: Sources) -> Toolchain:
    clang = _find_clang()
    sysroot = musl_sysroot([clang.clang], clang.tool("ar"), clang.tool("ranlib"), sources)
    return clang.toolchain("musl", None, f"{platform.machine()}-unknown-linux-musl", sysroot)


@dataclass(frozen=True, slots=True)
class _Clang:
    """An installed clang and the programs of LLVM that belong to it."""

    directory: Path
    suffix: str
    """``-19`` where Debian's packages have put it, else empty."""

    @property
    def clang(self) -> str:
        return str(self.directory / f"clang{self.suffix}")

    @property
    def clangxx(self) -> str:
        return str(self.directory / f"clang++{self.suffix}")

    def tool(self, name: str) -> str:
        """Return the path of ``llvm-NAME``. Raises CompilerError when there is none."""
        program = f"llvm-{name}{self.suffix}"
        path = shutil.which(program, path=str(self.directory)) or shutil.which(program)
        if path is None:
            raise CompilerError(f"{program} was not found", hint=_INSTALL_CLANG)
        return path

    def toolchain(self, libc: Libc, glibc: str | None, triple: str, sysroot: Path | None) -> Toolchain:
        """Return the toolchain whose programs find the *libc* of *sysroot*, or the host's."""
        target: tuple[str, ...] = ()
        cflags: tuple[str, ...] = ()
        linking = ["-fuse-ld=lld"]
        if libc == "glibc" and sysroot is not None:
            # the sysroot's libraries do not say that environ and __environ are one object: a program that
            # took environ for its own (by a copy relocation) would have another one than libc
            cflags = ("-fno-direct-access-external-data",)
        if sysroot is not None:
            target = (f"--target={triple}", f"--sysroot={sysroot}")
            linking += ["--rtlib=compiler-rt", "--unwindlib=none"]  # libgcc may need this machine's glibc
        if libc == "musl":
            linking.append("-static")
        return Toolchain(
            libc=libc,
            glibc=glibc,
            triple=triple,
            cc=(self.clang, *target),
            cxx=(self.clangxx, *target),
            ar=self.tool("ar"),
            ranlib=self.tool("ranlib"),
            nm=self.tool("nm"),
            strip=self.tool("strip"),
            profdata=self.tool("profdata"),
            objcopy=self.tool("objcopy"),
            cflags=cflags,
            ldflags=tuple(linking),
            is_clang=True,
            identity=f"{_version_of((self.clang,))} {sysroot.name if sysroot else HOST}",
            sysroot=sysroot,
        )


def _find_clang() -> _Clang:
    """Return the newest clang, from OLDEST_CLANG on, that has its linker beside it."""
    for version in range(NEWEST_CLANG, OLDEST_CLANG - 1, -1):
        path = shutil.which(f"clang-{version}")
        if path and shutil.which(f"ld.lld-{version}"):
            return _Clang(Path(path).parent, f"-{version}")
    raise CompilerError(
        f"clang {OLDEST_CLANG} or newer, with lld, was not found",
        hint=_INSTALL_CLANG,
    )


def _install(*packages: str) -> str:
    return f"install it (on Debian and Ubuntu: apt install {' '.join(packages)})"


_INSTALL_CLANG = _install("clang-19", "lld-19", "llvm-19", "libclang-rt-19-dev")


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise CompilerError(f"the program {name} was not found", hint=_install("binutils"))
    return path


def _version_of(cc: tuple[str, ...]) -> str:
    """Return the first line in which the compiler describes itself. Raises CompilerError."""
    try:
        ran = subprocess.run([*cc, "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompilerError(f"the C compiler {shlex.join(cc)} does not run: {error}") from None
    return ran.stdout.partition("\n")[0].strip()
