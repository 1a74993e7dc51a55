"""The reference page, which is generated."""

from __future__ import annotations

from pathlib import Path

from oxidize_build.settings import PlacedFiles, Target, read_settings
from oxidize_build.settings.checks import EFFECT_KEYS, MATCH_KEYS, RUN_KEYS
from oxidize_build.settings.interpreter_fields import FIELDS_BY_KEY, OWNED
from oxidize_build.settings.model import ExecutableTable, OxidizeTable, Rule
from oxidize_build.settings.reference import EXAMPLE, reference
from oxidize_build.settings.shapes import record_shape

ROOT = Path(__file__).parents[2]


def keys(record: type) -> set[str]:
    return {key.key for key in record_shape(record).keys}


def test_the_page_is_the_generated_one() -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == reference(), "run `make docs-reference`"


def test_the_page_has_every_key() -> None:
    page = reference()
    for key in keys(OxidizeTable) | keys(ExecutableTable) | keys(Rule):
        assert f"### `{key}`\n" in page
    for key in FIELDS_BY_KEY:
        assert f"| `{key}` |" in page
    for key in OWNED:
        assert f"- `{key}`:" in page


def test_checks_speak_of_keys_that_there_are() -> None:
    assert keys(ExecutableTable) > set(RUN_KEYS)
    assert keys(Rule) == {*MATCH_KEYS, *EFFECT_KEYS}


def test_the_example_is_right(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(EXAMPLE, encoding="utf-8")
    settings = read_settings(tmp_path)
    (serve,) = settings.executables
    assert serve.dependencies == ("uvloop",)
    assert serve.files == (PlacedFiles(from_="templates", to="share/shop"),)
    assert serve.interpreter.values == {"utf8-mode": True, "warn-options": ("ignore",)}
    assert settings.targets == (Target("portable", "3.14", "x86_64-unknown-linux-gnu", "2.17"),)
    assert settings.licenses.deny == ("GPL-*", "AGPL-*")
