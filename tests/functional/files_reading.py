"""Operations that open files, and what can be done with those."""


# It is the functions of os that are tried here, and what they must refuse.

from __future__ import annotations

import fcntl
import io
import linecache
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from files_world import World, describe, digest, operation

# --- files -----------------------------------------------------------------------------------

MODES = ("r", "rb", "rb", "rb", "rt", "r+b", "w", "wb", "a", "ab", "x", "w+", "a+b", "xb")


@operation
def open_file(world: World) -> Any:
    path = world.path()
    mode = world.chance.choice(MODES)
    if mode[0] != "r" and os.fsdecode(path).endswith("plain.txt"):
        mode = "rb"
    buffering = (
        world.chance.choice([-1, -1, -1, 1, 7, 4096]) if "b" not in mode else world.chance.choice([-1, 0, 7])
    )
    options: dict[str, Any] = {}
    if "b" not in mode:
        options = {"encoding": "utf-8", "newline": world.chance.choice([None, "", "\n"])}
    file = open(path, mode, buffering, **options)
    world.open_files.append(file)
    return type(file).__name__, file.mode, file.readable(), file.writable(), file.seekable(), file.isatty()


FILE_CALLS: list[Callable[[Any, int], Any]] = [
    lambda file, size: file.read(size),
    lambda file, size: file.read(size),
    lambda file, _: file.readline(),
    lambda file, size: file.seek(abs(size)),
    lambda file, _: file.seek(0, os.SEEK_END),
    lambda file, _: file.tell(),
    lambda file, _: file.write("x" if isinstance(file, io.TextIOBase) else b"x"),
    lambda file, _: file.truncate(1),
    lambda file, size: None if isinstance(file, io.TextIOBase) else file.readinto(bytearray(abs(size))),
    lambda file, _: describe(os.fstat(file.fileno())),
]


def use_file(world: World, file: Any) -> Any:
    return world.chance.choice(FILE_CALLS)(file, world.chance.choice([-1, 0, 1, 5, 100, 70000]))


@operation
def use_open_file(world: World) -> Any:
    if not world.open_files:
        world.open_files.append(open(world.spelled(world.chance.choice(world.files)), "rb"))
    file = world.chance.choice(world.open_files)
    results = [use_file(world, file) for _ in range(3)]
    return [digest(result) if isinstance(result, bytes) else result for result in results]


@operation
def read_at_once(world: World) -> Any:
    how = world.chance.randrange(4)
    if how == 0:
        return digest(Path(world.text()).read_bytes())
    if how == 1:
        return Path(world.spelled(world.chance.choice(world.files))).read_text("latin-1")[:100]
    if how == 2:
        linecache.clearcache()
        return linecache.getlines(world.spelled(world.entry()))[:5]
    with io.open_code(world.spelled(world.entry())) as file:
        return digest(file.read())


@operation
def map_file(world: World) -> Any:
    with open(world.spelled(world.chance.choice(world.files)), "rb") as file:
        access = world.chance.choice(
            [mmap.ACCESS_READ, mmap.ACCESS_READ, mmap.ACCESS_COPY, mmap.ACCESS_WRITE]
        )
        with mmap.mmap(file.fileno(), 0, access=access) as mapped:
            return digest(mapped[:]), mapped.find(b"\n"), mapped.size()


FLAGS = (
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_PATH",
    "O_CREAT",
    "O_EXCL",
    "O_TRUNC",
    "O_APPEND",
    "O_CLOEXEC",
    "O_NONBLOCK",
)


@operation
def open_descriptor(world: World) -> Any:
    chosen = [name for name in FLAGS if world.chance.random() < 0.12]
    if {"O_CREAT", "O_DIRECTORY"} <= set(chosen):
        chosen.remove("O_DIRECTORY")  # kernels differ in what that means
    flags = world.chance.choice([os.O_RDONLY] * 4 + [os.O_WRONLY, os.O_RDWR])
    flags |= sum(getattr(os, name) for name in chosen)
    if world.chance.random() < 0.3:
        with world.directory() as directory:
            descriptor = os.open(world.name(), flags, dir_fd=directory)
    else:
        descriptor = os.open(world.spelled(world.entry()), flags)
    world.descriptors.append(descriptor)
    kept = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK | os.O_PATH if hasattr(os, "O_ACCMODE") else 3
    return chosen, fcntl.fcntl(descriptor, fcntl.F_GETFL) & kept, os.get_inheritable(descriptor)


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


DESCRIPTOR_CALLS: list[Callable[[World, int], Any]] = [
    lambda _, d: describe(os.fstat(d)),
    lambda _, d: None if is_directory(d) else digest(os.read(d, 100)),
    lambda _, d: None if is_directory(d) else digest(os.pread(d, 100, 3)),
    lambda w, d: None if is_directory(d) else os.lseek(d, w.chance.randrange(9), w.chance.choice([0, 2])),
    lambda _, d: None if is_directory(d) else os.preadv(d, [bytearray(3), bytearray(5)], 0),
    lambda _, d: os.close(os.dup(d)),
    lambda _, d: os.write(d, b"x"),
    lambda _, d: None if is_directory(d) else os.ftruncate(d, 0),
    lambda _, d: os.fchmod(d, 0o777),
    lambda _, d: os.fchown(d, 1, 1),
    lambda _, d: os.utime(d),
    lambda _, d: None if is_directory(d) else os.posix_fallocate(d, 0, 1),
    lambda _, d: fcntl.flock(d, fcntl.LOCK_SH | fcntl.LOCK_NB),
    lambda _, d: bool(os.fstatvfs(d).f_flag & os.ST_RDONLY),
    lambda _, d: sorted(os.listdir(d)),
    lambda _, d: os.setxattr(d, "user.none", b"x"),
    lambda _, d: None if is_directory(d) else os.posix_fadvise(d, 0, 0, os.POSIX_FADV_WILLNEED),
    lambda _, d: None if is_directory(d) else os.fsync(d),
]


@operation
def use_descriptor(world: World) -> Any:
    if not world.descriptors:
        world.descriptors.append(os.open(world.spelled(world.chance.choice(world.files)), os.O_RDONLY))
    descriptor = world.chance.choice(world.descriptors)
    return world.chance.choice(DESCRIPTOR_CALLS)(world, descriptor)


@operation
def send_file(world: World) -> Any:
    with (
        open(world.spelled(world.chance.choice(world.files)), "rb") as source,
        open(world.scratch(), "w+b") as target,
    ):
        sent = os.sendfile(target.fileno(), source.fileno(), 0, 1 << 21)
        target.seek(0)
        return sent, digest(target.read())
