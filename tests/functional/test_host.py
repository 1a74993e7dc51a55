"""What the host has is used; where it has nothing, what is packed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest

from conftest import PROJECTS, Jail

Build = Callable[[Path], Path]
COUNT_ROOTS = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"


@pytest.fixture(scope="module")
def python(build: Build) -> Path:
    return build(PROJECTS / "behaviour") / "behaviour"


def run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})
    assert result.returncode == 0, result.stderr
    return result.stdout


def first_certificate() -> str:
    text = Path(certifi.where()).read_text()
    end = "-----END CERTIFICATE-----\n"
    return text[text.index("-----BEGIN") : text.index(end) + len(end)]


def test_tls_roots_are_packed(python: Path, jail: Jail) -> None:
    assert int(run(jail(python, COUNT_ROOTS))) > 50


@pytest.mark.parametrize(
    "place", ["etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem", "etc/ssl/cert.pem"]
)
def test_the_tls_roots_of_the_host_go_first(place: str, python: Path, jail: Jail, tmp_path: Path) -> None:
    command = jail(python, COUNT_ROOTS)
    bundle = tmp_path / "jail" / place
    bundle.parent.mkdir(parents=True)
    bundle.write_text(first_certificate())
    assert run(command) == "1\n"


def test_an_empty_directory_of_roots_is_respected(python: Path, jail: Jail, tmp_path: Path) -> None:
    directory = run(jail(python, "import ssl; print(ssl.get_default_verify_paths().openssl_capath)")).strip()
    (tmp_path / "jail" / directory.lstrip("/")).mkdir(parents=True)
    assert run(jail(python, COUNT_ROOTS)) == "0\n"


def test_terminals_are_known_where_the_host_has_no_terminfo(python: Path, jail: Jail) -> None:
    code = "import curses; curses.setupterm('xterm-256color', 1); print(curses.tigetnum('colors'))"
    assert run(jail(python, code)) == "256\n"


def test_time_zones_of_the_host_are_used(python: Path, jail: Jail, tmp_path: Path) -> None:
    zones = Path("/usr/share/zoneinfo/Europe/Paris")
    if not zones.exists():
        pytest.skip("this machine has no time zones")
    code = (
        "import datetime as d, zoneinfo as z\n"
        "print(d.datetime(2024, 7, 1, tzinfo=z.ZoneInfo('Europe/Paris')).utcoffset())"
    )
    command = jail(python, code)
    (tmp_path / "jail/usr/share/zoneinfo/Europe").mkdir(parents=True)
    (tmp_path / "jail/usr/share/zoneinfo/Europe/Paris").write_bytes(zones.read_bytes())
    assert run(command) == "2:00:00\n"
