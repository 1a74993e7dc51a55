"""Runtimes by version, path and URL; the cache and installed distributions that they are looked for in."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runtime_samples import facts_of, pack, python_json, write_tree

from oxidize_build.cache import Cache
from oxidize_build.errors import ArchiveError, DownloadError, RuntimeNotUsableError
from oxidize_build.runtime import standalone
from oxidize_build.runtime import store as store_module
from oxidize_build.runtime.find import choose, find_runtime
from oxidize_build.runtime.host import host_runtime
from oxidize_build.runtime.store import RuntimeStore, Stored
from oxidize_build.settings.model import RuntimeArchive, RuntimePath

MakeArchive = Callable[..., Path]


@pytest.fixture
def make_archive(tmp_path: Path) -> MakeArchive:
    """Return a function that writes a full archive of *version*, of that name."""

    def make(name: str, version: str = "3.14.7", **changes: Any) -> Path:
        info = python_json(version, **changes)
        return pack(write_tree(tmp_path / f"tree-{name}", info, facts_of(info)), tmp_path / name)

    return make


@pytest.fixture
def store(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> RuntimeStore:
    """An empty store, whatever distributions are installed."""
    monkeypatch.setattr(store_module, "_installed", lambda: iter(()))
    return RuntimeStore(cache)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_host(cache: Cache) -> None:
    assert find_runtime("host", cache) == host_runtime()
    assert find_runtime(RuntimePath(path=Path(sys.executable)), cache) == host_runtime()


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.zst"])
def test_archive_by_path(suffix: str, make_archive: MakeArchive, cache: Cache) -> None:
    wanted = RuntimePath(path=make_archive(f"a{suffix}"))
    runtime = find_runtime(wanted, cache)
    assert runtime.version == "3.14.7"
    assert cache.root in runtime.libpython.parents
    made = runtime.libpython.stat().st_ino
    assert find_runtime(wanted, cache).libpython.stat().st_ino == made


def test_directory_by_path(make_archive: MakeArchive, tmp_path: Path, cache: Cache) -> None:
    make_archive("a.tar.gz")
    for path in (tmp_path / "tree-a.tar.gz", tmp_path / "tree-a.tar.gz" / "python"):
        assert find_runtime(RuntimePath(path=path), cache).version == "3.14.7"


def test_archive_by_url(make_archive: MakeArchive, cache: Cache) -> None:
    archive = make_archive("a.tar.zst")
    wanted = RuntimeArchive(url=archive.as_uri(), sha256=sha256(archive))
    assert find_runtime(wanted, cache).version == "3.14.7"
    archive.unlink()
    assert find_runtime(wanted, cache).version == "3.14.7"
    with pytest.raises(DownloadError):
        find_runtime(replace(wanted, sha256="0" * 64), cache)


def test_nothing_there(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(RuntimeNotUsableError, match="no such file or directory"):
        find_runtime(RuntimePath(path=tmp_path / "none.tar.gz"), cache)


def test_damaged_archive_leaves_nothing(make_archive: MakeArchive, cache: Cache) -> None:
    archive = make_archive("a.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ArchiveError):
        find_runtime(RuntimePath(path=archive), cache)
    assert not list((cache.root / "unpacked-runtimes").rglob("PYTHON.json"))


def test_a_damaged_copy_is_unpacked_again(make_archive: MakeArchive, cache: Cache) -> None:
    wanted = RuntimePath(path=make_archive("a.tar.gz"))
    runtime = find_runtime(wanted, cache)
    (runtime.stdlib / "__pycache__").mkdir()
    (runtime.stdlib / "__pycache__" / "os.pyc").write_bytes(b"written by the interpreter")
    find_runtime(wanted, cache)
    assert (runtime.stdlib / "__pycache__").exists()
    (runtime.stdlib / "os.py").unlink()
    assert (find_runtime(wanted, cache).stdlib / "os.py").exists()


def test_another_platform(make_archive: MakeArchive, cache: Cache) -> None:
    wanted = RuntimePath(path=make_archive("a.tar.gz"))
    assert find_runtime(wanted, cache, triple="x86_64-unknown-linux-gnu").libc == "glibc"
    with pytest.raises(RuntimeNotUsableError, match=r"is for x86_64-unknown-linux-gnu, not for .*-musl"):
        find_runtime(wanted, cache, triple="x86_64-unknown-linux-musl")


def fill(store: RuntimeStore, make_archive: MakeArchive) -> None:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "old": ("3.13.5", {}),
        "older": ("3.14.2", {"build_options": "pgo+lto"}),
        "plain": ("3.14.10", {"build_options": "noopt"}),
        "best": ("3.14.10", {"build_options": "pgo+lto"}),
        "newer-glibc": (
            "3.14.10",
            {"build_options": "pgo+lto", "crt_features": GLIBC_28},
        ),
        "debug": ("3.14.10", {"build_options": "debug+pgo+lto"}),
        "musl": ("3.14.10", {"target_triple": "x86_64-unknown-linux-musl", "build_options": "pgo+lto"}),
        "threads": ("3.14.10", {"build_options": "freethreaded+pgo", "python_abi_tag": "t"}),
        "candidate": ("3.15.0rc2", {}),
    }
    for name, (version, changes) in kinds.items():
        store.add(f"{name}.tar.gz", make_archive(f"{name}.tar.gz", version, **changes), "a test")


GLIBC_28 = ["glibc-dynamic", "glibc-max-symbol-version:2.28"]
MUSL = "x86_64-unknown-linux-musl"


@pytest.mark.parametrize(
    ("wanted", "triple", "name"),
    [
        ("3.14", None, "best"),
        ("3.14.10", None, "best"),
        ("3.14.2", None, "older"),
        ("3.13", None, "old"),
        ("3.14", MUSL, "musl"),
        ("3.14t", None, "threads"),
        ("3.15", None, "candidate"),
        ("3.15.0rc2", None, "candidate"),
    ],
)
def test_choice(
    wanted: str,
    triple: str | None,
    name: str,
    store: RuntimeStore,
    make_archive: MakeArchive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standalone, "check_supported", lambda *_arguments: None)
    fill(store, make_archive)
    assert choose(wanted, store, triple=triple) == store.open(store.find(name).archive)


@pytest.mark.parametrize("wanted", ["3.1", "3.12", "3.14.1", "3.13t", "3.15.0rc1"])
def test_none_of_the_version(wanted: str, store: RuntimeStore, make_archive: MakeArchive) -> None:
    store.add("cpython-3.13.5.tar.gz", make_archive("a.tar.gz", "3.13.5"), "a test")
    store.add("cpython-3.15.0rc2.tar.gz", make_archive("b.tar.gz", "3.15.0rc2"), "a test")
    message = f"no runtime of Python {wanted}; at hand: cpython-3.13.5, cpython-3.15.0rc2"
    with pytest.raises(RuntimeNotUsableError, match=message) as caught:
        choose(wanted, store)
    hint = caught.value.hint or ""
    short = "".join(wanted.rstrip("t").split(".")[:2]) + "t" * wanted.endswith("t")
    assert f"oxidize-runtime-cp{short} " in hint
    assert "oxidize runtime fetch" in hint
    assert f"oxidize runtime build {wanted}" in hint


def test_older_glibc_is_asked_for(store: RuntimeStore, make_archive: MakeArchive) -> None:
    store.add(
        "new.tar.gz", make_archive("a.tar.gz", crt_features=GLIBC_28, build_options="pgo+lto"), "a test"
    )
    store.add("old.tar.gz", make_archive("b.tar.gz"), "a test")
    assert choose("3.14", store).glibc == "2.28"
    assert choose("3.14", store, glibc="2.28").glibc == "2.28"
    assert choose("3.14", store, glibc="2.27").glibc == "2.17"
    with pytest.raises(RuntimeNotUsableError, match=r"no runtime of Python 3\.14 with glibc 2\.5 or older"):
        choose("3.14", store, glibc="2.5")


def test_glibc_limit(make_archive: MakeArchive, cache: Cache) -> None:
    wanted = RuntimePath(path=make_archive("a.tar.gz"))
    assert find_runtime(wanted, cache).glibc_limit is None
    assert find_runtime(wanted, cache, glibc="2.17").glibc_limit == "2.17"
    assert find_runtime("host", cache, glibc="2.17").glibc_limit == "2.17"
    with pytest.raises(RuntimeNotUsableError, match=r"needs glibc 2\.17, and the target allows 2\.5"):
        find_runtime(wanted, cache, glibc="2.5")


def test_no_version(store: RuntimeStore) -> None:
    with pytest.raises(RuntimeNotUsableError, match="'latest' is no version"):
        choose("latest", store)


def test_added_replaced_and_removed(store: RuntimeStore, make_archive: MakeArchive, tmp_path: Path) -> None:
    first = store.add("mine.tar.gz", make_archive("a.tar.gz", "3.14.1"), "https://somewhere/a.tar.gz")
    assert store.open(first.archive).version == "3.14.1"
    assert [entry.name for entry in store.entries()] == ["mine"]
    assert store.find("mine").source == "https://somewhere/a.tar.gz"
    store.add("mine.tar.gz", make_archive("b.tar.gz", "3.14.2"), "elsewhere")
    (stored,) = store.entries()
    assert stored == Stored("mine", "cache", "elsewhere", first.archive)
    (tmp_path / "b.tar.gz").unlink()
    second = store.open(stored.archive)
    assert second.version == "3.14.2"
    assert store.remove("mine") == stored
    assert store.entries() == []
    assert not second.libpython.exists()
    with pytest.raises(RuntimeNotUsableError, match="no runtime named mine; known: none"):
        store.remove("mine")


def test_what_is_no_runtime_is_not_added(store: RuntimeStore, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "README").touch()
    with pytest.raises(RuntimeNotUsableError, match="holds no Python runtime"):
        store.add("mine.tar.gz", pack(tmp_path / "tree", tmp_path / "a.tar.gz"), "a test")
    assert store.entries() == []


def test_what_has_no_name_of_an_archive_is_not_added(store: RuntimeStore, make_archive: MakeArchive) -> None:
    for name in ("python", ".tar.gz"):
        with pytest.raises(RuntimeNotUsableError, match="is not the name of an archive"):
            store.add(name, make_archive("a.tar.gz"), "a test")


def test_unusable_ones_are_told_of_and_passed_over(
    store: RuntimeStore, make_archive: MakeArchive, capsys: pytest.CaptureFixture[str]
) -> None:
    store.add("good.tar.gz", make_archive("a.tar.gz"), "a test")
    store.add("bad.tar.gz", make_archive("b.tar.gz", "3.14.9"), "a test")
    store.find("bad").archive.write_bytes(b"damaged")
    (store.find("good").archive.parent / "source.json").write_text("[]")
    assert store.find("good").source == "an unknown place"
    assert choose("3.14", store).version == "3.14.7"
    assert "the runtime bad cannot be used" in capsys.readouterr().err


@pytest.fixture
def distribution(tmp_path: Path, make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on sys.path in which a distribution of a runtime is installed."""
    site = tmp_path / "site-packages"
    package = site / "oxidize_runtime_cp314"
    package.mkdir(parents=True)
    make_archive("cpython-3.14.7-gnu.tar.zst").rename(package / "cpython-3.14.7-gnu.tar.zst")
    info = site / "oxidize_runtime_cp314-3.14.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: oxidize-runtime-cp314\nVersion: 3.14.7\n")
    (info / "entry_points.txt").write_text("[oxidize.runtimes]\ncp314 = oxidize_runtime_cp314\n")
    monkeypatch.syspath_prepend(str(site))
    return package


def test_installed_distribution(distribution: Path, cache: Cache) -> None:
    assert find_runtime("3.14.7", cache).version == "3.14.7"
    store = RuntimeStore(cache)
    stored = store.find("cpython-3.14.7-gnu")
    archive = distribution / "cpython-3.14.7-gnu.tar.zst"
    assert stored == Stored("cpython-3.14.7-gnu", "wheel", "oxidize-runtime-cp314 3.14.7", archive)
    with pytest.raises(RuntimeNotUsableError, match=r"is a part of oxidize-runtime-cp314 3\.14\.7") as caught:
        store.remove("cpython-3.14.7-gnu")
    assert "uninstall" in (caught.value.hint or "")


def test_distribution_without_its_archive(
    distribution: Path, cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    next(distribution.iterdir()).unlink()
    assert "oxidize-runtime-cp314 3.14.7" not in [stored.source for stored in RuntimeStore(cache).entries()]
    assert "oxidize-runtime-cp314 3.14.7 holds no runtime" in capsys.readouterr().err
