"""Two worker processes that answer over loopback, with uvloop and httptools."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await asyncio.sleep(0.05)
    body = json.dumps({"pid": os.getpid(), "loop": type(asyncio.get_running_loop()).__module__}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


def get(url):
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError("no answer")


def main():
    import uvicorn

    if len(sys.argv) > 1:
        uvicorn.run(
            "check_uvicorn:app", port=int(sys.argv[1]), workers=2, log_level="warning", lifespan="off"
        )
        return
    port = 9000 + os.getpid() % 1000
    server = subprocess.Popen([sys.executable, sys.argv[0], str(port)])
    try:
        answers = []
        with ThreadPoolExecutor(8) as pool:
            while len({answer["pid"] for answer in answers}) < 2 and len(answers) < 2000:
                answers += pool.map(get, [f"http://127.0.0.1:{port}/"] * 8)
    finally:
        server.terminate()
        server.wait(20)
    assert len({answer["pid"] for answer in answers}) == 2, "the workers were to share the requests"
    assert {answer["loop"] for answer in answers} == {"uvloop"}, answers
    assert server.pid not in {answer["pid"] for answer in answers}
    print("as expected")
