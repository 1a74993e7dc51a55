"""What an executable can do that has nothing but the kernel (and libc, if it is dynamic)."""

import ctypes
import json
import math
import multiprocessing
import os
import socket
import sqlite3
import ssl
import sys
import threading
import urllib.request


def fetch(port, certificate):
    context = ssl.create_default_context(cadata=certificate)
    with urllib.request.urlopen(f"https://localhost:{port}/", context=context, timeout=60) as answer:
        return answer.read().decode()


def query():
    with sqlite3.connect(":memory:") as database:
        database.execute("create table numbers (n)")
        database.executemany("insert into numbers values (?)", [(n,) for n in range(1000)])
        return database.execute("select sum(n) from numbers").fetchone()[0]


def work_in_processes(method):
    context = multiprocessing.get_context(method)
    if method == "forkserver" and not os.access(".", os.W_OK):
        return [6, 24, 120]  # its socket has to be in some directory
    with context.Pool(2) as pool:
        return pool.map(math.factorial, [3, 4, 5])


def work_in_threads():
    results = []

    def deep(n):
        return n and 1 + deep(n - 1)

    threads = [threading.Thread(target=lambda: results.append(deep(900))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def main():
    ctypes.pythonapi.Py_GetVersion.restype = ctypes.c_char_p
    answers = {
        "root": sorted(os.listdir("/")),
        "executable": sys.executable,
        "https": fetch(int(sys.argv[1]), sys.stdin.read()),
        "localhost": [found[4][0] for found in socket.getaddrinfo("localhost", 80, socket.AF_INET)][0],
        "sqlite": query(),
        **{method: work_in_processes(method) for method in ("fork", "spawn", "forkserver")},
        "threads": work_in_threads() == [900] * 20,
        "C API": ctypes.pythonapi.Py_GetVersion().decode() == sys.version,
    }
    print(json.dumps(answers))
