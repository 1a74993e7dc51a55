"""What the glibc of a target allows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from oxidize_build import target
from oxidize_build.analyze import PackedObjects
from oxidize_build.distributions import Floor, Libc
from oxidize_build.errors import TargetError
from oxidize_build.resources import Content, ExtensionModule, Resource, SharedLibrary
from oxidize_build.runtime import Runtime
from oxidize_build.target import check_glibc, check_loadable, resolving
from oxidize_build.verify import VerifyReport

PRINT_TAGS = """
import json
from pip._vendor.packaging.tags import sys_tags
print(json.dumps([str(tag) for tag in sys_tags()]))
"""


def tags(runtime: Runtime) -> list[str]:
    """What pip, run as the build runs it, takes wheels of."""
    with resolving(runtime) as environment:
        printed = subprocess.check_output([sys.executable, "-P", "-c", PRINT_TAGS], env=environment)
    found: list[str] = json.loads(printed)
    return found


def test_wheels_for_a_newer_glibc_are_left_out(runtime: Runtime) -> None:
    limited = tags(replace(runtime, glibc_limit="2.17"))
    manylinux = {tag.split("-")[2] for tag in limited if "manylinux" in tag}
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_5_x86_64"} <= manylinux
    assert "manylinux_2_18_x86_64" not in manylinux
    assert "cp313-cp313-manylinux_2_28_x86_64" not in limited
    assert [tag for tag in limited if tag.endswith("-linux_x86_64")]
    every = tags(runtime)
    assert [tag for tag in every if tag in limited] == limited
    assert [tag for tag in every if "manylinux_2_18_x86_64" in tag]


def test_the_users_own_path_stays(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    with resolving(replace(runtime, glibc_limit="2.17")) as environment:
        first, second = environment["PYTHONPATH"].split(os.pathsep)
        assert Path(first, "_manylinux.py").is_file()
    assert second == "/some/where"
    assert not Path(first).exists()
    assert os.environ["PYTHONPATH"] == "/some/where"


def test_nothing_is_compiled_for_a_static_runtime(runtime: Runtime) -> None:
    with resolving(replace(runtime, libc="musl")) as environment:
        done = subprocess.run([environment["CC"], "-c", "x.c"], capture_output=True, text=True, check=False)
        importing = [sys.executable, "-c", "import ctypes"]
        imported = subprocess.run(importing, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "a fully static executable can load no extension modules\n")
    assert "ModuleNotFoundError" in imported.stderr


class TestLoadable:
    resources: tuple[Resource, ...] = (
        ExtensionModule("a._x", False, PurePosixPath("a/_x.so"), Content(b""), "a 1.0"),
        SharedLibrary(PurePosixPath("a.libs/liba.so"), Content(b""), "a 1.0", "liba.so"),
        SharedLibrary(PurePosixPath("libb.so"), Content(b""), "b 2.0", "libb.so"),
    )

    def test_dynamic(self, runtime: Runtime) -> None:
        check_loadable(self.resources, runtime, "app")

    def test_static_names_the_packages(self, runtime: Runtime) -> None:
        with pytest.raises(TargetError) as caught:
            check_loadable(self.resources, replace(runtime, libc="musl"), "app")
        assert caught.value.message.endswith("have some:\n  a 1.0: _x.so and 1 more\n  b 2.0: libb.so")
        assert "include = false" in (caught.value.hint or "")

    def test_static_without_any(self, runtime: Runtime) -> None:
        check_loadable((), replace(runtime, libc="musl"), "app")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An executable that needs glibc 2.28, because of one packed library."""
    needed = Floor(Libc.GLIBC, "2.28")
    packed = PackedObjects("3.14.7", 1, needed, Path("lib/libx.so"), ())  # type: ignore[arg-type]  # what is not asked for
    monkeypatch.setattr(target, "executable_floor", lambda _report: needed)
    monkeypatch.setattr(target, "packed_objects", lambda _report: packed)
    return type("Report", (), {"path": tmp_path / "app"})


@pytest.mark.parametrize("limit", [None, "2.28", "2.100"])
def test_within_the_limit(limit: str | None, report: VerifyReport) -> None:
    check_glibc(report, limit)


@pytest.mark.parametrize("limit", ["2.27", "2.4"])
def test_beyond_the_limit(limit: str, report: VerifyReport) -> None:
    message = f"app would need glibc 2.28, and the target allows {limit}: lib/libx.so needs it"
    with pytest.raises(TargetError, match=message):
        check_glibc(report, limit)
