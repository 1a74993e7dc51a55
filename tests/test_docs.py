"""The documentation: its commands are run somewhere, its settings are valid, its pages complete."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from documentation import FOLLOWED, NOT_RUN, ROOT, RUN_ELSEWHERE, Command, File, blocks, pages, steps, unlike

import oxidize_build
from oxidize_build.settings.schema import schema

NOT_DOCUMENTED = re.compile(r"oxidize_build\.(cli(\..*)?|(.*\.)?_\w+)$")
"""The command line, which has a page of its own, and what is private or no module but a program."""


def commands() -> Iterator[Command]:
    for page in pages():
        yield from (step for step in steps(page) if isinstance(step, Command))


def test_every_command_is_run_or_known_not_to_be() -> None:
    unknown = [
        str(command)
        for command in commands()
        if command.page not in FOLLOWED and command.text not in {**RUN_ELSEWHERE, **NOT_RUN}
    ]
    assert unknown == []


def test_the_lists_of_commands_are_not_stale() -> None:
    shown = {command.text for command in commands()}
    not_followed = {command.text for command in commands() if command.page not in FOLLOWED}
    assert NOT_RUN.keys() - shown == set()
    assert RUN_ELSEWHERE.keys() - not_followed == set()
    for where in RUN_ELSEWHERE.values():
        file, _, word = where.partition("::")
        assert word in (ROOT / file).read_text(encoding="utf-8"), where


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(schema())


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_settings_are_valid(page: Path, validator: jsonschema.Draft7Validator) -> None:
    for block in blocks(page):
        if block.language != "toml":
            continue
        table = tomllib.loads(re.sub(r"\A(:\w+: .*\n)+\n", "", block.body))
        faults = [error.message for error in validator.iter_errors(table.get("tool", {}).get("oxidize", {}))]
        assert faults == [], f"{block.page}:{block.line}"


def test_no_machine_is_named() -> None:
    for page in pages():
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"/(?:root|tmp|work)/\S+|\bpypi\.org\S*", text) == [], page


def test_every_page_is_in_the_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^[\w/-]+$", index, re.MULTILINE))
    there = {
        page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in (ROOT / "docs").rglob("*.md")
    }
    assert listed == there - {"index"}


def test_the_page_of_the_library_lists_every_module() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. automodule:: (\S+)$", page, re.MULTILINE)
    modules = {module.name for module in pkgutil.walk_packages(oxidize_build.__path__, "oxidize_build.")}
    assert sorted(listed) == sorted(name for name in modules if not NOT_DOCUMENTED.match(name))


@pytest.mark.parametrize(
    ("shown", "printed", "faults"),
    [
        ((), "anything", []),
        (("a", "b"), "noise\na\nb\n", []),
        (("a", "b"), "a\nnoise\nb\n", ["b", "noise", "b"]),
        (("a", "[...]", "b"), "a\nnoise\nb\n", []),
        (("a",), "a\nmore\n", ["more"]),
        (("a", "[...]"), "a\nmore\n", []),
        (("1.5 MB in 2 files",), "20.0 MB in 3  files", []),
        (("1.5 MB in two files",), "1.5 MB in 2 files", ["1.5 MB in two files", "0 MB in 0 files"]),
        (("b", "a"), "a\nb\n", ["a"]),
    ],
)
def test_comparison_of_output(shown: tuple[str, ...], printed: str, faults: list[str]) -> None:
    assert unlike(shown, printed) == faults


def test_steps_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documentation.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n```{code-block} python\n:caption: a/b.py\n\nprint()\n```\n\n"
        "```console\n$ cat > c <<END\n> text\n> END\n$ ls\nb.py\n\nc\n```\n"
    )
    assert list(steps(page)) == [
        File("a/b.py", "print()\n"),
        Command("page.md", 10, "cat > c <<END\ntext\nEND"),
        Command("page.md", 13, "ls", ("b.py", "", "c")),
    ]
