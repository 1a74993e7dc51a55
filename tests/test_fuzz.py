"""The C reader under libFuzzer: whatever an image consists of, reading it ends and stays inside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest
import zstandard

from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue, write_image
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SharedLibrary,
    SourceModule,
)

REPOSITORY = Path(__file__).parents[1]
STUB = REPOSITORY / "stub"
SECONDS = 30 if os.environ.get("CI") else 5
TEXT = b"whatever is compressed, and said more than once: whatever is compressed"
DICTIONARY = zstandard.train_dictionary(
    512, [f"whatever {number} is compressed".encode() * 9 for number in range(99)]
)
FLAGS = (
    *("-std=gnu11", "-g", "-O1", "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"),
    *("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"),
)


def module(name: str, *, is_package: bool = False) -> SourceModule:
    path = PurePosixPath("lib", *name.split("."))
    path = path / "__init__.py" if is_package else path.with_suffix(".py")
    code = Content(b"header, 16 bytes" + name.encode())
    return SourceModule(name, is_package, path, Content(b"pass\n"), "seed", code)


def seeds() -> dict[str, list[Resource]]:
    """Return small images: they have every kind of record, and names that the fuzz target looks for."""
    package: list[Resource] = [module("flask", is_package=True), module("flask.app"), module("os")]
    library = SharedLibrary(PurePosixPath("lib/liba.so.1"), Content(b"\x7fELF"), "host", "liba.so.1")
    extension = ExtensionModule(
        "a", False, PurePosixPath("lib/a.so"), Content(b"\x7fELF"), "seed", (library.path,)
    )
    frame = zstandard.ZstdCompressor(dict_data=DICTIONARY).compress(TEXT)
    return {
        "compressed": [DataFile(PurePosixPath("a"), Content(TEXT, Content(frame)), "seed"), *package],
        "empty": [],
        "main": [module("__main__"), DataFile(PurePosixPath("bin/tool"), Content(b"#!"), "seed", True)],
        "package": package,
        "namespace": [NamespacePackage("a", PurePosixPath("lib/a"), "seed"), module("a.b")],
        "many": [module(f"m{number}") for number in range(40)],
        "library": [*package, library, extension],
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    options = (OptionValue(Option.RUN_MAIN), OptionValue(Option.SEARCH_PATH, "lib"))
    for name, resources in seeds().items():
        write_image(
            folder / name,
            resources,
            options,
            hexversion=0x030D00F0,
            cache_tag="cpython-313",
            dictionaries=[DICTIONARY.as_bytes()],
        )
    return folder


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("fuzzer") / "fuzz_image"
    sources = [
        REPOSITORY / "tests/stub/fuzz_image.c",
        *(STUB / f"{n}.c" for n in ("image", "zstd", "xxh64", "status")),
    ]
    if shutil.which("clang") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install clang and its libclang-rt-dev")
        pytest.skip("needs clang")
    command = ["clang", *FLAGS, f"-I{STUB}", "-o", str(program), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "libclang_rt.fuzzer" in done.stderr and not os.environ.get("CI"):
        pytest.skip("needs clang's libFuzzer (on Debian and Ubuntu: libclang-rt-dev)")
    assert done.returncode == 0, done.stderr
    return program


def run(fuzzer: Path, *arguments: str | Path) -> str:
    """Return what the fuzzer said; it ends with a status when it has found something."""
    folder = fuzzer.parent
    command = [fuzzer, f"-artifact_prefix={folder}/", "-print_final_stats=1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stderr


def number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    assert found, text
    return int(found[-1])


def test_the_seeds_reach_what_stands_behind_the_header(fuzzer: Path, corpus: Path, tmp_path: Path) -> None:
    """Without that, nothing but the check of the header would be fuzzed."""
    coverage = r"INITED +cov: (\d+)"
    assert number(coverage, run(fuzzer, "-runs=0", corpus)) > 3 * number(
        coverage, run(fuzzer, "-runs=0", tmp_path)
    )


@pytest.mark.slow
def test_nothing_is_found(fuzzer: Path, corpus: Path) -> None:
    said = run(fuzzer, f"-max_total_time={SECONDS}", "-timeout=10", "-seed=1", corpus)
    assert number(r"stat::number_of_executed_units: +(\d+)", said) > 1000
