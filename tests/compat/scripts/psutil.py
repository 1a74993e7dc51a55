"""This process, its child and the machine."""

import os
import subprocess
import sys

import psutil


def main():
    me = psutil.Process()
    assert me.pid == os.getpid() and me.memory_info().rss > 1_000_000
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert child.pid in [process.pid for process in me.children()]
    finally:
        psutil.Process(child.pid).kill()
    assert child.wait() == -9
    assert psutil.cpu_count() == os.cpu_count()
    assert psutil.virtual_memory().total > 0 and psutil.disk_usage("/").total > 0
    with open("opened", "w") as file:
        assert file.name in [os.path.basename(entry.path) for entry in me.open_files()]
    print("as expected")
