"""The file layer in C: every function that it defines, under the sanitizers of gcc and clang."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
import zstandard

from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue, write_image
from oxidize_build.resources import Content, DataFile, NamespacePackage, Resource
from oxidize_build.stub_form import FORMS

REPOSITORY = Path(__file__).parents[1]
STUB = REPOSITORY / "stub"
TESTS = REPOSITORY / "tests" / "stub" / "files"
SOURCES = (
    *("image", "content", "zstd", "xxh64", "status", "os_linux"),
    *("tree", "tree_open", "fallbacks", "files", "attributes", "changes", "directories", "working_directory"),
    "trace",
)
FALLBACKS = [
    OptionValue(Option.FALLBACK, "/nonexistent/packed\nlib/data"),
    OptionValue(Option.FALLBACK, "/nonexistent/host\n/proc/version"),
]
BIG = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(1 << 20))


def resources() -> list[Resource]:
    """Return what tests/stub/files expects."""

    def file(path: str, data: bytes, *, executable: bool = False, compressed: bool = False) -> DataFile:
        frame = Content(zstandard.compress(data)) if compressed else None
        return DataFile(PurePosixPath(path), Content(data, frame), "test", executable=executable)

    return [
        file("bin/tool", b"#!/bin/sh\n", executable=True),
        file("lib/data/hello.txt", b"hello, world\n"),
        file("lib/data/empty.bin", b""),
        file("lib/data/big.bin", BIG, compressed=True),
        file("lib/data/sub/deeper/leaf.txt", b"leaf\n"),
        NamespacePackage("empty", PurePosixPath("lib/empty"), "test"),
        *(file(f"many/{number:03}", b"") for number in range(300)),
    ]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image"
    write_image(path, resources(), FALLBACKS, hexversion=sys.hexversion, cache_tag="cpython-313")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").write_bytes(b"stands for the executable")
    (tmp_path / "plain.txt").write_bytes(b"plain\n")
    (tmp_path / "link").symlink_to("app")
    (tmp_path / "into").symlink_to("app/lib/data")
    return tmp_path


def compile_program(compiler: Sequence[str], flags: Sequence[str], output: Path) -> None:
    sources = [*TESTS.glob("*.c"), *(STUB / f"{name}.c" for name in SOURCES)]
    common = [
        *("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-pthread"),
        "-Wno-deprecated-declarations",  # readdir_r
        *("-Wl,--wrap=syscall", f"-I{STUB}"),
    ]
    subprocess.run([*compiler, *common, *flags, "-o", output, *sources], check=True)


def run_program(program: Path, what: str, image: Path, folder: Path) -> None:
    options = {"ASAN_OPTIONS": "detect_leaks=1", "TSAN_OPTIONS": "halt_on_error=1"}
    result = subprocess.run(
        [program, what, image, folder],
        env=os.environ | options,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    ("sanitizers", "what"),
    [("address,undefined", "calls"), ("address,undefined", "threads"), ("thread", "threads")],
)
def test_every_function(
    compiler: str,
    sanitizers: str,
    what: str,
    image: Path,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    program = tmp_path_factory.mktemp("program") / "test_files"
    sanitize = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-Wl,--export-dynamic"]
    compile_program([compiler], [*sanitize, str(STUB / "os_glibc.c")], program)
    run_program(program, what, image, folder)


def test_every_function_in_a_static_program(
    musl_compiler: tuple[str, ...], image: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    form = FORMS["musl"]
    wrap = form.wrap_flags(STUB / f"{name}.c" for name in SOURCES)
    program = tmp_path_factory.mktemp("program") / "test_files"
    compile_program(musl_compiler, [*form.compile_flags, *form.link_flags, *wrap], program)
    for what in ("calls", "threads"):
        run_program(program, what, image, folder)
