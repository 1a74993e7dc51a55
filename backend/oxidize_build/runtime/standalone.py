"""An unpacked archive, of python-build-standalone's layout or of oxidize's own, as a :class:`Runtime`.

An archive of the kind *full* holds ``python/PYTHON.json``; one of the kind *install_only* holds an
installation alone, which is asked about itself as an interpreter of this machine is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime.host import (
    Facts,
    check_supported,
    header_directories,
    library_name,
    link_libraries,
    probe,
    runtime_of,
    static_library,
)
from oxidize_build.runtime.model import Component, Runtime
from oxidize_build.runtime.python_json import FILE_NAME, PythonJson, read_python_json

TOP = "python"
"""The directory that all members of an archive are in."""
FULL_HINT = (
    "use the archive of the kind `full` of the same release, which holds the static library and all that "
    "it is linked with"
)


def standalone_runtime(directory: Path) -> Runtime:
    """Return the runtime in *directory*, where an archive has been unpacked.

    Raises RuntimeNotUsableError when there is none, when it is damaged, not supported, or holds nothing that
    can be linked.
    """
    root = _root(directory)
    if (root / FILE_NAME).is_file():
        return _full(read_python_json(root))
    if not (root / "bin" / "python3").exists():
        raise RuntimeNotUsableError(
            f"{directory} holds no Python runtime: neither {FILE_NAME} nor bin/python3",
            hint="name an archive of python-build-standalone or of `oxidize runtime build`, or its content",
        )
    return _install_only(root / "bin" / "python3")


def _root(directory: Path) -> Path:
    top = directory / TOP
    return top if top.is_dir() and not (directory / FILE_NAME).is_file() else directory


def _install_only(python: Path) -> Runtime:
    facts = probe(python)
    check_supported(python, facts)
    return runtime_of(
        python,
        facts,
        libpython=static_library(python, facts, hint=FULL_HINT),
        include_dirs=header_directories(python, facts),
        link_libraries=link_libraries(facts),
    )


def _full(info: PythonJson) -> Runtime:
    facts = _facts(info)
    check_supported(info.python, facts)
    described = runtime_of(
        info.python,
        facts,
        libpython=_libpython(info),
        include_dirs=info.include_dirs,
        link_libraries=tuple(library_name(link.name) for link in info.links if link.static is None),
    )
    return replace(
        described,
        libc="musl" if "-musl" in info.triple else "glibc",
        glibc=info.glibc,
        optimizations=info.optimizations,
        link_archives=tuple(link.static for link in info.links if link.static is not None),
        stub=info.stub,
        stub_key=info.stub_key,
        unpacker=info.unpacker,
        unpacker_key=info.unpacker_key,
        components=tuple(_components(info)),
    )


def _facts(info: PythonJson) -> Facts:
    """Return what the interpreter tells of itself or, where it does not run here, what the file says."""
    try:
        facts = probe(info.python)
    except RuntimeNotUsableError:
        return _stated_facts(info)
    if facts["version"] != info.version:
        raise RuntimeNotUsableError(
            f"{info.root / FILE_NAME} says that {info.python} is Python {info.version}, "
            f"but it is {facts['version']}",
            hint="unpack the archive anew",
        )
    return facts


def _stated_facts(info: PythonJson) -> Facts:
    suffix = info.extension_suffixes[0] if info.extension_suffixes else ""
    return {
        "implementation": "cpython",
        "version": info.version,
        "hexversion": info.hexversion,
        "free_threaded": info.is_free_threaded,
        "magic": info.magic.hex(),
        "cache_tag": info.cache_tag,
        "platform": info.platform,
        "base_prefix": str(info.python.parent.parent),
        "extension_suffixes": info.extension_suffixes,
        "builtin_modules": [module.name for module in info.extensions if module.is_builtin],
        "frozen_modules": info.frozen_modules,
        "paths": {"stdlib": str(info.stdlib)},
        "tls_roots": None,
        "variables": {"SOABI": suffix.removeprefix(".").removesuffix(".so"), **info.config_vars},
    }


def _libpython(info: PythonJson) -> Path:
    """Return the static library. Raises RuntimeNotUsableError when there is none that can be linked."""
    if info.libpython is None:
        shared = f", only the shared {info.shared_libpython.name}" if info.shared_libpython else ""
        raise RuntimeNotUsableError(
            f"the runtime in {info.root} has no static library of Python{shared}", hint=FULL_HINT
        )
    if info.object_format != "elf" and info.stub is None:
        raise RuntimeNotUsableError(
            f"the runtime in {info.root} consists of {info.object_format}, which only one compiler can link",
            hint="use an archive of the same release whose name does not say lto",
        )
    return info.libpython


def _components(info: PythonJson) -> Iterable[Component]:
    """Yield what the archive lists, or else CPython and the libraries that its modules are linked with."""
    if info.components:
        for entry in info.components:
            yield Component(entry.name, entry.version, entry.license, entry.license_files)
        return
    yield Component("cpython", info.version, " AND ".join(info.licenses), info.license_files)
    seen: set[str] = set()
    for module in info.extensions:
        for link in module.links:
            if module.is_builtin and link.static is not None and link.name not in seen:
                seen.add(link.name)
                yield Component(link.name, "", " AND ".join(module.licenses), module.license_files)
