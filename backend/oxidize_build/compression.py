"""Files compressed by zstd, each alone, so that using one costs nothing of the others.

Files as small as modules have little to refer back to. So each kind of them has a dictionary, trained over
what the executable has of that kind: what they have in common stands in the image once. The project's own
files are no samples, that a change of one of them may not change how all others are compressed.

The same files give the same bytes, on however many processors; each result is in the cache.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import zstandard

from oxidize_build.cache import Cache, cache_key
from oxidize_build.program import OWN
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SharedLibrary,
    SourceModule,
)

KIND = "compressed"
"""Kind of cache entry: a zstd frame, or nothing where a file is not worth being compressed."""
DICTIONARY_KIND = "dictionaries"
"""Kind of cache entry: a dictionary of zstd, or nothing where that saves less than it takes."""

_LEVEL = 15
"""For most files. Higher levels save one hundredth more, for three times as long."""
_LARGE = 1 << 20
"""From this size on in bytes, all processors work at one file, and no dictionary helps."""
_LARGE_LEVEL = 9
"""Higher levels take minutes for libraries as large as there are, and save one tenth of them."""
_BYTECODE_MATCH = 6
"""In bytes: shorter repetitions in bytecode are not looked for. Decompressing takes a fifth less then, which
each start of a program pays, and the result is 7 % larger."""
_TYPICAL = 1 << 18
"""In bytes: the size of files that the compressor of bytecode is set up for."""
_SMALLEST = 64
_WORTH = 0.95
"""What is stored instead of a file must not be larger than this part of it."""

_DICTIONARY_LIMIT = 112 << 10
"""In bytes. What zstd's own command makes at most."""
_DICTIONARY_SHARE = 64
"""The samples are so many times as large as the dictionary, or larger."""
_SMALLEST_DICTIONARY = 4 << 10
_SAMPLES_LIMIT = 16 << 20
"""In bytes. More samples make no better dictionary."""
_SEGMENT, _WINDOW = 1024, 8
"""Parameters of the training (COVER): without them several are tried."""


class _Class(StrEnum):
    """Files that have much in common."""

    BYTECODE = "bytecode"
    TEXT = "text"
    BINARY = "binary"
    """Those have too little."""


_Key: TypeAlias = tuple[PurePosixPath, bool]
"""Path of a resource, and whether it is about its bytecode."""
_Bytes: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Compressed:
    """What is packed."""

    resources: tuple[Resource, ...]
    """With the compressed form of the contents that have one."""
    dictionaries: tuple[bytes, ...]
    """What these need."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A content to be compressed."""

    key: _Key
    content: Content
    kind: _Class
    is_sample: bool


def compress(resources: Sequence[Resource], cache: Cache, *, default: bool, own: str = "") -> Compressed:
    """Return *resources*, in the same order, with the compressed contents of those that are to be.

    *default* is for those that say nothing of it; *own* is the name of the project's distribution.

    Raises OutputError when the cache cannot be written.
    """
    wanted = [resource for resource in resources if _is_wanted(resource, default=default)]
    jobs = [job for resource in wanted for job in _jobs(resource, {own, OWN})]
    dictionaries: dict[_Class, bytes] = {}
    for kind in (_Class.BYTECODE, _Class.TEXT):
        if dictionary := _train(kind, jobs, len(dictionaries) + 1, cache):
            dictionaries[kind] = dictionary
    done = _compress_all(jobs, dictionaries, cache)
    return Compressed(tuple(_with(resource, done) for resource in resources), tuple(dictionaries.values()))


def wants_compression(resources: Iterable[Resource], *, default: bool) -> bool:
    """Whether any of *resources* is to be compressed; *default* is as for :func:`compress`."""
    return any(_is_wanted(resource, default=default) for resource in resources)


def _is_wanted(resource: Resource, *, default: bool) -> bool:
    if isinstance(resource, NamespacePackage):
        return False
    return default if resource.compression is None else resource.compression


def _jobs(resource: Resource, own: Collection[str]) -> Iterator[_Job]:
    if isinstance(resource, NamespacePackage):
        return
    is_sample = resource.origin not in own
    if isinstance(resource, SourceModule) and resource.bytecode is not None:
        yield _Job((resource.path, True), resource.bytecode, _Class.BYTECODE, is_sample)
    if not _is_script(resource):
        is_library = isinstance(resource, ExtensionModule | SharedLibrary)
        kind = _Class.BINARY if is_library else _Class.TEXT
        yield _Job((resource.path, False), resource.content, kind, is_sample)


def _is_script(resource: Resource) -> bool:
    """Whether it is started by its first line, which must not be compressed then (image/format.py)."""
    if not (isinstance(resource, DataFile | SourceModule) and resource.executable):
        return False
    return next(iter(resource.content.chunks()), b"").startswith(b"#!")


def _with(resource: Resource, done: Mapping[_Key, Path]) -> Resource:
    """Return *resource* with the compressed forms that there are of its contents."""
    if isinstance(resource, NamespacePackage):
        return resource
    own, bytecode = done.get((resource.path, False)), done.get((resource.path, True))
    if own is not None:
        resource = replace(resource, content=replace(resource.content, compressed=Content(own)))
    if bytecode is not None and isinstance(resource, SourceModule) and resource.bytecode is not None:
        resource = replace(resource, bytecode=replace(resource.bytecode, compressed=Content(bytecode)))
    return resource


# --- dictionaries ----------------------------------------------------------------------------


def _train(kind: _Class, jobs: Iterable[_Job], number: int, cache: Cache) -> bytes | None:
    """Return the dictionary *number* for the files of that *kind*, or None where it would not pay."""
    found = sorted(
        (job for job in jobs if job.kind is kind and job.is_sample and job.content.size < _LARGE),
        key=lambda job: job.key,
    )
    samples = _chosen([job.content for job in found])
    size = min(sum(content.size for content in samples) // _DICTIONARY_SHARE, _DICTIONARY_LIMIT)
    if size < _SMALLEST_DICTIONARY:
        return None
    key = cache_key(*_identity(), str((number, size)), *(content.sha256() for content in samples))

    def make(made: Path) -> None:
        data: list[_Bytes] = [content.read() for content in samples]
        dictionary = zstandard.train_dictionary(size, data, k=_SEGMENT, d=_WINDOW, dict_id=number)
        made.write_bytes(dictionary.as_bytes() if _pays(dictionary, data) else b"")

    return cache.obtain(DICTIONARY_KIND, key, make).read_bytes() or None


def _chosen(contents: Sequence[Content]) -> list[Content]:
    """Return *contents*, or where they are very many every second one, or third ..."""
    total = sum(content.size for content in contents)
    return list(contents[:: 1 + total // _SAMPLES_LIMIT])


def _pays(dictionary: zstandard.ZstdCompressionDict, samples: Sequence[_Bytes]) -> bool:
    sizes = [
        sum(len(compressor.compress(sample)) for sample in samples)
        for compressor in (zstandard.ZstdCompressor(), zstandard.ZstdCompressor(dict_data=dictionary))
    ]
    return sizes[1] + len(dictionary) < sizes[0]


# --- files -----------------------------------------------------------------------------------


def _identity() -> tuple[str, ...]:
    """Return what the results depend on beside their files: zstd, and what is said here."""
    settings = (_LEVEL, _LARGE_LEVEL, _LARGE, _WORTH, _SEGMENT, _WINDOW, _BYTECODE_MATCH, _TYPICAL)
    return (zstandard.__version__, str(zstandard.ZSTD_VERSION), str(settings))


def _compress_all(
    jobs: Iterable[_Job], dictionaries: Mapping[_Class, bytes], cache: Cache
) -> dict[_Key, Path]:
    """Return the file with the compressed form of each content that is worth it."""
    done: dict[_Key, Path] = {}
    small: list[_Job] = []
    for job in jobs:
        size = job.content.size
        if size >= _LARGE:
            done[job.key] = _compress_large(job.content, cache)
        elif size >= _SMALLEST:
            small.append(job)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        parts = [small[start::workers] for start in range(workers)]
        for results in pool.map(lambda part: _compress_small(part, dictionaries, cache), parts):
            done |= results
    return {key: path for key, path in done.items() if path.stat().st_size}


def _compress_small(
    jobs: Iterable[_Job], dictionaries: Mapping[_Class, bytes], cache: Cache
) -> dict[_Key, Path]:
    compressors = {kind: _compressor(kind, dictionaries.get(kind, b"")) for kind in _Class}
    keys = {kind: cache_key(*_identity(), kind, dictionaries.get(kind, b"")) for kind in _Class}

    def compress_one(job: _Job) -> Path:
        def make(made: Path) -> None:
            data = job.content.read()
            frame = compressors[job.kind].compress(data)
            made.write_bytes(frame if len(frame) <= len(data) * _WORTH else b"")

        return cache.obtain(KIND, cache_key(keys[job.kind], job.content.sha256()), make)

    return {job.key: compress_one(job) for job in jobs}


def _compressor(kind: _Class, dictionary: bytes) -> zstandard.ZstdCompressor:
    data = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    if kind is not _Class.BYTECODE:
        return zstandard.ZstdCompressor(level=_LEVEL, dict_data=data)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=_TYPICAL,
        dict_size=len(dictionary),
        min_match=_BYTECODE_MATCH,
        write_dict_id=True,
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=data)


def _compress_large(content: Content, cache: Cache) -> Path:
    """Compress a file without holding it, on all processors; how many these are does not matter to zstd."""

    def make(made: Path) -> None:
        size = content.size
        threads = zstandard.ZstdCompressor(level=_LARGE_LEVEL, threads=os.cpu_count() or 1)
        with made.open("wb") as target, threads.stream_writer(target, size=size, closefd=False) as sink:
            for chunk in content.chunks():
                sink.write(chunk)
        if made.stat().st_size > size * _WORTH:
            made.write_bytes(b"")

    return cache.obtain(KIND, cache_key(*_identity(), content.sha256()), make)
