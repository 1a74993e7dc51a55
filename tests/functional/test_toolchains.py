"""Toolchains for another libc than this machine's: what they compile runs here, and needs no newer one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from oxidize_build.analyze import analyze
from oxidize_build.cache import Cache
from oxidize_build.distributions import Libc, release_key
from oxidize_build.runtime.build.sources import Sources
from oxidize_build.runtime.build.toolchain import Toolchain, find_toolchain

SOURCES = "OXIDIZE_TEST_SOURCES"
"""Environment variable: a folder of the sources of runtimes, as .ci/fetch-sources makes it."""
PROGRAM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *power(void *argument) {
    double *number = argument;
    *number = pow(*number, 2.5) + log(*number) + exp(*number);
    return NULL;
}

static void forked(void) { }

int main(int count, char **arguments) {
    double number = 2.0 * count;
    char copy[8], random[8];
    pthread_t thread;
    struct stat status;
    if (pthread_create(&thread, NULL, power, &number) || pthread_join(thread, NULL))
        return 1;
    memcpy(copy, arguments[0], sizeof copy); /* GLIBC_2.14 */
    if (copy[0] != arguments[0][0] || pthread_atfork(forked, forked, forked) || atexit(forked))
        return 2;
    int found = dlsym(RTLD_DEFAULT, "malloc") != NULL;
    if (stat(arguments[0], &status) || fcntl(1, F_GETFD) < 0 || found == STATIC)
        return 3;
    if (syscall(SYS_getrandom, random, sizeof random, 0) != sizeof random || !secure_getenv("PATH"))
        return 4;
    printf("%.3f\n", number);
    return 0;
}
"""
SAYS = "13.739\n"

pytestmark = pytest.mark.skipif(not shutil.which("clang-19"), reason="clang 19 is not installed")


def toolchain(libc: str) -> Toolchain:
    folder = os.environ.get(SOURCES)
    if libc == "musl" and folder is None:
        pytest.skip(f"{SOURCES} names no folder with the source of musl")
    if libc.startswith("glibc") and importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    sources = Sources(Path(folder) if folder else None, Cache.default())
    return find_toolchain(libc, lto=True, pgo=True, sources=sources)


def compile_and_run(tools: Toolchain, directory: Path, *flags: str) -> Path:
    """Compile the program with *flags*, see that it says what it should, and return it."""
    (directory / "program.c").write_text(PROGRAM)
    static = f"-DSTATIC={int(tools.is_static)}"
    program = directory / "program"
    command = [*tools.cc, "-O2", *tools.cflags, *flags, static, "program.c", "-o", str(program)]
    subprocess.run([*command, *tools.ldflags, "-lm", "-lpthread", "-ldl"], cwd=directory, check=True)
    done = subprocess.run([program], cwd=directory, check=True, capture_output=True, text=True)
    assert done.stdout == SAYS
    return program


@pytest.mark.parametrize("libc", ["glibc:2.17", "musl"])
def test_programs_trained_and_optimised_as_a_whole_keep_to_their_libc(libc: str, tmp_path: Path) -> None:
    tools = toolchain(libc)
    lto = ("-flto=thin", "-fno-pie", "-no-pie") if libc != "musl" else ("-flto=thin",)
    compile_and_run(tools, tmp_path, *lto, "-fprofile-generate=raw")
    assert tools.profdata is not None
    raw = list((tmp_path / "raw").iterdir())
    assert raw
    subprocess.run([tools.profdata, "merge", *raw, "-o", "profile"], cwd=tmp_path, check=True)
    program = compile_and_run(tools, tmp_path, *lto, "-fprofile-use=profile")
    floor = analyze(program).floor
    assert floor is not None
    assert floor.libc is (Libc.NONE if libc == "musl" else Libc.GLIBC)
    assert release_key(floor.version) <= (2, 17)


def test_position_independent_programs_can_be_linked_for_an_old_glibc(tmp_path: Path) -> None:
    compile_and_run(toolchain("glibc:2.17"), tmp_path, "-fPIE", "-pie")
