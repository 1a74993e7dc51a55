"""Instances checked against a schema, with formats and the packed meta-schemas."""

import jsonschema
from jsonschema import Draft202012Validator, FormatChecker

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}, "day": {"type": "string", "format": "date"}},
    "required": ["age"],
}


def main():
    Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate({"age": 3}, SCHEMA)
    validator = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    messages = sorted(error.message for error in validator.iter_errors({"age": -1, "day": "never"}))
    assert messages == ["'never' is not a 'date'", "-1 is less than the minimum of 0"], messages
    try:
        Draft202012Validator.check_schema({"type": "nonsense"})
    except jsonschema.SchemaError:
        pass
    else:
        raise AssertionError
    assert jsonschema.Draft7Validator.META_SCHEMA["$id"] == "http://json-schema.org/draft-07/schema#"
    print("as expected")
