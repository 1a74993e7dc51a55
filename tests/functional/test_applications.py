"""Real applications, each a project of one pyproject.toml, run where there is nothing but libc."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from making import only_file

from conftest import EXAMPLES, PROJECTS, Frontend, Jail, interpreters

Build = Callable[[Path], Path]


ENVIRONMENT = {"PATH": os.environ["PATH"], "COLUMNS": "100"}
"""Without the variables that name files of this machine, such as SSL_CERT_FILE."""


def run(command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT
    )


@contextmanager
def loopback_server() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(b"fetched")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def running_server(command: list[str]) -> Iterator[str]:
    """Start a server that prints its port, and give its address."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on "), process.communicate()
            yield f"http://127.0.0.1:{line.split()[-1]}"
        finally:
            process.terminate()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        body: bytes = answer.read()
        return body.decode()


def test_pyflakes(build_either: Build, jail: Jail) -> None:
    executable = only_file(build_either(PROJECTS / "pyflakes"))
    result = run(jail(executable), "import os\nprint(undefined)\n")
    assert result.returncode == 1
    assert result.stdout == "<stdin>:1:1: 'os' imported but unused\n<stdin>:2:7: undefined name 'undefined'\n"
    assert result.stderr == ""


def test_flask_answers_over_loopback(build_either: Build, jail: Jail) -> None:
    executable = only_file(build_either(EXAMPLES / "greeter"))
    with running_server(jail(executable)) as address:
        assert get(f"{address}/?name=you") == "<h1>hello, you</h1>"
        assert json.loads(get(f"{address}/json"))["oxidized"] is True


def test_httpx_fetches_from_loopback(build_either: Build, jail: Jail) -> None:
    executable = only_file(build_either(PROJECTS / "httpx"))
    with loopback_server() as port:
        result = run(jail(executable, f"http://127.0.0.1:{port}/"))
    assert result.returncode == 0, result.stderr
    assert "200" in result.stdout
    assert "fetched" in result.stdout


def test_rich_as_a_module(build_either: Build, jail: Jail) -> None:
    executable = only_file(build_either(PROJECTS / "rich"))
    result = run(jail(executable))
    assert result.returncode == 0, result.stderr
    assert "Rich features" in result.stdout


def test_pip_itself(build_either: Build, jail: Jail) -> None:
    executable = only_file(build_either(PROJECTS / "pip"))
    version = run(jail(executable, "--version"))
    assert version.stdout.startswith("pip 25.3 from /install/lib/python3"), version.stderr
    hashed = run(jail(executable, "hash", "/install"))
    assert hashed.returncode == 0, hashed.stderr
    assert "--hash=sha256:" in hashed.stdout


def test_libraries_that_need_each_other(build: Build, jail: Jail) -> None:
    executable = only_file(build(PROJECTS / "pillow"))
    older = ("libpthread.so.0", "libdl.so.2")  # empty today, but asked for
    for command in ([str(executable)], jail(executable, libraries=older)):  # with /proc and without
        result = run(command)
        assert (result.stdout, result.stderr) == ("True\n", "")


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_hello_with_every_interpreter(
    python: Path, make_frontend: Callable[[Path], Frontend], jail: Jail, tmp_path: Path
) -> None:
    """Through an isolated build, and with a module that is a shared object in most interpreters."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text((PROJECTS / "hello" / "pyproject.toml").read_text())
    (project / "hello.py").write_text(
        "import math, platform, ssl, sqlite3, zlib\n"
        "def main():\n"
        "    print(platform.python_version(), math.sqrt(4), ssl.HAS_TLSv1_3,\n"
        "          sqlite3.connect(':memory:').execute('select 6*7').fetchone(), zlib.crc32(b'a'))\n"
    )
    dist = make_frontend(python).build(project)
    version = run([str(python), "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    result = run(jail(only_file(dist)))
    assert result.stdout == f"{version} 2.0 True (42,) 3904355907\n", result.stderr
