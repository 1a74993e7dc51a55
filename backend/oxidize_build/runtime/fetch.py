"""Download a file that is known by its SHA-256."""

from __future__ import annotations

import hashlib
import shutil
import urllib.request
from pathlib import Path

from oxidize_build.errors import ArchiveError

_TIMEOUT = 60
_CHUNK = 1 << 20


def fetch(url: str, sha256: str, destination: Path) -> None:
    """Download *url* as the new file *destination*.

    Raises ArchiveError when it cannot be had, or its content has another *sha256*; *destination* does not
    exist then.
    """
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, destination.open("xb") as file:  # noqa: S310 (whatever it is, its digest is checked)
            shutil.copyfileobj(answer, file, _CHUNK)
    except (OSError, ValueError) as error:
        destination.unlink(missing_ok=True)
        raise ArchiveError(
            f"{url} cannot be downloaded: {error}",
            hint="try again, or get the file by other means and name its folder",
        ) from None
    with destination.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        destination.unlink()
        raise ArchiveError(f"{url} is not the file that was expected: its sha256 is {found}, not {sha256}")
