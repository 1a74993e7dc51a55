"""Run by a host interpreter, not imported: prints as JSON what it knows about itself.

Standard library only, and nothing newer than Python 3.6 at the top: an interpreter that is too
old, or no CPython, has to get as far as saying so.
"""

import json
import platform
import sys
import sysconfig

facts = {
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "hexversion": sys.hexversion,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}

if facts["implementation"] == "cpython" and sys.version_info >= (3, 11):
    import _imp
    import importlib.machinery
    import importlib.util

    try:
        import ssl
    except ImportError:
        roots = None
    else:
        paths = ssl.get_default_verify_paths()
        roots = [paths.openssl_cafile, paths.openssl_capath]

    facts.update(
        magic=importlib.util.MAGIC_NUMBER.hex(),
        cache_tag=sys.implementation.cache_tag,
        platform=sysconfig.get_platform(),
        base_prefix=sys.base_prefix,
        extension_suffixes=importlib.machinery.EXTENSION_SUFFIXES,
        builtin_modules=sorted(sys.builtin_module_names),
        frozen_modules=sorted(_imp._frozen_module_names()),  # type: ignore[attr-defined]  # noqa: SLF001 (no public way)
        paths=sysconfig.get_paths(),
        tls_roots=roots,
        variables=sysconfig.get_config_vars(),
    )

json.dump(facts, sys.stdout)
