"""Which files are compressed, and that the same files give the same bytes."""

from __future__ import annotations

import os
import random
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from oxidize_build import compression
from oxidize_build.cache import Cache
from oxidize_build.compression import Compressed, compress, wants_compression
from oxidize_build.image.unpacking import unpacked
from oxidize_build.resources import (
    Content,
    DataFile,
    NamespacePackage,
    Resource,
    SharedLibrary,
    SourceModule,
)

WORDS = [f"word{number}" for number in range(400)]
NOISE = random.Random(0).randbytes(5000)


def text(seed: int) -> bytes:
    return " ".join(random.Random(seed).choices(WORDS, k=600)).encode()


def module(number: int, origin: str = "python") -> SourceModule:
    path = PurePosixPath(f"lib/m{number:03}.py")
    bytecode = Content(b"header, 16 bytes" + text(number + 1000))
    return SourceModule(f"m{number}", False, path, Content(text(number)), origin, bytecode)


def data(name: str, content: bytes, **fields: Any) -> DataFile:
    return DataFile(PurePosixPath(name), Content(content), "app", **fields)


MODULES: list[Resource] = [module(number) for number in range(200)]


def contents(compressed: Compressed) -> dict[str, bytes | None]:
    """Return what is stored in the place of each content that is compressed."""
    stored: dict[str, bytes | None] = {}
    for resource in compressed.resources:
        if isinstance(resource, NamespacePackage):
            continue
        found = {str(resource.path): resource.content}
        if isinstance(resource, SourceModule) and resource.bytecode:
            found[f"{resource.path}c"] = resource.bytecode
        for path, content in found.items():
            stored[path] = content.compressed.read() if content.compressed else None
    return stored


def test_what_is_compressed_is_the_same_when_it_is_unpacked(tmp_path: Path) -> None:
    compressed = compress(MODULES, Cache(tmp_path), default=True)
    assert len(compressed.dictionaries) == 2
    for before, after in zip(MODULES, compressed.resources, strict=True):
        assert isinstance(before, SourceModule)
        assert isinstance(after, SourceModule)
        for old, new in ((before.content, after.content), (before.bytecode, after.bytecode)):
            assert old is not None
            assert new is not None
            assert new.compressed is not None
            assert new.source == old.source
            frame = new.compressed.read()
            assert len(frame) < old.size / 2
            assert b"".join(unpacked(frame, old.size, compressed.dictionaries)) == old.source


@pytest.mark.parametrize(
    ("resource", "is_compressed"),
    [
        (data("text", text(1)), True),
        (data("noise", NOISE), False),
        (data("empty", b""), False),
        (data("tiny", b"aaaaaaaaaa"), False),
        (data("script", b"#!/usr/bin/env python3\n" + text(1), executable=True), False),
        (data("quoted", b"#!/usr/bin/env python3\n" + text(1)), True),
        (data("program", b"\x7fELF" + text(1), executable=True), True),
        (data("asked-not-to", text(1), compression=False), False),
        (SharedLibrary(PurePosixPath("lib.so"), Content(b"\x7fELF" + text(1)), "app", "lib.so"), True),
        (data("large", text(1) * 300), True),
        (data("large-noise", NOISE + random.Random(1).randbytes(1 << 20)), False),
    ],
    ids=lambda value: value.path.name if isinstance(value, DataFile | SharedLibrary) else None,
)
def test_what_is_compressed(resource: Resource, is_compressed: bool, tmp_path: Path) -> None:
    stored = contents(compress([resource], Cache(tmp_path), default=True))
    assert [frame is not None for frame in stored.values()] == [is_compressed]


def test_a_file_may_be_compressed_alone(tmp_path: Path) -> None:
    resources = [data("one", text(1), compression=True), data("other", text(2))]
    stored = contents(compress(resources, Cache(tmp_path), default=False))
    assert stored["one"] is not None
    assert stored["other"] is None
    assert wants_compression(resources, default=False)
    assert not wants_compression(resources[1:], default=False)


def test_the_result_depends_on_the_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = [*MODULES, data("large", text(1) * 300)]
    results = []
    for processors in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda count=processors: count)
        done = compress(resources, Cache(tmp_path / str(processors)), default=True)
        resources.reverse()
        results.append((done.dictionaries, contents(done)))
    assert results[0] == results[1]


def test_nothing_is_compressed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when the project has changed, whose files are no part of the dictionaries."""
    before = compress([*MODULES, module(900, "app")], Cache(tmp_path), default=True, own="app")
    made: list[str] = []
    obtain = Cache.obtain

    def noted(self: Cache, kind: str, key: str, make: Any) -> Path:
        made.extend([kind] if not self.path(kind, key).exists() else [])
        return obtain(self, kind, key, make)

    monkeypatch.setattr(Cache, "obtain", noted)
    after = compress([*MODULES, module(901, "app")], Cache(tmp_path), default=True, own="app")
    assert made == [compression.KIND] * 2
    assert after.dictionaries == before.dictionaries
    stored = contents(after)
    assert {path: stored.get(path) for path in contents(before) if "900" not in path} == {
        path: frame for path, frame in contents(before).items() if "900" not in path
    }


def test_few_files_have_no_dictionary(tmp_path: Path) -> None:
    assert compress(MODULES[:5], Cache(tmp_path), default=True).dictionaries == ()


def test_a_dictionary_that_does_not_pay_is_left_out(tmp_path: Path) -> None:
    chance = random.Random(3)
    noise: list[Resource] = [data(f"{number}", chance.randbytes(4000)) for number in range(200)]
    compressed = compress(noise, Cache(tmp_path), default=True)
    assert compressed.dictionaries == ()
    assert set(contents(compressed).values()) == {None}
