"""The Pythons that programs are made of, and are compared with."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.cache import Cache
from oxidize_build.runtime.standalone import standalone_runtime
from oxidize_build.runtime.store import RuntimeStore

HOST, OWN = "host", "own"
DEBIAN = Path("/usr/bin/python3.11")

_ASK = """
import json, platform, sysconfig
print(json.dumps([platform.python_version(), sysconfig.get_config_vars()]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, as tools are told of it."""

    kind: str
    """``host``, or ``own`` for a runtime that was named."""
    python: Path
    """Runs without anything of oxidize."""
    runtime: str
    """What ``tool.oxidize.runtime`` is to be, as TOML."""
    description: str


def host(python: Path) -> Interpreter:
    """Return the interpreter that is installed as *python*."""
    done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, check=True)
    version, variables = json.loads(done.stdout)
    return Interpreter(HOST, python, f"{{ path = '{python}' }}", _described(version, variables))


def own(place: Path, folder: Path) -> Interpreter:
    """Return the runtime at *place*, a directory or an archive, which is unpacked in *folder*."""
    tree = RuntimeStore(Cache(folder)).unpacked(place) if place.is_file() else place
    runtime = standalone_runtime(tree.resolve())
    optimizations = " and ".join(name.upper() for name in runtime.optimizations)
    built = f" with {optimizations}" if optimizations else ""
    floor = f", glibc {runtime.glibc}" if runtime.glibc else f", {runtime.libc}"
    return Interpreter(
        OWN, runtime.python, f"{{ path = '{tree.resolve()}' }}", f"CPython {runtime.version}{built}{floor}"
    )


def _described(version: str, variables: dict[str, object]) -> str:
    asked = str(variables.get("CONFIG_ARGS") or "")
    options = {"--enable-optimizations": "PGO", "--with-lto": "LTO"}
    found = " and ".join(name for option, name in options.items() if option in asked)
    return f"CPython {version}{f' with {found}' if found else ', not optimised'}"
