"""Archives of the python-build-standalone layout, and what their PYTHON.json may say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_samples import facts_of, python_json, write_tree

from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime.model import Component
from oxidize_build.runtime.python_json import read_python_json
from oxidize_build.runtime.standalone import standalone_runtime

Change = Callable[[dict[str, Any]], object]


def test_a_full_archive_whose_interpreter_runs(tmp_path: Path) -> None:
    info = python_json()
    runtime = standalone_runtime(write_tree(tmp_path, info, facts_of(info)))
    top = tmp_path / "python"
    assert (runtime.version, runtime.short_version, runtime.hexversion) == ("3.14.7", "3.14", 0x030E07F0)
    assert (runtime.soabi, runtime.cache_tag) == ("cpython-314-x86_64-linux-gnu", "cpython-314")
    assert (runtime.libc, runtime.glibc, runtime.triple) == ("glibc", "2.17", "x86_64-unknown-linux-gnu")
    assert (runtime.free_threaded, runtime.optimizations, runtime.stub) == (False, ("pgo",), None)
    assert runtime.python == top / "install/bin/python3.14"
    assert runtime.stdlib == top / "install/lib/python3.14"
    assert runtime.dynload == top / "install/lib/python3.14/lib-dynload"
    assert runtime.libpython == top / "install/lib/libpython3.14.a"
    assert runtime.include_dirs == (top / "install/include/python3.14",)
    assert runtime.link_libraries == ("m", "dl", "atomic")
    assert runtime.link_archives == (top / "build/lib/libz.a",)
    assert runtime.builtin_modules == {"sys", "math", "zlib"}
    assert runtime.frozen_modules == {"zipimport", "os"}
    assert runtime.tls_roots == ("/etc/ssl/cert.pem", "/etc/ssl/certs")
    assert set(runtime.build_paths) == {"/install", "/moved"}
    assert runtime.components == (
        Component("cpython", "3.14.7", "Python-2.0 AND CNRI-Python", (top / "licenses/LICENSE.cpython.txt",)),
        Component("z", "", "Zlib", (top / "licenses/LICENSE.zlib.txt",)),
    )
    assert standalone_runtime(top) == runtime


def test_a_full_archive_whose_interpreter_does_not_run(tmp_path: Path) -> None:
    info = python_json(
        target_triple="x86_64-unknown-linux-musl", crt_features=["static"], build_options="pgo+lto+static"
    )
    runtime = standalone_runtime(write_tree(tmp_path, info))
    assert (runtime.version, runtime.magic) == ("3.14.7", b"\x2b\x0e\r\n")
    assert (runtime.libc, runtime.glibc, runtime.triple) == ("musl", None, "x86_64-unknown-linux-musl")
    assert runtime.optimizations == ("pgo", "lto")
    assert runtime.soabi == "cpython-314-x86_64-linux-gnu"
    assert runtime.builtin_modules == {"_hashlib", "math", "zlib"}
    assert runtime.stdlib == tmp_path / "python/install/lib/python3.14"


def version_5(info: dict[str, Any]) -> None:
    """What older versions of the format lack."""
    info["version"] = "5"
    for key in ("build_options", "python_paths_abstract", "python_config_vars"):
        del info[key]


@pytest.mark.parametrize("version", ["5", "6", "7", "8", 8])
def test_versions_of_the_format(version: str | int, tmp_path: Path) -> None:
    info = python_json(version=version)
    facts = facts_of(info)
    if version == "5":
        version_5(info)
    info["version"] = version
    runtime = standalone_runtime(write_tree(tmp_path, info, facts))
    assert runtime.optimizations == ("pgo",)


def test_version_5_without_its_interpreter_running(tmp_path: Path) -> None:
    info = python_json()
    version_5(info)
    assert standalone_runtime(write_tree(tmp_path, info)).soabi == "cpython-314-x86_64-linux-gnu"


@pytest.mark.parametrize("version", ["4", "9", None, [], "x"])
def test_other_versions_of_the_format(version: object, tmp_path: Path) -> None:
    with pytest.raises(RuntimeNotUsableError, match="of its format, expected 5 to 8") as caught:
        standalone_runtime(write_tree(tmp_path, python_json(version=version)))
    assert caught.value.hint is not None


def test_an_archive_of_ours(tmp_path: Path) -> None:
    own = {
        "version": "0.1.0",
        "stub": "oxidize/stub",
        "stub_key": "abc",
        "components": [
            {"name": "cpython", "version": "3.14.7", "license": "PSF-2.0", "url": "u", "sha256": "s"},
            {
                "name": "zlib",
                "version": "1.3",
                "license": "Zlib",
                "license_file": "licenses/LICENSE.zlib.txt",
            },
        ],
    }
    info = python_json(oxidize=own, build_info={**python_json()["build_info"], "object_file_format": "x"})
    (tmp_path / "python" / "oxidize").mkdir(parents=True)
    (tmp_path / "python" / "oxidize" / "stub").write_bytes(b"\x7fELF")
    runtime = standalone_runtime(write_tree(tmp_path, info, facts_of(info)))
    assert (runtime.stub, runtime.stub_key) == (tmp_path / "python/oxidize/stub", "abc")
    license_file = tmp_path / "python/licenses/LICENSE.zlib.txt"
    assert runtime.components == (
        Component("cpython", "3.14.7", "PSF-2.0"),
        Component("zlib", "1.3", "Zlib", (license_file,)),
    )


def core(info: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = info["build_info"]["core"]
    return found


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (lambda info: info.pop("python_exe"), "python_exe: found nothing, expected a string", ""),
        (lambda info: info.update(python_exe=["a"]), r"python_exe: found \['a'\], expected a string", ""),
        (lambda info: info.update(python_exe="../x"), "found '../x', expected a path inside the archive", ""),
        (lambda info: info.update(python_exe="/bin/sh"), "expected a path inside the archive", ""),
        (lambda info: info["python_paths"].pop("stdlib"), "python_paths.stdlib: found nothing", ""),
        (lambda info: info["python_paths"].update(include="no"), "there is no directory", ""),
        (lambda info: info.update(build_info=7), "build_info: found 7, expected an object", ""),
        (
            lambda info: core(info).update(links=[3]),
            "build_info.core.links: expected an array of objects",
            "",
        ),
        (lambda info: core(info)["links"].append({}), "build_info.core.links.2.name: found nothing", ""),
        (
            lambda info: core(info)["links"].append({"name": "q", "path_static": "build/lib/libq.a"}),
            "links.2.path_static: there is no file .*libq.a",
            "",
        ),
        (lambda info: info.update(crt_features=[1]), "crt_features: expected an array of strings", ""),
        (lambda info: info.update(python_bytecode_magic_number="xx"), "expected hexadecimal digits", ""),
        (lambda info: info.update(python_implementation_name="pypy"), "is about 'pypy'", ""),
        (lambda info: info.update(python_implementation_hex_version="x"), "expected an integer", ""),
        (lambda info: core(info).pop("static_lib"), "no static library of Python, only the shared", "`full`"),
        (lambda info: info["build_info"].update(object_file_format="llvm-bitcode:%18"), "llvm", "lto"),
        (lambda info: info.update(python_version="3.14.8"), "says that .* is Python 3.14.8", "anew"),
    ],
)
def test_refused(change: Change, message: str, hint: str, tmp_path: Path) -> None:
    info = python_json()
    facts = facts_of(info)
    tree = write_tree(tmp_path, info, facts)
    change(info)
    (tree / "python" / "PYTHON.json").write_text(json.dumps(info))
    with pytest.raises(RuntimeNotUsableError, match=message) as caught:
        standalone_runtime(tree)
    assert hint in (caught.value.hint or "")


def test_old_python(tmp_path: Path) -> None:
    info = python_json("3.10.13", python_implementation_hex_version=0x030A0DF0)
    with pytest.raises(RuntimeNotUsableError, match=r"is Python 3\.10\.13"):
        standalone_runtime(write_tree(tmp_path, info))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\udcff"])
def test_no_json(text: str, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, python_json())
    (tree / "python" / "PYTHON.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RuntimeNotUsableError, match=r"PYTHON\.json (cannot be read|holds no JSON object)"):
        standalone_runtime(tree)


def paths_of(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in *value*."""
    below: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        below = [path for key, child in value.items() for path in paths_of(child, (*at, key))]
    elif isinstance(value, list | tuple):
        below = [path for i, child in enumerate(value) for path in paths_of(child, (*at, i))]
    return [at, *below]


ODD: tuple[Any, ...] = (None, 0, -1, 1.5, True, "", "x", "\0", "..", [], [None], {}, {"a": 1}, "a" * 5000)


@settings(max_examples=200)
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree = tmp_path_factory.getbasetemp() / "altered"
    info = json.loads(json.dumps(python_json()))
    if not tree.exists():
        write_tree(tree, info)
    *path, last = data.draw(st.sampled_from([path for path in paths_of(info) if path]))
    place = info
    for key in path:
        place = place[key]
    place[last] = data.draw(st.sampled_from(ODD))
    (tree / "python" / "PYTHON.json").write_text(json.dumps(info))
    with suppress(RuntimeNotUsableError):
        assert read_python_json(tree / "python").root == tree / "python"


def install_only(folder: Path, facts: dict[str, Any], *, static: bool) -> Path:
    info = python_json()
    tree = write_tree(folder, info, facts)
    shutil.move(tree / "python" / "install", tree / "install")
    shutil.rmtree(tree / "python")
    (tree / "install").rename(tree / "python")
    (tree / "python" / "bin" / "python3").symlink_to("python3.14")
    (tree / "python" / "lib" / "libpython3.14.a").unlink()
    if static:
        config = tree / "python" / "lib" / "python3.14" / "config-3.14-x86_64-linux-gnu"
        config.mkdir()
        (config / "libpython3.14.a").write_bytes(b"!<arch>\n")
    return tree


@pytest.fixture
def installed_facts(tmp_path: Path) -> dict[str, Any]:
    top = tmp_path / "python"
    return facts_of(
        python_json(),
        base_prefix=str(top),
        paths={"stdlib": str(top / "lib/python3.14"), "include": str(top / "include/python3.14")},
        variables={
            "SOABI": "cpython-314-x86_64-linux-gnu",
            "MULTIARCH": "x86_64-linux-gnu",
            "LIBPL": "/install/lib/python3.14/config-3.14-x86_64-linux-gnu",
            "LIBDIR": "/install/lib",
            "DESTSHARED": "/install/lib/python3.14/lib-dynload",
            "MODLIBS": "-lm -lz",
        },
    )


def test_install_only_with_a_static_library(tmp_path: Path, installed_facts: dict[str, Any]) -> None:
    runtime = standalone_runtime(install_only(tmp_path, installed_facts, static=True))
    config = tmp_path / "python/lib/python3.14/config-3.14-x86_64-linux-gnu"
    assert runtime.libpython == config / "libpython3.14.a"
    assert runtime.dynload == tmp_path / "python/lib/python3.14/lib-dynload"
    assert runtime.link_libraries == ("m", "z")
    assert (runtime.version, runtime.components, runtime.link_archives) == ("3.14.7", (), ())


def test_install_only_with_a_shared_library_alone(tmp_path: Path, installed_facts: dict[str, Any]) -> None:
    tree = install_only(tmp_path, installed_facts, static=False)
    with pytest.raises(RuntimeNotUsableError, match="no static library") as caught:
        standalone_runtime(tree)
    assert caught.value.hint is not None
    assert "archive of the kind `full`" in caught.value.hint


def test_nothing_of_the_kind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeNotUsableError, match="holds no Python runtime") as caught:
        standalone_runtime(tmp_path)
    assert caught.value.hint is not None
