"""A snapshot that is damaged: found when it is to be checked; else the ordinary start, or an error."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from making import write_project
from starting import NOT_USED, compare, start

from conftest import Build
from oxidize_build.errors import ImageError
from oxidize_build.image import format as fmt
from oxidize_build.image.format import SNAPSHOT, SNAPSHOT_MAGIC, Section
from oxidize_build.objfile.elf import image_extent
from oxidize_build.verify import verify

DAMAGED = 70
CHANGES = 500


class Copy:
    """A copy of an executable that has a snapshot, to be damaged."""

    def __init__(self, executable: Path, folder: Path) -> None:
        self.path = Path(shutil.copy(executable, folder / executable.name))
        self.content = executable.read_bytes()
        self.image = image_extent(executable)
        self.begin = self.content.index(SNAPSHOT_MAGIC, self.image.offset)
        values = SNAPSHOT.struct.unpack_from(self.content, self.begin)
        self.header = dict(zip([field.name for field in SNAPSHOT.fields], values, strict=True))

    @contextmanager
    def changed(self, offset: int, bits: int) -> Iterator[None]:
        """Change a byte of the snapshot, for a while."""
        byte = self.content[self.begin + offset]
        self.write(self.begin + offset, bytes([byte ^ bits]))
        try:
            yield
        finally:
            self.write(self.begin + offset, bytes([byte]))

    def write(self, position: int, content: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(position)
            file.write(content)

    def start(self, switch: str = "explain") -> tuple[int, str, str]:
        return start([str(self.path), "a"], 20, OXIDIZE_SNAPSHOT=switch)


@pytest.fixture
def copy(any_state: Path, tmp_path: Path) -> Copy:
    return Copy(any_state, tmp_path)


def test_damaged_tables_give_the_ordinary_start(copy: Copy) -> None:
    expected = copy.start("off")[:2]
    end = copy.header["tables_end"]
    for offset in [*range(0, SNAPSHOT.size, 9), *range(SNAPSHOT.size, end, (end - SNAPSHOT.size) // 20)]:
        with copy.changed(offset, 0x41):
            status, out, err = copy.start()
            assert (status, out) == expected
            assert NOT_USED in err
            with pytest.raises(ImageError, match=r"damaged|digest"):
                verify(copy.path)


def test_damaged_pages_are_found_by_who_is_asked_to(copy: Copy) -> None:
    expected = copy.start("verify")
    assert expected[0] == 0
    assert NOT_USED not in expected[2]
    size = copy.header["size"]
    for offset in (copy.header["tables_end"] + 64, size // 3, size // 2, size - 1):
        with copy.changed(offset, 1):
            status, out, err = copy.start("verify")
            assert (status, out) == expected[:2]
            assert f"{NOT_USED}: it is damaged" in err
            with pytest.raises(ImageError, match=r"damaged|digest"):
                verify(copy.path)


def test_no_change_makes_it_crash(copy: Copy) -> None:
    """Half of the changes are where something is. A text may change, or a loop lose its end."""
    expected, chance, endings = copy.start(), random.Random(6), Counter[str]()
    for number in range(CHANGES):
        offset = chance.randrange(copy.header["size"])
        while number % 2 and copy.content[copy.begin + offset] == 0:
            offset = chance.randrange(copy.header["size"])
        with copy.changed(offset, chance.randrange(1, 256)):
            try:
                status, out, err = copy.start()
            except subprocess.TimeoutExpired:
                endings["none"] += 1
                continue
        assert status in {0, 1, DAMAGED}, (offset, status, err)
        if status == DAMAGED:
            assert err.endswith(f"{copy.path}: damaged executable: the pages of its snapshot have changed\n")
        endings["no harm" if (status, out) == expected[:2] else str(status)] += 1
    assert endings["no harm"] > CHANGES / 2
    assert endings["0"] < CHANGES / 50
    assert endings["1"] < CHANGES / 50
    assert endings["none"] < CHANGES / 100


def test_a_file_that_is_cut_short_gives_an_error(copy: Copy) -> None:
    chance, header = random.Random(7), copy.header
    names = ("tables_end", "ranges", "paths", "registrations", "kept", "threads", "variables", "modules")
    ends = {0, SNAPSHOT.size, header["size"], *(header[name] for name in names)}
    for index in range(header["range_count"]):
        at = copy.begin + header["ranges"] + index * fmt.SNAPSHOT_RANGE.size
        _, size, offset = fmt.SNAPSHOT_RANGE.struct.unpack_from(copy.content, at)
        ends |= {offset, offset + size}
    sizes = ends | {chance.randrange(header["size"]) for _ in range(100)}
    for size in sorted(sizes, reverse=True):  # each cut is shorter than the one before
        os.truncate(copy.path, copy.begin + size)
        status, _, err = copy.start()
        assert status == DAMAGED, size
        assert err.startswith(f"{copy.path}: damaged executable: ")
        assert err.count("\n") == 1


def test_a_shorter_section_gives_the_ordinary_start(copy: Copy) -> None:
    """A whole image, as far as its header tells, but not all of the snapshot is in it."""
    expected = copy.start("off")[:2]
    head = bytearray(copy.content[copy.image.offset :][: fmt.HEADER.size])
    count = len(Section) * fmt.SECTION.size
    table = bytearray(copy.content[copy.image.offset + fmt.HEADER.size :][:count])
    at = list(Section).index(Section.SNAPSHOT) * fmt.SECTION.size
    begin, size, _ = fmt.SECTION.struct.unpack_from(table, at)
    chance = random.Random(8)
    for shorter in (1, 8, SNAPSHOT.size, 4096, size - 1, *(chance.randrange(1, size) for _ in range(20))):
        fmt.SECTION.struct.pack_into(table, at, begin, shorter, 0)
        head[-8:] = fmt.check64(bytes(table), fmt.check64(bytes(head[:-8]))).to_bytes(8, "little")
        copy.write(copy.image.offset, bytes(head + table))
        status, out, err = copy.start()
        assert (status, out) == expected, shorter
        assert f"{NOT_USED}: it is damaged" in err


# --- crashes that are none of the snapshot's ---------------------------------------------------

CRASHES = """\
import os, sys


def main():
    exec(sys.argv[1])
"""


@pytest.fixture(scope="module")
def crashing(build_with_any: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_with_any(write_project(tmp_path_factory.mktemp("crashing") / "app", code=CRASHES)) / "app"


@pytest.mark.parametrize("prelude", ["", "import faulthandler; faulthandler.enable(); "])
@pytest.mark.parametrize(
    "code",
    [
        "os.abort()",
        "os.kill(os.getpid(), 11)",
        "os.kill(os.getpid(), 8)",
        "import ctypes; ctypes.string_at(1)",
        "raise RuntimeError",
    ],
)
def test_a_crash_is_a_crash(crashing: Path, prelude: str, code: str) -> None:
    compare([str(crashing), prelude + code])


def test_what_signals_do_is_as_ever(crashing: Path) -> None:
    code = "import signal; print([signal.getsignal(n) for n in (4, 6, 7, 8, 11)])"
    assert compare([str(crashing), code]).count("SIG_DFL") == 5
    code = "import signal; signal.signal(11, lambda n, f: print('handled')); os.kill(os.getpid(), 11)"
    assert compare([str(crashing), code]) == "handled\n"
    code = "import subprocess; print(subprocess.run(['sh', '-c', 'kill -11 $$']).returncode)"
    assert compare([str(crashing), code]) == "-11\n"


def test_signals_that_are_ignored_stay_so(crashing: Path) -> None:
    script = """trap '' SEGV; "$0" 'os.kill(os.getpid(), 11); print("alive")'"""
    assert compare(["bash", "-c", script, str(crashing)]) == "alive\n"
