"""What follows from the version, the compiler and the options that a runtime is built with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from toolchain_samples import CLANG, GCC, MUSL

from oxidize_build.cache import Cache
from oxidize_build.cli import main
from oxidize_build.errors import ArchiveError, RuntimeBuildError
from oxidize_build.runtime.build import cpython
from oxidize_build.runtime.build.plan import Plan
from oxidize_build.runtime.build.request import Request, prepare
from oxidize_build.runtime.build.sources import find_component
from oxidize_build.runtime.build.toolchain import Toolchain


def words(command: list[str], name: str) -> list[str]:
    """The words of the makefile variable *name* in *command*."""
    (assignment,) = [word for word in command if word.startswith(f"{name}=")]
    return assignment.removeprefix(f"{name}=").split()


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        (Plan("3.14.7", GCC), "cpython-3.14.7-x86_64-unknown-linux-gnu-noopt"),
        (
            Plan("3.14.7", CLANG, pgo=True, lto=True),
            "cpython-3.14.7-x86_64-unknown-linux-gnu-glibc2.17-pgo+lto",
        ),
        (
            Plan("3.15.0rc2", MUSL, lto=True, free_threaded=True),
            "cpython-3.15.0rc2-x86_64-unknown-linux-musl-freethreaded+lto+static",
        ),
    ],
)
def test_the_archive_is_named_by_all_that_distinguishes_it(plan: Plan, name: str) -> None:
    assert plan.name == name


@pytest.mark.parametrize("version", ["3.12.1", "3.14", "2.7.18", "3.14.x", "latest", ""])
def test_versions_that_cannot_be_built_are_refused(version: str) -> None:
    with pytest.raises(RuntimeBuildError, match="cannot be built") as caught:
        Plan(version, GCC)
    assert "from 3.13 on" in str(caught.value)


@pytest.mark.parametrize("option", ["pgo", "lto"])
def test_optimising_wants_clang(option: str) -> None:
    with pytest.raises(RuntimeBuildError, match="gcc is no clang") as caught:
        Plan("3.14.7", GCC, **{option: True})
    assert "clang-19" in str(caught.value)


def test_everything_is_built_in_and_nothing_found_by_chance() -> None:
    command = cpython.configure_command(Plan("3.14.7", GCC))
    assert command[0] == "../source/configure"
    assert {"--prefix=/install", "--disable-shared", "MODULE_BUILDTYPE=static"} <= set(command)
    assert {"--with-readline=editline", "py_cv_module__gdbm=n/a", "--with-pkg-config=no"} <= set(command)
    assert words(command, "LDFLAGS") == ["-L../libraries/lib"]
    assert words(command, "CC") == ["/usr/bin/gcc"]


@pytest.mark.parametrize(
    ("plan", "has_tail_calls"),
    [(Plan("3.13.5", CLANG), False), (Plan("3.14.7", GCC), False), (Plan("3.14.7", CLANG), True)],
)
def test_tail_calls_want_a_version_and_a_compiler(plan: Plan, *, has_tail_calls: bool) -> None:
    assert ("--with-tail-call-interp" in cpython.configure_command(plan)) is has_tail_calls


def test_free_threads_are_configured() -> None:
    assert "--disable-gil" in cpython.configure_command(Plan("3.14.7", GCC, free_threaded=True))
    assert "--disable-gil" not in cpython.configure_command(Plan("3.14.7", GCC))
    assert Plan("3.14.7", GCC, free_threaded=True).program == "python3.14t"


def test_a_plain_build_is_one_stage_with_its_own_helpers() -> None:
    command = cpython.final_make_command(Plan("3.14.7", GCC, jobs=3), "python")
    assert "-j3" in command
    assert words(command, "CFLAGS_NODIST") == ["-fno-pie"]
    assert words(command, "LDFLAGS_NODIST") == ["-no-pie"]
    assert not [word for word in command if word.startswith("FREEZE")]


def test_a_profile_is_recorded_without_and_used_with_link_time_optimisation() -> None:
    plan = Plan("3.14.7", CLANG, pgo=True, lto=True)
    first = cpython.first_stage_flags(plan)
    assert "-fprofile-generate" in first.compile
    assert "-fprofile-generate" in first.link
    assert not [flag for flag in (*first.compile, *first.link) if "lto" in flag]
    command = cpython.final_make_command(plan, "python")
    assert {"-fprofile-use=../profile/code.profdata", "-flto=thin"} <= set(words(command, "CFLAGS_NODIST"))
    assert {"-flto=thin", "-fuse-ld=lld"} <= set(words(command, "LDFLAGS_NODIST"))
    assert "FREEZE_MODULE_DEPS=" in command


def test_optimised_code_leaves_the_margin_of_the_recursion_check() -> None:
    command = cpython.final_make_command(Plan("3.14.7", CLANG, pgo=True, lto=True), "python")
    assert "-inline-max-stacksize=4096" in words(command, "CFLAGS_NODIST")
    assert "-Wl,-mllvm,-inline-max-stacksize=4096" in words(command, "LDFLAGS_NODIST")


def test_an_optimising_link_keeps_the_allocator_that_static_stubs_call() -> None:
    def kept(toolchain: Toolchain) -> set[str]:
        link = cpython.final_stage_flags(Plan("3.14.7", toolchain, lto=True)).link
        return {flag for flag in link if "undefined" in flag}

    assert kept(MUSL) >= {"-Wl,--undefined=mi_malloc", "-Wl,--undefined=mi_memalign"}
    assert kept(CLANG) == set()


def test_without_training_the_first_stage_only_helps() -> None:
    assert "-O0" in cpython.first_stage_flags(Plan("3.14.7", CLANG, lto=True)).compile
    assert "-fprofile-use=../profile/code.profdata" not in words(
        cpython.final_make_command(Plan("3.14.7", CLANG, lto=True)), "CFLAGS_NODIST"
    )


def test_a_short_version_means_the_newest_one_known(cache: Cache, tmp_path: Path) -> None:
    build = prepare(Request("3.14", output=tmp_path), cache)
    assert build.component == find_component("cpython", "3.14.7")
    assert build.source_archive is None
    assert build.archive == tmp_path / f"{build.plan.name}.tar.zst"
    assert build.workshop.root.is_relative_to(cache.root)
    assert not build.keep_workshop


def test_a_work_directory_is_kept(cache: Cache, tmp_path: Path) -> None:
    build = prepare(Request("3.14.7", work_directory=tmp_path / "w", output=tmp_path / "a.tar.zst"), cache)
    assert build.workshop.root.parent == tmp_path / "w"
    assert build.keep_workshop
    assert build.archive == tmp_path / "a.tar.zst"


def test_an_output_that_names_no_archive_is_a_directory_to_be_made(cache: Cache, tmp_path: Path) -> None:
    build = prepare(Request("3.14.7", output=tmp_path / "new"), cache)
    assert build.archive == tmp_path / "new" / f"{build.plan.name}.tar.zst"


@pytest.mark.parametrize("version", ["3.1", "3.99", "nonsense", "3.14.7.1"])
def test_an_unknown_version_is_refused_with_the_known_ones(version: str, cache: Cache) -> None:
    with pytest.raises(ArchiveError) as caught:
        prepare(Request(version), cache)
    assert f"cpython {version}" in str(caught.value)
    assert "3.14.7" in str(caught.value)


def test_a_source_of_ones_own_may_be_of_any_version(cache: Cache, tmp_path: Path) -> None:
    archive = tmp_path / "Python-3.14.99.tar.xz"
    archive.write_bytes(b"not one of the table's")
    build = prepare(Request("3.14.99", source=str(archive)), cache)
    assert build.source_archive == archive
    assert build.plan.version == "3.14.99"
    url = "https://example.invalid/Python-3.14.99.tar.xz"
    own = prepare(Request("3.14.99", source=f"{url}#sha256=ABC"), cache).component
    assert (own.version, own.url, own.sha256, own.alternatives) == ("3.14.99", url, "abc", ())


def test_a_mirror_of_a_known_version_needs_no_digest(cache: Cache) -> None:
    mirror = prepare(Request("3.14", source="https://example.invalid/p.tar.xz"), cache).component
    known = find_component("cpython", "3.14.7")
    assert mirror == replace(known, url="https://example.invalid/p.tar.xz")


def test_a_source_that_is_not_there_is_refused(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="there is no source archive"):
        prepare(Request("3.14.7", source=str(tmp_path / "absent.tar.xz")), cache)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["3.99"], "cpython 3.99"),
        (["3.14", "--libc", "glibc:1.0"], "libc"),
        (["3.12.1", "--source", "https://example.invalid/p.tar.xz#sha256=ab"], "from 3.13 on"),
        (["3.14", "--source", "absent.tar.xz"], "absent.tar.xz"),
    ],
)
def test_the_command_refuses_in_words_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OXIDIZE_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as caught:
        main(["runtime", "build", *arguments])
    assert caught.value.code not in {0, 1}
    shown = capsys.readouterr().err
    assert message in shown
    assert "hint: " in shown
    assert not list(tmp_path.iterdir())
