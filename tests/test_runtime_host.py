"""An installed interpreter, read into the runtime model."""

from __future__ import annotations

import importlib.util
import json
import platform
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from oxidize_build.errors import RuntimeNotUsableError
from oxidize_build.runtime import host
from oxidize_build.runtime.host import host_runtime

DEBIAN = Path("/usr/bin/python3.11")
DEBIAN_HEADER = Path("/usr/include/python3.11/Python.h")


def facts_of(python: Path) -> dict[str, Any]:
    """What the probe says of *python*, to be altered by a test."""
    probe = Path(host.__file__).with_name("_host_probe.py")
    facts: dict[str, Any] = json.loads(subprocess.check_output([python, "-I", "-S", probe]))
    return facts


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What this interpreter says of itself; a test's changes to it are what host_runtime sees."""
    found = facts_of(Path(sys.executable))
    monkeypatch.setattr(host, "probe", lambda _python: found)
    return found


def test_describes_the_running_interpreter() -> None:
    runtime = host_runtime()
    assert runtime.version == platform.python_version()
    assert runtime.hexversion == sys.hexversion
    assert runtime.magic == importlib.util.MAGIC_NUMBER
    assert runtime.cache_tag == sys.implementation.cache_tag
    assert runtime.soabi == sysconfig.get_config_var("SOABI")
    assert runtime.python == Path(sys.executable)
    assert (runtime.stdlib / "os.py").is_file()
    assert runtime.dynload.is_dir()
    assert runtime.libpython.read_bytes()[:8] == b"!<arch>\n"
    assert any((path / "Python.h").is_file() for path in runtime.include_dirs)
    assert any((path / "pyconfig.h").is_file() for path in runtime.include_dirs)
    assert runtime.builtin_modules == frozenset(sys.builtin_module_names)
    assert {"os", "zipimport", "_frozen_importlib"} <= runtime.frozen_modules
    assert not any("hello" in name for name in runtime.frozen_modules)
    assert runtime.extension_suffixes[0].endswith(".so")
    assert "m" in runtime.link_libraries


def test_virtual_environment_gives_its_base(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    runtime = host_runtime(tmp_path / "env" / "bin" / "python")
    base = host_runtime()
    assert runtime.stdlib == base.stdlib
    assert runtime.libpython == base.libpython
    assert runtime.build_paths == base.build_paths
    assert not any(str(tmp_path) in path for path in runtime.build_paths)


def test_build_paths_are_directories_that_tell_something() -> None:
    paths = host_runtime().build_paths
    assert paths == tuple(sorted(paths, key=lambda path: (-len(path), path)))
    assert not {"/", "/usr", "/usr/local"} & set(paths)
    if sys.base_prefix not in {"/usr", "/usr/local"}:
        assert sys.base_prefix in paths


@pytest.mark.skipif(
    not (DEBIAN.exists() and DEBIAN_HEADER.exists()), reason="needs Debian's libpython3.11-dev"
)
def test_debian() -> None:
    runtime = host_runtime(DEBIAN)
    assert runtime.short_version == "3.11"
    assert {"z", "expat", "m"} <= set(runtime.link_libraries)
    assert len(set(runtime.link_libraries)) == len(runtime.link_libraries)
    assert "/usr" not in runtime.build_paths


def test_no_static_library(facts: dict[str, Any], tmp_path: Path) -> None:
    facts["variables"].update(LIBPL=str(tmp_path), LIBDIR=str(tmp_path / "lib"), LIBRARY="libpython9.a")
    with pytest.raises(
        RuntimeNotUsableError, match=r"no static library: libpython9\.a is in none of"
    ) as caught:
        host_runtime()
    assert str(tmp_path / "lib") in caught.value.message
    assert caught.value.hint is not None
    assert "libpython3" in caught.value.hint
    assert "pyenv install" in caught.value.hint


def test_shared_library_of_the_same_name_is_none(facts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "libpython9.a").write_bytes(b"\x7fELF")
    facts["variables"].update(LIBPL=str(tmp_path), LIBRARY="libpython9.a")
    with pytest.raises(RuntimeNotUsableError, match="no static library"):
        host_runtime()


@pytest.mark.parametrize("missing", ["Python.h", "pyconfig.h"])
def test_no_headers(facts: dict[str, Any], tmp_path: Path, missing: str) -> None:
    (tmp_path / ({"Python.h", "pyconfig.h"} - {missing}).pop()).touch()
    facts["paths"].update(include=str(tmp_path), platinclude=str(tmp_path))
    facts["variables"].update(INCLUDEPY=str(tmp_path))
    facts["base_prefix"] = str(tmp_path)
    with pytest.raises(RuntimeNotUsableError, match=f"no headers: {missing} is in none of") as caught:
        host_runtime()
    assert caught.value.hint is not None
    assert "-dev" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"implementation": "pypy"}, "is pypy, but only CPython"),
        ({"version": "3.10.13", "hexversion": 0x030A0DF0}, "is Python 3.10.13, but executables"),
    ],
)
def test_unsupported(facts: dict[str, Any], change: dict[str, Any], message: str) -> None:
    facts.update(change)
    with pytest.raises(RuntimeNotUsableError, match=message):
        host_runtime()


def test_free_threaded(facts: dict[str, Any]) -> None:
    facts["free_threaded"] = True
    runtime = host_runtime()
    assert runtime.free_threaded
    assert runtime.stdlib_path.name == f"python{runtime.short_version}t"


def test_not_an_interpreter(tmp_path: Path) -> None:
    with pytest.raises(RuntimeNotUsableError, match="not a Python interpreter that runs"):
        host_runtime(tmp_path / "python")
    true = shutil.which("true")
    assert true is not None
    with pytest.raises(RuntimeNotUsableError, match="not a Python interpreter that runs"):
        host_runtime(Path(true))
    false = shutil.which("false")
    assert false is not None
    with pytest.raises(RuntimeNotUsableError, match="cannot describe itself"):
        host_runtime(Path(false))


def test_libc_and_options(facts: dict[str, Any]) -> None:
    facts["variables"].update(
        SOABI="cpython-313-x86_64-linux-musl",
        CONFIG_ARGS="'--enable-optimizations' '--with-lto=no' '--enable-bolt' 'CFLAGS=-O2 --with-lto'",
    )
    runtime = host_runtime()
    assert (runtime.libc, runtime.optimizations) == ("musl", ("pgo", "bolt"))
    facts["variables"].update(SOABI="cpython-313-x86_64-linux-gnu", CONFIG_ARGS="'--with-lto=thin'")
    runtime = host_runtime()
    assert (runtime.libc, runtime.optimizations, runtime.free_threaded) == ("glibc", ("lto",), False)


def test_libraries_are_named_once_and_by_file_too(facts: dict[str, Any]) -> None:
    facts["variables"].update(MODLIBS="-lz  -l:libatomic.a -lm", LIBS="-ldl -lm", SYSLIBS="-Wl,-x")
    assert host_runtime().link_libraries == ("z", "atomic", "m", "dl")
