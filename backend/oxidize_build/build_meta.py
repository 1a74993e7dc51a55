"""The build backend: hooks of PEP 517 and PEP 660, and nothing else.

Sdists and wheels are made by the backend that ``tool.oxidize.wheel-backend`` names. With the config setting
``oxidize.executable`` executables are made of the wheel.
"""

from __future__ import annotations

import os
from pathlib import Path

from oxidize_build.config_settings import read_config_settings
from oxidize_build.hook_errors import readable_errors
from oxidize_build.settings import check_names, read_settings
from oxidize_build.staging import deliver, staging
from oxidize_build.wrapped import UnsupportedOperation, WrappedBackend

__all__ = [
    "UnsupportedOperation",
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def _wrapped() -> WrappedBackend:
    # A front end calls every hook in the project's directory; an sdist may lack what executables are made of
    return WrappedBackend(read_settings(Path.cwd(), check_files=False).wheel_backend)


@readable_errors()
def get_requires_for_build_wheel(config_settings: dict[str, object] | None = None) -> list[str]:
    """Return the requirements for building a wheel."""
    config = read_config_settings(config_settings)
    return _wrapped().get_requires("get_requires_for_build_wheel", config.wrapped)


@readable_errors()
def get_requires_for_build_sdist(config_settings: dict[str, object] | None = None) -> list[str]:
    """Return the requirements for building an sdist."""
    config = read_config_settings(config_settings)
    return _wrapped().get_requires("get_requires_for_build_sdist", config.wrapped)


@readable_errors()
def get_requires_for_build_editable(config_settings: dict[str, object] | None = None) -> list[str]:
    """Return the requirements for building an editable wheel."""
    config = read_config_settings(config_settings)
    return _wrapped().get_requires("get_requires_for_build_editable", config.wrapped)


@readable_errors()
def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: dict[str, object] | None = None
) -> str:
    """Write the wheel's ``.dist-info`` directory and return its name."""
    config = read_config_settings(config_settings)
    return _wrapped().prepare_metadata("wheel", metadata_directory, config.wrapped)


@readable_errors()
def prepare_metadata_for_build_editable(
    metadata_directory: str, config_settings: dict[str, object] | None = None
) -> str:
    """Write the editable wheel's ``.dist-info`` directory and return its name."""
    config = read_config_settings(config_settings)
    return _wrapped().prepare_metadata("editable", metadata_directory, config.wrapped)


@readable_errors()
def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, object] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the wheel, then the executables that the config settings ask for; return the wheel's name."""
    config = read_config_settings(config_settings)
    settings = read_settings(Path.cwd(), check_files=config.build_executables)
    backend = WrappedBackend(settings.wheel_backend)
    if not config.build_executables:
        return backend.build("wheel", wheel_directory, config.wrapped, metadata_directory)
    from oxidize_build.pipeline import build_executables  # noqa: PLC0415 - only executables need so much

    check_names(settings, config.names, config.targets)
    output = Path(wheel_directory)
    with staging(output) as directory:  # without its executables there is to be no wheel either
        name = backend.build("wheel", os.fspath(directory), config.wrapped, metadata_directory)
        where = config.output or output
        build_executables(settings, directory / name, config.names, where, config.targets)
        deliver([directory / name], output)
    return name


@readable_errors()
def build_sdist(sdist_directory: str, config_settings: dict[str, object] | None = None) -> str:
    """Build the sdist and return its file name."""
    config = read_config_settings(config_settings)
    return _wrapped().build_sdist(sdist_directory, config.wrapped)


@readable_errors()
def build_editable(
    wheel_directory: str,
    config_settings: dict[str, object] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the editable wheel and return its file name."""
    config = read_config_settings(config_settings)
    return _wrapped().build("editable", wheel_directory, config.wrapped, metadata_directory)
