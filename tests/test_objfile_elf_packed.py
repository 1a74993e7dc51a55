"""Programs made by the system's compiler, compressed by the real unpacker, and run."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_samples import SECTION, link_stub

from oxidize_build.cache import Cache
from oxidize_build.errors import ImageError
from oxidize_build.objfile.elf import IMAGE_ADDRESS, attach, image_extent
from oxidize_build.objfile.elf_format import PT_LOAD, opened
from oxidize_build.objfile.elf_packed import (
    MAGIC,
    PACKED_ADDRESS,
    PACKED_BLOCK,
    PACKED_HEADER,
    UNPACKER_ADDRESS,
    Packed,
    is_packed,
    pack_program,
    unpacked_program,
)
from oxidize_build.objfile.elf_program import program_digest
from oxidize_build.runtime import Runtime
from oxidize_build.unpacker import COMPILE_FLAGS, make_unpacker

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the programs")

SOURCES = Path(__file__).parents[1] / "stub"
IMAGE = (70_003).to_bytes(8, "little") + bytes(range(256)) * 273 + b"endOK" * 23
NOISE = r"""
.section .rodata
.globl noise
noise: .incbin "{path}"
"""
PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
extern const unsigned char image[], noise[300000];
#define TABLE 3000000
#define FILL (12 << 10)
const char filler[TABLE] = {[7] = 1, [1500000] = 2, [TABLE - 1] = 3};
unsigned variables[FILL] = {[FILL - 1] = 5};
static char zeros[1 << 20];
static __thread int own = 41;
static int constructed;
__attribute__((constructor)) static void construct(void) { constructed = 7; }
static void *thread(void *unused) { own++; return &own + 0 * (unused != 0); }
static int segment(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_vaddr == (uintptr_t)image) *(size_t *)data = info->dlpi_phdr[i].p_filesz;
    return 1;
}
int main(int count, char **arguments) {
    uint64_t sum = 0;
    size_t size = 0;
    pthread_t other;
    const unsigned char *volatile bytes = image;
    dl_iterate_phdr(segment, &size);
    for (size_t i = 0; i < size; i++) sum += bytes[i];
    printf("image %zu %lu\n", size, sum);
    printf("arguments %d %s %s\n", count, arguments[count - 1], getenv("GREETING"));
    pthread_create(&other, NULL, thread, NULL);
    pthread_join(other, NULL);
    for (sum = 0, size = 0; size < sizeof zeros; size++) sum += zeros[size];
    for (size = 0; size < TABLE; size++) sum += ((const volatile char *)filler)[size];
    for (size = 0; size < sizeof noise; size++) sum = sum * 31 + noise[size];
    printf("memory %lu %u %d %d\n", sum, variables[FILL - 1], own, constructed);
    printf("auxiliary %d %s %d\n", getauxval(AT_PHDR) != 0, (char *)getauxval(AT_EXECFN),
           (int)getauxval(AT_SECURE));
    /* The heap is behind the image, and works. */
    printf("heap %d %d\n", (char *)sbrk(0) > (char *)image, malloc(1 << 22) != NULL);
    printf("math %.3f\n", cos(count));
    char link[256] = "";
    printf("file %zd\n", readlink("/proc/self/exe", link, sizeof link) > 0 ? strlen(strrchr(link, '/')) : 0);
    if (count > 2) { *(volatile char *)filler = 1; } /* constants are not writable */
    fflush(stdout);
    return count > 1 && !strcmp(arguments[1], "fail") ? 3 : 0;
}
"""
KINDS = {"dynamic": ["-no-pie"], "lazy": ["-no-pie", "-Wl,-z,lazy", "-s"], "static": ["-no-pie", "-static"]}


def link(folder: Path, *flags: str, program: str = PROGRAM) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    noise = folder / "noise"
    noise.write_bytes(random.Random(1).randbytes(300_000))
    section = SECTION + NOISE.format(path=noise)
    return link_stub(folder, "-O1", *flags, program=program, section=section, libraries=["-lm", "-pthread"])


@pytest.fixture(scope="module")
def unpacker(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_unpacker(runtime, Cache(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, unpacker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one program twice: ``plain/app``, and ``packed/app``."""
    folder = tmp_path_factory.mktemp(request.param)
    stub = link(folder, *KINDS[request.param])
    make_pair(stub, unpacker, folder)
    return folder


@pytest.fixture(scope="module")
def app(unpacker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed dynamic program."""
    folder = tmp_path_factory.mktemp("app")
    make_pair(link(folder, "-no-pie", "-s"), unpacker, folder)
    return folder / "packed" / "app"


def make_pair(stub: Path, unpacker: Path, folder: Path) -> None:
    (folder / "image").write_bytes(IMAGE)
    pack_program(stub, unpacker, folder / "packed-stub")
    for name, source in (("plain", stub), ("packed", folder / "packed-stub")):
        (folder / name).mkdir()
        attach(source, folder / "image", folder / name / "app")


def run(
    path: Path, *arguments: str, before: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [f"./{path.name}", *arguments],
        cwd=path.parent,
        env={"GREETING": "good day"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )


class TestPacked:
    def test_does_what_the_program_does(self, pair: Path) -> None:
        plain, packed = pair / "plain" / "app", pair / "packed" / "app"
        assert packed.stat().st_size < plain.stat().st_size / 4
        for arguments in ([], ["fail"], ["a", "b"]):
            expected, found = run(plain, *arguments), run(packed, *arguments)
            assert (found.stdout, found.stderr) == (expected.stdout, expected.stderr)
            assert found.returncode == expected.returncode
        assert run(packed).stdout.startswith(f"image {len(IMAGE)} {sum(IMAGE)}\n")
        assert run(packed, "fail").returncode == 3
        assert run(packed, "a", "b").returncode < 0  # its constants are not writable

    def test_on_one_processor(self, app: Path) -> None:
        one = min(os.sched_getaffinity(0))
        assert run(app, before=lambda: os.sched_setaffinity(0, {one})).stdout == run(app).stdout

    def test_leaves_nothing_behind(self, unpacker: Path, tmp_path: Path) -> None:
        """Neither the compressed program nor what it took to unpack it is mapped, and no thread is left."""
        program = r"""
            #include <stdio.h>
            int main(void) {
                char line[512];
                FILE *maps = fopen("/proc/self/maps", "r"), *status = fopen("/proc/self/status", "r");
                while (fgets(line, sizeof line, maps)) fputs(line, stdout);
                while (fgets(line, sizeof line, status)) fputs(line, stdout);
                return 0;
            }
        """
        stub = link(tmp_path, "-no-pie", program=program)
        make_pair(stub, unpacker, tmp_path)
        told = run(tmp_path / "packed" / "app").stdout
        lines = [line.split() for line in told.splitlines() if "-" in line.split()[0]]
        starts = [int(line[0].partition("-")[0], 16) for line in lines]
        assert not any(start & ~0xFFFF == PACKED_ADDRESS for start in starts)
        assert not any("w" in line[1] and "x" in line[1] for line in lines)
        assert "Threads:\t1\n" in told
        assert IMAGE_ADDRESS in starts

    def test_is_found_out(self, pair: Path) -> None:
        assert is_packed(pair / "packed" / "app")
        assert not is_packed(pair / "plain" / "app")
        assert unpacked_program(pair / "plain" / "app") is None

    def test_is_the_same_when_made_again(self, pair: Path, unpacker: Path, tmp_path: Path) -> None:
        pack_program(pair / "stub", unpacker, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (pair / "packed-stub").read_bytes()

    def test_can_be_had_back(self, pair: Path) -> None:
        content = unpacked_program(pair / "packed" / "app")
        assert content is not None
        with opened(pair / "stub") as expected, opened(content) as found:
            assert found.segments() == expected.segments()
            assert found.sections() == []
            for segment in expected.segments():
                if segment.type == PT_LOAD and segment.vaddr != IMAGE_ADDRESS:
                    skipped = 64 if segment.offset == 0 else 0  # the header names the sections
                    parts = (
                        file.read(segment.offset + skipped, segment.filesz - skipped, "a segment")
                        for file in (expected, found)
                    )
                    assert next(parts) == next(parts)


class TestTools:
    @pytest.mark.parametrize("name", ["strip", "llvm-strip", "eu-strip"])
    def test_strip(self, app: Path, tmp_path: Path, name: str) -> None:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        subprocess.run([name, "-o", tmp_path / "app", app], check=True)
        assert run(tmp_path / "app").stdout == run(app).stdout
        extent = image_extent(tmp_path / "app")
        assert (tmp_path / "app").read_bytes()[extent.offset : extent.end] == IMAGE
        assert program_digest(tmp_path / "app", IMAGE_ADDRESS) == program_digest(app, IMAGE_ADDRESS)
        assert unpacked_program(tmp_path / "app") == unpacked_program(app)

    def test_objcopy(self, app: Path, tmp_path: Path) -> None:
        (tmp_path / "note").write_text("a note")
        command = ["objcopy", "--add-section", f".note={tmp_path / 'note'}", str(app), str(tmp_path / "app")]
        subprocess.run(command, check=True)
        assert run(tmp_path / "app").stdout == run(app).stdout

    def test_readelf_has_nothing_to_say(self, app: Path) -> None:
        done = subprocess.run(["readelf", "-aW", app], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert ".oxprogram" in done.stdout


class TestFaults:
    def damaged(self, app: Path, tmp_path: Path, offset: int) -> Path:
        content = bytearray(app.read_bytes())
        content[offset] ^= 0x10
        (tmp_path / "app").write_bytes(content)
        (tmp_path / "app").chmod(0o755)
        return tmp_path / "app"

    def check(self, app: Path) -> None:
        done = run(app)
        assert done.returncode == 70
        assert done.stderr == "./app: damaged executable: the packed program cannot be unpacked\n"
        with pytest.raises(ImageError, match="packed program is damaged"):
            unpacked_program(app)

    def test_every_byte_of_the_tables(self, app: Path, tmp_path: Path) -> None:
        start, packed = packed_part(app)
        tables = PACKED_HEADER.size + 8 + packed.block_count * PACKED_BLOCK.size
        for offset in range(len(MAGIC), tables, 5):
            self.check(self.damaged(app, tmp_path, start + offset))

    def test_bytes_of_the_frames(self, app: Path, tmp_path: Path) -> None:
        start, packed = packed_part(app)
        tables = PACKED_HEADER.size + 8 + packed.block_count * PACKED_BLOCK.size
        for offset in [*range(tables, packed.size, packed.size // 20), packed.size - 1]:
            self.check(self.damaged(app, tmp_path, start + offset))

    def test_cut_short(self, app: Path, tmp_path: Path) -> None:
        start, packed = packed_part(app)
        for size in (start + packed.size - 5000, start + packed.size // 2):
            (tmp_path / "app").write_bytes(app.read_bytes()[:size])
            (tmp_path / "app").chmod(0o755)
            assert run(tmp_path / "app").returncode == 70
            with pytest.raises(ImageError, match="truncated"):
                unpacked_program(tmp_path / "app")

    def test_too_little_memory(self, unpacker: Path, tmp_path: Path) -> None:
        program = "char zeros[100 << 20]; int main(void) { return zeros[5]; }"
        stub = link(tmp_path, "-no-pie", program=program)
        make_pair(stub, unpacker, tmp_path)
        app = tmp_path / "packed" / "app"
        limit = 64 << 20
        done = run(app, before=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        expected = "./app: the program cannot be unpacked: there is too little memory\n"
        assert (done.returncode, done.stderr) == (71, expected)
        assert run(app).returncode == 0

    def test_no_dynamic_loader(self, unpacker: Path, tmp_path: Path) -> None:
        stub = link(tmp_path, "-no-pie", "-Wl,--dynamic-linker=/nowhere/ld.so")
        make_pair(stub, unpacker, tmp_path)
        done = run(tmp_path / "packed" / "app")
        expected = "./app: cannot load the dynamic loader /nowhere/ld.so\n"
        assert (done.returncode, done.stderr) == (127, expected)

    def test_a_dynamic_loader_that_is_none(self, unpacker: Path, tmp_path: Path) -> None:
        loader = tmp_path / "loader"
        stub = link(tmp_path, "-no-pie", f"-Wl,--dynamic-linker={loader}")
        make_pair(stub, unpacker, tmp_path)
        app = tmp_path / "packed" / "app"
        for content in (b"", b"#!/bin/sh\n", b"\x7fELF" + bytes(200), app.read_bytes()):
            loader.write_bytes(content)
            done = run(app)
            assert (done.returncode, done.stderr) == (
                127,
                f"./app: cannot load the dynamic loader {loader}\n",
            )

    def test_no_stub(self, unpacker: Path, tmp_path: Path) -> None:
        pie = link(tmp_path / "pie", "-pie", "-fPIE")
        with pytest.raises(ImageError, match="not a program at fixed addresses"):
            pack_program(pie, unpacker, tmp_path / "packed")
        large = link(
            tmp_path / "large",
            "-no-pie",
            program=f"char zeros[{UNPACKER_ADDRESS}]; int main(void) {{ return zeros[1]; }}",
        )
        with pytest.raises(ImageError, match="too large to be compressed"):
            pack_program(large, unpacker, tmp_path / "packed")
        with pytest.raises(ImageError, match="not an unpacker"):
            pack_program(large, pie, tmp_path / "packed")
        assert not (tmp_path / "packed").exists()


def packed_part(app: Path) -> tuple[int, Packed]:
    """Return where the packed program of *app* begins, and its header."""
    with opened(app) as elf:
        segment = next(s for s in elf.segments() if s.vaddr & ~0xFFFF == PACKED_ADDRESS)
        head = elf.read(segment.offset, PACKED_HEADER.size, "the header")
    return segment.offset, Packed(*PACKED_HEADER.unpack(head)[1:])


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_warnings(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    for source in (SOURCES / "unpacker").glob("*.c"):
        command = [compiler, *COMPILE_FLAGS, "-Werror", "-c", str(source), "-o", str(tmp_path / "made.o")]
        assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
