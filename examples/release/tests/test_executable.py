"""Tests of the executable as its users get it: `dist/tally` must have been built."""

import subprocess
from pathlib import Path

TALLY = Path(__file__).parents[1] / "dist" / "tally"


def test_counts_words(tmp_path):
    text = tmp_path / "text"
    text.write_text("to be or not to be")
    done = subprocess.run([TALLY, "--top", "1", text], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "to" in done.stdout
    assert "not" not in done.stdout


def test_refuses_what_is_not_there():
    done = subprocess.run([TALLY, "/no/such/file"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "FileNotFoundError" in done.stderr
