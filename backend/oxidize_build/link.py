"""The stub: the C sources of oxidize linked with a runtime's static libpython.

A stub is an ordinary executable at a fixed address, which needs nothing but libc, or not even
that: :mod:`stub_form` has the two forms. It holds a reserved segment, which :mod:`objfile` makes an
image out of (``stub/image.ld``). A dynamic one exports the C API for extension modules.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oxidize_build import __version__, archive, archive_part, stub_form
from oxidize_build import late as late_binding
from oxidize_build.archive import exported_names, write_hidden_copy
from oxidize_build.archive_part import write_part
from oxidize_build.cache import Cache, cache_key
from oxidize_build.errors import CompilerError, RuntimeNotUsableError
from oxidize_build.late import LateFunction, late_functions, late_source
from oxidize_build.objfile import neutral
from oxidize_build.objfile.elf_dynamic import read_dynamic
from oxidize_build.objfile.neutral import without_paths
from oxidize_build.runtime import Runtime
from oxidize_build.runtime.model import Libc
from oxidize_build.stub_form import FORMS, SYSTEM_LIBRARIES, StubForm

LINKER_SCRIPT = "image.ld"
DECODER = "zstd"
"""Directory of the one third-party part among the sources: zstd's own decoder, as one file."""
FIRST_SAVED, LAST_SAVED = "saved_first", "saved_last"
"""Sources whose variables are the bounds of what a snapshot saves, by the order of linking."""
LATE = "late"
"""The source that looks functions up when they are first called."""
LOADER_PREFIX = "ld-linux"

COMPILER_LIBRARIES = ("atomic",)
"""What compilers call where a processor lacks an instruction: none that executables are made for does."""
COMPILE_FLAGS = (
    *("-std=gnu11", "-O2", "-fno-pie", "-Wall", "-Wextra"),
    "-fvisibility=hidden",  # an executable's symbols come before those of all libraries
    "-DNDEBUG",  # as libpython: the assertions in its headers would name their files
    "-fno-sanitize=undefined",  # which zig switches on
)
LINK_FLAGS = (
    *("-no-pie", "-Wl,-s", "-Wl,--build-id=sha1", "-Wl,-z,relro", "-Wl,-z,noexecstack"),
    "-Wl,--wrap=syscall",  # what libpython asks the kernel for before main: os_linux.c
)

_OUTPUT_LINES = 20
_DEBIAN_PACKAGES = {
    "bz2": "libbz2-dev",
    "crypto": "libssl-dev",
    "expat": "libexpat1-dev",
    "ffi": "libffi-dev",
    "lzma": "liblzma-dev",
    "sqlite3": "libsqlite3-dev",
    "ssl": "libssl-dev",
    "uuid": "uuid-dev",
    "z": "zlib1g-dev",
}


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler that understands the options of gcc."""

    command: tuple[str, ...]
    """The program and the arguments that come first."""
    version: str
    """What it says of itself."""


def stub_sources() -> Path:
    """Return the directory of the stub's sources: in the installed package, or in a checkout."""
    packaged = Path(__file__).with_name("stub")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "stub"


def find_compiler(libc: Libc = "glibc") -> Compiler:
    """Return a compiler whose results use *libc*.

    For glibc it is the one that ``$CC`` names, else cc, gcc, clang, or zig's from PyPI. For musl it is the
    first that compiles for musl of ``$CC``, the compiler of a musl cross toolchain, musl-gcc, cc and zig's.

    Raises CompilerError when there is none, or when ``$CC`` names one that does not exist.
    """
    return _find_musl_compiler() if libc == "musl" else _find_host_compiler()


def _find_host_compiler() -> Compiler:
    named = os.environ.get("CC", "").strip()
    candidates = [tuple(shlex.split(named))] if named else [("cc",), ("gcc",), ("clang",)]
    for command in candidates:
        if shutil.which(command[0]):
            return identify(command)
    if named:
        raise CompilerError(
            f"the environment variable CC names {named}, which does not exist",
            hint="unset CC, or install that compiler",
        )
    if has_zig():
        return identify(zig(*_zig_target()))
    raise CompilerError(
        "no C compiler was found: tried $CC (not set), cc, gcc, clang, and zig of the package ziglang",
        hint="install one (on Debian and Ubuntu: apt install gcc), "
        "or put oxidize-build[zig] in build-system.requires",
    )


def _find_musl_compiler() -> Compiler:
    named = os.environ.get("CC", "").strip()
    candidates = [tuple(shlex.split(named))] if named else []
    candidates += [(f"{platform.machine()}-linux-musl-gcc",), ("musl-gcc",), ("cc",)]
    for command in candidates:
        if shutil.which(command[0]) and _is_for_musl(command):
            return identify(command)
    if has_zig():
        return identify(zig("-target", f"{platform.machine()}-linux-musl"))
    raise CompilerError(
        f"no C compiler for musl was found: tried $CC ({named or 'not set'}), "
        f"{', '.join(command for command, *_ in candidates[-3:])}, and zig of the package ziglang",
        hint="put oxidize-build[zig] in build-system.requires, "
        "or install one (on Debian and Ubuntu: apt install musl-tools)",
    )


def _is_for_musl(command: tuple[str, ...]) -> bool:
    """Whether a compiler's name or arguments, or what it says its target is, name musl."""
    return "musl" in shlex.join(command) or "musl" in run_compiler([*command, "-dumpmachine"])


def has_zig() -> bool:
    """Whether the compiler of the package ziglang is installed."""
    return importlib.util.find_spec("ziglang") is not None


def zig(*arguments: str) -> tuple[str, ...]:
    """Return the command of the package ziglang's C compiler."""
    return (sys.executable, "-m", "ziglang", "cc", *arguments)


def identify(command: tuple[str, ...]) -> Compiler:
    """Ask the compiler *command* for its version. Raises CompilerError when it does not run."""
    return Compiler(command, run_compiler([*command, "--version"]))


def stub_key(sources: Path | None = None) -> str:
    """Return the digest that tells whether a stub linked beforehand is of the same C *sources*.

    It covers the image format, which ``image_format.h`` among them states.

    Raises CompilerError when there are no sources.
    """
    sources = sources or stub_sources()
    return cache_key(*(text for form in FORMS.values() for text in _texts(form, sources)))


def make_stub(
    runtime: Runtime,
    cache: Cache,
    *,
    sources: Path | None = None,
    compiler: Compiler | None = None,
    without: Collection[str] = (),
) -> Path:
    """Return the stub for *runtime*, an executable file: the one that comes with it, or one in the cache.

    *sources* is the directory of its C files and of ``image.ld``, by default :func:`stub_sources`;
    *compiler* is by default what :func:`find_compiler` finds. A stub that comes with the runtime is taken
    if it is of these sources and no *compiler* is named, nor anything that it is to be *without*: built-in
    modules, of which those go that nothing else refers to. Otherwise one is compiled and linked, if the
    cache has none.

    Raises CompilerError when there is no compiler or it fails, and RuntimeNotUsableError when a
    library that libpython needs is not there to be linked statically.
    """
    if not runtime.platform.startswith("linux"):
        raise RuntimeNotUsableError(f"executables are made for Linux only, not for {runtime.platform}")
    sources = sources or stub_sources()
    is_whole = compiler is None and not without
    if runtime.stub is not None and is_whole and runtime.stub_key == stub_key(sources):
        return runtime.stub
    compiler = compiler or find_stub_compiler(runtime)
    form = FORMS[runtime.libc]
    libraries = static_libraries(runtime)
    key = cache_key(
        *_own_code(),
        *_texts(form, sources),
        *_headers(runtime),
        *compiler.command[1:],
        compiler.version,
        *runtime.build_paths,
        *sorted(without),
        *(cache.sha256(path) for path in (runtime.libpython, *libraries)),
    )

    def make(made: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="oxidize-") as workshop:
            objects = _compile(compiler, form, sources, runtime, Path(workshop))
            library = runtime.libpython
            if without:
                library, left_out = _part(library, without, Path(workshop))
                objects.append(_compile_left_out(compiler, left_out, Path(workshop)))
            if form.is_static:
                objects.append(_compile_symbols(compiler, library, Path(workshop)))
            hidden = _hide(libraries, Path(workshop))
            stub = Path(workshop) / "stub"
            libpython = _neutral_copy(library, runtime.build_paths, Path(workshop))
            flags = [*form.link_flags, *form.wrap_flags(_c_files(form, sources))]
            objects.sort(key=lambda path: path.stem == FIRST_SAVED)  # see stub/saved_first.c
            last = [path for path in objects if path.stem == LAST_SAVED]
            objects = [path for path in objects if path not in last]
            flags += [f"-Wl,-T,{sources / LINKER_SCRIPT}"]
            command, archives = [*compiler.command, *LINK_FLAGS, *flags], [libpython, *hidden]
            _link(command, objects, archives, last, stub)
            late = late_functions(stub) if any(path.stem == LATE for path in objects) else []
            if late:
                objects.insert(0, _compile_late(compiler, late, Path(workshop)))
                _link(command, objects, archives, last, stub)
            _check_needed(stub, form)
            shutil.copyfile(stub, made)
            made.chmod(0o755)

    return cache.obtain("stubs", key, make)


def static_libraries(runtime: Runtime) -> list[Path]:
    """Return the static libraries that *runtime* needs beside libpython and libc, in link order.

    Raises RuntimeNotUsableError when one of them is not there.
    """
    everywhere = (*SYSTEM_LIBRARIES, *COMPILER_LIBRARIES)
    others = (name for name in runtime.link_libraries if name not in everywhere)
    return [*runtime.link_archives, *(_static_library(name, runtime) for name in others)]


def find_stub_compiler(runtime: Runtime) -> Compiler:
    """Return :func:`find_compiler`'s; for a runtime for an old glibc zig's, whose results need no newer one.

    Raises CompilerError, which says why one is needed for *runtime*.
    """
    if runtime.stub is not None and runtime.glibc is not None and not os.environ.get("CC") and has_zig():
        return identify(zig("-target", f"{platform.machine()}-linux-gnu.{runtime.glibc}"))
    try:
        return find_compiler(runtime.libc)
    except CompilerError as error:
        if runtime.stub is None:
            raise
        raise CompilerError(
            f"the stub in the runtime of Python {runtime.version} was linked for another version of oxidize, "
            f"so that one must be linked anew, and {error.message}",
            hint=f"get the runtime that was built for oxidize {__version__}, or {error.hint}",
        ) from error


def _compile(
    compiler: Compiler, form: StubForm, sources: Path, runtime: Runtime, workshop: Path
) -> list[Path]:
    """Compile each source to an object file, as many at a time as there are processors."""
    includes = [f"-isystem{path}" for path in runtime.include_dirs]
    # Debian's pyconfig.h includes another one relative to /usr/include, where zig does not look
    includes += [f"-idirafter{path.parent}" for path in runtime.include_dirs]
    flags = [*COMPILE_FLAGS, *form.compile_flags, f"-ffile-prefix-map={sources}=stub", *includes]

    def compile_one(source: Path) -> Path:
        target = workshop / f"{source.stem}.o"
        run_compiler([*compiler.command, *flags, "-c", str(source), "-o", str(target)])
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, _c_files(form, sources)))


def _compile_symbols(compiler: Compiler, libpython: Path, workshop: Path) -> Path:
    """Compile a table of what *libpython* exports: a static executable has none for the dynamic loader."""
    names = exported_names(libpython)
    lines = [
        "#include <stddef.h>",
        *(f"extern const char {name}[];" for name in names),
        "const struct { const char *name; const void *address; } oxidize_symbols[] = {",
        *(f'    {{"{name}", {name}}},' for name in names),
        "};",
        "const size_t oxidize_symbol_count = sizeof oxidize_symbols / sizeof *oxidize_symbols;",
    ]
    source, target = workshop / "symbols.c", workshop / "symbols.o"
    source.write_text("\n".join([*lines, ""]), "ascii")
    run_compiler([*compiler.command, *COMPILE_FLAGS, "-c", str(source), "-o", str(target)])
    return target


def _compile_late(compiler: Compiler, functions: Sequence[LateFunction], workshop: Path) -> Path:
    """Compile *functions* as jumps to what they are found to be when they are first called."""
    source, target = workshop / "late_functions.c", workshop / "late_functions.o"
    source.write_text(late_source(functions), "ascii")
    # Compilers have some of these built in, with types of their own
    run_compiler([*compiler.command, *COMPILE_FLAGS, "-fno-builtin", "-c", str(source), "-o", str(target)])
    return target


def _part(libpython: Path, without: Collection[str], workshop: Path) -> tuple[Path, list[str]]:
    """Copy *libpython* but for the modules that it can be *without*; return the copy and their names."""
    folder = workshop / "part"
    folder.mkdir()
    copy = folder / libpython.name
    try:
        return copy, write_part(libpython, copy, without)
    except ValueError as error:
        raise RuntimeNotUsableError(f"{libpython} cannot be linked: {error}") from error


def _compile_left_out(compiler: Compiler, modules: Sequence[str], workshop: Path) -> Path:
    """Compile what the table of built-in modules names in the place of *modules*: their import fails."""
    lines = ["#include <stddef.h>", "extern void *PyExc_ImportError;"]
    lines.append("extern void PyErr_SetString(void *, const char *);")
    for name in modules:
        message = f'the built-in module {name} was left out of this executable (builtin-modules = \\"used\\")'
        lines.append(f"void *PyInit_{name}(void);")
        lines.append(
            f'void *PyInit_{name}(void) {{ PyErr_SetString(PyExc_ImportError, "{message}"); return NULL; }}'
        )
    source, target = workshop / "left_out.c", workshop / "left_out.o"
    source.write_text("\n".join([*lines, ""]), "ascii")
    run_compiler([*compiler.command, *COMPILE_FLAGS, "-c", str(source), "-o", str(target)])
    return target


def _link(
    command: Sequence[str],
    objects: Sequence[Path],
    archives: Sequence[Path],
    last: Sequence[Path],
    stub: Path,
) -> None:
    libpython, *others = map(str, archives)
    run_compiler(
        [
            *command,
            *map(str, objects),
            *("-Wl,--whole-archive", libpython, "-Wl,--no-whole-archive"),
            *("-Wl,--start-group", *others, "-Wl,--end-group", *map(str, last)),
            *("-Wl,--as-needed", *(f"-l{name}" for name in SYSTEM_LIBRARIES)),
            *("-o", str(stub)),
        ]
    )


def run_compiler(command: Sequence[str]) -> str:
    """Run the compiler; return what it prints. Raises CompilerError with the end of its output."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise CompilerError(f"{command[0]} does not run: {error}") from error
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        end = "\n".join(output.splitlines()[-_OUTPUT_LINES:])
        raise CompilerError(f"{shlex.join(command)}\nended with status {done.returncode}:\n{end}")
    return output


def _c_files(form: StubForm, sources: Path) -> list[Path]:
    """List the C files of that form. Raises CompilerError when there are none."""
    found = form.sources(sources)
    if not found:
        raise CompilerError(f"{sources} holds no C sources", hint="install oxidize-build again")
    return found


def _static_library(name: str, runtime: Runtime) -> Path:
    """Find ``lib<name>.a``: beside libpython or where the system has its libraries."""
    multiarch = runtime.soabi.split("-", 2)[-1]
    lib = runtime.stdlib.parent
    looked = [runtime.libpython.parent, lib, lib / multiarch]
    looked += [Path("/usr/local/lib"), Path("/usr/lib") / multiarch, Path("/usr/lib64"), Path("/usr/lib")]
    looked = list(dict.fromkeys(looked))
    for directory in looked:
        if (directory / f"lib{name}.a").is_file():
            return directory / f"lib{name}.a"
    package = _DEBIAN_PACKAGES.get(name, f"the one that has lib{name}.a")
    raise RuntimeNotUsableError(
        f"{runtime.libpython} needs the static library lib{name}.a, "
        f"which is in none of {', '.join(map(str, looked))}",
        hint=f"install the package with it (on Debian and Ubuntu: {package}), or use a runtime that "
        "brings it: one of `oxidize runtime build`, or python-build-standalone's archive of the kind `full`",
    )


def _hide(libraries: Iterable[Path], workshop: Path) -> list[Path]:
    """Copy *libraries* with their symbols hidden, so as not to clash with those that wheels bring."""
    copies = []
    for library in libraries:
        copy = workshop / library.name
        try:
            write_hidden_copy(library, copy)
        except ValueError as error:
            raise RuntimeNotUsableError(f"{library} cannot be linked: {error}") from error
        copies.append(copy)
    return copies


def _check_needed(stub: Path, form: StubForm) -> None:
    """Raise CompilerError when *stub* depends on more than libc, or a static one on anything."""
    dynamic = read_dynamic(stub)
    if form.is_static:
        unexpected = [name for name in (dynamic.interpreter, *dynamic.needed) if name]
    else:
        unexpected = [
            name
            for name in dynamic.needed
            if name not in form.may_need and not name.startswith(LOADER_PREFIX)
        ]
    if unexpected:
        raise CompilerError(f"the stub came to depend on {', '.join(unexpected)}, beside libc")


def _neutral_copy(library: Path, paths: Iterable[str], workshop: Path) -> Path:
    """Copy *library* without the directories of the machine that compiled it."""
    copy = workshop / library.name
    copy.write_bytes(without_paths(library.read_bytes(), paths))
    return copy


def _own_code() -> list[bytes]:
    """Return the modules that shape a stub: with any of them stubs change."""
    modules = (__file__, archive.__file__, archive_part.__file__, late_binding.__file__)
    return [Path(path).read_bytes() for path in (*modules, neutral.__file__, stub_form.__file__)]


def _texts(form: StubForm, sources: Path) -> list[str | bytes]:
    files = [*_c_files(form, sources), *sorted(sources.glob("*.h")), sources / LINKER_SCRIPT]
    files += sorted(sources.glob(f"{DECODER}/*.[ch]"))
    return [text for path in files for text in (path.name, path.read_bytes())]


def _headers(runtime: Runtime) -> list[str | bytes]:
    configurations = [path / "pyconfig.h" for path in runtime.include_dirs]
    return [runtime.version, runtime.soabi, *(path.read_bytes() for path in configurations if path.is_file())]


def _zig_target() -> tuple[str, ...]:
    """Name this machine and its glibc, which libpython was built against."""
    libc, version = platform.libc_ver()
    return ("-target", f"{platform.machine()}-linux-gnu.{version}") if libc == "glibc" else ()
