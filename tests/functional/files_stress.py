"""Packed files in many threads and in children that are forked meanwhile.

files files_stress.py TREE

Each child reads, lists and ends with 0; one that finds a lock taken for ever is ended by SIGALRM.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path

THREADS = 8
FORKS = 100
SECONDS = 30
faults: list[str] = []


def use(tree: Path) -> None:
    assert (tree / "data" / "lines.txt").read_text("utf-8") == "one\ntwo\nthree\n"
    assert len((tree / "data" / "big.bin").read_bytes()) == 1 << 20
    assert sorted(path.name for path in (tree / "data" / "deep" / "er").iterdir()) == ["est", "nothing"]
    descriptor = os.open(tree / "data", os.O_RDONLY)
    assert "deep" in os.listdir(descriptor)
    assert os.stat("empty.txt", dir_fd=descriptor).st_size == 0
    os.close(descriptor)
    outside = tree.parents[len(tree.parts) - 2]
    assert sum(1 for _ in os.scandir(outside)) > 0
    assert not (tree / "missing").exists()


def repeat(tree: Path, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            use(tree)
    except Exception:  # noqa: BLE001 - whatever it is
        faults.append(traceback.format_exc())


def fork_once(tree: Path) -> int:
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            use(tree)
        except BaseException:  # noqa: BLE001 - the child must end here
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # it is what CPython warns of
    tree = Path(sys.argv[1])
    stop = threading.Event()
    threads = [threading.Thread(target=repeat, args=(tree, stop)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    statuses = {fork_once(tree) for _ in range(FORKS)}
    stop.set()
    for thread in threads:
        thread.join()
    sys.exit("\n".join(faults) or (f"children ended with {statuses}" if statuses != {0} else None))


if __name__ == "__main__":
    main()
