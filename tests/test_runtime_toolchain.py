"""Toolchains: what cannot be had is refused with what to install."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from oxidize_build.cache import Cache
from oxidize_build.errors import CompilerError
from oxidize_build.runtime.build import sysroots, toolchain
from oxidize_build.runtime.build.sources import Sources
from oxidize_build.runtime.build.toolchain import find_toolchain


@pytest.mark.parametrize("libc", ["", "glibc", "glibc:", "glibc:two", "glibc:2.12", "uclibc", "musl:1.2"])
def test_another_libc_is_refused(libc: str) -> None:
    with pytest.raises(CompilerError, match="libc") as raised:
        find_toolchain(libc)
    assert "2.17" in str(raised.value.hint)


def test_the_hosts_compiler_is_the_one_that_cc_names(monkeypatch: pytest.MonkeyPatch) -> None:
    gcc = shutil.which("gcc")
    monkeypatch.setenv("CC", "gcc -m64")
    found = find_toolchain("host")
    assert found.cc == (gcc, "-m64")
    assert not found.is_clang
    assert not found.is_static
    assert found.environment()["CC"] == f"{gcc} -m64"
    assert found.environment()["SOURCE_DATE_EPOCH"] == toolchain.EPOCH


@pytest.mark.parametrize("libc", ["host", "glibc:2.17", "musl"])
def test_without_clang_its_packages_are_named(
    libc: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerError, match="clang 19") as raised:
        find_toolchain(libc, lto=True)
    assert "apt install clang-19 lld-19 llvm-19 libclang-rt-19-dev" in str(raised.value.hint)


def test_without_a_compiler_gcc_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(CompilerError, match="gcc") as raised:
        find_toolchain("host")
    assert "apt install gcc" in str(raised.value.hint)


def test_without_zig_its_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CompilerError, match="zig") as raised:
        sysroots.glibc_sysroot(["clang"], "2.17", Sources(None, Cache(tmp_path)))
    assert "ziglang" in str(raised.value.hint)
