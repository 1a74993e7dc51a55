"""Its server: the page, its scripts, a kernel started and asked over a web socket"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import websockets


def get(url, data=None):
    for _ in range(200):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data), timeout=20) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError) as error:
            if isinstance(error, urllib.error.HTTPError):
                raise
            time.sleep(0.2)
    raise AssertionError("no answer")


async def ask(url):
    content = {"code": "print(6 * 7)", "silent": False, "store_history": False, "user_expressions": {}}
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "u", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    async with websockets.connect(url) as socket:
        await socket.send(json.dumps(message))
        while True:
            answer = json.loads(await asyncio.wait_for(socket.recv(), 60))
            if answer["msg_type"] == "stream":
                return answer["content"]["text"]


def main():
    port = 8900 + os.getpid() % 90
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    server = subprocess.Popen([*command, "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"])
    try:
        page = get(f"http://127.0.0.1:{port}/lab")
        assert "<title>JupyterLab</title>" in page
        script = next(part.split('"')[0] for part in page.split('src="') if "main." in part.split('"')[0])
        assert len(get(f"http://127.0.0.1:{port}{script}")) > 1000
        kernel = json.loads(get(f"http://127.0.0.1:{port}/api/kernels", b"{}"))["id"]
        assert asyncio.run(ask(f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels")) == "42\n"
    finally:
        server.terminate()
        server.wait(30)
    print("as expected")
