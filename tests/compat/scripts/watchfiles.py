"""A change in a folder noticed; a process restarted by it."""

import threading
from pathlib import Path

from watchfiles import Change, watch


def main():
    folder = Path("watched")
    folder.mkdir()
    stop = threading.Event()
    threading.Timer(0.5, lambda: (folder / "new.txt").write_text("x")).start()
    late = threading.Timer(20, stop.set)
    late.daemon = True
    late.start()
    changes = next(watch(folder, stop_event=stop, rust_timeout=500))
    assert (Change.added, str(folder.absolute() / "new.txt")) in {
        (c, str(Path(p).absolute())) for c, p in changes
    }
    print("as expected")
