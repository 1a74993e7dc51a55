"""Random sequences of file operations, run by the executable of tests/projects/files.

    files files_driver.py BASE TREE FIRST COUNT

BASE is a folder that holds `app`, the executable or a folder of that name; `link`, a symbolic link
to it; `into`, one to BASE/TREE; and `plain.txt`. TREE is where the packed package is below BASE.
For each of the COUNT seeds from FIRST on, prints a line of JSON: the list of what was done and what
came out of it. What has to differ between a packed tree and an unpacked one is left out.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import files_asking
import files_changing
import files_reading
from files_world import Operation, World, operations

STEPS = 12
MODULES = (files_asking, files_reading, files_changing)
"""They register their operations."""


def outcome(world: World, function: Operation) -> Any:
    try:
        return function(world)
    except OSError as error:
        return [
            "error",
            type(error).__name__,
            errno.errorcode.get(error.errno or 0, world.neutral(str(error))),
        ]
    except (ValueError, TypeError, BufferError) as error:  # also what Python refuses by itself
        return ["error", type(error).__name__, world.neutral(str(error))]
    except shutil.Error as error:
        return ["error", "shutil.Error", len(error.args[0])]


def run_sequence(world: World) -> list[Any]:
    steps = []
    for _ in range(STEPS):
        function = world.chance.choice(operations)
        state = world.chance.getstate()
        result = outcome(world, function)
        world.chance.setstate(state)  # what follows does not hang on how far this one came
        world.chance.random()
        steps.append([function.__name__, result])
    os.chdir(world.base)
    for file in world.open_files:
        with contextlib.suppress(OSError):
            file.close()
    for descriptor in world.descriptors:
        os.close(descriptor)
    return steps


def reset(base: str) -> None:
    scratch = Path(base, "scratch")
    if scratch.exists():
        for folder, _, _ in os.walk(scratch):
            Path(folder).chmod(0o700)
        shutil.rmtree(scratch)
    scratch.mkdir()
    Path(base, "plain.txt").write_text("plain\n", encoding="utf-8")


def main() -> None:
    base, tree, manifest, first, count = sys.argv[1:]
    entries = json.loads(Path(manifest).read_text("utf-8"))
    for seed in range(int(first), int(first) + int(count)):
        reset(base)
        os.chdir(base)
        world = World(base, tree, random.Random(seed), entries["directories"], entries["files"])
        sys.stdout.write(json.dumps([seed, run_sequence(world)]) + "\n")


if __name__ == "__main__":
    main()
