"""A wrong call found, with typeshed's stubs and its cache."""

from pathlib import Path

import mypy
import mypy.build
from mypy import api

SOURCE = """
import json
import re
from dataclasses import dataclass

@dataclass
class Point:
    x: int

reveal_type(re.match("a", "b"))
Point("one")
json.dumps(1).nothing
"""


def main():
    assert mypy.build.__file__.endswith(".so"), "the compiled one was to be used"
    Path("wrong.py").write_text(SOURCE)
    out, err, status = api.run(["--strict", "wrong.py"])
    assert status == 1 and err == "", (out, err)
    assert 'Argument 1 to "Point" has incompatible type "str"; expected "int"' in out, out
    assert '"str" has no attribute "nothing"' in out
    assert 'Revealed type is "re.Match[str] | None"' in out or "re.Match[builtins.str]" in out, out
    Path("right.py").write_text("import os\n\ndef f() -> str:\n    return os.getcwd()\n")
    assert api.run(["--strict", "right.py"])[2] == 0
    print("as expected")
