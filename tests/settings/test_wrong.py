"""Wrong configurations: ``wrong/NAME.toml``, and in ``wrong/NAME.txt`` what a user is told.

The JSON schema refuses them too, but for those whose first line says why it cannot know.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import jsonschema
import pytest

from oxidize_build.cli import main
from oxidize_build.errors import SettingsError
from oxidize_build.settings import read_settings
from oxidize_build.settings.schema import schema

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.toml"))
NOT_IN_SCHEMA = "# schema: "


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


@pytest.mark.parametrize("file", WRONG, ids=names(WRONG))
def test_a_user_is_told_all_of_it(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(file, tmp_path / "pyproject.toml")
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path)
    expected = file.with_suffix(".txt").read_text(encoding="utf-8")
    assert f"{caught.value.message}\n" == expected
    with pytest.raises(SystemExit) as ended:
        main(["build", "--project", str(tmp_path)])
    assert ended.value.code == SettingsError.exit_status
    assert capsys.readouterr().err == f"error: {expected}"
    assert names(list(tmp_path.iterdir())) == ["pyproject"]


@pytest.mark.parametrize("file", WRONG, ids=names(WRONG))
def test_the_schema_refuses_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    table = tomllib.loads(text)["tool"]["oxidize"]
    validator = jsonschema.Draft7Validator(schema())
    assert validator.is_valid(table) == text.startswith(NOT_IN_SCHEMA)


def test_there_are_no_forgotten_messages() -> None:
    texts = sorted((Path(__file__).parent / "wrong").glob("*.txt"))
    assert names(texts) == names(WRONG)
    assert len(WRONG) >= 60
