"""Classes with validators, converters and slots."""

import attr
import attrs


@attrs.define
class Point:
    x: int = attrs.field(converter=int, validator=attrs.validators.ge(0))
    tags: list = attrs.Factory(list)


def main():
    assert Point("3") == Point(3) and repr(Point(1)) == "Point(x=1, tags=[])"
    assert attrs.asdict(attrs.evolve(Point(1), x=5)) == {"x": 5, "tags": []}
    for action, error in (
        (lambda: Point(-1), ValueError),
        (lambda: setattr(Point(1), "y", 1), AttributeError),
    ):
        try:
            action()
        except error:
            continue
        raise AssertionError(error)
    assert attr.fields(Point).x.name == "x"
    print("as expected")
