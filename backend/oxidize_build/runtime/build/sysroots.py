"""Directories that stand for another system: headers, start-up code and libc, for clang's ``--sysroot``.

For an old glibc they are taken from zig, which knows the headers and the symbols of every version, and makes
libraries that hold nothing but those symbols. For musl they are built from its source.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from oxidize_build.cache import cache_key
from oxidize_build.errors import CompilerError
from oxidize_build.runtime.build.sources import Sources, find_component

_CACHE_KIND = "sysroots"
_LIBC_SCRIPT = "GROUP ( libc.so.6 libc_nonshared.a AS_NEEDED ( {loader} ) )\n"
_LINKED_BY_NAME = ("m", "pthread", "dl", "rt", "util", "resolv")
"""The libraries beside libc, all of which glibc had as files of their own in the versions of interest."""
_ZIG_MAKES = ("crt1.o", "Scrt1.o", "libc_nonshared.a", "lib*.so.*")
_MINOR = "#ifndef __GLIBC_MINOR__\n# define __GLIBC_MINOR__ {minor}\n#endif\n"
_FORTIFY = Path(__file__).with_name("fortify.c")
_KERNEL_HEADERS = ("linux", "asm", "asm-generic", "mtd", "rdma", "sound")


def glibc_sysroot(clang: Sequence[str], version: str, sources: Sources) -> Path:
    """Return the sysroot of glibc *version*, such as ``2.17``; it is made once and then cached.

    *clang* is the command of the compiler that it is for.

    Raises CompilerError when zig is missing, or does not know that version.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise CompilerError(
            f"zig, which knows the symbols of glibc {version}, was not found",
            hint="install the package ziglang, which oxidize-build[zig] requires",
        )
    target = f"{platform.machine()}-linux-gnu.{version}"
    key = cache_key("glibc", metadata.version("ziglang"), target, Path(__file__).read_bytes())
    return sources.cache.obtain(
        _CACHE_KIND,
        key,
        lambda made: _make_glibc(clang, target, made),
        lambda entry: _is_sound(entry, "crt1.o", "Scrt1.o", "libc.so"),
    )


def musl_sysroot(clang: Sequence[str], ar: str, ranlib: str, sources: Sources) -> Path:
    """Return the sysroot of musl, for static executables; it is made once and then cached.

    *clang* is the command of the compiler that it is for and is built by.

    Raises CompilerError when it cannot be built, ArchiveError when its source cannot be had.
    """
    component = find_component("musl")
    compiler = _output([*clang, "--version"])
    key = cache_key("musl", repr(component), compiler, Path(__file__).read_bytes(), _FORTIFY.read_bytes())

    def make(made: Path) -> None:
        source = made.with_name("source")
        sources.unpack(component, source)
        _make_musl(source, [*clang], ar, ranlib, made)

    return sources.cache.obtain(_CACHE_KIND, key, make, lambda entry: _is_sound(entry, "crt1.o", "libc.a"))


def _is_sound(sysroot: Path, *files: str) -> bool:
    wanted = ["include/stdio.h", *(f"lib/{name}" for name in files)]
    return all((sysroot / "usr" / name).is_file() for name in wanted)


def _make_glibc(clang: Sequence[str], target: str, sysroot: Path) -> None:
    """Let zig link a program of each kind with nothing cached, and keep what it was linked with."""
    workshop = sysroot.with_name("zig")
    workshop.mkdir()
    (workshop / "empty.c").write_text("int main(void) { return 0; }\n", encoding="ascii")
    include, library = sysroot / "usr/include", sysroot / "usr/lib"
    library.mkdir(parents=True)
    told: list[str] = []
    for kind in ([], ["-pie", "-fPIE"]):
        told += _zig(["cc", "-target", target, "-v", *kind, "empty.c", "-o", "empty"], workshop)
    for pattern in _ZIG_MAKES:
        for path in workshop.glob(f"o/*/{pattern}"):
            shutil.copyfile(path, library / path.name)
    folders = [told[at + 1] for at, word in enumerate(told) if word == "-isystem"]
    for folder in reversed([folder for folder in folders if "/libc/include/" in folder]):
        shutil.copytree(workshop / folder, include, dirs_exist_ok=True)  # the first one that has a file wins
    features = include / "features.h"
    minor = _MINOR.format(minor=target.rpartition(".")[2])
    features.write_text(minor + features.read_text(encoding="utf-8"), encoding="utf-8")
    _name_libraries(library)
    for name in ("crti.o", "crtn.o"):  # zig's crt1.o has it all, but clang asks for them
        _output([*clang, "-x", "assembler", "-c", os.devnull, "-o", str(library / name)])
    shutil.rmtree(workshop)


def _name_libraries(library: Path) -> None:
    """Give zig's libraries in the directory *library* the names that linkers look for."""
    loader = "ld-linux-x86-64.so.2" if platform.machine() == "x86_64" else "ld-linux-aarch64.so.1"
    for path in library.glob("libld.so.*"):
        path.rename(library / loader)
    (library / "libc.so").write_text(_LIBC_SCRIPT.format(loader=loader), encoding="ascii")
    for name in _LINKED_BY_NAME:
        for path in library.glob(f"lib{name}.so.*"):
            (library / f"lib{name}.so").symlink_to(path.name)


def _zig(arguments: Sequence[str], workshop: Path) -> list[str]:
    """Run zig in *workshop*, where it also caches; return the words that it says."""
    cache = {"ZIG_GLOBAL_CACHE_DIR": str(workshop), "ZIG_LOCAL_CACHE_DIR": str(workshop)}
    text = _output([sys.executable, "-m", "ziglang", *arguments], cwd=workshop, environment=cache)
    return [word for line in text.splitlines() for word in line.split()]


def _make_musl(source: Path, clang: list[str], ar: str, ranlib: str, sysroot: Path) -> None:
    builtins = _output([*clang, "--rtlib=compiler-rt", "-print-libgcc-file-name"]).strip()
    flags = f"-O2 -ffunction-sections -fdata-sections -ffile-prefix-map={source}=."
    settings = {"CC": shlex.join(clang), "CFLAGS": flags, "AR": ar, "RANLIB": ranlib, "LIBCC": builtins}
    target = f"--target={platform.machine()}-linux-musl"
    _output(["./configure", "--prefix=/usr", "--disable-shared", target], cwd=source, environment=settings)
    make = ["make", f"-j{os.cpu_count() or 1}"]
    _output([*make, f"DESTDIR={sysroot}", "install-libs", "install-headers"], cwd=source)
    fortify = source / "fortify.o"
    options = [f"--target={platform.machine()}-unknown-linux-musl", f"--sysroot={sysroot}", "-O2"]
    _output([*clang, *options, "-c", str(_FORTIFY), "-o", str(fortify)])
    _output([ar, "rs", str(sysroot / "usr/lib/libc.a"), str(fortify)])
    _copy_kernel_headers(sysroot / "usr/include")
    licenses = sysroot / "licenses"
    licenses.mkdir()
    shutil.copyfile(source / "COPYRIGHT", licenses / "musl.txt")
    shutil.rmtree(source)


def _copy_kernel_headers(include: Path) -> None:
    """Copy this machine's headers of Linux, which musl does not bring. Raises CompilerError without them."""
    host = Path("/usr/include")
    multiarch = host / f"{platform.machine()}-linux-gnu"
    for name in _KERNEL_HEADERS:
        found = next((path for path in (host / name, multiarch / name) if path.is_dir()), None)
        if found is not None:
            shutil.copytree(found, include / name, dirs_exist_ok=True)
        elif name in {"linux", "asm", "asm-generic"}:
            raise CompilerError(
                f"the kernel's headers were not found: no {host / name}",
                hint="install them (on Debian and Ubuntu: apt install linux-libc-dev)",
            )


def _output(
    command: Sequence[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    """Return all that *command* prints. Raises CompilerError when it fails."""
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise CompilerError(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-20:])
        raise CompilerError(f"{shlex.join(command)} ended with status {done.returncode}:\n{last}")
    return done.stdout
