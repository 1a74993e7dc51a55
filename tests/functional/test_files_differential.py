"""The tree inside an executable against the same tree unpacked and read-only: every operation of
2,000 random sequences gives the same result on both, errors included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import PROJECTS

DRIVER = Path(__file__).with_name("files_driver.py")
STRESS = Path(__file__).with_name("files_stress.py")
SEQUENCES = 2000 if os.environ.get("CI") else 300
FIRST = int(os.environ.get("OXIDIZE_TEST_SEED", "0"))
NOMINAL_TIME = 315532800
BIG = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(1 << 20))

UNPACK = """
import nested, os, shutil, sys
shutil.copytree(os.path.dirname(nested.__file__), sys.argv[1])
print(os.path.relpath(os.path.dirname(nested.__file__), sys.prefix))
"""


@dataclass(frozen=True)
class Trees:
    """The same tree twice."""

    executable: Path
    packed: Path
    unpacked: Path
    tree: str
    manifest: Path


@pytest.fixture(scope="module")
def trees(build_either: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Trees:
    project = tmp_path_factory.mktemp("project") / "files"
    shutil.copytree(PROJECTS / "files", project)
    (project / "nested" / "data" / "big.bin").write_bytes(BIG)
    home = tmp_path_factory.mktemp("trees").resolve()
    packed, unpacked = home / "packed", home / "unpacked"
    packed.mkdir()
    unpacked.mkdir()
    executable = packed / "app"
    shutil.copy(build_either(project) / "files", executable)
    script = home / "unpack.py"
    script.write_text(UNPACK)
    copy = home / "copy"
    where = subprocess.run(
        [executable, script, copy], capture_output=True, text=True, check=True
    ).stdout.strip()
    tree = f"app/{where}"
    (unpacked / tree).parent.mkdir(parents=True)
    copy.rename(unpacked / tree)
    compare_with_source(unpacked / tree, project / "nested")
    manifest = home / "manifest.json"
    manifest.write_text(json.dumps(list_entries(unpacked / tree)))
    for base in (packed, unpacked):
        (base / "link").symlink_to("app")
        (base / "into").symlink_to(tree)
    make_read_only(unpacked / "app")
    return Trees(executable, packed, unpacked, tree, manifest)


def compare_with_source(copy: Path, source: Path) -> None:
    for file in source.rglob("*"):
        if "__pycache__" in file.parts:
            continue
        twin = copy / file.relative_to(source)
        if file.is_file():
            assert twin.read_bytes() == file.read_bytes()
            assert bool(twin.stat().st_mode & 0o100) == bool(file.stat().st_mode & 0o100)


def list_entries(top: Path) -> dict[str, list[str]]:
    entries = sorted(top.rglob("*"))
    return {
        "directories": [str(path.relative_to(top)) for path in entries if path.is_dir()],
        "files": [str(path.relative_to(top)) for path in entries if path.is_file()],
    }


def make_read_only(top: Path) -> None:
    for folder, _, files in os.walk(top, topdown=False):
        for path in (*(Path(folder, name) for name in files), Path(folder)):
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o555 if executable else 0o444)
            os.utime(path, (NOMINAL_TIME, NOMINAL_TIME))


def as_root() -> list[str]:
    """Give the command under which a program may mount, for itself alone."""
    command = ["unshare", "--mount"]
    if os.geteuid() != 0:
        command[1:1] = ["--user", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("needs unshare of util-linux, and root or user namespaces")
    return command


def mounted_read_only(top: Path, command: list[str]) -> list[str]:
    """Give the command that runs *command* where *top* is a file system that is mounted read-only."""
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    return ["sh", "-c", script, str(top), *command]


def run_driver(trees: Trees, base: Path) -> list[list[Any]]:
    numbers = (str(FIRST), str(SEQUENCES))
    command = [str(trees.executable), str(DRIVER), str(base), trees.tree, str(trees.manifest), *numbers]
    if base == trees.unpacked:
        command = mounted_read_only(base / "app", command)
    result = subprocess.run([*as_root(), *command], capture_output=True, text=True, check=False, timeout=1200)
    assert result.returncode == 0, result.stdout[-500:] + result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_packed_and_unpacked_are_the_same(trees: Trees) -> None:
    packed = run_driver(trees, trees.packed)
    unpacked = run_driver(trees, trees.unpacked)
    assert len(packed) == len(unpacked) == SEQUENCES
    differences = []
    for (seed, one), (_, other) in zip(packed, unpacked, strict=True):
        for step, ((name, mine), (_, theirs)) in enumerate(zip(one, other, strict=True)):
            if mine != theirs:
                differences.append(
                    f"seed {seed}, step {step}, {name}:\n  packed   {mine}\n  unpacked {theirs}"
                )
                break
    assert not differences, "\n".join([f"{len(differences)} sequences differ", *differences[:20]])


def test_threads_and_forks(trees: Trees) -> None:
    command = [trees.executable, STRESS, trees.packed / trees.tree]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert (result.returncode, result.stderr) == (0, "")
