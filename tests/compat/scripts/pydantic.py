"""Models from types, errors by field, JSON Schema, an e-mail address."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, EmailStr, Field, ValidationError, field_validator


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    born: date
    mail: EmailStr | None = None

    @field_validator("name")
    @classmethod
    def tidy(cls, value):
        return value.title()


def main():
    person = Person.model_validate_json('{"name": "ann", "born": "2001-02-03", "mail": "a@example.org"}')
    assert person.name == "Ann" and person.born == date(2001, 2, 3)
    try:
        Person(name="", born="never", mail="nobody")
    except ValidationError as error:
        assert [e["loc"] for e in error.errors()] == [("name",), ("born",), ("mail",)], error
    else:
        raise AssertionError
    assert Person.model_json_schema()["required"] == ["name", "born"]
    print("as expected")
