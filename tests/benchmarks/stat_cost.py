"""Measure what the file layer adds to the stat of a path outside the executable.

Prints nanoseconds per call; fails when more than 30 are added.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from oxidize_build.compiler import find_compiler
from oxidize_build.image.format import Option
from oxidize_build.image.writer import OptionValue, write_image
from oxidize_build.link import COMPILE_FLAGS

REPOSITORY = Path(__file__).parents[2]
STUB = REPOSITORY / "stub"
SOURCES = (
    *("image", "content", "zstd", "xxh64", "status", "os_linux"),
    *("tree", "tree_open", "fallbacks", "files", "attributes", "changes", "directories", "working_directory"),
    "trace",
)
FALLBACKS = [  # as many as executables have at most
    OptionValue(Option.FALLBACK, "/usr/lib/ssl/cert.pem\n!/usr/lib/ssl/certs\n/etc/ssl/cert.pem"),
    OptionValue(Option.FALLBACK, "/usr/share/terminfo\nshare/terminfo"),
]
MOST_ADDED = 30.0


def measure(folder: Path) -> list[tuple[float, float, float, str]]:
    """Return for some paths: nanoseconds of libc's stat, of ours, the difference, the path."""
    program = folder / "stat_cost"
    sources = [REPOSITORY / "tests/benchmarks/stat_cost.c", *(STUB / f"{name}.c" for name in SOURCES)]
    flags = [*COMPILE_FLAGS, "-no-pie", f"-I{STUB}", "-Wl,--wrap=syscall", "-Wl,--export-dynamic"]
    subprocess.run([*find_compiler().command, *flags, "-o", program, *sources], check=True)
    image = folder / "image"
    write_image(image, [], FALLBACKS, hexversion=sys.hexversion, cache_tag="")
    near = folder / "stat_cost.txt"  # shares the most with the executable's path
    near.touch()
    paths = [near, Path("/usr/lib"), folder / "missing", Path("/usr/share/missing"), Path("stat_cost.txt")]
    command = [program, program, image, *paths]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    lines = [line.split(" ", 3) for line in result.stdout.splitlines()]
    return [(float(theirs), float(ours), float(added), path) for theirs, ours, added, path in lines]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder))
    print(f"{'libc':>8} {'ours':>8} {'added':>8}  (ns per stat, medians)")
    for theirs, ours, added, path in results:
        print(f"{theirs:8.1f} {ours:8.1f} {added:8.1f}  {Path(path).name}")
    if max(added for _, _, added, _ in results) > MOST_ADDED:
        sys.exit(f"more than {MOST_ADDED:.0f} ns are added")


if __name__ == "__main__":
    main()
