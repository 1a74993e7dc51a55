"""The unpacker: what an executable begins with whose program is compressed (``stub/unpacker``).

It is a small program without libc, the same for all runtimes. One comes with a ready runtime, as a ready stub
does; otherwise it is compiled.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from oxidize_build.cache import Cache, cache_key
from oxidize_build.compiler import (
    Compiler,
    Occasion,
    find_stub_compiler,
    made_for_another_version,
    run_compiler,
)
from oxidize_build.link import stub_sources
from oxidize_build.objfile.elf_packed import pack_program, packing_identity
from oxidize_build.runtime import Runtime

FOLDER = "unpacker"
"""Directory of its sources, below the stub's."""
LINKER_SCRIPT = "unpacker.ld"
_SHARED = ("cursor.h", "xxh64.c", "xxh64.h", "zstd/zstddeclib.c")
"""Sources of the stub that it has too."""

COMPILE_FLAGS = (
    *("-std=gnu11", "-O2", "-fno-pie", "-Wall", "-Wextra", "-DNDEBUG", "-fvisibility=hidden"),
    *("-ffreestanding", "-fno-stack-protector", "-U_FORTIFY_SOURCE"),  # there is no libc
    *("-ffunction-sections", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"),
    "-fno-sanitize=undefined",  # which zig switches on
)
LINK_FLAGS = (
    *("-nostdlib", "-static", "-no-pie", "-Wl,-s", "-Wl,--gc-sections"),
    *("-Wl,--build-id=none", "-Wl,-z,noexecstack"),
)


def packed_stub(stub: Path, runtime: Runtime, cache: Cache) -> Path:
    """Return *stub*, which is of *runtime*, as one that is compressed and unpacks itself.

    Raises CompilerError when an unpacker must be compiled and cannot be, and ImageError when *stub* is too
    large.
    """
    unpacker = make_unpacker(runtime, cache)
    key = cache_key(*packing_identity(), cache.sha256(stub), cache.sha256(unpacker))
    return cache.obtain("packed-stubs", key, lambda made: pack_program(stub, unpacker, made))


def unpacker_key(sources: Path | None = None) -> str:
    """Return the digest that tells whether a ready unpacker is of the same C *sources*.

    *sources* is by default :func:`link.stub_sources`.
    """
    sources = sources or stub_sources()
    files = [*sorted((sources / FOLDER).iterdir()), *(sources / name for name in _SHARED)]
    parts: list[str | bytes] = [*COMPILE_FLAGS, *LINK_FLAGS]
    for path in files:
        parts += [path.name, path.read_bytes()]
    return cache_key(*parts)


def make_unpacker(runtime: Runtime, cache: Cache, *, compiler: Compiler | None = None) -> Path:
    """Return the unpacker for the processor of *runtime*, an executable file.

    It is the one that comes with it if that is of these sources and no *compiler* is named, else one in the
    cache, else it is compiled.

    Raises CompilerError when there is no compiler or it fails.
    """
    key = unpacker_key()
    if runtime.unpacker is not None and compiler is None and runtime.unpacker_key == key:
        return runtime.unpacker
    compiler = compiler or find_stub_compiler(runtime, _occasion(runtime))

    def make(made: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="oxidize-") as workshop:
            shutil.copyfile(_link(compiler, Path(workshop)), made)
            made.chmod(0o755)

    return cache.obtain("unpackers", cache_key(key, *compiler.command[1:], compiler.version), make)


def _occasion(runtime: Runtime) -> Occasion:
    """Say why the unpacker that *runtime* brings, if it brings one, is not used."""
    if runtime.unpacker is None:
        return Occasion(
            "compress-program = true needs an unpacker, which the runtime does not bring",
            "leave out compress-program = true",
        )
    return made_for_another_version("unpacker", runtime)


def _link(compiler: Compiler, workshop: Path) -> Path:
    """Compile and link an unpacker in the directory *workshop*."""
    sources = stub_sources()
    objects = []
    for source in [*sorted((sources / FOLDER).glob("*.c")), sources / "xxh64.c"]:
        objects.append(workshop / f"{source.stem}.o")
        run_compiler([*compiler.command, *COMPILE_FLAGS, "-c", str(source), "-o", str(objects[-1])])
    unpacker = workshop / FOLDER
    script = f"-Wl,-T,{sources / FOLDER / LINKER_SCRIPT}"
    run_compiler([*compiler.command, *LINK_FLAGS, script, *map(str, objects), "-o", str(unpacker)])
    return unpacker
