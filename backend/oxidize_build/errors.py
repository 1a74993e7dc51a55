"""Every error that a user can act on.

One root class, :class:`OxidizeError`. The message names what was asked for and what was found;
``hint`` says what to do about it. Anything else that escapes is a defect of oxidize itself.
"""

from __future__ import annotations


class OxidizeError(Exception):
    """Something the user asked for cannot be done.

    ``exit_status`` is what the ``oxidize`` command ends with; the values are those of BSD's
    ``sysexits.h`` where one fits.
    """

    exit_status: int = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


class SettingsError(OxidizeError):
    """``pyproject.toml`` or a config setting asks for something that does not exist."""

    exit_status = 78  # EX_CONFIG


class RuntimeNotUsableError(OxidizeError):
    """No Python runtime was found that an executable can be made of."""

    exit_status = 69  # EX_UNAVAILABLE


class RuntimeBuildError(OxidizeError):
    """A Python runtime cannot be built from source as asked, or a step of its build has failed."""

    exit_status = 70  # EX_SOFTWARE


class TargetError(OxidizeError):
    """The result would not run where the target says that it is to run."""

    exit_status = 65


class CompilerError(OxidizeError):
    """No C compiler was found, or compiling or linking the stub failed."""

    exit_status = 69


class DependencyError(OxidizeError):
    """The project's dependencies cannot be resolved, downloaded or built."""

    exit_status = 69


class WheelError(OxidizeError):
    """A wheel is malformed, or its contents do not match its RECORD."""

    exit_status = 65  # EX_DATAERR


class DownloadError(OxidizeError):
    """A file cannot be downloaded, or is not the one that was asked for."""

    exit_status = 69


class ArchiveError(OxidizeError):
    """An archive is damaged, or holds what must not be unpacked."""

    exit_status = 65


class LicenseError(OxidizeError):
    """A component's licence is not one that the project admits."""

    exit_status = 65  # EX_DATAERR


class EntryPointError(OxidizeError):
    """What an executable is told to run does not exist among the packed modules."""

    exit_status = 78


class SnapshotError(OxidizeError):
    """No snapshot can be made of the executable's process."""

    exit_status = 65


class ImageError(OxidizeError):
    """An executable, or the image in it, is damaged or not one of oxidize's."""

    exit_status = 70  # EX_SOFTWARE: what a damaged executable itself exits with


class ProfileError(OxidizeError):
    """A profile cannot be read, or traced runs have left none."""

    exit_status = 65


class ObjectFileError(OxidizeError):
    """A file is no object file of a known format, or a damaged one."""

    exit_status = 65


class BuildFailedError(OxidizeError):
    """A build in a process of its own has failed; the message is what it said."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.exit_status = status if status > 0 else 128 - status


class OutputError(OxidizeError):
    """The result cannot be written."""

    exit_status = 73  # EX_CANTCREAT
