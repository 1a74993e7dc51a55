"""Tell what a process has of its own, as JSON: the same whether it started from a snapshot or not."""

import argparse
import collections
import dataclasses
import enum
import functools
import io
import json
import locale
import logging
import os
import pathlib
import random
import re
import secrets
import signal
import sys
import tempfile
import threading
import time
import traceback
import uuid
import weakref

BEGAN = []
HERE = pathlib.Path(__file__)
KNOWN_PATHS = {HERE: "path", __file__: "text", (__file__, 1): "tuple"}
OUTPUT = sys.stdout
PATTERN = re.compile(r"(\d+)-(?P<name>\w+)")
GENERATOR = random.Random(1)
LOCK = threading.RLock()


class Colour(enum.Flag):
    RED = enum.auto()
    BLUE = enum.auto()


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int


@functools.lru_cache
def fibonacci(number: int) -> int:
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


def warm() -> None:
    """Be called when the snapshot is made."""
    BEGAN.append("warm")
    fibonacci(50)
    with LOCK:
        pass


def stream(file: io.TextIOWrapper | None) -> object:
    if file is None:
        return None
    return [
        file.encoding,
        file.errors,
        file.line_buffering,
        file.name,
        file.mode,
        file.fileno(),
        file.newlines,
    ]


def process() -> dict[str, object]:
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "cwd": os.getcwd(),
        "environ": {k: v for k, v in os.environ.items() if k not in {"OXIDIZE_SNAPSHOT", "LC_CTYPE", "_"}},
        "getenv": os.getenv("STATE"),
        "uid": os.getuid(),
        "streams": [stream(sys.stdin), stream(sys.stdout), stream(sys.stderr)],
        "same_stream": OUTPUT is sys.stdout or sys.stdout is None,
        "flags": str(sys.flags),
        "encodings": [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), locale.getencoding()],
        "locale": [locale.setlocale(locale.LC_CTYPE), locale.setlocale(locale.LC_NUMERIC)],
        "tz": [time.tzname, time.timezone, time.localtime(0).tm_hour],
        "signals": {
            number.name: str(signal.getsignal(number)).partition(" at ")[0]
            for number in signal.valid_signals()
            if isinstance(number, signal.Signals)
        },
        "recursion": sys.getrecursionlimit(),
    }


def paths() -> dict[str, object]:
    found = sys.modules[__name__]
    return {
        "prefix": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.executable, sys.path],
        "file": __file__,
        "spec": str(found.__spec__),
        "code": [warm.__code__.co_filename, json.dumps.__code__.co_filename],
        "known": [
            KNOWN_PATHS.get(pathlib.Path(__file__)),
            KNOWN_PATHS.get(__file__),
            KNOWN_PATHS.get((__file__, 1)),
        ],
        "parts": [HERE.parts[1:], str(HERE.parent), HERE.name, str(HERE.with_suffix(".x"))],
        "exists": [HERE.exists(), len(os.listdir(sys.path[0])) > 0, "def warm" in HERE.read_text()],
    }


def threads() -> dict[str, object]:
    main = threading.main_thread()
    results: list[str] = []
    worker = threading.Thread(target=lambda: results.append(threading.current_thread().name), name="worker")
    worker.start()
    worker.join()
    with LOCK:
        results.append("locked")
    return {
        "main": [main.name, main is threading.current_thread(), main.is_alive(), main.daemon],
        "ident": main.ident == threading.get_ident(),
        "native": main.native_id == threading.get_native_id(),
        "active": [thread.name for thread in threading.enumerate()],
        "results": results,
        "tls": threading.local() is not None,
    }


def objects() -> dict[str, object]:
    point = Point(1, 2)
    return {
        "enum": str(Colour.RED | Colour.BLUE),
        "dataclass": [str(point), hash(point) == hash(Point(1, 2))],
        "cached": fibonacci(50),
        "match": PATTERN.match("12-ab").groupdict(),
        "ordered": list(collections.OrderedDict(a=1, b=2)),
        "weak": weakref.ref(Colour)() is Colour,
        "generator": 0 <= GENERATOR.random() < 1,
        "traceback": deep(),
    }


def deep() -> list[str]:
    try:
        fibonacci("x")
    except TypeError:
        return traceback.format_exc().splitlines()[:3]
    return []


def child() -> dict[str, object]:
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    return {"forked": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}


def unique() -> list[object]:
    """Things that no two processes have in common."""
    return [
        random.random(),
        random.getrandbits(64),
        secrets.token_hex(8),
        str(uuid.uuid4()),
        str(uuid.uuid1()),
        tempfile.mktemp(),
        os.urandom(8).hex(),
        random.SystemRandom().random(),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="state")
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("rest", nargs="*")
    arguments = parser.parse_args()
    if arguments.unique:
        print(json.dumps(unique()))
        return
    logging.getLogger("state").warning("logged %s", arguments.rest)
    told = {part.__name__: part() for part in (process, paths, threads, objects, child)}
    text = json.dumps(told, indent=1, sort_keys=True)
    if sys.stdout is not None:
        print(text)
    else:
        os.write(2, text.encode())


if __name__ == "__main__":
    main()
