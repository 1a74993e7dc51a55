"""Which C compiler is found, and what is said where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oxidize_build import compiler
from oxidize_build.compiler import Compiler, find_compiler
from oxidize_build.errors import CompilerError


class TestFindCompiler:
    def test_environment_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CC", "gcc -pipe")
        assert find_compiler().command == ("gcc", "-pipe")

    def test_environment_names_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CC", "no-such-compiler -O2")
        with pytest.raises(CompilerError, match="CC names no-such-compiler -O2, which does not exist"):
            find_compiler()

    def test_zig_when_there_is_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(compiler, "has_zig", lambda: True)
        monkeypatch.setattr(compiler, "run_compiler", lambda _command: "zig")
        assert find_compiler().command[:4] == (sys.executable, "-m", "ziglang", "cc")

    @pytest.mark.usefixtures("no_compiler")
    def test_none(self) -> None:
        with pytest.raises(CompilerError, match="no C compiler was found: tried") as caught:
            find_compiler()
        assert caught.value.hint is not None
        assert "apt install gcc" in caught.value.hint
        assert "oxidize-build[zig]" in caught.value.hint


class TestFindMuslCompiler:
    @pytest.fixture(autouse=True)
    def programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A directory of compilers, the only one there is."""
        folder = tmp_path / "bin"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setattr(compiler, "has_zig", lambda: False)
        add_compiler(folder / "cc", "x86_64-linux-gnu")
        return folder

    def test_one_for_another_libc_is_passed_over(
        self, programs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_compiler(programs / "musl-gcc", "x86_64-linux-gnu")
        monkeypatch.setenv("CC", "cc -pipe")
        assert find_compiler("musl").command == ("musl-gcc",)

    def test_environment_comes_first(self, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        add_compiler(programs / "musl-gcc", "x86_64-linux-gnu")
        monkeypatch.setenv("CC", "cc -target x86_64-linux-musl")
        assert find_compiler("musl").command == ("cc", "-target", "x86_64-linux-musl")

    def test_this_machine_has_musl(self, programs: Path) -> None:
        add_compiler(programs / "cc", "x86_64-alpine-linux-musl")
        assert find_compiler("musl").command == ("cc",)

    def test_zig_when_there_is_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiler, "has_zig", lambda: True)
        monkeypatch.setattr(compiler, "identify", lambda command: Compiler(command, "zig"))
        assert find_compiler("musl").command[-1].endswith("-linux-musl")

    def test_none(self) -> None:
        with pytest.raises(CompilerError, match="no C compiler for musl was found: tried") as caught:
            find_compiler("musl")
        assert "apt install musl-tools" in (caught.value.hint or "")


def add_compiler(path: Path, machine: str) -> None:
    """Write a program that says it compiles for *machine*."""
    path.write_text(f"#!/bin/sh\necho {machine}\n")
    path.chmod(0o755)
