"""Run by the interpreter that was built, not imported: prints as JSON what ``PYTHON.json`` says of it."""

import _imp
import importlib.machinery
import importlib.util
import json
import os
import sys
import sysconfig

prefix = os.path.dirname(sys.base_prefix)  # noqa: PTH120 (it is a string)
facts = {
    "python_abi_tag": sys.abiflags,
    "python_bytecode_magic_number": importlib.util.MAGIC_NUMBER.hex(),
    "python_config_vars": {
        name: str(value).replace(sys.base_prefix, "/install")
        for name, value in sysconfig.get_config_vars().items()
        if name != "userbase"
    },
    "python_implementation_cache_tag": sys.implementation.cache_tag,
    "python_implementation_hex_version": sys.implementation.hexversion,
    "python_implementation_name": sys.implementation.name,
    "python_implementation_version": [str(part) for part in sys.implementation.version],
    "python_major_minor_version": sysconfig.get_python_version(),
    "python_paths": {name: os.path.relpath(path, prefix) for name, path in sysconfig.get_paths().items()},
    "python_paths_abstract": sysconfig.get_paths(expand=False),
    "python_platform_tag": sysconfig.get_platform(),
    "python_suffixes": {
        "bytecode": importlib.machinery.BYTECODE_SUFFIXES,
        "debug_bytecode": importlib.machinery.DEBUG_BYTECODE_SUFFIXES,
        "extension": importlib.machinery.EXTENSION_SUFFIXES,
        "optimized_bytecode": importlib.machinery.OPTIMIZED_BYTECODE_SUFFIXES,
        "source": importlib.machinery.SOURCE_SUFFIXES,
    },
    "builtin_modules": sorted(sys.builtin_module_names),
    "frozen_modules": sorted(_imp._frozen_module_names()),  # type: ignore[attr-defined]  # noqa: SLF001 (no public way)
}
json.dump(facts, sys.stdout)
