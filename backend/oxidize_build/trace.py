"""Run an executable in a traced build, and keep what it has used in the project's profile."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import OutputError, ProfileError
from oxidize_build.image.format import TRACE_SUFFIX
from oxidize_build.profile import EMPTY, Profile, read_profiles, write_profiles
from oxidize_build.profile.events import read_run
from oxidize_build.profile.merging import merge
from oxidize_build.verify import verify


@dataclass(frozen=True, slots=True)
class TracedRun:
    """One run of a traced executable."""

    profile: Profile
    """What this run alone has seen."""
    status: int
    """The exit status of the program; negative: the signal that ended it."""


def run_traced(executable: Path, arguments: Sequence[str]) -> TracedRun:
    """Run the traced build *executable* with *arguments*, with this process's standard streams.

    Raises ProfileError when another run of it is being traced, or it has told nothing.
    """
    image = verify(executable).image
    with _directory(executable) as directory:
        with _interrupts_left_to_the_program(), subprocess.Popen([executable, *arguments]) as process:
            status = process.wait()
        return TracedRun(read_run(directory, image, process.pid), status)


@contextmanager
def _interrupts_left_to_the_program() -> Iterator[None]:
    """Do nothing on Ctrl-C, which the program gets as well. A handler is not inherited by it."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _directory(executable: Path) -> Iterator[Path]:
    """Give the empty directory that *executable* tells in, while no one else uses it."""
    directory = executable.with_name(f"{executable.name}{TRACE_SUFFIX}")
    lock = os.open(executable, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        yield directory
    except BlockingIOError as error:
        raise ProfileError(f"another run of {executable} is being traced", hint="wait for its end") from error
    except FileExistsError as error:
        raise OutputError(f"cannot remove what is in {directory}", hint="remove it") from error
    finally:
        os.close(lock)
        shutil.rmtree(directory, ignore_errors=True)


def keep(path: Path, name: str, run: Profile, *, afresh: bool = False) -> Profile:
    """Add *run*, of the executable *name*, to the profile file *path*; return all that is known of it now.

    *afresh* forgets what was known of this executable.

    Raises ProfileError when the file cannot be understood, and OutputError when it cannot be written.
    """
    profiles = read_profiles(path) if path.exists() else {}
    known = EMPTY if afresh else profiles.get(name, EMPTY)
    merged = merge(known, run)
    if profiles.get(name) != merged:
        write_profiles(path, {**profiles, name: merged})
    return merged
