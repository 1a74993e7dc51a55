"""What a traced program has told while it ran (``stub/trace.c``), and the profile that this makes.

Each process writes files named ``PID-NUMBER`` of lines: ``P PID start|fork|more`` first, then a letter, the
number of a thread, two times in nanoseconds, and a text. Between the two times tracing itself was at work:
they count for nobody. A line that is cut off, as by a crash, is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from oxidize_build.errors import ProfileError
from oxidize_build.image.format import INTERPRETER_PATH
from oxidize_build.image.reader import Image
from oxidize_build.profile.model import Effect, Profile, ProfiledModule
from oxidize_build.profile.text import portable_path

_NANOSECONDS = 1000
"""In a microsecond."""


@dataclass(frozen=True, slots=True)
class _Event:
    process: int
    origin: str
    """Set in the first one of a file: how its process came to be, ``more`` for a further file of it."""
    letter: str
    thread: int
    since: int
    until: int
    text: str


@dataclass(slots=True)
class _Import:
    name: str
    parent: _Import | None
    began: int
    """When its code began to be looked for, without what came before: the import of its package."""
    entered: int = 0
    within: int = 0
    """Nanoseconds of the imports within it, with what tracing them took."""
    own: int = 0
    exists: bool = False
    effects: set[Effect] = field(default_factory=set)
    child: bool = False

    def real_parent(self) -> _Import | None:
        """Return the import that this one is part of, but for those which have found no module."""
        parent = self.parent
        while parent is not None and not parent.exists:
            parent = parent.parent
        return parent


def read_run(directory: Path, image: Image, main: int) -> Profile:
    """Return what the processes of one run have told in *directory*.

    *image* is that of the executable, *main* the number of the process that was started first.

    Raises ProfileError when none has told anything.
    """
    paths = sorted(directory.iterdir(), key=lambda path: tuple(map(int, path.name.split("-"))))
    if not paths:
        raise ProfileError(
            f"the program has told nothing in {directory}",
            hint="it may have had no right to write there, or no room",
        )
    run = _Run(image)
    for process in dict.fromkeys(path.name.partition("-")[0] for path in paths):
        own = [path for path in paths if path.name.partition("-")[0] == process]
        run.follow((event for path in own for event in _events(path)), child=int(process) != main)
    return run.profile()


def _events(path: Path) -> Iterator[_Event]:
    process, origin = 0, ""
    for line in path.read_bytes().rstrip(b"\0").decode(errors="replace").split("\n"):
        parts = line.split(" ", 4)
        try:
            if parts[0] == "P" and len(parts) == 3:
                process, origin = int(parts[1]), parts[2]
                yield _Event(process, origin, "P", 0, 0, 0, "")
            elif len(parts) == 5 and len(parts[0]) == 1:
                thread, since, until = map(int, parts[1:4])
                yield _Event(process, origin, parts[0], thread, since, until, parts[4])
        except ValueError:
            continue


class _Run:
    """What is known of all processes so far."""

    def __init__(self, image: Image) -> None:
        self._extensions = {
            str(module.path): module.name for module in image.modules if module.bytecode is None
        }
        self._libraries = {str(library.path) for library in image.libraries}
        self._bytecode = {str(module.bytecode) for module in image.modules if module.bytecode is not None}
        self._imports: list[_Import] = []
        self._paths: dict[str, tuple[bool, int]] = {}
        """Of files and libraries: when each was used first, what children have used behind all else."""

    def follow(self, events: Iterable[_Event], *, child: bool) -> None:
        """Take in what one process has told."""
        threads: dict[int, list[_Import]] = {}
        last = 0
        for event in events:
            if event.letter == "P":
                if event.origin != "more":
                    self._abandon(threads, last)
                continue
            stack = threads.setdefault(event.thread, [])
            last = max(last, event.until)
            match event.letter:
                case "I":
                    self._begin(stack, event, child)
                case "i" | "x":
                    self._end(stack, event)
                case "C":
                    self._found(stack, event, event.text, child)
                case "L":
                    self._loaded(stack, event, child)
                case "F":
                    self._used(event, child)
                case "E" if stack and event.text in set(Effect):
                    stack[-1].effects.add(Effect(event.text))
        self._abandon(threads, last)

    def _begin(self, stack: list[_Import], event: _Event, child: bool) -> None:
        parent = stack[-1] if stack else None
        stack.append(_Import(event.text, parent, event.until, event.since, child=child))
        self._imports.append(stack[-1])

    def _end(self, stack: list[_Import], event: _Event) -> None:
        names = [one.name for one in stack]
        if event.text not in names:
            return
        while stack:
            done = stack.pop()
            done.exists |= event.letter == "i" and done.name == event.text
            self._account(done, event.since, event.until)
            if done.name == event.text:
                return

    def _account(self, done: _Import, since: int, until: int) -> None:
        """Note how long the import took that has ended, and in which other one that was."""
        parent = done.parent
        done.own = max(0, since - done.began - done.within)
        if parent is None:
            return
        parent.within += until - done.entered
        if parent.name.startswith(f"{done.name}."):
            # `import a.b` has imported a first: that is no part of b
            done.parent = parent.parent
            parent.within, parent.began = 0, until

    def _abandon(self, threads: dict[int, list[_Import]], last: int) -> None:
        """End what was under way when the process ended, or became another program."""
        for stack in threads.values():
            while stack:
                done = stack.pop()
                done.exists |= not done.name.startswith("<")
                self._account(done, last, last)
        threads.clear()

    def _found(self, stack: list[_Import], event: _Event, name: str, child: bool) -> None:
        """Note that the code of a module has been asked for: by its import, or to run it as a program."""
        for one in reversed(stack):
            if one.name == name:
                one.exists = True
                return
        self._imports.append(_Import(name, None, event.until, event.since, exists=True, child=child))

    def _loaded(self, stack: list[_Import], event: _Event, child: bool) -> None:
        name = self._extensions.get(event.text)
        if name is None:
            self._used(event, child)
        elif any(one.name == name for one in stack):
            self._found(stack, event, name, child)

    def _used(self, event: _Event, child: bool) -> None:
        when = (child, event.since)
        self._paths[event.text] = min(when, self._paths.get(event.text, when))

    def profile(self) -> Profile:
        """Return the profile of all processes."""
        for one in self._imports:
            # To look for what is not there is the doing of who asked for it
            parent = None if one.exists else one.real_parent()
            if parent is not None:
                parent.own += one.own
        existing = [one for one in self._imports if one.exists]
        existing.sort(key=lambda one: (one.child, one.began))
        modules: dict[str, ProfiledModule] = {}
        for one in existing:
            if one.name in modules or one.name == "__main__":
                continue
            parent = one.real_parent()
            known = parent.name if parent is not None and parent.name in modules else None
            effects = tuple(sorted(one.effects))
            modules[one.name] = ProfiledModule(one.name, known, rounded(one.own), effects, child=one.child)
        used = sorted(self._paths, key=lambda path: self._paths[path])
        files = [path for path in used if self._is_file(path)]
        libraries = [path for path in used if path in self._libraries and path not in self._extensions]
        return Profile(tuple(modules.values()), _portable(files), _portable(libraries))

    def _is_file(self, path: str) -> bool:
        """Whether *path* is to be listed: modules are by their names, and libraries by themselves."""
        apart = self._libraries | self._bytecode | {INTERPRETER_PATH}
        return path not in apart


def _portable(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(portable_path(PurePosixPath(path)) for path in paths))


def rounded(nanoseconds: int) -> int:
    """Return *nanoseconds* as microseconds in two significant digits."""
    microseconds = round(nanoseconds / _NANOSECONDS)
    factor: int = 10 ** max(0, len(str(microseconds)) - 2)
    return round(microseconds / factor) * factor
