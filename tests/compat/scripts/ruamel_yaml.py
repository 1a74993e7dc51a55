"""YAML changed with its comments kept: a namespace package with a C extension beside."""

import io

from ruamel.yaml import YAML


def main():
    yaml = YAML()
    document = yaml.load("# first\na: 1  # one\nb:\n- x   # ex\n")
    document["a"] = 2
    document["b"].append("y")
    out = io.StringIO()
    yaml.dump(document, out)
    assert out.getvalue() == "# first\na: 2  # one\nb:\n- x   # ex\n- y\n", out.getvalue()
    assert YAML(typ="safe").load("d: 2024-01-02")["d"].day == 2
    print("as expected")
