"""The driver, started for its API and for its command line"""

import subprocess

from playwright._impl._driver import compute_driver_executable, get_driver_env
from playwright.sync_api import sync_playwright


def main():
    said = subprocess.run(
        [*compute_driver_executable(), "--version"], env=get_driver_env(), capture_output=True, text=True
    )
    assert said.returncode == 0 and said.stdout.startswith("Version "), said
    with sync_playwright() as started:
        assert "Desktop Chrome" in started.devices
    print("as expected")
