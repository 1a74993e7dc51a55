"""The stub: the C sources of oxidize linked with a runtime's static libpython.

A stub is an ordinary executable at a fixed address, which needs nothing but libc, or not even
that: :mod:`stub_form` has the two forms. It holds a reserved segment, which :mod:`objfile` makes an
image out of (``stub/image.ld``). A dynamic one exports the C API for extension modules.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oxidize_build import archive, archive_part, stub_form
from oxidize_build import late as late_binding
from oxidize_build.archive import exported_names, write_hidden_copy
from oxidize_build.archive_part import write_part
from oxidize_build.cache import Cache, cache_key
from oxidize_build.compiler import (
    Compiler,
    Occasion,
    find_stub_compiler,
    made_for_another_version,
    run_compiler,
)
from oxidize_build.errors import CompilerError, RuntimeNotUsableError
from oxidize_build.late import LateFunction, late_functions, late_source
from oxidize_build.objfile import neutral
from oxidize_build.objfile.elf_dynamic import read_dynamic
from oxidize_build.objfile.neutral import without_paths
from oxidize_build.runtime import Runtime
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


def stub_sources() -> Path:
    """Return the directory of the stub's sources: in the installed package, or in a checkout."""
    packaged = Path(__file__).with_name("stub")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "stub"


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
    compiler = compiler or find_stub_compiler(runtime, _occasion(runtime, without))
    plan = _Plan(runtime, FORMS[runtime.libc], sources, compiler, static_libraries(runtime), without)

    def make(made: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="oxidize-") as workshop:
            shutil.copyfile(_make(plan, Path(workshop)), made)
            made.chmod(0o755)

    return cache.obtain("stubs", _key(plan, cache), make)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a stub is made of."""

    runtime: Runtime
    form: StubForm
    sources: Path
    compiler: Compiler
    libraries: Sequence[Path]
    """Static ones, beside libpython."""
    without: Collection[str]
    """Built-in modules that it need not have."""


def _occasion(runtime: Runtime, without: Collection[str]) -> Occasion | None:
    """Say why the stub that *runtime* brings is not used. None: it brings none."""
    if runtime.stub is None:
        return None
    if without:
        return Occasion(
            "the stub in the runtime has all built-in modules, and those used only are wanted",
            'leave out builtin-modules = "used"',
        )
    return made_for_another_version("stub", runtime)


def _key(plan: _Plan, cache: Cache) -> str:
    """Return the digest of all that shapes a stub."""
    return cache_key(
        *_own_code(),
        *_texts(plan.form, plan.sources),
        *_headers(plan.runtime),
        *plan.compiler.command[1:],
        plan.compiler.version,
        *plan.runtime.build_paths,
        *sorted(plan.without),
        *(cache.sha256(path) for path in (plan.runtime.libpython, *plan.libraries)),
    )


def _make(plan: _Plan, workshop: Path) -> Path:
    """Compile and link a stub in the directory *workshop*."""
    objects = _compile(plan, workshop)
    libpython = plan.runtime.libpython
    if plan.without:
        libpython, left_out = _part(libpython, plan.without, workshop)
        objects.append(_compile_left_out(plan.compiler, left_out, workshop))
    if plan.form.is_static:
        objects.append(_compile_symbols(plan.compiler, libpython, workshop))
    hidden = _hide(plan.libraries, workshop)
    archives = [_neutral_copy(libpython, plan.runtime.build_paths, workshop), *hidden]
    stub = workshop / "stub"
    _link(plan, objects, archives, stub)
    late = late_functions(stub) if any(path.stem == LATE for path in objects) else []
    if late:
        _link(plan, [_compile_late(plan.compiler, late, workshop), *objects], archives, stub)
    _check_needed(stub, plan.form)
    return stub


def static_libraries(runtime: Runtime) -> list[Path]:
    """Return the static libraries that *runtime* needs beside libpython and libc, in link order.

    Raises RuntimeNotUsableError when one of them is not there.
    """
    everywhere = (*SYSTEM_LIBRARIES, *COMPILER_LIBRARIES)
    others = (name for name in runtime.link_libraries if name not in everywhere)
    return [*runtime.link_archives, *(_static_library(name, runtime) for name in others)]


def _compile(plan: _Plan, workshop: Path) -> list[Path]:
    """Compile each source to an object file, as many at a time as there are processors."""
    folders = plan.runtime.include_dirs
    includes = [f"-isystem{path}" for path in folders]
    # Debian's pyconfig.h includes another one relative to /usr/include, where zig does not look
    includes += [f"-idirafter{path.parent}" for path in folders]
    flags = [*plan.form.compile_flags, f"-ffile-prefix-map={plan.sources}=stub", *includes]

    def compile_one(source: Path) -> Path:
        return _compile_file(plan.compiler, source, workshop, *flags)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, _c_files(plan.form, plan.sources)))


def _compile_file(compiler: Compiler, source: Path, workshop: Path, *flags: str) -> Path:
    target = workshop / f"{source.stem}.o"
    run_compiler([*compiler.command, *COMPILE_FLAGS, *flags, "-c", str(source), "-o", str(target)])
    return target


def _compile_text(compiler: Compiler, name: str, text: str, workshop: Path, *flags: str) -> Path:
    source = workshop / f"{name}.c"
    source.write_text(text, "ascii")
    return _compile_file(compiler, source, workshop, *flags)


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
    return _compile_text(compiler, "symbols", "\n".join([*lines, ""]), workshop)


def _compile_late(compiler: Compiler, functions: Sequence[LateFunction], workshop: Path) -> Path:
    """Compile *functions* as jumps to what they are found to be when they are first called."""
    # Compilers have some of these built in, with types of their own
    return _compile_text(compiler, "late_functions", late_source(functions), workshop, "-fno-builtin")


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
    return _compile_text(compiler, "left_out", "\n".join([*lines, ""]), workshop)


def _link(plan: _Plan, objects: Sequence[Path], archives: Sequence[Path], stub: Path) -> None:
    """Link *objects* and *archives*, libpython's first, in the order that snapshots rest on."""
    last = [path for path in objects if path.stem == LAST_SAVED]
    # FIRST_SAVED is the last of the objects before libpython: see stub/saved_first.c
    before = sorted((path for path in objects if path not in last), key=lambda path: path.stem == FIRST_SAVED)
    libpython, *others = map(str, archives)
    wrap_flags = plan.form.wrap_flags(_c_files(plan.form, plan.sources))
    run_compiler(
        [
            *(*plan.compiler.command, *LINK_FLAGS, *plan.form.link_flags, *wrap_flags),
            f"-Wl,-T,{plan.sources / LINKER_SCRIPT}",
            *map(str, before),
            *("-Wl,--whole-archive", libpython, "-Wl,--no-whole-archive"),
            *("-Wl,--start-group", *others, "-Wl,--end-group", *map(str, last)),
            *("-Wl,--as-needed", *(f"-l{name}" for name in SYSTEM_LIBRARIES)),
            *("-o", str(stub)),
        ]
    )


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
