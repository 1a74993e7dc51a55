from __future__ import annotations

import importlib.machinery
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from oxidize_build.classify import classify
from oxidize_build.collect import collect, collect_stdlib, collect_wheels, stdlib_files
from oxidize_build.errors import WheelError
from oxidize_build.policy import apply_policy
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SharedLibrary,
    SourceModule,
)

if TYPE_CHECKING:
    from oxidize_build.cache import Cache
    from oxidize_build.runtime.model import Runtime
from oxidize_build.unpacked_wheel import unpack

MakeWheel = Callable[..., Path]
SITE = "lib/python3.13/site-packages"
NATIVE = ".cpython-313-x86_64-linux-gnu.so"


def elf(*, kind: int = 3, tail: bytes = b"") -> bytes:
    """A 64-bit x86-64 object file without segments: type ET_DYN unless told otherwise."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0) + tail


LIBRARY = elf()


def summary(resource: Resource) -> str:
    """One line for a resource: its kind and, of a module, its name, with a slash after a package's."""
    match resource:
        case SourceModule() | ExtensionModule():
            kind = "source" if isinstance(resource, SourceModule) else "extension"
            return f"{kind} {resource.name}{'/' if resource.is_package else ''}"
        case NamespacePackage():
            return f"namespace {resource.name}"
        case SharedLibrary():
            return f"library {resource.soname}"
        case DataFile():
            return "program" if resource.executable else "data"


def classified(runtime: Runtime, *files: str | tuple[str, bytes], root: str = SITE) -> dict[str, str]:
    named = [(file, b"") if isinstance(file, str) else file for file in files]
    resources = classify(
        [DataFile(PurePosixPath(root, name), Content(data), "demo") for name, data in named], runtime
    )
    return {str(resource.path.relative_to(root)): summary(resource) for resource in resources}


@pytest.mark.parametrize(
    "expected",
    [
        {"a.py": "source a"},
        {"a/__init__.py": "source a/", "a/b.py": "source a.b"},
        {"a/__init__.py": "source a/", "a.py": "data", f"a{NATIVE}": "data"},
        {f"a/__init__{NATIVE}": "extension a/", "a/__init__.py": "data", "a/b.py": "source a.b"},
        {f"a{NATIVE}": "extension a", "a.abi3.so": "data", "a.py": "data"},
        {"a.abi3.so": "extension a", "a.py": "data"},
        {"a.py": "source a", "a/b.py": "data"},
        {"a": "namespace a", "a/b": "namespace a.b", "a/b/c.py": "source a.b.c"},
        {"a": "namespace a", "a/b.py": "source a.b", "a/data/x.txt": "data"},
        {"a/x.txt": "data", "a/b/y.txt": "data"},
        {"a/__init__.py": "source a/", "a/b": "namespace a.b", "a/b/c.py": "source a.b.c"},
        {"a-b/c.py": "data", "a.b/c.py": "data", "demo-1.0.dist-info/x.py": "data"},
        {"a-b/__init__.py": "data"},
        {"a-b.py": "source a-b", "a.b.py": "data", "__init__.py": "data"},
        {"0001_initial.py": "source 0001_initial", f"81d2__mypyc{NATIVE}": "extension 81d2__mypyc"},
        {"a.cpython-312-x86_64-linux-gnu.so": "data", "b.pypy310-pp73-x86_64-linux-gnu.so": "data"},
        {"a.cpython-313t-x86_64-linux-gnu.so": "data", "a.py": "source a"},
        {"py.typed": "data", "a.pyi": "data", "__pycache__/a.cpython-313.pyc": "data"},
        {"überall.py": "source überall"},
    ],
    ids=" ".join,
)
def test_modules_are_what_the_path_finder_finds(toy_runtime: Runtime, expected: dict[str, str]) -> None:
    files = [(path, LIBRARY) for path, kind in expected.items() if not kind.startswith("namespace")]
    assert classified(toy_runtime, *files) == expected


def test_names_agree_with_the_interpreter_itself(tmp_path: Path, runtime: Runtime) -> None:
    """The same tree, asked of importlib."""
    files = ["pkg/__init__.py", "pkg/mod.py", "pkg/ns/deep.py", "pkg/both.py", "pkg/both/__init__.py"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = classify([DataFile(runtime.module_roots[-1] / f, Content(b""), "demo") for f in files], runtime)
    for module in found:
        if isinstance(module, SourceModule):
            finder = importlib.machinery.FileFinder(
                str(tmp_path / module.path.relative_to(runtime.module_roots[-1]).parents[module.is_package]),
                (importlib.machinery.SourceFileLoader, [".py"]),
            )
            spec = finder.find_spec(module.name)
            assert spec is not None
            assert spec.origin is not None
            assert spec.origin.endswith(str(module.path.relative_to(runtime.module_roots[-1])))


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("demo.libs/libz-1a2b.so.1.3", LIBRARY, "library libz-1a2b.so.1.3"),
        ("demo/libfoo.so", LIBRARY, "library libfoo.so"),
        ("demo/native.so", elf(tail=b"\0PyInit_native\0"), "extension demo.native"),
        ("demo/native.so", elf(tail=b"\0PyInit_native_other\0"), "library native.so"),
        ("demo/native.so", b"", "data"),
        ("demo/script.so.txt", b"text", "data"),
        ("demo/linker.so", b"GROUP ( libc.so.6 )", "data"),
        ("demo/object.so.o", elf(kind=1), "data"),
        ("demo/libfoo.so", b"\x7fELF", "data"),
        ("demo/tool", LIBRARY, "program"),
        ("demo/tool", elf(kind=2), "program"),
        ("demo/README", b"text", "data"),
    ],
)
def test_object_files(toy_runtime: Runtime, name: str, data: bytes, kind: str) -> None:
    assert classified(toy_runtime, "demo/__init__.py", (name, data))[name] == kind


def test_object_files_on_disk(toy_runtime: Runtime, tmp_path: Path) -> None:
    kinds = {}
    for name, data in {"a.so": elf(tail=b"\0PyInit_a\0"), "b.so": LIBRARY, "c.so": b""}.items():
        (tmp_path / name).write_bytes(data)
        file = DataFile(PurePosixPath(SITE, name), Content(tmp_path / name), "demo")
        kinds[name] = summary(classify([file], toy_runtime)[0])
    assert kinds == {"a.so": "extension a", "b.so": "library b.so", "c.so": "data"}


def test_the_first_root_wins(toy_runtime: Runtime) -> None:
    found = classified(
        toy_runtime,
        "json/__init__.py",
        f"lib-dynload/_json{NATIVE}",
        "site-packages/json/__init__.py",
        "site-packages/json/extra.py",
        "site-packages/_json.py",
        "site-packages/other.py",
        root="lib/python3.13",
    )
    assert found == {
        "json/__init__.py": "source json/",
        f"lib-dynload/_json{NATIVE}": "extension _json",
        "site-packages/json/__init__.py": "data",
        "site-packages/json/extra.py": "data",
        "site-packages/_json.py": "data",
        "site-packages/other.py": "source other",
    }


def test_a_regular_package_hides_namespace_portions(toy_runtime: Runtime) -> None:
    found = classified(
        toy_runtime,
        "a/x.py",
        "site-packages/a/__init__.py",
        "b/x.py",
        "site-packages/b/y.py",
        root="lib/python3.13",
    )
    assert found == {
        "a/x.py": "data",
        "site-packages/a/__init__.py": "source a/",
        "b": "namespace b",
        "b/x.py": "source b.x",
        "site-packages/b": "namespace b",
        "site-packages/b/y.py": "source b.y",
    }


def fill(directory: Path, *names: str, text: str = "") -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def test_only_the_library_of_the_standard_librarys_directory(toy_runtime: Runtime) -> None:
    fill(
        toy_runtime.stdlib,
        *("os.py", "json/__init__.py", f"lib-dynload/math{NATIVE}", "LICENSE.txt"),
        *("json/__pycache__/x.pyc", "json/x.pyc", "site-packages/a.py", "dist-packages/a.py"),
        *("config-3.13-x86_64-linux-gnu/libpython3.13.a", "lib-dynload/x.a", "EXTERNALLY-MANAGED"),
        *("usercustomize.py",),
    )
    (toy_runtime.stdlib / "sitecustomize.py").symlink_to("os.py")
    (toy_runtime.stdlib / "broken.py").symlink_to("nowhere.py")
    assert [str(resource.path) for resource in collect_stdlib(toy_runtime)] == [
        "lib/python3.13/LICENSE.txt",
        "lib/python3.13/json/__init__.py",
        f"lib/python3.13/lib-dynload/math{NATIVE}",
        "lib/python3.13/os.py",
    ]


def test_extension_modules_may_stand_apart_from_the_library(toy_runtime: Runtime, tmp_path: Path) -> None:
    fill(tmp_path, f"elsewhere/math{NATIVE}")
    runtime = replace(toy_runtime, dynload=tmp_path / "elsewhere")
    (module,) = collect_stdlib(runtime)
    assert (summary(module), str(module.path)) == (
        "extension math",
        f"lib/python3.13/lib-dynload/math{NATIVE}",
    )
    assert module.origin == "python"


@pytest.mark.parametrize(
    "name", ["_sysconfigdata__linux_x86.py", "_sysconfig_vars__linux_x86.json", "build-details.json"]
)
def test_directories_of_the_build_are_replaced(toy_runtime: Runtime, name: str) -> None:
    fill(toy_runtime.stdlib, name, text="'/build/toy/lib', '-L/build/toy/lib64', '/build/toybox', '/build'")
    (file,) = stdlib_files(toy_runtime)
    assert file.content.read() == b"'/install', '-L/install64', '/installbox', '/build'"


def test_a_prefix_that_is_the_root_is_not_replaced(toy_runtime: Runtime) -> None:
    fill(toy_runtime.stdlib, "build-details.json", text="/usr/bin")
    (file,) = stdlib_files(replace(toy_runtime, build_paths=("/", "")))
    assert file.content.read() == b"/usr/bin"


def test_wheels_are_placed_as_in_a_virtual_environment(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime
) -> None:
    data = "demo-1.0.data"
    files = [
        "demo.py",
        f"{data}/platlib/native.py",
        f"{data}/scripts/run",
        f"{data}/data/share/x.txt",
        f"{data}/headers/x.h",
    ]
    wheel = unpack(make_wheel(files=dict.fromkeys(files, b"")), cache)
    found = {str(resource.path): summary(resource) for resource in collect_wheels([wheel], toy_runtime)}
    assert found == {
        "bin/run": "program",
        "include/site/python3.13/demo/x.h": "data",
        **{f"{SITE}/demo-1.0.dist-info/{name}": "data" for name in ("METADATA", "RECORD", "WHEEL")},
        f"{SITE}/demo.py": "source demo",
        f"{SITE}/native.py": "source native",
        "share/x.txt": "data",
    }


def test_the_same_file_of_two_distributions_is_packed_once(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime
) -> None:
    shared = {"ns/__init__.py": b"same"}
    pair = [unpack(make_wheel(name, files=shared), cache) for name in ("zeta", "Alpha")]
    found = {str(resource.path): resource for resource in collect_wheels(pair, toy_runtime)}
    assert found[f"{SITE}/ns/__init__.py"].origin == "Alpha"
    assert collect_wheels(pair[::-1], toy_runtime) == list(found.values())


def test_different_files_of_one_path_are_refused(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime
) -> None:
    pair = [unpack(make_wheel(name, files={"shared.py": name.encode()}), cache) for name in ("one", "two")]
    with pytest.raises(WheelError, match=r"one and two both contain .*/shared\.py"):
        collect_wheels(pair, toy_runtime)


def test_a_file_and_a_directory_of_one_name_are_refused(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime
) -> None:
    first = unpack(make_wheel("one", files={"thing": b""}), cache)
    second = unpack(make_wheel("two", files={"thing/a/b.py": b""}), cache)
    with pytest.raises(WheelError, match=r"one has a file .*/thing, and two a directory"):
        collect_wheels([first, second], toy_runtime)


def test_a_wheel_cannot_replace_the_standard_library(
    make_wheel: MakeWheel, cache: Cache, toy_runtime: Runtime
) -> None:
    fill(toy_runtime.stdlib, "os.py", "dataclasses.py")
    backport = unpack(make_wheel("dataclasses"), cache)
    found = {str(resource.path): summary(resource) for resource in collect([backport], toy_runtime)}
    assert found["lib/python3.13/dataclasses.py"] == "source dataclasses"
    assert found[f"{SITE}/dataclasses.py"] == "data"
    evil = unpack(make_wheel("evil", files={"evil-1.0.data/data/lib/python3.13/os.py": b"x"}), cache)
    with pytest.raises(WheelError, match=r"python and evil both contain lib/python3\.13/os\.py"):
        collect([evil], toy_runtime)


def test_the_standard_library_of_this_interpreter(runtime: Runtime) -> None:
    found = collect_stdlib(runtime)
    modules = {r.name: r for r in found if isinstance(r, SourceModule | ExtensionModule)}
    assert [r.path for r in found] == sorted({r.path for r in found})
    assert modules["json"].is_package
    assert not modules["json.decoder"].is_package
    for name in ("math", "_ssl"):
        assert name in runtime.builtin_modules or isinstance(modules[name], ExtensionModule)
    assert any(name.startswith("_sysconfigdata_") for name in modules)
    assert not any("site-packages" in r.path.parts or "__pycache__" in r.path.parts for r in found)


def test_no_text_mentions_where_this_interpreter_was_built(runtime: Runtime) -> None:
    for resource in apply_policy(collect_stdlib(runtime), runtime).kept:
        if isinstance(resource, SourceModule | DataFile):
            content = resource.content.read()
            assert not [path for path in runtime.build_paths if path.encode() in content], resource.path
