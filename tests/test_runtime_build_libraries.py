"""Static libraries: built once, of one source and one compiler; a failure shows its log."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from oxidize_build.cache import Cache
from oxidize_build.errors import RuntimeBuildError
from oxidize_build.runtime.build import libraries
from oxidize_build.runtime.build.libraries import LIBRARIES, build_libraries
from oxidize_build.runtime.build.sources import Component, Sources
from oxidize_build.runtime.build.toolchain import Toolchain, find_toolchain

BZIP2 = [library for library in LIBRARIES if library.name == "bzip2"]
FILES = ("blocksort", "bzlib", "compress", "crctable", "decompress", "huffman", "randtable")
HEADER = "int compressed(void);\n"


class Workplace:
    """A place where bzip2 is built of a small source that stands for it."""

    def __init__(self, root: Path, toolchain: Toolchain) -> None:
        self.root = root
        self.toolchain = toolchain
        self.prefix = root / "prefix"
        self.folder = root / "folder"
        self.folder.mkdir()

    def offer(self, code: str) -> Component:
        """Put an archive with *code* into the folder of sources, and return its component."""
        tree = self.root / "bzip2-1.0.8"
        tree.mkdir(exist_ok=True)
        for name in FILES:
            (tree / f"{name}.c").write_text(f"int {name}_only;\n")
        (tree / "bzlib.c").write_text(code)
        (tree / "bzlib.h").write_text(HEADER)
        (tree / "LICENSE").write_text("Do as you like.\n")
        archive = self.folder / "bzip2.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(tree, tree.name)
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        return replace(BZIP2[0].component, sha256=digest, alternatives=())

    def build(self, workshop: str) -> None:
        """Build it, in another *workshop* each time, as builds of several runtimes do."""
        sources = Sources(self.folder, Cache(self.root / "cache"))
        build_libraries(
            self.toolchain, self.prefix, sources, workshop=self.root / workshop, jobs=2, libraries=BZIP2
        )


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setenv("CC", "gcc")
    return Workplace(tmp_path, find_toolchain("host"))


def offer(workplace: Workplace, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    component = workplace.offer(code)
    monkeypatch.setattr(libraries, "find_component", lambda _name: component)


def test_a_library_is_built_installed_and_then_taken_from_the_cache(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(workplace, monkeypatch, "const char *name = __FILE__;\nint compressed(void) { return 1; }\n")
    workplace.build("first")
    archive = workplace.prefix / "lib/libbz2.a"
    built = archive.read_bytes()
    assert built.count(b"_only") >= len(FILES) - 1
    assert bytes(workplace.root) not in built
    assert (workplace.prefix / "include/bzlib.h").read_text() == HEADER
    assert (workplace.prefix / "licenses/bzip2.txt").read_text() == "Do as you like.\n"
    archive.unlink()
    (workplace.folder / "bzip2.tar.gz").unlink()
    workplace.build("second")
    assert archive.read_bytes() == built


def test_another_source_is_built_again(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("one_of_them", "the_other"):
        offer(workplace, monkeypatch, f"int {value};\n")
        workplace.build("workshop")
        assert value.encode() in (workplace.prefix / "lib/libbz2.a").read_bytes()


def test_a_failed_build_shows_the_end_of_its_log_and_leaves_nothing(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(workplace, monkeypatch, "#error this cannot be compiled\n")
    with pytest.raises(RuntimeBuildError, match="this cannot be compiled") as raised:
        workplace.build("workshop")
    assert str(workplace.root / "workshop/logs") in str(raised.value)
    assert not workplace.prefix.exists()
    assert not list((workplace.root / "cache/libraries").rglob("*.o"))
