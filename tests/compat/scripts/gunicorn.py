"""Two workers that answer over loopback, and a graceful end."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def get(url):
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.read())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError("no answer")


def main():
    port = 10000 + os.getpid() % 1000
    command = [sys.executable, "-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "check_gunicorn:app"]
    server = subprocess.Popen(command)
    try:
        workers = {get(f"http://127.0.0.1:{port}/") for _ in range(40)}
        assert workers and server.pid not in workers
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert len(children) == 2 and workers <= set(map(int, children)), (children, workers)
    finally:
        server.terminate()
        assert server.wait(30) == 0
    print("as expected")
