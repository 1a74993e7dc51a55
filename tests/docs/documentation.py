"""The pages of the documentation as a reader follows them: files to be written, commands to be typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ("reference/settings.md", "reference/cli.md", "compatibility.md")
"""Pages of docs/ that programs write."""

FOLLOWED = (
    "docs/tutorial.md",
    "docs/how-to/checking.md",
    "docs/how-to/licences.md",
    "docs/how-to/tracing.md",
    "docs/how-to/locks.md",
)
"""Pages whose commands tests/functional/test_tutorial.py types, each page where the one before it ends."""
READERS_HOME = "/home/ada"
"""Directory that the reader of these pages begins in."""

RUN_ELSEWHERE = {
    "make setup": ".ci/run::make setup",
    "make test": ".ci/run::make test",
    "make demo": "tests/functional/test_applications.py::greeter",
    "pip install build oxidize-build": "tests/functional/conftest.py::oxidize-build",
    "python -m build --executable": "tests/functional/conftest.py::--executable",
    "tox": "tests/functional/test_release_examples.py::tox",
    "nox": "tests/functional/test_release_examples.py::nox",
    "oxidize build --target portable": "tests/functional/test_targets.py::--target",
    "oxidize runtime build 3.14 --libc glibc:2.17 --pgo --lto": ".ci/build-runtime::oxidize runtime build",
    "oxidize runtime list": "tests/test_cli_runtime.py::list",
    "oxidize runtime show host": "tests/test_cli_runtime.py::show",
    "oxidize runtime wheel cpython-3.14.7-x86_64-unknown-linux-gnu.tar.zst": (
        "tests/functional/test_runtimes.py::wheel"
    ),
    "oxidize runtime fetch https://example.org/cpython-3.14.7.tar.zst --sha256 DIGEST": (
        "tests/test_cli_runtime.py::fetch"
    ),
}
"""Commands of other pages, and the file that runs the like, with a word that stands there."""

NOT_RUN = {
    "sudo apt-get install -y gcc make python3-dev python3-venv": "changes the machine; .ci/run does the same",
    "gh release create v1.0 dist/*": "publishes",
}
"""Commands that no test runs, and why."""

_BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<kind>[^\n`]*)\n(?P<body>.*?)^(?P=fence)\n", re.MULTILINE | re.DOTALL
)
_CAPTION = re.compile(r":caption: (?P<path>\S+)\n\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    """Path of the page, relative to the repository."""
    line: int
    """That its fence opens on."""
    kind: str
    """What stands behind the opening fence: ``console``, ``toml``, ``{code-block} python`` ..."""
    body: str

    @property
    def language(self) -> str:
        """The language of the block, if it has one."""
        return self.kind.split()[-1] if self.kind else ""


@dataclass(frozen=True, slots=True)
class File:
    """A file that the reader is told to write."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is shown, and what it is said to print."""

    page: str
    line: int
    text: str
    """Several lines where the command goes on behind the prompt ``>``."""
    output: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: $ {self.text}"


def pages() -> list[Path]:
    """List the pages that people write."""
    written = sorted((ROOT / "docs").rglob("*.md"))
    generated = {ROOT / "docs" / name for name in GENERATED}
    return [ROOT / "README.md", *(page for page in written if page not in generated)]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of *page*."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    for match in _BLOCK.finditer(text):
        yield Block(name, text.count("\n", 0, match.start()) + 1, match["kind"].strip(), match["body"])


def steps(page: Path) -> Iterator[File | Command]:
    """Yield what the reader of *page* does, in order.

    A file is a ``code-block`` with a caption, which is its path. A command begins with ``$`` in a ``console``
    block, and goes on in lines that begin with ``>``; the lines that follow are its output.
    """
    for block in blocks(page):
        caption = _CAPTION.match(block.body)
        if caption:
            yield File(caption["path"], block.body[caption.end() :])
        elif block.kind == "console":
            yield from _commands(block)


def _commands(block: Block) -> Iterator[Command]:
    lines = block.body.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        rest = lines[start + 1 : end]
        more = next((i for i, line in enumerate(rest) if not line.startswith(">")), len(rest))
        text = [lines[start][2:], *(line[1:].removeprefix(" ") for line in rest[:more])]
        yield Command(block.page, block.line + 1 + start, "\n".join(text), tuple(rest[more:]))


def unlike(shown: tuple[str, ...], printed: str) -> list[str]:
    """Return the *shown* lines that a command has not *printed* in their order, and those that follow them.

    Words with digits count alike. Where a line ``[...]`` stands more may have been printed; so may anything
    before the first line, and where no line is shown.
    """
    lines = [_pattern(line) for line in printed.splitlines()]
    missing = []
    for number, line in enumerate(shown):
        if line == "[...]":
            continue
        pattern = _pattern(line)
        skipped = number == 0 or shown[number - 1] == "[...]"
        found = lines.index(pattern) if pattern in lines else -1
        if found == 0 or (found > 0 and skipped):
            lines = lines[found + 1 :]
        else:
            missing.append(line)
    return missing + (lines if shown and shown[-1] != "[...]" else [])


def _pattern(line: str) -> str:
    """Return *line* without what differs from run to run and from machine to machine."""
    return " ".join("0" if re.search(r"\d", word) else word for word in line.split())
