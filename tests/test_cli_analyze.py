"""``oxidize analyze``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from object_samples import ARM64, X86_64, macho, pe, universal

Outcome = Callable[..., int]


def test_one_line_for_each_fact(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    program = str(Path(sys.executable).resolve())
    assert outcome("analyze", program) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{program}: ELF ")
    for word in ("interpreter", "needs", "libc.so.6", "protections", "RELRO", "C library", "not on Alpine"):
        assert word in out


def test_several_files(tmp_path: Path, outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_bytes(universal((X86_64, macho(X86_64)), (ARM64, macho())))
    (tmp_path / "b").write_bytes(pe())
    assert outcome("analyze", str(tmp_path / "a"), str(tmp_path / "b")) == 0
    out = capsys.readouterr().out
    assert "Mach-O x86_64" in out
    assert "Mach-O arm64" in out
    assert f"\n\n{tmp_path / 'b'}: PE x86_64" in out


def test_json(tmp_path: Path, outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").write_bytes(pe())
    assert outcome("analyze", "--json", str(tmp_path / "b"), str(Path(sys.executable).resolve())) == 0
    windows, own = json.loads(capsys.readouterr().out)
    assert windows["path"] == str(tmp_path / "b")
    assert windows["objects"][0]["needed"] == ["KERNEL32.dll"]
    assert windows["floor"] is None
    assert own["floor"]["libc"] == "glibc"
    assert {verdict["distribution"] for verdict in own["distributions"]} >= {"Debian", "Alpine"}


@pytest.mark.parametrize("content", [b"text", b"\x7fELF\2\1\1", None])
def test_a_bad_file(
    content: bytes | None, tmp_path: Path, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    assert outcome("analyze", str(file)) == 65
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {file}: ")
    assert captured.out == ""
