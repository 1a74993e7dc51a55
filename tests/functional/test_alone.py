"""An executable alone: in a root that holds nothing else, but libc if it is dynamic."""

from __future__ import annotations

import http.server
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import PROJECTS, Jail
from oxidize_build.objfile.elf_dynamic import read_dynamic

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Of the server, valid until 2126, and its key."""


@pytest.fixture(scope="module")
def alone(build_either: Callable[[Path], Path]) -> Path:
    return build_either(PROJECTS / "alone") / "alone"


@contextmanager
def https_server() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fetched safely")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("read_only", [True, False], ids=["read-only", "writable"])
def test_alone(alone: Path, jail: Jail, *, read_only: bool) -> None:
    dynamic = read_dynamic(alone).interpreter is not None
    with https_server() as port:
        result = subprocess.run(
            jail(alone, str(port), read_only=read_only),
            input=CERTIFICATE.read_text("ascii"),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={},
        )
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "root": ["alone", "lib", "lib64"] if dynamic else ["alone"],
        "executable": "/alone/bin/python3",
        "https": "fetched safely",
        "localhost": "127.0.0.1",
        "sqlite": 499500,
        "fork": [6, 24, 120],
        "spawn": [6, 24, 120],
        "forkserver": [6, 24, 120],
        "threads": True,
        "C API": True,
    }


def test_a_static_one_allocates_by_mimalloc(build_static: Callable[[Path], Path]) -> None:
    """mimalloc tells what it has reserved, which is nothing where another allocator is malloc."""
    hello = build_static(PROJECTS / "hello") / "hello"
    done = subprocess.run(
        [hello], check=True, capture_output=True, text=True, env={"MIMALLOC_SHOW_STATS": "1"}
    )
    reserved = re.search(r"reserved: +(\S+)", done.stderr)
    assert reserved is not None
    assert reserved[1] != "0"
