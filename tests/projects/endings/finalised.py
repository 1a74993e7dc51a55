"""Leaves objects with finalisers where its argument says, and asks what there is to see of that."""

import atexit
import builtins
import codecs
import os
import sys


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print(self.name, "finalised", print.__name__, os is None or os.getpid() > 0)


def start_thread():
    import threading

    try:
        threading.Thread(target=print).start()
    except RuntimeError as error:
        print(error)


def show_collector():
    import gc

    print(gc.get_freeze_count() < 1000, gc.isenabled(), len(gc.get_objects()) > 1000)
    print(any(found is os.__dict__ for found in gc.get_objects()))
    print(any(found is sys.modules for found in gc.get_referrers(os)))


def leave(where):
    noisy = Noisy(where)
    match where:
        case "cycle":
            noisy.itself = noisy
        case "module":
            os.left_here = noisy
        case "module-cycle":
            noisy.itself = noisy
            os.left_here = noisy
        case "class":
            codecs.Codec.left_here = noisy
        case "instance":
            os.environ.left_here = noisy
        case "closure":
            os.getcwd = lambda: noisy
        case "sys":
            sys.left_here = noisy
        case "builtins":
            builtins.left_here = noisy
        case "meta-path":
            sys.meta_path.append(noisy)
        case "main":
            globals()["left_here"] = noisy
        case "atexit":
            atexit.register(setattr, os, "left_here", noisy)
        case "stream":
            sys.stdout.left_here = noisy
        case "pending":
            sys.stdout.write("not flushed")
        case "thread":
            atexit.register(start_thread)
        case "collector":
            show_collector()
            os.left_here = noisy
        case "status":
            os.left_here = noisy
            sys.exit(7)
        case "raise":
            raise ValueError(noisy)


if __name__ == "__main__":
    leave(sys.argv[1])
