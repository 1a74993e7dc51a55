"""Downloads: from servers that break off, lie and refuse."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from oxidize_build.cache import Cache
from oxidize_build.errors import DownloadError
from oxidize_build.runtime import fetch
from oxidize_build.runtime.fetch import download

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """How the server answers, one request after the other."""

    content: bytes = CONTENT
    breaks: list[int] = field(default_factory=list)
    """How many bytes it sends before it breaks off, for each of the first requests."""
    ranges: bool = True
    validator: tuple[str, str] = ("ETag", '"one"')
    statuses: list[int] = field(default_factory=list)
    length: int | None = None
    asked: list[str | None] = field(default_factory=list)
    """The ranges that it was asked for."""
    wrong_range: bool = False


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self) -> None:
        told = self.behaviour
        wanted = self.headers.get("Range")
        told.asked.append(wanted)
        if told.statuses and (status := told.statuses.pop(0)) != 200:
            self.send_error(status)
            return
        current = self.headers.get("If-Range") == told.validator[1]
        begin = int(wanted[6:-1]) if wanted and told.ranges and current else 0
        body = told.content[begin:]
        if begin:
            self.send_response(206)
            shown = begin + 7 if told.wrong_range else begin
            self.send_header("Content-Range", f"bytes {shown}-{len(told.content) - 1}/{len(told.content)}")
        else:
            self.send_response(200)
        self.send_header(*told.validator)
        self.send_header("Content-Length", str(len(body) if told.length is None else told.length))
        self.end_headers()
        self.wfile.write(body[: told.breaks.pop(0)] if told.breaks else body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Behaviour, str]]:
    monkeypatch.setattr(fetch, "_FIRST_PAUSE", 0)
    monkeypatch.delenv(fetch.MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    told = Behaviour()
    handler = type("TellingHandler", (Handler,), {"behaviour": told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield told, f"http://127.0.0.1:{server.server_port}/dir/python.tar.zst"
    server.shutdown()
    thread.join()
    server.server_close()


def left(cache: Cache) -> list[Path]:
    return [path for path in cache.root.rglob("*") if path.is_file()]


def test_downloaded_once(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    first = download(url, SHA256.upper(), cache)
    assert first.read_bytes() == CONTENT
    assert download(url, SHA256, cache) == first
    assert told.asked == [None]


def test_resumed_where_it_broke_off(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.breaks = [300_000, 200_000]
    assert download(url, SHA256, cache).read_bytes() == CONTENT
    assert told.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_resumed_by_its_date(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.breaks = [300_000]
    told.validator = ("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")
    assert download(url, SHA256, cache).read_bytes() == CONTENT
    assert told.asked == [None, "bytes=300000-"]


@pytest.mark.parametrize("validator", [("ETag", 'W/"weak"'), ("X-None", "x")])
def test_begun_anew_without_a_validator(
    validator: tuple[str, str], served: tuple[Behaviour, str], cache: Cache
) -> None:
    told, url = served
    told.breaks, told.validator = [300_000], validator
    assert download(url, SHA256, cache).read_bytes() == CONTENT
    assert told.asked == [None, None]


def test_begun_anew_where_ranges_are_ignored(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.breaks, told.ranges = [300_000, 1000], False
    assert download(url, SHA256, cache).read_bytes() == CONTENT
    assert told.asked == [None, "bytes=300000-", "bytes=1000-"]


def test_another_part_than_asked_for(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.breaks, told.wrong_range = [300_000], True
    with pytest.raises(DownloadError, match="another part than that from byte 300000 on, after 5 attempts"):
        download(url, SHA256, cache)
    assert left(cache) == []


def test_parts_of_different_files_are_begun_anew(
    served: tuple[Behaviour, str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, url = served
    told.breaks, told.content = [300_000], bytes(1_000_000)
    send = Handler.end_headers

    def changed(handler: Handler) -> None:
        send(handler)
        told.content = CONTENT  # the same ETag all the same

    monkeypatch.setattr(Handler, "end_headers", changed)
    assert download(url, SHA256, cache).read_bytes() == CONTENT
    assert told.asked == [None, "bytes=300000-", None]


def test_too_short(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.breaks = [0] * 9
    with pytest.raises(DownloadError, match=r"ended 1024000 bytes too early, after 5 attempts"):
        download(url, SHA256, cache)
    assert left(cache) == []


@pytest.mark.parametrize("length", [1000, len(CONTENT) + 1])
def test_a_length_that_is_not_true(length: int, served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.length = length
    with pytest.raises(DownloadError):
        download(url, SHA256, cache)
    assert left(cache) == []


def test_another_hash(served: tuple[Behaviour, str], cache: Cache) -> None:
    _, url = served
    wanted = "0" * 64
    with pytest.raises(DownloadError, match=f"has the SHA-256 {SHA256}, expected {wanted}") as caught:
        download(url, wanted, cache)
    assert caught.value.hint is not None
    assert left(cache) == []


@pytest.mark.parametrize("status", [404, 403, 410])
def test_refused_at_once(status: int, served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.statuses = [status]
    with pytest.raises(DownloadError, match=f"HTTP status {status}"):
        download(url, SHA256, cache)
    assert len(told.asked) == 1
    assert left(cache) == []


def test_temporary_refusals(served: tuple[Behaviour, str], cache: Cache) -> None:
    told, url = served
    told.statuses = [503, 200, 416, 429]
    told.breaks = [300_000]
    assert download(url, SHA256, cache).read_bytes() == CONTENT
    assert told.asked == [None, None, "bytes=300000-", None, None]


def test_nobody_answers(served: tuple[Behaviour, str], cache: Cache) -> None:
    del served
    with pytest.raises(DownloadError, match="refused, after 5 attempts") as caught:
        download("http://127.0.0.1:1/python.tar.gz", SHA256, cache)
    assert caught.value.hint is not None
    assert fetch.MIRROR_VARIABLE in caught.value.hint
    assert left(cache) == []


def test_files(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "a b.tar.gz"
    path.write_bytes(CONTENT)
    assert download(path.as_uri(), SHA256, cache).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="No such file"):
        download((tmp_path / "none").as_uri(), "1" * 64, cache)


@pytest.mark.parametrize("url", ["ftp://host/file", "data:,x", "python.tar.gz"])
def test_other_schemes(url: str, cache: Cache) -> None:
    with pytest.raises(DownloadError, match="expected an URL of https, http, file"):
        download(url, SHA256, cache)


@pytest.mark.parametrize("as_url", [False, True])
def test_mirror(as_url: bool, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "python+x.tar.zst").write_bytes(CONTENT)
    monkeypatch.setenv(fetch.MIRROR_VARIABLE, folder.as_uri() + "/" if as_url else str(folder))
    url = "https://nowhere.invalid/releases/python%2Bx.tar.zst?raw=1"
    assert download(url, SHA256, cache).read_bytes() == CONTENT
