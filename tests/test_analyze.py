"""What files say of themselves: ELF files made here by gcc, Mach-O and PE files by hand."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from object_samples import ARM64, X86_64, macho, pe, universal

from oxidize_build.analyze import analyze
from oxidize_build.distributions import Floor, Libc, distributions, release_key, verdicts
from oxidize_build.embedded import embedded_libraries
from oxidize_build.errors import ObjectFileError, OxidizeError
from oxidize_build.objfile.facts import Kind, ObjectFacts, SymbolVersion

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the files")
PROGRAM = "#include <stdio.h>\n#include <string.h>\nint main(int n, char **v) {\n"
PROGRAM += '    char b[99]; strcpy(b, v[0]); return printf("%s %d", b, n) < 0; }\n'


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "main.c").write_text(PROGRAM)

    def compile_with(*flags: str) -> Path:
        output = folder / "-".join(flags).replace("/", "")
        subprocess.run(["gcc", *flags, folder / "main.c", "-o", output], check=True)
        return output

    return compile_with


def protections(facts: ObjectFacts) -> dict[str, str]:
    return {item.name: str(item.presence) for item in facts.protections}


@needs_gcc
def test_a_hardened_program(compiled: Callable[..., Path]) -> None:
    flags = ("-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-all", "-pie", "-fPIE", "-Wl,-z,relro,-z,now")
    result = analyze(compiled(*flags, "-fcf-protection=full"))
    (facts,) = result.objects
    assert (facts.format, facts.architecture, facts.kind) == ("ELF", "x86_64", Kind.PIE)
    assert facts.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert facts.needed == ("libc.so.6",)
    assert not facts.static
    found = protections(facts)
    expected = ("PIE", "RELRO", "BIND_NOW", "NX", "stack canary", "FORTIFY")
    assert {name: found[name] for name in expected} == dict.fromkeys(expected, "yes")
    (symbol,) = facts.symbol_versions
    assert symbol.library == "libc.so.6"
    assert result.floor == Floor(Libc.GLIBC, symbol.version.removeprefix("GLIBC_"))


@needs_gcc
def test_a_program_without_protection(compiled: Callable[..., Path]) -> None:
    flags = ("-no-pie", "-fno-stack-protector", "-z", "execstack", "-Wl,-z,norelro", "-U_FORTIFY_SOURCE")
    (facts,) = analyze(compiled(*flags)).objects
    assert facts.kind is Kind.EXECUTABLE
    found = protections(facts)
    assert {found[name] for name in ("PIE", "RELRO", "BIND_NOW", "NX", "stack canary", "FORTIFY")} == {"no"}


@needs_gcc
def test_lazy_binding_is_partial_relro(compiled: Callable[..., Path]) -> None:
    (facts,) = analyze(compiled("-Wl,-z,relro,-z,lazy")).objects
    assert protections(facts)["RELRO"] == "partial"


@needs_gcc
@pytest.mark.parametrize(("flag", "kind"), [("-static", Kind.EXECUTABLE), ("-static-pie", Kind.PIE)])
def test_a_static_program_runs_everywhere(flag: str, kind: Kind, compiled: Callable[..., Path]) -> None:
    result = analyze(compiled(flag, "-s"))
    (facts,) = result.objects
    assert (facts.kind, facts.static) == (kind, True)
    assert result.floor == Floor(Libc.NONE)
    assert all(verdict.runs for verdict in result.distributions)
    assert protections(facts)["stack canary"] == "unknown"


@needs_gcc
def test_section_headers_are_not_needed(compiled: Callable[..., Path], tmp_path: Path) -> None:
    whole = compiled("-O1")
    data = bytearray(whole.read_bytes())
    data[0x28:0x30] = bytes(8)  # e_shoff
    data[0x3C:0x40] = bytes(4)  # e_shnum, e_shstrndx
    stripped = tmp_path / "stripped"
    stripped.write_bytes(data)
    assert analyze(stripped).objects == analyze(whole).objects


@needs_gcc
def test_a_shared_library_and_an_object_file(compiled: Callable[..., Path]) -> None:
    assert analyze(compiled("-shared", "-fPIC")).objects[0].kind is Kind.SHARED_LIBRARY
    result = analyze(compiled("-c"))
    assert result.objects[0].kind is Kind.OBJECT
    assert result.distributions == ()


def test_the_running_interpreter() -> None:
    result = analyze(Path(sys.executable).resolve())
    assert result.objects[0].kind in {Kind.EXECUTABLE, Kind.PIE}
    assert any(verdict.runs for verdict in result.distributions)


def test_a_program_for_macos(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(macho())
    (facts,) = analyze(file).objects
    assert (facts.format, facts.architecture, facts.kind) == ("Mach-O", "arm64", Kind.PIE)
    assert facts.interpreter == "/usr/lib/dyld"
    assert facts.needed == ("/usr/lib/libSystem.B.dylib",)
    assert facts.symbol_versions == (SymbolVersion("/usr/lib/libSystem.B.dylib", "1.0.0"),)
    assert facts.minimum_system == "macOS 11.0"
    assert facts.signed
    expected = {"PIE": "yes", "NX stack": "yes", "NX heap": "yes", "stack canary": "yes"}
    assert protections(facts) == expected


def test_a_universal_library_for_macos(tmp_path: Path) -> None:
    file = tmp_path / "library"
    weak = macho(X86_64, filetype=6, flags=0x20085, libraries=(), symbols=b"\0_f\0", signed=False)
    file.write_bytes(universal((X86_64, weak), (ARM64, macho(filetype=6))))
    first, second = analyze(file).objects
    assert (first.architecture, second.architecture) == ("x86_64", "arm64")
    assert first.kind is second.kind is Kind.SHARED_LIBRARY
    assert protections(first) == {"PIE": "yes", "NX stack": "no", "NX heap": "no", "stack canary": "no"}
    assert (first.signed, second.signed) == (False, True)


def test_a_program_for_windows(tmp_path: Path) -> None:
    file = tmp_path / "program.exe"
    file.write_bytes(pe(signed=True))
    (facts,) = analyze(file).objects
    assert (facts.format, facts.architecture, facts.kind) == ("PE", "x86_64", Kind.EXECUTABLE)
    assert facts.needed == ("KERNEL32.dll",)
    assert facts.minimum_system == "Windows 6.2"
    assert facts.signed
    expected = {"ASLR": "yes", "high-entropy ASLR": "yes", "DEP": "yes", "CFG": "yes"}
    assert protections(facts).items() >= expected.items()


def test_a_library_for_windows_without_protection(tmp_path: Path) -> None:
    file = tmp_path / "library.dll"
    file.write_bytes(pe(machine=0xAA64, dll=True, mitigations=0))
    (facts,) = analyze(file).objects
    assert (facts.architecture, facts.kind, facts.signed) == ("aarch64", Kind.SHARED_LIBRARY, False)
    assert protections(facts)["ASLR"] == protections(facts)["CFG"] == "no"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF",
        b"MZ",
        b"\xca\xfe\xba\xbe\0\0\0\x34\0\x1d",
        b"\xca\xfe\xba\xbe\0\0\0\0",
    ],
)
def test_what_is_no_object_file(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(ObjectFileError, match=str(file)):
        analyze(file)


def samples() -> dict[str, bytes]:
    both = universal((X86_64, macho(X86_64)), (ARM64, macho()))
    return {"elf": Path("/bin/true").read_bytes(), "macho": macho(), "universal": both, "pe": pe(signed=True)}


@pytest.mark.parametrize("name", samples())
def test_a_truncated_file_is_told(name: str, tmp_path: Path) -> None:
    data = samples()[name]
    file = tmp_path / "file"
    lengths = [*range(0, min(len(data), 700), 7), *range(700, len(data), max(1, len(data) // 40))]
    told = 0
    for length in lengths:
        file.write_bytes(data[:length])
        try:
            analyze(file)
        except ObjectFileError:
            told += 1
    assert told > len(lengths) * 0.9  # what stands behind the last segment is not missed


@pytest.mark.parametrize("name", samples())
def test_a_damaged_file_gives_no_traceback(name: str, tmp_path: Path) -> None:
    random.seed(name)
    data = samples()[name]
    file = tmp_path / "file"
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(random.randint(1, 6)):
            damaged[random.randrange(min(len(data), 3000))] = random.randrange(256)
        file.write_bytes(damaged)
        try:
            analyze(file)
        except OxidizeError:
            continue


def test_floors_are_compared_as_numbers() -> None:
    low, high = Floor(Libc.GLIBC, "2.9"), Floor(Libc.GLIBC, "2.17")
    assert low.at_least(high) == high.at_least(low) == high
    assert Floor(Libc.NONE).at_least(low) == low.at_least(Floor(Libc.NONE)) == low


def runs_on(floor: Floor) -> dict[str, tuple[str, ...]]:
    return {verdict.distribution: verdict.releases for verdict in verdicts(floor)}


def test_the_distributions_that_a_file_runs_on() -> None:
    found = runs_on(Floor(Libc.GLIBC, "2.28"))
    assert found["Debian"][0] == "10"
    assert found["RHEL, AlmaLinux, Rocky"][0] == "8"
    assert found["Amazon Linux"] == ("2023",)
    assert found["Alpine"] == ()
    assert runs_on(Floor(Libc.MUSL))["Alpine"]
    assert not runs_on(Floor(Libc.MUSL))["Debian"]
    assert all(runs_on(Floor(Libc.NONE)).values())
    assert not any(runs_on(Floor(Libc.GLIBC, "9.9")).values())


def test_the_table_is_in_order() -> None:
    for distribution in distributions():
        versions = [release_key(release.libc_version) for release in distribution.releases]
        assert versions == sorted(versions), distribution.name
        names = [release_key(release.name) for release in distribution.releases]
        assert names == sorted(set(names)), distribution.name


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"xx OpenSSL 3.0.14 4 Jun 2024\0", {"OpenSSL": "3.0.14"}),
        (b"OpenSSL 1.1.1w  11 Sep 2023\0", {"OpenSSL": "1.1.1w"}),
        (b"OpenSSL is not here", {}),
        (b"\0003.45.1\0...SQLite format 3\0", {"SQLite": "3.45.1"}),
        (b"\0003.13.0\0...SQLite format 3\0", {}),
        (b" deflate 1.2.13 Copyright 1995-2022", {"zlib": "1.2.13"}),
        (b" deflate 1.3.1.zlib-ng Copyright", {"zlib": "1.3.1.zlib-ng"}),
        (b"bzip2/libbzip2: bug\0001.0.8, 13-Jul-2019", {"bzip2": "1.0.8"}),
        (b"expat_2.5.0\0", {"Expat": "2.5.0"}),
        (b"ncurses 6.4.20221231", {"ncurses": "6.4"}),
    ],
)
def test_libraries_by_their_own_words(data: bytes, found: dict[str, str]) -> None:
    assert {library.name: library.version for library in embedded_libraries(data)} == found
