"""Tasks run eagerly, a chain, and a worker process with a broker of files."""

import subprocess
import sys
import time
from pathlib import Path

from celery import Celery, chain

app = Celery("check_celery", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {
    "data_folder_in": "queue",
    "data_folder_out": "queue",
    "control_folder": "control",
}


@app.task
def add(a, b):
    return a + b


def main():
    for folder in ("queue", "results", "control"):
        Path(folder).mkdir()
    app.conf.task_always_eager = True
    assert chain(add.s(1, 2), add.s(10))().get() == 13
    app.conf.task_always_eager = False
    command = [sys.executable, "-m", "celery", "-A", "check_celery", "worker", "-c", "2", "-l", "warning"]
    worker = subprocess.Popen(command)
    try:
        assert add.delay(20, 22).get(timeout=90, interval=0.2) == 42
    finally:
        worker.terminate()
        worker.wait(60)
    time.sleep(0.1)
    print("as expected")
