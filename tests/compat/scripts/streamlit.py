"""An application served with its packed web pages, and one run without a browser"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = "import streamlit as st\nn = st.number_input('n', value=2)\nst.write(f'twice: {2 * n}')\n"


def get(url):
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError("no answer")


def main():
    Path("app.py").write_text(APP)
    test = AppTest.from_file(Path("app.py").absolute()).run(timeout=60)
    test.number_input[0].set_value(5).run()
    assert test.markdown[0].value == "twice: 10"
    port = 8500 + os.getpid() % 400
    options = ["--server.headless=true", f"--server.port={port}", "--browser.gatherUsageStats=false"]
    server = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", *options])
    try:
        assert get(f"http://127.0.0.1:{port}/_stcore/health") == "ok"
        assert "<title>Streamlit</title>" in get(f"http://127.0.0.1:{port}/")
    finally:
        server.terminate()
        server.wait(30)
    print("as expected")
