"""Operations that ask: what an entry is, and what a folder holds."""


# It is the functions of os that are tried here, and what they must refuse.

from __future__ import annotations

import contextlib
import glob
import os
from pathlib import Path
from typing import Any

from files_world import World, describe, operation

# --- asking ----------------------------------------------------------------------------------


@operation
def stat_by_path(world: World) -> Any:
    path = world.path()
    status = os.stat(path, follow_symlinks=world.chance.random() < 0.5)
    return describe(status)


@operation
def packed_times(world: World) -> Any:
    return os.stat(world.spelled(world.chance.choice(world.files))).st_mtime_ns


@operation
def stat_by_descriptor_and_name(world: World) -> Any:
    with world.directory() as directory:
        if world.chance.random() < 0.3:
            return describe(os.fstat(directory))
        return describe(os.stat(world.name(), dir_fd=directory, follow_symlinks=world.chance.random() < 0.5))


@operation
def same_file(world: World) -> Any:
    entry = world.entry()
    path = world.spelled(entry)
    with open(path, "rb") if entry in world.files else contextlib.nullcontext() as file:
        same = os.path.samestat(os.fstat(file.fileno()), os.stat(path)) if file else None
        return same, os.path.samefile(path, world.spelled(entry)), os.path.samefile(path, world.text())


@operation
def access(world: World) -> Any:
    mode = world.chance.randrange(8)
    effective = world.chance.random() < 0.3
    follow = world.chance.random() < 0.7
    if world.chance.random() < 0.3:
        with world.directory() as directory:
            return os.access(world.name(), mode, dir_fd=directory)
    return os.access(world.path(), mode, effective_ids=effective, follow_symlinks=follow)


@operation
def os_path(world: World) -> Any:
    names = ["exists", "lexists", "isfile", "isdir", "islink", "getsize"]
    name = world.chance.choice(names)
    path = world.path()
    return getattr(os.path, name)(path) if name != "getsize" or not os.path.isdir(path) else None


@operation
def pathlib_queries(world: World) -> Any:
    path = Path(world.text())
    names = ["exists", "is_file", "is_dir", "is_symlink", "is_fifo", "owner", "group"]
    return getattr(path, world.chance.choice(names))()


@operation
def readlink(world: World) -> Any:
    if world.chance.random() < 0.3:
        with world.directory() as directory:
            return os.readlink(world.name(), dir_fd=directory)
    return os.fsdecode(os.readlink(world.text()))


@operation
def realpath(world: World) -> Any:
    strict = world.chance.random() < 0.5
    if world.chance.random() < 0.3:
        return world.neutral(str(Path(world.text()).resolve(strict)))
    return world.neutral(os.fsdecode(os.path.realpath(world.path(), strict=strict)))


@operation
def file_system(world: World) -> Any:
    status = os.statvfs(world.path())
    return status.f_namemax, bool(status.f_flag & os.ST_RDONLY)


@operation
def path_limits(world: World) -> Any:
    return os.pathconf(world.path(), world.chance.choice(["PC_NAME_MAX", "PC_PATH_MAX", "PC_PIPE_BUF"]))


@operation
def extended_attributes(world: World) -> Any:
    path = world.spelled(world.entry())
    call = world.chance.randrange(4)
    if call == 0:
        return os.listxattr(path)
    if call == 1:
        return os.getxattr(path, "user.none")
    if call == 2:
        return os.setxattr(path, "user.none", b"x")
    return os.removexattr(path, "user.none")


# --- listing ---------------------------------------------------------------------------------


def describe_entry(entry: os.DirEntry[Any]) -> Any:
    kinds = entry.is_dir(), entry.is_file(), entry.is_symlink(), entry.is_dir(follow_symlinks=False)
    same = entry.inode() == entry.stat().st_ino
    return (
        os.fsdecode(entry.name),
        kinds,
        same,
        describe(entry.stat()),
        describe(entry.stat(follow_symlinks=False)),
    )


@operation
def listdir(world: World) -> Any:
    path = world.path()
    return sorted(map(os.fsdecode, os.listdir(path or ".")))


@operation
def scandir(world: World) -> Any:
    with os.scandir(world.spelled(world.entry())) as entries:
        return sorted(map(describe_entry, entries))


@operation
def list_descriptor(world: World) -> Any:
    descriptor = os.open(world.spelled(world.entry()), os.O_RDONLY)
    try:
        twice = sorted(os.listdir(descriptor)), sorted(os.listdir(descriptor))
        with os.scandir(descriptor) as entries:
            return twice, sorted(map(describe_entry, entries))
    finally:
        os.close(descriptor)


@operation
def walk(world: World) -> Any:
    top = world.spelled(world.entry())
    found = os.walk(top, topdown=world.chance.random() < 0.5)
    return sorted((world.neutral(path), sorted(folders), sorted(files)) for path, folders, files in found)


@operation
def fwalk(world: World) -> Any:
    top = world.spelled(world.entry())
    found = []
    for path, folders, files, descriptor in os.fwalk(top):
        sizes = [os.stat(name, dir_fd=descriptor).st_size for name in sorted(files)]
        found.append((world.neutral(path), sorted(folders), sorted(files), sizes))
    return sorted(found)


@operation
def fwalk_from(world: World) -> Any:
    with world.directory() as directory:
        found = os.fwalk(world.chance.choice(["deep", "../data", "sparse", "none"]), dir_fd=directory)
        return sorted((path, sorted(folders), sorted(files)) for path, folders, files, _ in found)


PATTERNS = (
    "*",
    "*.txt",
    "**/*.txt",
    "deep/*",
    "*/er",
    "[[]x].csv",
    "**",
    "none*",
    "*/",
    ".*",
    "d*/d*/p*[1-3].txt",
)


@operation
def glob_files(world: World) -> Any:
    pattern = world.spelled(world.chance.choice(world.directories)) + "/" + world.chance.choice(PATTERNS)
    return sorted(map(world.neutral, glob.glob(pattern, recursive=True)))


@operation
def glob_from(world: World) -> Any:
    return sorted(
        glob.glob(world.chance.choice(PATTERNS), root_dir=world.spelled(world.entry()), recursive=True)
    )


@operation
def pathlib_listing(world: World) -> Any:
    path = Path(world.spelled(world.entry()))
    how = world.chance.randrange(3)
    if how == 0:
        return sorted(world.neutral(str(child)) for child in path.iterdir())
    pattern = world.chance.choice(PATTERNS[:5])
    found = path.glob(pattern) if how == 1 else path.rglob(pattern)
    return sorted(world.neutral(str(child)) for child in found)
