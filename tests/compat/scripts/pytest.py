"""Tests in a folder: assertion rewriting, a fixture, parameters, a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.fixture
def number(tmp_path):
    (tmp_path / "n").write_text("3")
    return int((tmp_path / "n").read_text())

@pytest.mark.parametrize("add", [1, 2])
def test_right(number, add, monkeypatch):
    assert number + add > 3

def test_wrong(number):
    values = {"a": number}
    assert values == {"a": 4}
"""


class Collector:
    def __init__(self):
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.outcomes[report.nodeid] = report.outcome
            if report.failed:
                self.text = str(report.longrepr)


def main():
    Path("test_sample.py").write_text(TESTS)
    collector = Collector()
    status = pytest.main(["-q", "-p", "no:cacheprovider"], plugins=[collector])
    assert status == 1
    assert sorted(collector.outcomes.values()) == ["failed", "passed", "passed"]
    assert "{'a': 3} != {'a': 4}" in collector.text and "assert {'a': 3} == {'a': 4}" in collector.text, (
        collector.text
    )
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "--co"], capture_output=True, text=True)
    assert "3 tests collected" in done.stdout, done
    print("as expected")
