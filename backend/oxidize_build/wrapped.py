"""The PEP 517 backend that makes the project's sdists and wheels, called in this process.

https://peps.python.org/pep-0517/ and https://peps.python.org/pep-0660/
"""

from __future__ import annotations

import importlib
import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from oxidize_build.errors import SettingsError
from oxidize_build.settings.suggestions import did_you_mean

REQUIREMENTS = {
    "enscons.api": "enscons",
    "flit_core.buildapi": "flit-core",
    "flit_scm": "flit-scm",
    "hatchling.build": "hatchling",
    "hatchling.ouroboros": "hatchling",
    "jupyter_packaging.build_api": "jupyter-packaging",
    "maturin": "maturin",
    "mesonpy": "meson-python",
    "pbr.build": "pbr",
    "pdm.backend": "pdm-backend",
    "poetry.core.masonry.api": "poetry-core",
    "poetry_dynamic_versioning.backend": "poetry-dynamic-versioning",
    "py_build_cmake.build": "py-build-cmake",
    "scikit_build_core.build": "scikit-build-core",
    "scikit_build_core.setuptools.build_meta": "scikit-build-core",
    "setuptools.build_meta": "setuptools",
    "sipbuild.api": "sip",
    "uv_build": "uv-build",
    "whey": "whey",
}
"""Module of a backend -> the distribution that has it.

Without versions: the project states them in build-system.requires, and these must not contradict it.
"""

EDITABLE_REQUIREMENTS = {"hatchling.build": ("editables",), "hatchling.ouroboros": ("editables",)}
"""Module of a backend -> what its get_requires_for_build_editable always returns, if it cannot be asked."""

_DIST_INFO = re.compile(r"[^/\\]+-[^/\\]+\.dist-info(?=/)")


class UnsupportedOperation(Exception):  # noqa: N818 (the name is PEP 517's)
    """The wrapped backend cannot make an sdist here."""


@dataclass(frozen=True, slots=True)
class WrappedBackend:
    """A backend named as in ``build-system.build-backend``: ``module`` or ``module:object``."""

    spec: str

    @property
    def module(self) -> str:
        """The module part of the name."""
        return self.spec.partition(":")[0]

    @property
    def requirements(self) -> list[str]:
        """The distribution that provides the backend, when it is a known one."""
        return [REQUIREMENTS[self.module]] if self.module in REQUIREMENTS else []

    def get_requires(self, hook: str, config_settings: dict[str, object] | None) -> list[str]:
        """Return what *hook*, a ``get_requires_for_build_*``, asks for, and the backend itself.

        A front end asks once, before anything is installed for the answer: a backend that is not in
        build-system.requires cannot be asked yet.
        """
        if not self._importable():
            known = EDITABLE_REQUIREMENTS.get(self.module, ()) if hook.endswith("_editable") else ()
            return [*self.requirements, *known]
        function = self._hook(hook)
        asked = list(function(config_settings)) if function else []
        return [*self.requirements, *asked]

    def prepare_metadata(
        self, kind: str, metadata_directory: str, config_settings: dict[str, object] | None
    ) -> str:
        """Make the metadata of a *kind* (``wheel`` or ``editable``); return the name of their directory."""
        function = self._hook(f"prepare_metadata_for_build_{kind}")
        if function:
            return str(function(metadata_directory, config_settings))
        with tempfile.TemporaryDirectory() as scratch:
            wheel = self.build(kind, scratch, config_settings)
            return _extract_metadata(Path(scratch, wheel), metadata_directory)

    def build(
        self,
        kind: str,
        wheel_directory: str,
        config_settings: dict[str, object] | None,
        metadata_directory: str | None = None,
    ) -> str:
        """Build a *kind* (``wheel`` or ``editable``) into *wheel_directory*; return its file name."""
        function = self._require(f"build_{kind}")
        return str(function(wheel_directory, config_settings, metadata_directory))

    def build_sdist(self, sdist_directory: str, config_settings: dict[str, object] | None) -> str:
        """Build an sdist into *sdist_directory*; return its file name.

        :raises UnsupportedOperation: when the backend says so.
        """
        function = self._require("build_sdist")
        unsupported = getattr(self._object(), "UnsupportedOperation", UnsupportedOperation)
        try:
            return str(function(sdist_directory, config_settings))
        except unsupported as error:
            raise UnsupportedOperation(*error.args) from error

    def _importable(self) -> bool:
        try:
            importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            # A module that the backend itself misses is an error in what is installed, not the absence of it
            if error.name is None or not f"{self.module}.".startswith(f"{error.name}."):
                raise
            return False
        return True

    def _object(self) -> Any:  # noqa: ANN401 (a backend is a module or any object with the hooks)
        if not self._importable():
            wanted = ", ".join(self.requirements) or f"the distribution that provides {self.module}"
            raise SettingsError(
                f"the wheel backend {self.spec!r} (tool.oxidize.wheel-backend) cannot be imported"
                f"{'' if self.requirements else did_you_mean(self.module, REQUIREMENTS)}",
                hint=f"add {wanted} to build-system.requires in pyproject.toml",
            )
        names = filter(None, self.spec.partition(":")[2].split("."))
        try:
            return reduce(getattr, names, importlib.import_module(self.module))
        except AttributeError as error:
            raise SettingsError(
                f"tool.oxidize.wheel-backend: found {self.spec!r}, but {error}",
                hint="name a module, or module:object, that has the hooks of PEP 517",
            ) from None

    def _hook(self, name: str) -> Callable[..., Any] | None:
        hook: Callable[..., Any] | None = getattr(self._object(), name, None)
        return hook

    def _require(self, name: str) -> Callable[..., Any]:
        hook = self._hook(name)
        if hook is None:
            raise SettingsError(
                f"the wheel backend {self.spec!r} (tool.oxidize.wheel-backend) has no {name} hook",
                hint="a newer version of it may have one; editable installs are PEP 660"
                if name == "build_editable"
                else "name a module, or module:object, that has the hooks of PEP 517",
            )
        return hook


def _extract_metadata(wheel: Path, metadata_directory: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if _DIST_INFO.match(name)]
        directories = {match[0] for name in members if (match := _DIST_INFO.match(name))}
        if len(directories) != 1:
            raise SettingsError(
                f"the wheel backend made {wheel.name}, which has no single .dist-info directory"
            )
        archive.extractall(metadata_directory, members)
    return directories.pop()
