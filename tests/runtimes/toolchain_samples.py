"""Toolchains as they are found, of which no program is run."""

from __future__ import annotations

from dataclasses import replace

from oxidize_build.runtime.build.toolchain import Toolchain

GCC = Toolchain(
    libc="glibc",
    glibc=None,
    triple="x86_64-unknown-linux-gnu",
    cc=("/usr/bin/gcc",),
    cxx=("/usr/bin/g++",),
    ar="/usr/bin/ar",
    ranlib="/usr/bin/ranlib",
    nm="/usr/bin/nm",
    strip="/usr/bin/strip",
    profdata=None,
    objcopy=None,
    cflags=(),
    ldflags=(),
    is_clang=False,
    identity="gcc 12",
)
CLANG = replace(
    GCC, cc=("/usr/bin/clang-19",), profdata="/usr/bin/llvm-profdata-19", is_clang=True, glibc="2.17"
)
MUSL = replace(CLANG, libc="musl", glibc=None, triple="x86_64-unknown-linux-musl")
