"""Sources of runtimes: the table is complete, and no other archive than it names is taken."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression

from oxidize_build.cache import Cache
from oxidize_build.errors import ArchiveError, DownloadError
from oxidize_build.runtime.build.libraries import LIBRARIES
from oxidize_build.runtime.build.sources import Component, Sources, find_component, read_components

ROWS = read_components()
SHA256 = re.compile(r"[0-9a-f]{64}")
NOT_WANTED = re.compile(r"GPL")
NOWHERE = "http://127.0.0.1:9/hello-1.0.tar.gz"
"""No server listens there."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_row_is_complete(row: Component) -> None:
    assert all(SHA256.fullmatch(sha256) for sha256 in row.accepted)
    assert row.url.startswith("https://")
    assert (
        row.version.replace("-", "").replace(".", "") in re.sub(r"[-.]", "", row.url) or row.name == "sqlite"
    )
    assert canonicalize_license_expression(row.license)
    assert not NOT_WANTED.search(row.license)
    assert row.license_files
    assert not any(name.startswith("/") or ".." in name for name in row.license_files)


def test_no_archive_stands_for_two_rows() -> None:
    digests = [sha256 for row in ROWS for sha256 in row.accepted]
    assert len(digests) == len(set(digests))


def test_every_library_has_a_row_and_follows_those_that_it_needs() -> None:
    names = [library.name for library in LIBRARIES]
    assert all(library.component in ROWS for library in LIBRARIES)
    for at, library in enumerate(LIBRARIES):
        assert set(library.needs) <= set(names[:at])


def test_cpython_is_found_by_its_version() -> None:
    assert find_component("cpython", "3.14.7").url.endswith("Python-3.14.7.tar.xz")


@pytest.mark.parametrize(("name", "version"), [("readline", None), ("cpython", None), ("cpython", "3.14.99")])
def test_an_unknown_component_is_refused_with_those_that_are_known(name: str, version: str | None) -> None:
    with pytest.raises(ArchiveError, match=name) as raised:
        find_component(name, version)
    assert "cpython 3.14.7" in str(raised.value.hint)


def archive(content: bytes = b"hello\n", name: str = "hello-1.0/hello.txt") -> bytes:
    """A compressed tar archive of one file: the same bytes at any time."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return gzip.compress(file.getvalue(), mtime=0)


def component_of(*archives: bytes, url: str = NOWHERE) -> Component:
    """A component whose upstream's archive is the first of *archives*, the others alternatives."""
    first, *others = [hashlib.sha256(content).hexdigest() for content in archives]
    return Component("hello", "1.0", "MIT", ("LICENSE",), url, first, tuple(others))


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Sources(folder, Cache(tmp_path / "cache"))


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_of_any_name_in_the_folder_is_taken_for_its_content(
    sources: Sources, tmp_path: Path, which: int
) -> None:
    archives = (archive(b"upstream's\n"), archive(b"packed anew\n"))
    assert sources.folder is not None
    (sources.folder / "other.bin").write_bytes(archives[which])
    (sources.folder / "more.tar.gz").write_bytes(b"something else")
    sources.unpack(component_of(*archives), tmp_path / "tree")
    assert (tmp_path / "tree/hello.txt").read_text() == ("upstream's\n", "packed anew\n")[which]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "folder", "tree"]


def test_a_file_of_the_right_name_and_other_content_is_refused(sources: Sources) -> None:
    assert sources.folder is not None
    wrong = archive(b"altered\n")
    (sources.folder / "hello-1.0.tar.gz").write_bytes(wrong)
    component = component_of(archive())
    with pytest.raises(ArchiveError) as raised:
        sources.archive(component)
    message = str(raised.value)
    assert hashlib.sha256(wrong).hexdigest() in message
    assert component.sha256 in message
    assert "hello-1.0.tar.gz" in message


def test_what_the_folder_lacks_is_downloaded_once(tmp_path: Path, sources: Sources) -> None:
    served = tmp_path / "hello-1.0.tar.gz"
    served.write_bytes(archive())
    component = component_of(archive(), url=served.as_uri())
    sources.archive(component)
    served.unlink()
    assert sources.archive(component).read_bytes() == archive()


def test_a_download_of_other_content_is_refused_and_not_kept(tmp_path: Path, sources: Sources) -> None:
    served = tmp_path / "hello-1.0.tar.gz"
    served.write_bytes(archive(b"altered\n"))
    with pytest.raises(DownloadError):
        sources.unpack(component_of(archive(), url=served.as_uri()), tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_no_folder_and_no_server_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"hello-1\.0"):
        Sources(None, Cache(tmp_path)).archive(component_of(archive()))


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(ArchiveError, match="missing"):
        Sources(missing, Cache(tmp_path)).archive(component_of(archive()))


@pytest.mark.parametrize(
    "content",
    [
        archive()[:-10],
        archive(name="../outside.txt"),
        archive(name="/outside.txt"),
        archive(name="no-folder.txt"),
    ],
    ids=["truncated", "parent", "absolute", "no tree"],
)
def test_an_archive_that_cannot_be_trusted_leaves_nothing_behind(
    sources: Sources, tmp_path: Path, content: bytes
) -> None:
    assert sources.folder is not None
    (sources.folder / "hello.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError):
        sources.unpack(component_of(content), tmp_path / "tree")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "folder"]
