"""Many threads that import, read and list packed files at once, with and without the interpreter's lock."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from making import BUILD_SYSTEM, write_files

from conftest import Frontend, interpreters

STRESS = """\
import dataclasses, importlib, os, random, sys, sysconfig, threading, typing

NAMES = '''
argparse ast asyncio base64 bisect calendar cmd code codecs collections.abc concurrent.futures
configparser contextvars copy csv ctypes dataclasses datetime decimal difflib dis email.message
encodings.idna enum filecmp fileinput fractions ftplib functools getopt glob gzip hashlib heapq hmac
html.parser http.client http.server imaplib inspect ipaddress json locale logging.handlers lzma
mailbox mimetypes multiprocessing.pool netrc numbers optparse pdb pickle pkgutil platform plistlib
poplib pprint profile queue random sched secrets selectors shelve shlex smtplib socketserver sqlite3
ssl statistics string subprocess tarfile tempfile textwrap timeit tokenize tomllib trace traceback
types typing unittest.mock urllib.request uuid wave weakref webbrowser xml.dom.minidom
xml.etree.ElementTree xmlrpc.client zipapp zipfile zoneinfo
'''.split()
LIBRARY = sysconfig.get_path("stdlib")
THREADS = 8
barrier = threading.Barrier(THREADS)
results, errors = [], []

def look():
    read = 0
    for folder in ("email", "json", "asyncio"):
        for name in sorted(os.listdir(f"{LIBRARY}/{folder}")):
            path = f"{LIBRARY}/{folder}/{name}"
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    read += len(file.read())
    return read

def work(number):
    chance = random.Random(number)
    names = NAMES[:]
    chance.shuffle(names)
    barrier.wait()
    for name in names:
        entry = f"/nowhere/{number}"
        sys.path.append(entry)
        assert importlib.import_module(name).__spec__.name
        sys.path.remove(entry)
    results.append(look())

def guarded(number):
    try:
        work(number)
    except BaseException as error:
        errors.append(repr(error))
        raise

threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
for thread in threads: thread.start()
for thread in threads: thread.join()
locked = getattr(sys, "_is_gil_enabled", lambda: True)()
print(errors, len(results), len(set(results)), locked != bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
"""
ROUNDS = 5


@pytest.mark.slow
@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_threads_do_not_hinder_each_other(
    python: Path, make_frontend: Callable[[Path], Frontend], tmp_path: Path
) -> None:
    text = f"{BUILD_SYSTEM}[project]\nname = 'app'\nversion = '1'\n[tool.setuptools]\npackages = []\n"
    command = f"[tool.oxidize.executables.app]\ncommand = {json.dumps(STRESS)}\n"
    project = write_files(tmp_path, {"pyproject.toml": text + command})
    executable = make_frontend(python).build(project, "--no-isolation") / "app"
    for _ in range(ROUNDS):
        done = subprocess.run([executable], capture_output=True, text=True, timeout=300, check=False)
        assert (done.returncode, done.stdout) == (0, "[] 8 1 True\n"), done.stderr
