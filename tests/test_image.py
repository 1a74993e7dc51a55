"""The image format: the Python writer against the Python and the C reader, and against damage."""

from __future__ import annotations

import random
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import xxhash
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from oxidize_build.errors import ImageError
from oxidize_build.image import c_header, config_header
from oxidize_build.image import format as fmt
from oxidize_build.image.format import ModuleKind, Option, Section
from oxidize_build.image.order import UNORDERED, UseOrder
from oxidize_build.image.reader import read_image
from oxidize_build.image.unpacking import unpacked
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
TAG = "cpython-313"
OPTIONS = (OptionValue(Option.RUN_MAIN), OptionValue(Option.SEARCH_PATH, "lib/python"))


LONG = b"".join(b"line %d of a text that is compressed\n" % number for number in range(3000))
DICTIONARY = zstandard.train_dictionary(
    1024, [b"line %d of some text that is compressed\n" % number * 5 for number in range(400)], dict_id=1
)


def compressed(data: bytes, dictionary: zstandard.ZstdCompressionDict | None = DICTIONARY) -> Content:
    return Content(data, Content(zstandard.ZstdCompressor(dict_data=dictionary).compress(data)))


def resources() -> list[Resource]:
    pyc = Content(b"header, 16 bytes" + b"code")
    return [
        SourceModule(
            "app", True, PurePosixPath("lib/python/app/__init__.py"), Content(b"x = 1\n"), "app", pyc
        ),
        SourceModule(
            "app.core", False, PurePosixPath("lib/python/app/core.py"), Content(b"y = 2\n"), "app", pyc
        ),
        SourceModule("odd", False, PurePosixPath("lib/python/odd.py"), Content(b"print 1\n"), "app"),
        DataFile(PurePosixPath("lib/python/app/data.txt"), Content(b"text"), "app"),
        DataFile(PurePosixPath("lib/python/app/long.txt"), compressed(LONG), "app"),
        DataFile(PurePosixPath("lib/python/app/alone.txt"), compressed(LONG, None), "app"),
        DataFile(PurePosixPath("bin/tool"), Content(b"#!/bin/sh\n"), "app", executable=True),
        NamespacePackage("space", PurePosixPath("lib/python/space"), "space"),
        SharedLibrary(PurePosixPath("lib/libx.so.1"), Content(b"\x7fELF x"), "host", "libx.so.1"),
        ExtensionModule(
            "space.native",
            False,
            PurePosixPath("lib/python/space/native.so"),
            Content(b"\x7fELF native"),
            "space",
            (PurePosixPath("lib/libx.so.1"),),
        ),
    ]


def write(path: Path, content: list[Resource], order: UseOrder = UNORDERED) -> bytes:
    write_image(
        path,
        content,
        OPTIONS,
        hexversion=sys.hexversion,
        cache_tag=TAG,
        dictionaries=[DICTIONARY.as_bytes()],
        order=order,
    )
    return path.read_bytes()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("image") / "image", resources())


@pytest.fixture(scope="module")
def c_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    program = tmp_path_factory.mktemp("reader") / "read_image"
    sources = [
        REPOSITORY / "tests/stub/read_image.c",
        *(STUB / f"{n}.c" for n in ("image", "content", "zstd", "xxh64", "status")),
    ]
    flags = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", f"-I{STUB}"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    subprocess.run([compiler, *flags, *sanitizers, "-o", str(program), *map(str, sources)], check=True)
    return program


NAMES = ["app", "app.core", "odd", "space", "space.native", "absent"]


def read_in_c(program: Path, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, path, *NAMES], capture_output=True, text=True, check=False)


def test_the_c_header_is_generated_from_the_definition() -> None:
    assert (STUB / "image_format.h").read_text() == c_header.generate()


def test_checksums_are_xxh64() -> None:
    assert fmt.check64(b"abc", 7) == xxhash.xxh64(b"abc", seed=7).intdigest()


def test_what_was_written_is_read(image: bytes) -> None:
    packed = read_image(memoryview(image))
    modules = {module.name: module for module in packed.modules}
    assert {name: module.kind for name, module in modules.items()} == {
        "app": ModuleKind.SOURCE,
        "app.core": ModuleKind.SOURCE,
        "odd": ModuleKind.SOURCE,
        "space": ModuleKind.NAMESPACE,
        "space.native": ModuleKind.EXTENSION,
    }
    assert modules["app"].is_package
    assert modules["app.core"].bytecode == PurePosixPath("lib/python/app/__pycache__/core.cpython-313.pyc")
    assert modules["odd"].bytecode is None
    assert packed.options == OPTIONS
    needs = {library.path.name: library.needs for library in packed.libraries}
    assert needs == {"libx.so.1": (), "native.so": (PurePosixPath("lib/libx.so.1"),)}
    contents = contents_of(image)
    assert contents["lib/python/app/data.txt"] == b"text"
    assert contents["lib/python/app/long.txt"] == contents["lib/python/app/alone.txt"] == LONG
    sizes = {file.path.name: (file.size, file.stored_size < 3000) for file in packed.files}
    assert sizes["long.txt"] == sizes["alone.txt"] == (len(LONG), True)
    assert [file.path.name for file in packed.files if file.executable] == ["tool", "libx.so.1", "native.so"]


def contents_of(image: bytes) -> dict[str, bytes]:
    packed = read_image(memoryview(image))
    return {
        str(file.path): packed.content(file, image[file.offset : file.offset + file.stored_size])
        for file in packed.files
    }


def test_contents_stand_in_the_order_of_use(tmp_path: Path) -> None:
    order = UseOrder.of(["odd", "app.core", "space.native"], ["bin/tool"])
    path = tmp_path / "image"
    pyc = Content(b"header, 16 bytes" + b"code")
    used = replace(
        next(r for r in resources() if isinstance(r, SourceModule) and r.name == "odd"), bytecode=pyc
    )
    content = [used if r.path == used.path else r for r in resources()]
    image = write(path, content, order)
    files = sorted(read_image(memoryview(image)).files, key=lambda file: file.offset)
    names = [file.path.name for file in files]
    assert [name.partition(".")[0] for name in names if name.endswith(".pyc")] == ["odd", "core", "__init__"]
    assert [name for name in names if ".so" in name] == ["native.so", "libx.so.1"]
    assert next(name for name in names if not name.endswith(".pyc") and ".so" not in name) == "tool"
    assert write(tmp_path / "again", content[::-1], order) == image


def test_pruned_modules_are_names_alone(tmp_path: Path, c_reader: Path) -> None:
    path = tmp_path / "image"
    pruned = ("absent", "app.more")
    packed = read_image(memoryview(write(path, resources(), UseOrder(pruned=pruned))))
    assert packed.pruned == pruned
    assert "absent" not in {module.name for module in packed.modules}
    assert "module absent pruned\n" in read_in_c(c_reader, path).stdout
    with pytest.raises(ImageError, match=r"module app is both .*app/__init__\.py and pruned"):
        write(path, resources(), UseOrder(pruned=("app",)))


def test_libraries_begin_on_pages_and_bytecode_on_16_bytes(image: bytes) -> None:
    for file in read_image(memoryview(image)).files:
        if ".so" in file.path.name:
            assert file.offset % fmt.PAGE == 0
        elif file.path.suffix == ".pyc":
            assert file.offset % fmt.BYTECODE_ALIGNMENT == 0


def test_the_order_of_resources_does_not_matter(image: bytes, tmp_path: Path) -> None:
    assert write(tmp_path / "reversed", resources()[::-1]) == image


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            DataFile(PurePosixPath("lib/python/app/data.txt"), Content(b""), "b"),
            "two resources claim the path",
        ),
        (
            DataFile(PurePosixPath("lib/python/app"), Content(b""), "b"),
            "both a file and a directory|two resources",
        ),
        (
            SourceModule("app", False, PurePosixPath("lib/python/app.py"), Content(b""), "b"),
            "module app is both",
        ),
        (
            SharedLibrary(
                PurePosixPath("lib/z.so"), Content(b""), "b", "z.so", (PurePosixPath("lib/no.so"),)
            ),
            "needs lib/no.so",
        ),
    ],
)
def test_contradictions_are_refused(extra: Resource, message: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=message):
        write(tmp_path / "image", [*resources(), extra])


@given(names=st.sets(st.from_regex(r"[a-zé][a-z0-9_]{0,8}", fullmatch=True), max_size=40))
def test_every_module_is_found(names: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    modules = [
        SourceModule(name, False, PurePosixPath(f"lib/{name}.py"), Content(name.encode()), "x")
        for name in sorted(names)
    ]
    data = write(tmp_path_factory.mktemp("names") / "image", list[Resource](modules))
    assert {module.name for module in read_image(memoryview(data)).modules} == names


def test_c_and_python_read_the_same(image: bytes, c_reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    result = read_in_c(c_reader, path)
    assert result.returncode == 0, result.stderr
    expected = {
        f"file {path} {len(content)} {fmt.check64(content):016x}"
        for path, content in contents_of(image).items()
    }
    assert {line for line in result.stdout.splitlines() if line.startswith("file ")} == expected
    found = [line for line in result.stdout.splitlines() if line.startswith("module ")]
    assert found == [f"module {name} {'absent' if name == 'absent' else 'present'}" for name in NAMES]


def truncations(image: bytes) -> list[int]:
    table = image[fmt.HEADER.size :]
    bounds = [fmt.SECTION.struct.unpack_from(table, i * fmt.SECTION.size)[:2] for i in range(len(Section))]
    edges = [0, fmt.HEADER.size, *(edge for offset, size in bounds for edge in (offset, offset + size))]
    return sorted({*edges, *(random.Random(0).randrange(len(image)) for _ in range(200))} - {len(image)})


def test_every_truncation_is_noticed(image: bytes, c_reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    for size in truncations(image):
        path.write_bytes(image[:size])
        result = read_in_c(c_reader, path)
        assert result.returncode == 70, (size, result)
        assert result.stderr.count("\n") == 1
        assert str(path) in result.stderr
        with pytest.raises(ImageError):
            read_image(memoryview(image[:size]))


def test_every_changed_byte_is_noticed_or_harmless(image: bytes, c_reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(image)
    whole = read_in_c(c_reader, path).stdout
    chance = random.Random(1)
    for _ in range(500):
        position = chance.randrange(len(image))
        damaged = bytearray(image)
        damaged[position] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        result = read_in_c(c_reader, path)
        assert result.returncode == 70 or (result.returncode, result.stdout) == (0, whole), position
        with pytest.raises(ImageError):
            read_image(memoryview(bytes(damaged)))


def with_file(path: Path, content: Content) -> bytes:
    return write(path, [DataFile(PurePosixPath("file"), content, "app")])


def test_memory_of_what_has_been_read_is_released(tmp_path: Path) -> None:
    large = memoryview(with_file(tmp_path / "large", Content(bytes(40 << 20))))
    small = memoryview(with_file(tmp_path / "small", Content(b"x")))
    released: list[int] = []
    for image in (large, small):
        times = len(released)
        read_image(image, lambda: released.append(0))
        assert (len(released) - times >= 3 * 4) == (image is large)  # three passes of five pieces each


def with_node(image: bytes, **fields: int) -> bytes:
    """Change node 1, the only file, and make its checksum right."""
    table = image[fmt.HEADER.size :]
    start, _, _ = fmt.SECTION.struct.unpack_from(table, Section.NODES * fmt.SECTION.size)
    start += fmt.NODE.size
    values = dict(
        zip(
            [field.name for field in fmt.NODE.fields],
            fmt.NODE.struct.unpack_from(image, start),
            strict=True,
        )
    )
    record = fmt.NODE.struct.pack(*(values | fields).values())[:-4]
    record += struct.pack("<I", fmt.check32(record, b"file", 1))
    return image[:start] + record + image[start + len(record) :]


@pytest.mark.parametrize(
    ("frame", "size", "message"),
    [
        (b"", 10, "unpacked|unpack"),
        (b"no frame of zstd", 10, "cannot be unpacked"),
        (zstandard.compress(LONG)[:-1], len(LONG), "cannot be unpacked|unpacked to"),
        (zstandard.compress(LONG) + b"more", len(LONG), "cannot be unpacked"),
        (zstandard.compress(LONG), len(LONG) - 1, "unpacked to more bytes"),
        (zstandard.compress(LONG), len(LONG) + 1, f"unpacked to {len(LONG)} bytes"),
        (zstandard.compress(b"x" * (1 << 20)), 100, "unpacked to more bytes"),
        (
            zstandard.ZstdCompressor(dict_data=DICTIONARY).compress(LONG).replace(b"\x01", b"\x07", 1),
            len(LONG),
            "cannot be unpacked",
        ),
    ],
)
def test_what_cannot_be_unpacked_is_refused(
    frame: bytes, size: int, message: str, c_reader: Path, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    image = with_node(with_file(path, Content(LONG, Content(frame))), data_size=size)
    path.write_bytes(image)
    result = read_in_c(c_reader, path)
    assert result.returncode == 70
    assert re.fullmatch(r".*: damaged executable: .* is damaged\n", result.stderr)
    with pytest.raises(ImageError, match=message):
        list(unpacked(frame, size, [DICTIONARY.as_bytes()]))


@pytest.mark.parametrize("size", [0, 1 << 26, 1 << 40, (1 << 64) - 1])
def test_no_room_is_made_for_impossible_sizes(size: int, c_reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(with_node(with_file(path, compressed(LONG)), data_size=size))
    result = read_in_c(c_reader, path)
    assert result.returncode == 70
    assert result.stderr == f"{path}: damaged executable: a packed file is damaged\n"


def test_a_damaged_dictionary_is_named(c_reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "image"
    image = with_file(path, compressed(LONG))
    damaged = bytearray(image)
    damaged[image.index(DICTIONARY.as_bytes()) + 300] ^= 1
    path.write_bytes(damaged)
    result = read_in_c(c_reader, path)
    assert result.returncode == 70
    assert "what its files were compressed with is damaged" in result.stderr


def test_the_table_of_interpreter_fields_is_generated() -> None:
    assert (STUB / "config_table.h").read_text() == config_header.generate()
