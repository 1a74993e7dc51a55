"""Imports extension modules in some situation and tells how they were loaded."""

import ctypes
import importlib
import json
import os
import signal
import sys
import threading

NAMES = ("_bisect", "_csv", "_heapq", "_json", "_lsprof", "_opcode", "_queue", "_random", "_statistics")


class Described(ctypes.Structure):
    """The beginning of ``struct dl_phdr_info``."""

    _fields_ = (("address", ctypes.c_size_t), ("name", ctypes.c_char_p))


def loaded_names():
    found = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Described), ctypes.c_size_t, ctypes.c_void_p)
    def collect(described, size, data):
        found.append(os.fsdecode(described[0].name))
        return 0

    ctypes.CDLL(None).dl_iterate_phdr(collect, None)
    return found


def import_all(names):
    return [importlib.import_module(name) for name in names if name not in sys.builtin_module_names]


def replaced(names):
    """Import them when another file has the executable's name."""
    aside = sys.prefix + ".new"
    with open(aside, "w") as file:
        file.write("another program")
    os.replace(aside, sys.prefix)
    return import_all(names)


def threads(names):
    """Import them in threads, while others start, and signals come all the time."""
    handled = 0

    def count(number, frame):
        nonlocal handled
        handled += 1

    signal.signal(signal.SIGALRM, count)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    modules = []
    workers = [
        threading.Thread(target=lambda name=name: modules.extend(import_all([name]))) for name in names
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while not handled:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return modules


def handler(names):
    """Import them with a handler of SIGSYS, which is there afterwards, and with blocked signals, which still are."""
    caught = []
    signal.signal(signal.SIGSYS, lambda number, frame: caught.append(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    modules = import_all(names)
    signal.raise_signal(signal.SIGSYS)
    assert caught == [signal.SIGSYS]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {signal.SIGUSR1}
    return modules


def forked(names):
    """Import half of them in a child too."""
    import_all(names[:4])
    if (child := os.fork()) == 0:
        import_all(names)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return import_all(names)


def main():
    ways = {
        "plain": import_all,
        "replaced": replaced,
        "threads": threads,
        "handler": handler,
        "forked": forked,
    }
    if sys.argv[1] == "nowhere":  # there is no /proc
        print(json.dumps({"modules": len(import_all(NAMES))}))
        return
    modules = ways[sys.argv[1]](NAMES)
    with open("/proc/self/maps") as file:
        lines = [line.split(maxsplit=5) for line in file]
    code = [line[5].strip() for line in lines if len(line) == 6 and "x" in line[1]]
    files = [module.__file__ for module in modules]
    answer = {
        "modules": len(files),
        "own": sum(path.removesuffix(" (deleted)") == sys.prefix for path in code),
        "copied": sum("memfd:" in path for path in code),
        "named": set(files) <= set(loaded_names()),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }
    print(json.dumps(answer))
