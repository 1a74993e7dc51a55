"""The JSON schema: what it takes, and who finds it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from validate_pyproject import api, errors, plugins

from oxidize_build.cli import main
from oxidize_build.settings import read_settings
from oxidize_build.settings.interpreter_fields import FIELDS_BY_KEY
from oxidize_build.settings.model import OxidizeTable
from oxidize_build.settings.reference import EXAMPLE
from oxidize_build.settings.schema import schema
from oxidize_build.settings.shapes import record_shape

ROOT = Path(__file__).parents[2]
GOOD = [
    ROOT / "pyproject.toml",
    *ROOT.glob("tests/projects/*/pyproject.toml"),
    *ROOT.glob("examples/*/pyproject.toml"),
]


@pytest.mark.parametrize("file", GOOD, ids=[str(path.parent.relative_to(ROOT)) for path in GOOD])
def test_every_project_here_is_valid(file: Path) -> None:
    read_settings(file.parent)
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(document.get("tool", {}).get("oxidize", {}), schema(), jsonschema.Draft7Validator)


def test_it_is_a_schema_with_a_description_of_every_key() -> None:
    made = schema()
    jsonschema.Draft7Validator.check_schema(made)
    assert made["properties"].keys() == {key.key for key in record_shape(OxidizeTable).keys}
    assert made["definitions"]["Interpreter"]["properties"].keys() > FIELDS_BY_KEY.keys()
    undescribed = [path for path, value in properties(made) if not value.get("description")]
    assert undescribed == ["Interpreter.allocators." + domain for domain in ("raw", "mem", "object")]


def properties(value: object, path: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """Give every property of the schema *value* with its path."""
    if isinstance(value, list):
        for item in value:
            yield from properties(item, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "properties" and "const" not in json.dumps(item):
                yield from ((f"{path}.{key}".lstrip("."), below) for key, below in item.items())
            below = name in {"properties", "definitions"}
            for key, part in item.items() if below else [("", item)]:
                yield from properties(part, f"{path}.{key}".rstrip("."))


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["schema"])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(schema()))


def test_validate_pyproject_finds_it() -> None:
    found = {plugin.tool: plugin for plugin in plugins.list_from_entry_points() if plugin.tool == "oxidize"}
    validator = api.Validator(plugins=list(found.values()))
    validator(tomllib.loads(EXAMPLE))
    with pytest.raises(errors.ValidationError, match=r"tool\.oxidize\.stdlib"):
        validator({"tool": {"oxidize": {"stdlib": "usd"}}})
    with pytest.raises(errors.ValidationError, match="must NOT match"):
        validator({"tool": {"oxidize": {"executables": {"a": {"module": "a", "command": "b"}}}}})
