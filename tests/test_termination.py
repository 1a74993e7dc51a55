"""A build that is told to end cleans up first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import oxidize_build
from oxidize_build.cli import main, oxidize
from oxidize_build.hook_errors import readable_errors
from oxidize_build.staging import staging
from oxidize_build.termination import INTERRUPTED, exit_on_sigterm

TERMINATED = 128 + signal.SIGTERM


def test_what_a_build_has_begun_is_removed(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from oxidize_build.hook_errors import readable_errors\n"
        "from oxidize_build.staging import staging\n"
        "with readable_errors(), staging(Path('dist')) as directory:\n"
        "    (directory / 'app').touch()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(oxidize_build.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=False, stderr=subprocess.PIPE, env=environment
    )
    assert (done.returncode, done.stderr) == (TERMINATED, b"")
    assert list(tmp_path.iterdir()) == []


def test_hooks_and_the_command_end_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_args: object, **_options: object) -> None:
        with staging(tmp_path / "dist"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as caught:
        readable_errors()(build)()
    assert caught.value.code == TERMINATED
    monkeypatch.setattr(oxidize, "main", build)
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == TERMINATED
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_second_signal_does_not_stop_the_cleaning() -> None:
    cleaned = []

    @exit_on_sigterm()
    def build() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(SystemExit):
        build()
    assert cleaned


def test_a_handler_of_the_process_stays() -> None:
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        with exit_on_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]


def test_in_another_thread_nothing_happens() -> None:
    done = []

    def work() -> None:
        with exit_on_sigterm():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.SIG_DFL]


def test_ctrl_c_in_a_hook_leaves_the_message_to_the_front_end(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, readable_errors():
        raise KeyboardInterrupt
    assert caught.value.code == INTERRUPTED
    assert capsys.readouterr().err == ""
