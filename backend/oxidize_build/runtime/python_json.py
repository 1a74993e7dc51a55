"""``PYTHON.json``: what an archive of the python-build-standalone layout says of itself, versions 5 to 8.

https://gregoryszorc.com/docs/python-build-standalone/main/distributions.html#python-json-file

All paths in it are relative to the directory that it is in. Beside the format's own keys this module knows
the key ``oxidize`` of the archives that oxidize itself builds, which tells of the ready-linked stub and of
the components.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias, TypeVar, cast

from oxidize_build.errors import RuntimeNotUsableError

FILE_NAME = "PYTHON.json"
VERSIONS = range(5, 9)

Json: TypeAlias = Mapping[str, object]
T = TypeVar("T")

_GLIBC = "glibc-max-symbol-version:"
_OPTIONS = ("pgo", "lto", "bolt", "debug")


@dataclass(frozen=True, slots=True)
class Link:
    """A library that some part of the runtime has to be linked with."""

    name: str
    """As after ``-l``."""
    static: Path | None
    """The static library that comes with the runtime; None for one that every system has."""


@dataclass(frozen=True, slots=True)
class ComponentEntry:
    """CPython, or a library in it."""

    name: str
    version: str
    license: str
    license_files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension module of the standard library."""

    name: str
    is_builtin: bool
    """Whether it is a part of libpython, not a shared library."""
    licenses: tuple[str, ...]
    """SPDX identifiers of the libraries that it needs."""
    license_files: tuple[Path, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class PythonJson:
    """The facts in the file that oxidize uses, checked."""

    root: Path
    """The directory that it is in."""
    version: str
    hexversion: int
    magic: bytes
    cache_tag: str
    triple: str
    """Target triple, as Rust spells it."""
    platform: str
    """As ``sysconfig.get_platform()`` says."""
    options: tuple[str, ...]
    """Build options, as ``pgo``, ``lto`` and ``freethreaded``."""
    crt_features: tuple[str, ...]
    python: Path
    """The interpreter."""
    stdlib: Path
    include_dirs: tuple[Path, ...]
    extension_suffixes: tuple[str, ...]
    config_vars: Mapping[str, str]
    """``sysconfig.get_config_vars()``; empty before version 6."""
    object_format: str
    """``elf`` or ``llvm-bitcode:<version>``."""
    libpython: Path | None
    """The static library."""
    shared_libpython: Path | None
    core_links: tuple[Link, ...]
    extensions: tuple[Extension, ...]
    licenses: tuple[str, ...]
    license_files: tuple[Path, ...]
    stub: Path | None = None
    stub_key: str = ""
    unpacker: Path | None = None
    unpacker_key: str = ""
    frozen_modules: frozenset[str] = frozenset()
    components: tuple[ComponentEntry, ...] = ()

    @property
    def is_free_threaded(self) -> bool:
        """Whether it was built without the global interpreter lock."""
        return "freethreaded" in self.options

    @property
    def glibc(self) -> str | None:
        """The highest version of glibc's symbols in it."""
        return next((name[len(_GLIBC) :] for name in self.crt_features if name.startswith(_GLIBC)), None)

    @property
    def optimizations(self) -> tuple[str, ...]:
        """Those of the build options that the runtime model knows."""
        return tuple(option for option in _OPTIONS if option in self.options)

    @property
    def links(self) -> tuple[Link, ...]:
        """What the static library needs, each library once."""
        parts = (self.core_links, *(module.links for module in self.extensions if module.is_builtin))
        return tuple({link.name: link for links in parts for link in links}.values())


def read_python_json(root: Path) -> PythonJson:
    """Read the file in the directory *root*.

    Raises RuntimeNotUsableError when it is damaged, of another version than 5 to 8, no CPython's, or
    names files that are not there.
    """
    path = root / FILE_NAME
    try:
        content: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RuntimeNotUsableError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RuntimeNotUsableError(f"{path} holds no JSON object")
    _check_version(path, content)
    return _Reader(root, content, "").read()


def _check_version(path: Path, content: Json) -> None:
    version = content.get("version")
    if str(version) not in map(str, VERSIONS):
        raise RuntimeNotUsableError(
            f"{path} is of version {version!r} of its format, expected {VERSIONS[0]} to {VERSIONS[-1]}",
            hint="use an archive of another release, or another version of oxidize",
        )
    name = content.get("python_implementation_name", "cpython")
    if name != "cpython":
        raise RuntimeNotUsableError(f"{path} is about {name!r}, but only CPython can be linked")


@dataclass(frozen=True, slots=True)
class _Reader:
    """One object of the file."""

    root: Path
    values: Json
    key: str
    """Full dotted key of the object."""

    def read(self) -> PythonJson:
        info = self.object("build_info")
        core = info.object("core")
        paths = self.object("python_paths")
        own = self.object("oxidize", optional=True)
        options = self.text("build_options", "") or self.text("optimizations", "noopt")
        free_threaded = "freethreaded" in options or self.text("python_abi_tag", "").startswith("t")
        return PythonJson(
            root=self.root,
            version=self.text("python_version"),
            hexversion=self.value("python_implementation_hex_version", int),
            magic=self.hexadecimal("python_bytecode_magic_number"),
            cache_tag=self.text("python_implementation_cache_tag"),
            triple=self.text("target_triple"),
            platform=self.text("python_platform_tag"),
            options=tuple(dict.fromkeys([*options.split("+"), *["freethreaded"] * free_threaded])),
            crt_features=self.texts("crt_features"),
            python=self.file("python_exe"),
            stdlib=paths.directory("stdlib"),
            include_dirs=tuple(dict.fromkeys([paths.directory("include"), paths.directory("platinclude")])),
            extension_suffixes=self.object("python_suffixes").texts("extension"),
            config_vars=self.object("python_config_vars", optional=True).all_texts(),
            object_format=info.text("object_file_format"),
            libpython=core.optional_file("static_lib"),
            shared_libpython=core.optional_file("shared_lib"),
            core_links=core.links(),
            extensions=tuple(info.object("extensions").extensions()),
            licenses=self.texts("licenses"),
            license_files=self.files("license_path"),
            stub=own.optional_file("stub"),
            stub_key=own.text("stub_key", ""),
            unpacker=own.optional_file("unpacker"),
            unpacker_key=own.text("unpacker_key", ""),
            frozen_modules=frozenset(own.texts("frozen_modules")),
            components=tuple(entry.component() for entry in own.objects("components")),
        )

    def value(self, name: str, kind: type[T], default: T | None = None) -> T:
        """Return the value of *name*; without a *default* it must be there, as it may not be null."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, kind):
            found = "nothing" if value is None else repr(value)[:60]
            raise self.fault(name, f"found {found}, expected {_EXPECTED[kind]}")
        return value

    def fault(self, name: str, text: str) -> RuntimeNotUsableError:
        """Return the error for the value of *name*."""
        return RuntimeNotUsableError(f"{self.root / FILE_NAME}: {self.key}{name}: {text}")

    def text(self, name: str, default: str | None = None) -> str:
        return self.value(name, str, default)

    def hexadecimal(self, name: str) -> bytes:
        text = self.text(name)
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise self.fault(name, f"found {text!r}, expected hexadecimal digits") from None

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.value(name, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self.fault(name, "expected an array of strings")
        return tuple(values)

    def all_texts(self) -> dict[str, str]:
        return {name: value for name, value in self.values.items() if isinstance(value, str)}

    def object(self, name: str, *, optional: bool = False) -> _Reader:
        values = self.value(name, dict, {} if optional else None)
        return _Reader(self.root, cast("Json", values), f"{self.key}{name}.")

    def objects(self, name: str) -> list[_Reader]:
        values = self.value(name, list, [])
        readers = [_Reader(self.root, value, f"{self.key}{name}.{i}.") for i, value in enumerate(values)]
        if not all(isinstance(value, dict) for value in values):
            raise self.fault(name, "expected an array of objects")
        return readers

    def path(self, name: str, text: str) -> Path:
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts:
            raise self.fault(name, f"found {text!r}, expected a path inside the archive")
        return self.root / path

    def file(self, name: str, text: str | None = None) -> Path:
        path = self.path(name, self.text(name) if text is None else text)
        if not os.path.isfile(path):  # noqa: PTH113 (pathlib's raises for some names)
            raise self.fault(name, f"there is no file {path}")
        return path

    def optional_file(self, name: str) -> Path | None:
        return self.file(name) if self.values.get(name) is not None else None

    def files(self, name: str) -> tuple[Path, ...]:
        """Return the files of *name*, one path or an array of them."""
        value = self.values.get(name, [])
        texts = (value,) if isinstance(value, str) else self.texts(name)
        return tuple(self.file(name, text) for text in texts)

    def directory(self, name: str) -> Path:
        path = self.path(name, self.text(name))
        if not os.path.isdir(path):  # noqa: PTH112 (the same)
            raise self.fault(name, f"there is no directory {path}")
        return path

    def links(self) -> tuple[Link, ...]:
        return tuple(
            Link(link.text("name"), link.optional_file("path_static")) for link in self.objects("links")
        )

    def extensions(self) -> Iterator[Extension]:
        for name in sorted(self.values):
            variants = self.objects(name)
            if not variants:
                continue
            first = variants[0]
            yield Extension(
                name=name,
                is_builtin=first.values.get("shared_lib") is None,
                licenses=first.texts("licenses"),
                license_files=first.files("license_paths") or first.files("license_path"),
                links=first.links(),
            )

    def component(self) -> ComponentEntry:
        return ComponentEntry(
            name=self.text("name"),
            version=self.text("version", ""),
            license=self.text("license", ""),
            license_files=self.files("license_file"),
        )


_EXPECTED: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    list: "an array",
    dict: "an object",
}
