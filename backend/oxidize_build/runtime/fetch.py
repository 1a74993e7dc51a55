"""Download an archive: with a SHA-256 only, once, and whole or not at all.

A transfer that breaks off is resumed where it stopped if the server can do that (RFC 9110, section 14),
and begun anew otherwise.
"""

from __future__ import annotations

import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from oxidize_build import __version__
from oxidize_build.cache import Cache
from oxidize_build.digests import file_sha256
from oxidize_build.errors import DownloadError
from oxidize_build.progress import transfer
from oxidize_build.staging import CANNOT_WRITE

KIND = "archives"
"""Kind of cache entry: an archive, its key the SHA-256."""
MIRROR_VARIABLE = "OXIDIZE_RUNTIME_MIRROR"
SCHEMES = ("https", "http", "file")

_ATTEMPTS = 5
_FIRST_PAUSE = 0.5
"""Seconds before the second attempt; the pause doubles each time."""
_TIMEOUT = 60
_CHUNK = 1 << 18
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which another attempt may succeed."""
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class _Response(Protocol):
    status: int | None
    headers: http.client.HTTPMessage

    def read(self, size: int, /) -> bytes: ...


class _BrokenOffError(Exception):
    """The transfer ended too early."""


def download(url: str, sha256: str, cache: Cache) -> Path:
    """Return the file at *url* whose SHA-256 is *sha256*, downloading it unless *cache* has it.

    If the environment variable ``OXIDIZE_RUNTIME_MIRROR`` is set, to a directory or to the URL of one,
    the file of that name is taken from there.

    Raises DownloadError when it cannot be had, or has another hash; nothing is left behind then.
    """
    return cache.obtain(KIND, sha256.lower(), lambda made: fetch(_mirrored(url), sha256, made))


def fetch(url: str, sha256: str, destination: Path) -> None:
    """Download *url* as the new file *destination*.

    Raises DownloadError when it cannot be had, or has another SHA-256 than *sha256*; *destination* does not
    exist then.
    """
    if urllib.parse.urlsplit(url).scheme not in SCHEMES:
        raise DownloadError(f"{url} cannot be downloaded: expected an URL of {', '.join(SCHEMES)}")
    try:
        _Transfer(url, destination).run(sha256.lower())
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


def file_name(url: str) -> str:
    """Return the last part of *url*'s path."""
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])


def find_version(version: str, sha256: str) -> str:
    """Return the URL of the archive of Python *version* with that SHA-256 in the mirror, a directory.

    Archives are named as python-build-standalone's: ``cpython-3.14.7+20260101-...``, ``cpython-3.14.7-...``.

    Raises DownloadError when there is none, or no such mirror.
    """
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror or not Path(mirror).is_dir():
        raise DownloadError(
            f"Python {version} cannot be fetched by its version: "
            f"{MIRROR_VARIABLE} names no directory of archives",
            hint="name the archive by its URL, or make one by `oxidize runtime build`",
        )
    found = sorted(Path(mirror).glob(f"cpython-{version}[-+.]*"))
    for path in found:
        if file_sha256(path) == sha256.lower():
            return path.absolute().as_uri()
    raise DownloadError(
        f"no archive of Python {version} in {mirror} has the SHA-256 {sha256}",
        hint=f"archives of that version there: {', '.join(path.name for path in found) or 'none'}",
    )


def _mirrored(url: str) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    if not mirror:
        return url
    base = mirror if "://" in mirror else Path(mirror).absolute().as_uri()
    return f"{base.rstrip('/')}/{urllib.parse.urlsplit(url).path.rpartition('/')[2]}"


@dataclass(slots=True)
class _Transfer:
    """The download of one file, in as many attempts as it takes."""

    url: str
    target: Path
    validator: str | None = None
    """Names the version of the file that *target* holds the beginning of (``ETag``, ``Last-Modified``)."""

    def run(self, sha256: str) -> None:
        """Fill *target*. Raises DownloadError."""
        resumed = self._complete()
        found = file_sha256(self.target)
        if found != sha256 and resumed:  # the parts may be of different files
            self.validator = None
            self._complete()
            found = file_sha256(self.target)
        if found != sha256:
            raise DownloadError(
                f"{self.url} has the SHA-256 {found}, expected {sha256}",
                hint="the file was replaced or damaged: compare the hash with the one its publisher states",
            )

    def _complete(self) -> bool:
        """Download all of it; return whether it took more than one attempt."""
        self.target.touch()
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                self._attempt()
            except (_BrokenOffError, OSError, http.client.HTTPException) as error:
                problem = self._judge(error)
            else:
                return attempt > 0
        raise DownloadError(
            f"{self.url} cannot be downloaded: {problem}, after {_ATTEMPTS} attempts",
            hint=f"check the URL and the network, or name a mirror or a directory by {MIRROR_VARIABLE}",
        )

    def _judge(self, error: Exception) -> str:
        """Return what went wrong, if another attempt may help. Raises otherwise."""
        if isinstance(error, urllib.error.HTTPError):
            if error.code == _RANGE_NOT_SATISFIABLE and self.validator is not None:
                self.validator = None
            elif error.code not in _TEMPORARY:
                raise DownloadError(
                    f"{self.url} cannot be downloaded: HTTP status {error.code} ({error.reason})",
                    hint="check the URL",
                ) from error
            return f"HTTP status {error.code}"
        if isinstance(error, urllib.error.URLError):
            if isinstance(error.reason, FileNotFoundError | PermissionError | str):
                raise DownloadError(f"{self.url} cannot be downloaded: {error.reason}") from error
            return str(error.reason)
        if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
            raise error
        return str(error) or type(error).__name__

    def _attempt(self) -> None:
        """Ask for what is missing, and append it. Raises what :mod:`urllib` does, or _BrokenOffError."""
        begun = self.target.stat().st_size if self.validator else 0
        headers = {"User-Agent": f"oxidize-build/{__version__}", "Accept-Encoding": "identity"}
        if begun and self.validator:
            headers |= {"Range": f"bytes={begun}-", "If-Range": self.validator}
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 (fetch has checked it)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as opened:  # noqa: S310 (the same)
            response = cast("_Response", opened)
            begun = _where_it_begins(response, begun)
            self.validator = _validator(response.headers)
            with self.target.open("r+b") as file:
                file.truncate(begun)
                file.seek(begun)
                self._copy(response, file, begun)

    def _copy(self, response: _Response, file: IO[bytes], begun: int) -> None:
        length = response.headers.get("Content-Length")
        missing = int(length) if length and length.isdigit() else None
        with transfer(file_name(self.url), begun, None if missing is None else begun + missing) as advance:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                advance(len(chunk))
                missing = None if missing is None else missing - len(chunk)
        if missing:
            raise _BrokenOffError(f"the connection ended {missing} bytes too early")


def _where_it_begins(response: _Response, asked: int) -> int:
    """Return the offset in the file of what *response* holds, when *asked* was asked for."""
    if response.status != _PARTIAL_CONTENT:
        return 0
    stated = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if stated is None or int(stated[1]) != asked:
        raise _BrokenOffError(f"the server sent another part than that from byte {asked} on")
    return asked


def _validator(headers: http.client.HTTPMessage) -> str | None:
    """Return what If-Range takes; a weak ETag does not do (RFC 9110, section 13.1.5)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")
