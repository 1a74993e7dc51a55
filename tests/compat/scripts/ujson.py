"""JSON to and fro, and an error."""

import ujson


def main():
    assert (
        ujson.dumps({"a": [1, 2.5, "ü/"]}, ensure_ascii=False, escape_forward_slashes=False)
        == '{"a":[1,2.5,"ü/"]}'
    )
    assert ujson.loads('{"a": 1e3}') == {"a": 1000}
    try:
        ujson.loads("{")
    except ujson.JSONDecodeError:
        print("as expected")
