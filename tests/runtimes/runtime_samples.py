"""Small archives of the python-build-standalone layout, whose interpreter is a script."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import zstandard

LIBRARY = b"!<arch>\n"
ZSTD: Callable[[bytes], bytes] = zstandard.ZstdCompressor(write_checksum=True).compress
COMPRESS = {".tar.gz": lambda data: gzip.compress(data, mtime=0), ".tar.zst": ZSTD}


def python_json(python: str = "3.14.7", **changes: Any) -> dict[str, Any]:
    """The file as python-build-standalone 20250818 writes it for x86_64 Linux, shortened."""
    short = ".".join(python.split(".")[:2])
    tag = f"cpython-{short.replace('.', '')}"
    return {
        "version": "8",
        "target_triple": "x86_64-unknown-linux-gnu",
        "optimizations": "pgo",
        "build_options": "pgo",
        "python_tag": f"cp{short.replace('.', '')}",
        "python_abi_tag": "",
        "python_platform_tag": "linux-x86_64",
        "python_version": python,
        "python_major_minor_version": short,
        "python_implementation_cache_tag": tag,
        "python_implementation_hex_version": 0x030E07F0,
        "python_implementation_name": "cpython",
        "python_implementation_version": [*python.split("."), "final", "0"],
        "python_exe": f"install/bin/python{short}",
        "python_paths": {
            "stdlib": f"install/lib/python{short}",
            "platstdlib": f"install/lib/python{short}",
            "include": f"install/include/python{short}",
            "platinclude": f"install/include/python{short}",
        },
        "python_paths_abstract": {},
        "python_config_vars": {"SOABI": f"{tag}-x86_64-linux-gnu", "prefix": "/install"},
        "python_suffixes": {"extension": [f".{tag}-x86_64-linux-gnu.so", ".abi3.so", ".so"]},
        "python_bytecode_magic_number": "2b0e0d0a",
        "python_stdlib_platform_config": f"install/lib/python{short}/config-{short}-x86_64-linux-gnu",
        "python_stdlib_test_packages": ["test"],
        "python_symbol_visibility": "global-default",
        "python_extension_module_loading": ["builtin", "shared-library"],
        "libpython_link_mode": "shared",
        "crt_features": ["glibc-dynamic", "glibc-max-symbol-version:2.17"],
        "run_tests": "build/run_tests.py",
        "licenses": ["Python-2.0", "CNRI-Python"],
        "license_path": "licenses/LICENSE.cpython.txt",
        "build_info": {
            "object_file_format": "elf",
            "inittab_object": "build/Modules/config.o",
            "inittab_source": "build/Modules/config.c",
            "inittab_cflags": [],
            "core": {
                "objs": [],
                "links": [{"name": "m", "system": True}, {"name": "dl", "system": True}],
                "static_lib": f"install/lib/libpython{short}.a",
                "shared_lib": f"install/lib/libpython{short}.so.1.0",
            },
            "extensions": {
                "_tkinter": [
                    {
                        **_extension("_tkinter", {"name": "tcl8.6", "path_static": "build/lib/libtcl8.6.a"}),
                        "shared_lib": f"install/lib/python{short}/lib-dynload/_tkinter.so",
                    }
                ],
                "_hashlib": [_extension("_hashlib", {"name": ":libatomic.a", "system": True})],
                "math": [_extension("math", {"name": "m", "system": True})],
                "zlib": [
                    {
                        **_extension("zlib", {"name": "z", "path_static": "build/lib/libz.a"}),
                        "licenses": ["Zlib"],
                        "license_paths": ["licenses/LICENSE.zlib.txt"],
                    }
                ],
            },
        },
        **changes,
    }


def _extension(name: str, *links: Mapping[str, object]) -> dict[str, Any]:
    init = f"PyInit_{name}"
    return {"in_core": False, "init_fn": init, "links": links, "objs": [], "required": False, "variant": name}


def facts_of(info: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """What the probe would print of the interpreter that *info* describes."""
    return {
        "implementation": "cpython",
        "version": info["python_version"],
        "hexversion": info["python_implementation_hex_version"],
        "free_threaded": "t" in info["python_abi_tag"],
        "magic": "2b0e0d0a",
        "cache_tag": info["python_implementation_cache_tag"],
        "platform": "linux-x86_64",
        "base_prefix": "/moved",
        "extension_suffixes": info["python_suffixes"]["extension"],
        "builtin_modules": ["sys", "math", "zlib"],
        "frozen_modules": ["zipimport", "os", "__hello__"],
        "paths": {"stdlib": "STDLIB"},
        "tls_roots": ["/etc/ssl/cert.pem", "/etc/ssl/certs"],
        "variables": info["python_config_vars"],
        **changes,
    }


def write_tree(folder: Path, info: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> Path:
    """Write the content of a full archive and return its directory; without *facts* the interpreter fails."""
    top = folder / "python"
    stdlib = info["python_paths"]["stdlib"]
    files: dict[str, bytes] = {
        "PYTHON.json": json.dumps(info).encode(),
        info["python_exe"]: _interpreter(top / stdlib, facts),
        f"{stdlib}/os.py": b"",
        f"{info['python_paths']['include']}/Python.h": b"",
        f"{info['python_paths']['include']}/pyconfig.h": b"",
        "licenses/LICENSE.cpython.txt": b"PSF",
        "licenses/LICENSE.zlib.txt": b"Zlib",
        "build/lib/libz.a": LIBRARY,
        "build/lib/libtcl8.6.a": LIBRARY,
        f"{stdlib}/lib-dynload/_tkinter.so": b"\x7fELF",
    }
    core = info["build_info"]["core"]
    files |= {core[key]: LIBRARY for key in ("static_lib", "shared_lib") if key in core}
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (top / info["python_exe"]).chmod(0o755)
    return folder


def _interpreter(stdlib: Path, facts: Mapping[str, Any] | None) -> bytes:
    """A script that tells *facts*, and its standard library where it stands itself."""
    if facts is None:
        return b"#!/bin/false\n"
    told = json.dumps(facts)
    place = f'$(cd "$(dirname "$0")/../lib/{stdlib.name}" && pwd)'
    return f"#!/bin/sh\nsed \"s|STDLIB|{place}|\" <<'END'\n{told}\nEND\n".encode()


def pack(folder: Path, archive: Path) -> Path:
    """Write what is in *folder* to *archive*, compressed as its name says, and return it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    suffix = next(suffix for suffix in COMPRESS if archive.name.endswith(suffix))
    archive.write_bytes(COMPRESS[suffix](buffer.getvalue()))
    return archive
