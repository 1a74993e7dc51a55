"""What traced programs tell, and the profile that it makes."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from oxidize_build.errors import ProfileError
from oxidize_build.image.format import ModuleKind
from oxidize_build.image.reader import Image, PackedLibrary, PackedModule
from oxidize_build.profile import Effect, Profile
from oxidize_build.profile.events import read_run, rounded
from oxidize_build.profile.merging import merge
from oxidize_build.profile.model import ProfiledModule

REPOSITORY = Path(__file__).parents[1]
SITE = PurePosixPath("lib/python3.13/site-packages")
NATIVE = SITE / "native.so"
LIBRARY = SITE / "native.libs/liba.so"
IMAGE = Image(
    python_version=0,
    files=(),
    modules=(
        PackedModule("native", ModuleKind.EXTENSION, False, NATIVE, None),
        PackedModule("a", ModuleKind.SOURCE, False, SITE / "a.py", SITE / "__pycache__/a.pyc"),
    ),
    libraries=(PackedLibrary(NATIVE, (LIBRARY,)), PackedLibrary(LIBRARY, ())),
    pruned=(),
    options=(),
    dictionaries=(),
)
MS = 1_000_000


def run(folder: Path, **processes: str) -> Profile:
    """Return the profile of processes 1, 2 ... as they tell in lines of "LETTER THREAD FROM TO TEXT"."""
    folder.mkdir(exist_ok=True)
    for name, text in processes.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        times = re.compile(r"^(\w \d+) (\d+)(?: (\d+))? (\S+)$")
        told = (
            times.sub(lambda m: f"{m[1]} {int(m[2]) * MS} {int(m[3] or m[2]) * MS} {m[4]}", line)
            for line in lines
        )
        (folder / name.removeprefix("p").replace("_", "-")).write_bytes("\n".join(told).encode() + b"\n\0\0")
    return read_run(folder, IMAGE, 1)


def named(profile: Profile) -> list[tuple[str, str | None, int]]:
    return [(module.name, module.parent, module.own // 1000) for module in profile.modules]


def test_times_are_a_modules_own(tmp_path: Path) -> None:
    profile = run(
        tmp_path,
        p1_0="""P 1 start
        I 1 0 10 a
        I 1 20 30 b
        i 1 60 70 b
        i 1 80 90 a""",
    )
    # 10 to 80 are a's, but for 20 to 70; tracing b took 20 of these
    assert named(profile) == [("a", None, 20), ("b", "a", 30)]
    assert profile.inclusive() == {"a": 50_000, "b": 30_000}


def test_a_package_is_no_part_of_its_module(tmp_path: Path) -> None:
    profile = run(
        tmp_path,
        p1_0="""P 1 start
        I 1 0 a.b
        I 1 1 a
        I 1 2 x
        i 1 5 x
        i 1 9 a
        i 1 10 a.b""",
    )
    assert named(profile) == [("a", None, 5), ("x", "a", 3), ("a.b", None, 1)]


def test_what_is_not_found_is_left_out_unless_its_code_ran(tmp_path: Path) -> None:
    profile = run(
        tmp_path,
        p1_0="""P 1 start
        I 1 0 a
        I 1 1 missing
        I 1 2 b
        i 1 3 b
        x 1 4 missing
        I 1 5 broken
        C 1 5 broken
        x 1 6 broken
        i 1 9 a""",
    )
    assert named(profile) == [("a", None, 7), ("b", "a", 1), ("broken", "a", 1)]


def test_threads_do_not_mix(tmp_path: Path) -> None:
    profile = run(
        tmp_path,
        p1_0="""P 1 start
        I 1 0 a
        I 2 1 b
        E 1 2 threads
        i 1 3 a
        E 2 3 atexit
        I 2 4 c
        i 2 5 c
        i 2 9 b""",
    )
    assert named(profile) == [("a", None, 3), ("b", None, 7), ("c", "b", 1)]
    assert profile.effects() == {"a": (Effect.THREADS,), "b": (Effect.ATEXIT,)}


def test_what_was_under_way_at_the_end_counts(tmp_path: Path) -> None:
    """As of a program that runs in a module's body, and ends by a crash in the midst of a line."""
    profile = run(tmp_path, p1_0="P 1 start\nI 1 0 a\nI 1 2 b\nF 1 4 share/x\nF 1 5")
    assert named(profile) == [("a", None, 2), ("b", "a", 2)]
    assert profile.files == ("share/x",)


def test_the_main_process_comes_first_and_children_are_told_apart(tmp_path: Path) -> None:
    profile = run(
        tmp_path,
        p10_0="P 10 fork\nI 1 1 a\ni 1 2 a\nI 1 3 only\ni 1 4 only\nF 1 5 share/child\n",
        p1_0="P 1 start\nI 1 5 b\n",
        p1_1="P 1 more\ni 1 6 b\nI 1 7 a\ni 1 8 a\nF 1 9 share/main",
        p2_0="P 2 start\nC 1 1 ran.__main__\nI 1 1 __main__\nC 1 1 __main__\ni 1 1 __main__",
    )
    assert [(module.name, module.child) for module in profile.modules] == [
        ("b", False),
        ("a", False),
        ("ran.__main__", True),
        ("only", True),
    ]
    assert profile.files == ("share/main", "share/child")


def test_a_program_that_becomes_another_one(tmp_path: Path) -> None:
    profile = run(tmp_path, p1_0="P 1 start\nI 1 0 a\n", p1_1="P 1 start\nI 1 5 b\ni 1 6 b\n")
    assert named(profile) == [("a", None, 0), ("b", None, 1)]


def test_extension_modules_are_no_libraries_and_libraries_no_files(tmp_path: Path) -> None:
    data = SITE / "data.txt"
    profile = run(
        tmp_path,
        p1_0=f"""P 1 start
        I 1 0 native
        F 1 1 {NATIVE}
        L 1 1 {NATIVE}
        L 1 2 {LIBRARY}
        F 1 2 {LIBRARY}
        F 1 2 bin/python3
        F 1 2 {SITE}/__pycache__/a.pyc
        F 1 3 {data}
        x 1 4 native""",
    )
    assert named(profile) == [("native", None, 4)]
    assert profile.libraries == ("lib/python/site-packages/native.libs/liba.so",)
    assert profile.files == ("lib/python/site-packages/data.txt",)


def test_nothing_told(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="has told nothing"):
        read_run(tmp_path, IMAGE, 1)


@pytest.mark.parametrize(
    ("nanoseconds", "microseconds"),
    [(0, 0), (499, 0), (1_500, 2), (99_000, 99), (123_456, 120), (995_000, 1000), (12_345_678, 12_000)],
)
def test_times_have_two_digits(nanoseconds: int, microseconds: int) -> None:
    assert rounded(nanoseconds) == microseconds


def test_the_effects_are_those_that_the_stub_knows() -> None:
    text = (REPOSITORY / "stub/trace_effects.c").read_text()
    table = text[text.index("effect_names[EFFECT_COUNT] = {") :].partition("};")[0]
    assert re.findall(r'"([a-z-]+)"', table) == [str(effect) for effect in Effect]


# --- several runs ----------------------------------------------------------------------------


def made(*names: str) -> Profile:
    """Return a profile of modules "name", or "name<parent" for one with a parent."""
    pairs = (name.partition("<") for name in names)
    return Profile(tuple(ProfiledModule(name, parent or None, 1000) for name, _, parent in pairs), names)


def test_what_is_known_keeps_its_place() -> None:
    merged = merge(made("a", "c", "d"), made("x", "a", "b", "d", "e", "c"))
    assert [module.name for module in merged.modules] == ["x", "a", "b", "c", "d", "e"]
    assert merged.files == ("x", "a", "b", "c", "d", "e")


def test_a_module_stands_behind_its_parent() -> None:
    merged = merge(made("q", "p"), made("p", "q", "m<p"))
    assert [module.name for module in merged.modules] == ["q", "p", "m"]


def test_the_same_run_again_changes_nothing() -> None:
    first = made("a", "b<a", "c")
    assert merge(first, first) == first
    assert merge(Profile(), first) == first


def test_the_shorter_time_counts_if_it_is_much_shorter() -> None:
    def times(known: int, new: int) -> int:
        one = Profile((ProfiledModule("a", own=known),))
        return merge(one, Profile((ProfiledModule("a", own=new),))).modules[0].own

    assert times(3000, 1000) == 1000
    assert times(3000, 2000) == 3000
    assert times(300, 100) == 300
    assert times(1000, 9000) == 1000


def test_effects_add_up_and_the_main_process_counts() -> None:
    known = Profile((ProfiledModule("a", effects=(Effect.THREADS,), child=True),))
    run = Profile((ProfiledModule("a", effects=(Effect.ATEXIT,)),))
    assert merge(known, run).modules == (ProfiledModule("a", effects=(Effect.ATEXIT, Effect.THREADS)),)
    assert not merge(run, known).modules[0].child
