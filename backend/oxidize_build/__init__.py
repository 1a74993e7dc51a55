"""oxidize: a PEP 517 build backend that turns a Python project into one native executable.

The hooks are in :mod:`oxidize_build.build_meta`; ``build-backend = "oxidize_build"`` finds them as well.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if not TYPE_CHECKING:  # a type checker would take any name for one of this package

    def __getattr__(name: str) -> object:
        """Return the hook *name*; the modules that hooks need are imported only if one is asked for."""
        prefixes = ("get_requires_for_", "prepare_metadata_for_")
        if name in {"build_wheel", "build_sdist", "build_editable"} or name.startswith(prefixes):
            from oxidize_build import build_meta  # noqa: PLC0415 - see above

            return getattr(build_meta, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
