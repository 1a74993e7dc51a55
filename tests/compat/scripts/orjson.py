"""JSON of dataclasses, dates and arrays."""

from dataclasses import dataclass
from datetime import datetime, timezone

import orjson


@dataclass
class Point:
    x: int
    y: float


def main():
    value = {"p": Point(1, 2.5), "t": datetime(2024, 1, 2, tzinfo=timezone.utc), "ü": None}
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    assert text == '{"p":{"x":1,"y":2.5},"t":"2024-01-02T00:00:00+00:00","ü":null}'.encode()
    assert orjson.loads(text)["p"] == {"x": 1, "y": 2.5}
    try:
        orjson.loads("{")
    except orjson.JSONDecodeError:
        print("as expected")
