"""``PYTHON.json``: what is in the archive of a runtime.

The format is version 8 of python-build-standalone's ("Distribution Archives" in its documentation),
with one key of our own, ``oxidize``.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from oxidize_build import __version__
from oxidize_build.errors import RuntimeBuildError
from oxidize_build.runtime.build.plan import Plan

Json: TypeAlias = dict[str, Any]
"""An object of the file, whose form the format fixes."""

FORMAT_VERSION = "8"
LIBRARY_FOLDER = "build/lib"
"""Where the archive has the third-party static libraries."""
STUB = "oxidize/stub"
UNPACKER = "oxidize/unpacker"

_PROBE = Path(__file__).with_name("_describe_probe.py")
_INITTAB_ENTRY = re.compile(r'\{"(?P<name>\w+)", (?P<function>\w+)\}')


@dataclass(frozen=True, slots=True)
class Part:
    """CPython or a third-party library, as the archive names it."""

    name: str
    version: str
    license: str
    """SPDX expression."""
    license_file: str
    """Path in the archive's tree."""
    url: str
    """Where its source came from, or would have come from."""
    sha256: str
    """Of the source archive."""


def ask_interpreter(python: Path) -> Json:
    """Return what the interpreter *python* says of itself. Raises RuntimeBuildError when it does not run."""
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-B", _PROBE], capture_output=True, check=True, stdin=subprocess.DEVNULL
        )
        facts: Json = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        raise RuntimeBuildError(
            f"{python} cannot describe itself: {error.stderr.decode(errors='replace')[-500:]}"
        ) from error
    except (OSError, ValueError) as error:
        raise RuntimeBuildError(f"{python} does not run: {error}") from error
    return facts


def describe(
    plan: Plan,
    facts: Mapping[str, Any],
    inittab: str,
    parts: Sequence[Part],
    *,
    libraries: Iterable[str],
    glibc_needed: str | None,
) -> Json:
    """Return the content of PYTHON.json, but for the stub.

    *facts* are what the interpreter says of itself, *inittab* is the text of its ``config.c``, *parts*
    names what it is made of, CPython first. *libraries* are the names, as after ``-l``, of the static
    libraries that the archive holds; *glibc_needed* is the newest version of glibc of which the
    interpreter needs a symbol.
    """
    variables: Mapping[str, str] = facts["python_config_vars"]
    held = frozenset(libraries)
    return {
        "version": FORMAT_VERSION,
        "target_triple": plan.toolchain.triple,
        "optimizations": "+".join(name for name in ("pgo", "lto") if name in plan.options) or "noopt",
        "build_options": "+".join(plan.options),
        "python_tag": f"cp{plan.short_version.replace('.', '')}",
        "python_version": plan.version,
        "python_exe": f"install/bin/{plan.program}",
        "python_stdlib_test_packages": [],
        "python_symbol_visibility": "global-default",
        "python_extension_module_loading": _module_loading(plan),
        "libpython_link_mode": "static",
        "crt_features": _crt_features(plan, glibc_needed),
        **{name: value for name, value in facts.items() if name.startswith("python_")},
        "build_info": {
            "core": {
                "objs": [],
                "static_lib": f"install/lib/libpython{plan.short_version}{plan.abi_suffix}.a",
                "links": _links(core_words(variables), held),
            },
            "extensions": _extensions(inittab, variables, held),
            "object_file_format": "elf",
        },
        "licenses": [parts[0].license],
        "license_path": parts[0].license_file,
        "oxidize": {
            "version": __version__,
            "components": [asdict(part) for part in parts],
            "frozen_modules": facts["frozen_modules"],
        },
    }


def core_words(variables: Mapping[str, str]) -> list[str]:
    """Return what the interpreter is linked with: ``-lNAME`` and the static libraries of its own source.

    Each stands once, at its last place, since a static library has to come after those that need it.
    """
    words = " ".join(variables.get(name, "") for name in ("LIBS", "MODLIBS", "SYSLIBS")).split()
    return list(reversed(dict.fromkeys(reversed(words))))


def _links(words: Iterable[str], held: frozenset[str]) -> list[Json]:
    names = [word.removeprefix("-l") for word in words if word.startswith("-l")]
    return [
        {"name": name, "path_static": f"{LIBRARY_FOLDER}/lib{name}.a"}
        if name in held
        else {"name": name, "system": True}
        for name in names
    ]


def _module_loading(plan: Plan) -> list[str]:
    return ["builtin"] if plan.toolchain.libc == "musl" else ["builtin", "shared-library"]


def _crt_features(plan: Plan, glibc_needed: str | None) -> list[str]:
    if plan.toolchain.libc == "musl":
        return ["static"]
    return ["glibc-dynamic", f"glibc-max-symbol-version:{glibc_needed}"]


def _extensions(inittab: str, variables: Mapping[str, str], held: frozenset[str]) -> Json:
    """Return the built-in modules. Their objects are in libpython, so what matters is what they link."""
    return {
        entry["name"]: [
            {
                "in_core": True,
                "init_fn": entry["function"],
                "links": _links(variables.get(f"MODULE_{entry['name'].upper()}_LDFLAGS", "").split(), held),
                "objs": [],
                "required": f"MODULE_{entry['name'].upper()}_STATE" not in variables,
                "variant": "default",
            }
        ]
        for entry in _INITTAB_ENTRY.finditer(inittab)
    }
