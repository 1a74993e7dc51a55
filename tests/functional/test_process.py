"""The process as the operating system sees it: files, arguments, endings, damage."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from making import names

from conftest import PROJECTS, Frontend
from oxidize_build.image import format as fmt
from oxidize_build.image.format import Section
from oxidize_build.objfile.elf import image_extent

Build = Callable[[Path], Path]


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


@pytest.fixture(scope="module")
def endings(build: Build) -> Path:
    return build(PROJECTS / "endings")


def test_dist_holds_all_executables_and_nothing_else(endings: Path) -> None:
    assert names(endings) == ["ending", "finalised", "from-script", "left", "one-liner"]


@pytest.mark.parametrize("how", ["return", "status", "text", "none", "exit", "raise", "stop", "interrupt"])
def test_it_ends_as_python_does(how: str, endings: Path) -> None:
    project = endings.parent
    python = run(sys.executable, "-m", "endings", how, cwd=project)
    packed = run(endings / "ending", how)
    assert packed.returncode == python.returncode
    assert packed.stdout == python.stdout
    mask = re.compile(r'File "[^"]*"|<frozen runpy>')
    assert mask.sub("FILE", packed.stderr) == mask.sub("FILE", python.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(number: signal.Signals, endings: Path) -> None:
    with subprocess.Popen(
        [endings / "ending", "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == -number
    assert (b"KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    assert (b"atexit ran" in output) == (number == signal.SIGINT)


def test_a_traceback_shows_packed_source(endings: Path) -> None:
    result = run(endings / "ending", "raise")
    assert 'raise ValueError("on purpose")' in result.stderr
    assert f"{endings / 'ending'}/lib/python" in result.stderr


def test_commands_and_scripts(endings: Path) -> None:
    assert run(endings / "one-liner", "a", "b").stdout == "['a', 'b'] __main__\n"
    assert run(endings / "from-script", "x").stdout == "script ['x'] __main__ True\n"


def test_the_environment_does_not_leak_in(endings: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('leaked')")
    (tmp_path / "json.py").write_text("raise SystemExit('leaked')")
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nonexistent", "PYTHONINSPECT": "1"}
    result = run(endings / "ending", "status", env={**os.environ, **hostile}, cwd=tmp_path)
    assert result.returncode == 7
    assert result.stderr == ""


def test_it_opens_nothing_but_system_libraries(hello: Path, strace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = run(strace, "-f", "-o", log, "-e", "trace=%file,%desc", hello, env={"PATH": "/usr/bin"})
    assert result.stdout == "hello\n"
    calls = log.read_text().splitlines()
    opened = [line for line in calls if re.search(r"\bopen(at)?\(", line) and "ENOENT" not in line]
    assert opened
    assert not [line for line in opened if re.search(r"O_WRONLY|O_RDWR|O_CREAT", line)]
    changing = re.compile(r"\b(creat|mkdir|memfd_create|rename|unlink|mknod|symlink|link)\w*\(")
    assert not [line for line in calls if changing.search(line)]
    allowed = re.compile(r'"(/etc/ld\.so\.(cache|preload)|(/usr)?/lib(64)?/[^"]*\.so[^"]*)"')
    assert [line for line in opened if not allowed.search(line)] == []


def test_it_survives_strip(hello: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    assert run("strip", "-o", stripped, hello).stderr == ""
    assert run(stripped).stdout == "hello\n"


def test_readelf_has_no_complaint(hello: Path) -> None:
    result = run("readelf", "-lSW", hello)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "Warning" not in result.stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", hello).stdout)
    assert set(needed) <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}


def section_table(image: bytes) -> list[tuple[int, int]]:
    table = image[fmt.HEADER.size :]
    return [fmt.SECTION.struct.unpack_from(table, i * fmt.SECTION.size)[:2] for i in range(len(Section))]


def test_every_truncation_gives_an_error(hello: Path, tmp_path: Path) -> None:
    extent = image_extent(hello)
    whole = hello.read_bytes()
    table = section_table(whole[extent.offset :])
    edges = {0, fmt.HEADER.size, *(edge for offset, size in table for edge in (offset, offset + size))}
    chance = random.Random(2)
    sizes = sorted(edges | {chance.randrange(extent.size) for _ in range(200)})
    copy = tmp_path / "cut"
    shutil.copy(hello, copy)
    for size in reversed(sizes):  # each cut is shorter than the one before
        os.truncate(copy, extent.offset + size)
        result = run(copy)
        assert result.returncode == 70, size
        assert result.stderr == f"{copy}: damaged executable: {result.stderr.split(': ')[-1]}"
        assert result.stderr.count("\n") == 1


def test_every_changed_byte_of_the_index_gives_an_error_or_does_no_harm(hello: Path, tmp_path: Path) -> None:
    extent = image_extent(hello)
    image = hello.read_bytes()[extent.offset : extent.end]
    index_end = section_table(image)[Section.DATA][0]
    copy = tmp_path / "changed"
    shutil.copy(hello, copy)
    chance = random.Random(3)
    noticed = 0
    for _ in range(500):
        position = chance.randrange(index_end)
        original = image[position]
        poke(copy, extent.offset + position, original ^ chance.randrange(1, 256))
        result = run(copy)
        poke(copy, extent.offset + position, original)
        harmless = (result.returncode, result.stdout) == (0, "hello\n")
        noticed += result.returncode == 70
        assert harmless or (result.returncode == 70 and result.stderr.count("\n") == 1), (position, result)
    assert noticed


def poke(path: Path, position: int, byte: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(bytes([byte]))


def test_verify_finds_damage_in_front_of_the_image(hello: Path, frontend: Frontend, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copy(hello, copy)
    middle = image_extent(hello).offset // 2
    poke(copy, middle, hello.read_bytes()[middle] ^ 1)
    result = frontend.run("-m", "oxidize_build", "verify", copy)
    assert (result.returncode, result.stderr.count("\n")) == (70, 1)
    stripped = tmp_path / "stripped"
    run("strip", "-o", stripped, hello)
    assert frontend.run("-m", "oxidize_build", "verify", stripped).returncode == 0


def test_verify_finds_damage(hello: Path, frontend: Frontend, tmp_path: Path) -> None:
    assert frontend.run("-m", "oxidize_build", "verify", hello).returncode == 0
    extent = image_extent(hello)
    copy = tmp_path / "copy"
    shutil.copy(hello, copy)
    middle = extent.offset + extent.size // 2
    poke(copy, middle, hello.read_bytes()[middle] ^ 1)
    result = frontend.run("-m", "oxidize_build", "verify", copy)
    assert result.returncode == 70
    assert str(copy) in result.stderr
