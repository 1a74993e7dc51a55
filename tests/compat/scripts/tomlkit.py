"""TOML changed with its comments kept."""

import tomlkit


def main():
    document = tomlkit.parse("# top\n[a]\nb = 1 # one\n")
    document["a"]["c"] = [1, 2]
    document["a"]["b"] = 2
    assert tomlkit.dumps(document) == "# top\n[a]\nb = 2 # one\nc = [1, 2]\n"
    try:
        tomlkit.parse("a = ")
    except tomlkit.exceptions.ParseError as error:
        assert error.line == 1
        print("as expected")
