"""Leaves what does something at the end without being an ordinary object with a finaliser."""

import io
import os
import sys


def slotted():
    class Slotted:
        __slots__ = ()

        def __del__(self):
            print("slotted finalised")

    os.left_here = Slotted()


def metaclass():
    class Meta(type):
        def __del__(cls):
            print("class finalised")

    os.left_here = Meta("Made", (), {})


def _generate():
    try:
        yield 1
    finally:
        print("generator closed")


def generator():
    os.left_here = _generate()
    next(os.left_here)


def coroutine():
    async def wait():
        pass

    os.left_here = wait()


def finalizer():
    import weakref

    class Watched:
        pass

    os.left_here = Watched()
    weakref.finalize(os.left_here, print, "called").atexit = False


def reference():
    import weakref

    class Watched:
        pass

    os.left_here = Watched()
    os.reference = weakref.ref(os.left_here, lambda reference: print("reference cleared"))


def method():
    import weakref

    class Watched:
        def act(self):
            pass

    os.left_here = Watched()
    os.reference = weakref.WeakMethod(os.left_here.act, lambda reference: print("method cleared"))


def file():
    os.left_here = open("written", "w", encoding="utf-8")  # noqa: SIM115  left open on purpose
    os.left_here.write("text")


def replaced_stream():
    print("printed", end="")
    sys.stdout = io.StringIO()


def raw_file():
    class Raw(io.RawIOBase):
        def close(self):
            if not self.closed:
                print("file closed")
            super().close()

    os.left_here = Raw()


def database():
    import sqlite3

    os.left_here = sqlite3.connect("database")
    os.left_here.execute("pragma journal_mode = wal")
    os.left_here.execute("create table t (x)")


def daemon():
    import threading
    import time

    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def audit():
    sys.addaudithook(lambda event, _: event.startswith("cpython.") and print(event))


def callback():
    import gc

    gc.callbacks.append(lambda phase, information: print(phase, information["generation"]))


def frozen():
    import gc

    class Watched:
        def __del__(self):
            print("frozen finalised")

    os.left_here = Watched()
    gc.freeze()


def nothing():
    """Leaves objects with finalisers that have nothing to do."""
    import logging
    import weakref

    os.handler = logging.StreamHandler()
    os.keys = weakref.WeakKeyDictionary({os.handler: 1})
    done = _generate()
    list(done)
    with open(os.devnull, encoding="utf-8") as closed:
        pass
    os.left_here = [done, closed, io.BytesIO(b"x"), io.StringIO("x")]


def tracker():
    import multiprocessing.resource_tracker

    os.left_here = multiprocessing.resource_tracker.ResourceTracker()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
