"""A runtime that was built from source: its own Python, and executables made of it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import import_all
import pytest
from making import write_project

from conftest import Frontend
from oxidize_build.runtime.standalone import standalone_runtime
from oxidize_build.verify import verify

pytestmark = pytest.mark.slow

OF_OTHER_SYSTEMS = frozenset(
    {"_overlapped", "_scproxy", "_winapi", "_wmi", "msvcrt", "nt", "winreg", "winsound"}
)
USE_LIBRARIES = """
import bz2, ctypes, curses, decimal, hashlib, json, lzma, readline, sqlite3, ssl, sys, uuid, zlib
from compression import zstd
import urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
print(json.dumps({
    "compressors": [c.decompress(c.compress(b"x" * 99)) == b"x" * 99 for c in (bz2, lzma, zlib, zstd)],
    "ctypes": ctypes.CDLL(None).abs(-5),
    "decimal": str(decimal.Decimal(1) / 8),
    "https": urllib.request.urlopen(sys.argv[1], context=context).read().decode(),
    "readline": readline.backend,
    "sqlite": sqlite3.connect(":memory:").execute("select json_extract('[7]', '$[0]')").fetchone(),
    "terminal": curses.setupterm("xterm") or curses.tigetnum("colors"),
    "uuid": uuid.uuid1().version,
}))
"""


@pytest.fixture(scope="session")
def python(built_runtime: Path) -> Path:
    return standalone_runtime(built_runtime).python


def run(python: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
    command = [str(python), "-I", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout)


def test_every_module_of_the_standard_library_is_there(python: Path) -> None:
    names = run(python, "-c", "import json, sys; print(json.dumps(sorted(sys.stdlib_module_names)))")
    missing = {*names} - {*run(python, import_all.__file__)}
    assert missing <= import_all.LEFT_OUT | OF_OTHER_SYSTEMS | import_all.WITH_EFFECTS


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def https(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An HTTPS server on loopback: its URL, and the certificate by which to trust it."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("localhost", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}/", certificate
        server.shutdown()


def test_the_libraries_that_are_linked_in_work(python: Path, https: tuple[str, Path]) -> None:
    url, certificate = https
    assert run(python, "-c", USE_LIBRARIES, url, str(certificate)) == {
        "compressors": [True] * 4,
        "ctypes": 5,
        "decimal": "0.125",
        "https": "served",
        "readline": "editline",
        "sqlite": [7],
        "terminal": 8,
        "uuid": 1,
    }


def test_it_shares_the_environment_with_libc(python: Path, tmp_path: Path) -> None:
    code = "import json, os; os.environ['SET'] = '1'; os.system('echo 1 > $KEPT$SET'); "
    code += "print(json.dumps(sorted(name for name in os.environ if name in ('KEPT', 'SET'))))"
    environment = {**os.environ, "KEPT": f"{tmp_path}/x"}
    assert run(python, "-c", code, env=environment) == ["KEPT", "SET"]
    assert [path.name for path in tmp_path.iterdir()] == ["x1"]


def test_it_needs_nothing_but_libc_and_names_no_other_place(python: Path, built_runtime: Path) -> None:
    runtime = standalone_runtime(built_runtime)
    assert runtime.glibc is not None
    assert {component.name for component in runtime.components} >= {"cpython", "openssl", "sqlite", "zlib"}
    assert all(component.license and component.license_files for component in runtime.components)
    variables = run(python, "-c", "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))")
    assert variables["LIBDIR"] == str(built_runtime / "install" / "lib")
    assert variables["CC"].split()[0] == "cc"
    assert str(built_runtime) not in (built_runtime / "PYTHON.json").read_text()


def test_pip_can_be_had_from_it(python: Path, tmp_path: Path) -> None:
    subprocess.run([python, "-I", "-m", "venv", tmp_path / "v"], check=True, capture_output=True)
    done = subprocess.run(
        [tmp_path / "v" / "bin" / "pip", "--version"], check=True, capture_output=True, text=True
    )
    assert str(tmp_path / "v") in done.stdout


def test_an_executable_is_made_of_it_without_a_compiler(
    built_runtime: Path, frontend: Frontend, tmp_path: Path
) -> None:
    code = "import sys, pyflakes.api\n\ndef main():\n    print(sys.version.split()[0], sys.prefix)\n"
    code += "    return pyflakes.api.check('import os\\n', 'x.py')\n"
    project = write_project(
        tmp_path / "app",
        code=code,
        metadata='dependencies = ["pyflakes==3.2.0"]',
        tables=f"[tool.oxidize]\nruntime = {{path = '{built_runtime}'}}\n",
    )
    bare = tmp_path / "bin"
    bare.mkdir()
    environment = {name: value for name, value in frontend.environment.items() if name != "CC"}
    without = Frontend(frontend.python, {**environment, "PATH": str(bare)})
    executable = without.build(project, "--no-isolation") / "app"
    done = subprocess.run([executable], check=False, capture_output=True, text=True, env={})
    version = standalone_runtime(built_runtime).version
    assert done.stdout.splitlines() == [f"{version} {executable}", "x.py:1:1: 'os' imported but unused"]
    assert done.returncode == 1


SMALL = """
[tool.oxidize]
runtime = {{path = '{}'}}
stdlib = "used"
builtin-modules = "used"
compression = true
[[tool.oxidize.rules]]
module = ["_ssl", "_hashlib", "_codecs_*", "unicodedata"]
include = false
"""
ASKS = """
import hashlib, json, random, subprocess, sys
def main():
    try:
        import _ssl
    except ImportError as error:
        print(error)
    command = [sys.executable, "-c", "import _sqlite3"]
    print(subprocess.run(command, capture_output=True, text=True).stderr.splitlines()[-1])
    print(hashlib.sha256(b"").hexdigest()[:8], 0 <= random.random() < 1, json.loads("[1]"))
    print("é".encode("latin-1"))
"""


def test_an_executable_may_be_without_most_of_it(
    built_runtime: Path, frontend: Frontend, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "app", code=ASKS, tables=SMALL.format(built_runtime))
    executable = frontend.build(project, "--no-isolation") / "app"
    done = subprocess.run([executable], capture_output=True, text=True, check=True)
    words = 'was left out of this executable (builtin-modules = "used")'
    assert done.stdout.splitlines() == [
        f"the built-in module _ssl {words}",
        f"ImportError: the built-in module _sqlite3 {words}",
        "e3b0c442 True [1]",
        "b'\\xe9'",
    ]
    whole = standalone_runtime(built_runtime).stub
    assert whole is not None
    assert verify(executable).image_offset < whole.stat().st_size * 2 / 3
