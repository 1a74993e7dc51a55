"""Operations that copy out, that try to change the tree, and that go elsewhere."""


# It is the functions of os that are tried here, and what they must refuse.

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from files_world import World, describe, digest, operation, operations

# --- copying out -----------------------------------------------------------------------------


def describe_tree(top: str) -> Any:
    found = []
    for folder, _, files in os.walk(top):
        for name in [".", *files]:
            path = Path(folder, name)
            content = digest(path.read_bytes()) if path.is_file() else ""
            found.append((os.path.relpath(path, top), oct(path.stat().st_mode), content))
    return sorted(found)


@operation
def copy_file(world: World) -> Any:
    target = world.scratch()
    copies: list[Callable[[str, str], object]] = [shutil.copyfile, shutil.copy, shutil.copy2]
    copy = world.chance.choice(copies)
    copy(world.spelled(world.entry()), target)
    return describe(os.stat(target)), digest(Path(target).read_bytes())


@operation
def copy_tree(world: World) -> Any:
    if world.chance.random() < 0.7:
        return None
    target = world.scratch()
    shutil.copytree(world.spelled(world.chance.choice(world.directories)), target)
    return describe_tree(target)


@operation
def copy_in(world: World) -> Any:
    return world.neutral(shutil.copy(f"{world.base}/plain.txt", world.spelled(world.entry())))


@operation
def move_out(world: World) -> Any:
    return world.neutral(shutil.move(world.spelled(world.chance.choice(world.files)), world.scratch()))


# --- changing --------------------------------------------------------------------------------

CHANGES: list[Callable[[World, str], Any]] = [
    lambda _, p: os.mkdir(p),
    lambda _, p: os.makedirs(p, exist_ok=True),
    lambda _, p: os.rmdir(p),
    lambda _, p: os.unlink(p),
    lambda _, p: os.remove(p),
    lambda _, p: os.removedirs(p),
    lambda w, p: os.rename(p, w.spelled(w.entry())),
    lambda w, p: os.rename(p, w.scratch()),
    lambda w, p: os.rename(f"{w.base}/plain.txt", p),
    lambda w, p: os.replace(p, w.spelled(w.entry())),
    lambda w, p: os.link(p, w.spelled(w.entry())),
    lambda w, p: os.link(p, w.scratch()),
    lambda w, p: os.link(f"{w.base}/plain.txt", p),
    lambda w, p: os.symlink(w.scratch(), p),
    lambda _, p: os.chmod(p, 0o777),
    lambda _, p: os.chown(p, 0, 0),
    lambda _, p: os.lchown(p, 0, 0),
    lambda _, p: os.utime(p),
    lambda _, p: os.utime(p, (1, 1), follow_symlinks=False),
    lambda _, p: os.truncate(p, 1),
    lambda _, p: os.truncate(p, 0),
    lambda _, p: os.mkfifo(p),
    lambda _, p: os.mknod(p, stat.S_IFREG | 0o600),
    lambda _, p: Path(p).touch(),
    lambda _, p: Path(p).write_text("x", encoding="utf-8"),
    lambda _, p: Path(p).mkdir(parents=True),
    lambda _, p: Path(p).unlink(missing_ok=True),
    lambda _, p: shutil.rmtree(p),
    lambda _, p: tempfile.NamedTemporaryFile(dir=p).close(),
    lambda _, p: tempfile.mkdtemp(dir=p),
]


@operation
def change(world: World) -> Any:
    return world.chance.choice(CHANGES)(world, world.spelled(world.entry()))


operations.extend([change] * 6)


@operation
def change_from_directory(world: World) -> Any:
    with world.directory(inside=True) as directory:
        name = world.name()
        calls: list[Callable[[], Any]] = [
            lambda: os.mkdir(name, dir_fd=directory),
            lambda: os.unlink(name, dir_fd=directory),
            lambda: os.rmdir(name, dir_fd=directory),
            lambda: os.rename(name, name + "x", src_dir_fd=directory, dst_dir_fd=directory),
            lambda: os.symlink("x", name, dir_fd=directory),
            lambda: os.link(name, name + "x", src_dir_fd=directory, dst_dir_fd=directory),
            lambda: os.chmod(name, 0o777, dir_fd=directory),
            lambda: os.chown(name, 0, 0, dir_fd=directory),
            lambda: os.utime(name, dir_fd=directory),
            lambda: os.mkfifo(name, dir_fd=directory),
            lambda: os.mknod(name, dir_fd=directory),
        ]
        return world.chance.choice(calls)()


@operation
def change_outside(world: World) -> Any:
    """Change what a path leads to that goes through the tree and leaves it."""
    name = f"made{world.chance.randrange(1000)}"
    path = world.chance.choice(
        [f"{world.base}/app/../scratch/{name}", f"{world.base}/link/../scratch/{name}"]
    )
    how = world.chance.randrange(3)
    if how == 0:
        os.mkdir(path)
        os.rename(path, path + "x")
        os.rmdir(path + "x")
    elif how == 1:
        Path(path).write_text("text", encoding="utf-8")
        os.truncate(path, 2)
        os.link(path, path + "x")
        os.unlink(path + "x")
        status = describe(os.stat(path))
        os.unlink(path)
        return status
    else:
        os.symlink("target", path)
        target = os.readlink(path)
        os.unlink(path)
        return target
    return os.path.exists(f"{world.base}/scratch/{name}")


# --- the current directory -------------------------------------------------------------------


@operation
def change_directory(world: World) -> Any:
    if world.chance.random() < 0.3:
        with world.directory() as directory:
            os.fchdir(directory)
    else:
        os.chdir(world.spelled(world.entry()))
    return world.neutral(os.getcwd()), world.neutral(os.getcwdb().decode())


@operation
def use_directory(world: World) -> Any:
    name = world.name()
    if world.chance.random() < 0.5:
        os.chdir(world.chance.choice([f"{world.base}/{world.tree}/data", "..", "deep", world.base]))
    where = world.neutral(os.getcwd())
    how = world.chance.randrange(5)
    if how == 0:
        return where, describe(os.stat(name))
    if how == 1:
        return where, world.neutral(os.path.realpath(name))
    if how == 2 and where.startswith("<base>/"):
        return where, sorted(os.listdir())
    if how == 3:
        return where, digest(Path(name).read_bytes())
    return where, [os.access(name, mode) for mode in (os.F_OK, os.R_OK, os.W_OK, os.X_OK)]
