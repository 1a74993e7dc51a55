"""Find the shared libraries that packed modules need, and pack those that a system does not promise."""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from oxidize_build import progress
from oxidize_build.distributions import release_key
from oxidize_build.errors import ImageError
from oxidize_build.libc_floor import libc_floor
from oxidize_build.objfile.elf import Dynamic, read_dynamic, without_runpath
from oxidize_build.objfile.elf_facts import elf_needs
from oxidize_build.objfile.elf_format import EM_AARCH64, EM_X86_64
from oxidize_build.objfile.elf_loader import HostLibraries, expand_origin
from oxidize_build.objfile.elf_stand_in import stand_in
from oxidize_build.objfile.elf_strip import without_sections
from oxidize_build.objfile.neutral import without_paths
from oxidize_build.resources import Content, ExtensionModule, Resource, SharedLibrary
from oxidize_build.runtime.model import Runtime

HOST = "host"
"""Origin of a library that was taken from the building machine."""
LIBRARY_DIRECTORY = PurePosixPath("lib")
"""Where libraries of the building machine are packed."""

LIBC_PARTS = (
    "ld-linux*.so.*",
    "ld64.so.*",
    "ld-musl-*.so.1",
    "libc.musl-*.so.1",
    "libc.so.6",
    "libc_malloc_debug.so.*",
    "libm.so.6",
    "libmvec.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    "libnsl.so.1",
    "libnss_*.so.*",
    "libthread_db.so.*",
    "libBrokenLocale.so.*",
    "libcidn.so.*",
)
"""Parts of the C library: one process has one, that of the system it runs on."""

MACHINE_PARTS = (
    # Drivers, and what dispatches to them: they match the machine's graphics hardware and kernel.
    "libGL.so.*",
    "libGLX*.so.*",
    "libGLdispatch.so.*",
    "libGLES*.so.*",
    "libEGL*.so.*",
    "libOpenGL.so.*",
    "libOpenCL.so.*",
    "libglapi.so.*",
    "libgbm.so.*",
    "libdrm*.so.*",
    "libvulkan.so.*",
    "libva.so.*",
    "libva-*.so.*",
    "libvdpau.so.*",
    "libcuda.so.*",
    "libnvcuvid.so.*",
    "libnvidia-*.so.*",
    # Clients of the display and sound servers: their protocols, sockets and plug-ins are the machine's.
    "libX11*.so.*",
    "libXau.so.*",
    "libXdmcp.so.*",
    "libXext.so.*",
    "libXrender.so.*",
    "libICE.so.*",
    "libSM.so.*",
    "libxcb*.so.*",
    "libwayland-*.so.*",
    "libasound.so.*",
    "libjack.so.*",
    "libpipewire-*.so.*",
)
"""Left to the system unless a wheel brings them: after manylinux's list and AppImage's excludelist."""

COMPILER_PARTS = ("libgcc_s.so.1", "libstdc++.so.6")
"""GCC's libraries that manylinux wheels rely on: systems that such a wheel is for have them, new enough."""

_LIBPYTHON = re.compile(r"libpython3(\.\d+)?[a-z]*\.so(\.\d+)*")

_MACHINES = {"x86_64": EM_X86_64, "aarch64": EM_AARCH64}
"""``e_machine`` by the last part of the platform's name."""

_Loadable: TypeAlias = ExtensionModule | SharedLibrary
_Needs: TypeAlias = dict[PurePosixPath, tuple[PurePosixPath, ...]]


def link_libraries(resources: Sequence[Resource], runtime: Runtime) -> list[Resource]:
    """Return *resources* with the shared libraries that they need, and with ``needs`` filled in.

    For every name that an object asks for (DT_NEEDED), the packed library that its run path leads to
    is taken, else a packed one of that SONAME or file name, else the building machine's, which is
    added as ``lib/<SONAME>`` and followed in turn. The runtime's own modules prefer the building
    machine's. The C library and drivers are left alone. A shared libpython is stood in for by an empty
    library of its name, since the executable itself is the interpreter. What is found nowhere, and what
    is no object file, is told in a line of progress: the module fails when it is imported, with the
    dynamic linker's own message. So is a library of GCC that is left to the system, because the building
    machine's needs a newer glibc than ``runtime.glibc_limit``.

    ``needs`` holds direct dependencies in the order of DT_NEEDED; it can lead round in a circle.
    Run paths of the building machine are taken out of the runtime's and the machine's own objects.
    """
    closure = _Closure(resources, runtime, HostLibraries.of_this_machine())
    closure.follow()
    for line in closure.notes:
        progress.note(line)
    linked: list[Resource] = [
        closure.finished(resource) if isinstance(resource, _Loadable) else resource for resource in resources
    ]
    added = sorted(path for path, library in closure.objects.items() if library.origin == HOST)
    linked.extend(closure.finished(closure.objects[path]) for path in added)
    return linked


def is_part_of_libc(name: str) -> bool:
    """Tell whether a library of this *name* is a part of the C library, or its dynamic linker."""
    return _matches(name, LIBC_PARTS)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(slots=True)
class _Closure:
    """The objects known so far, and what each of them needs."""

    resources: Sequence[Resource]
    runtime: Runtime
    host: HostLibraries
    objects: dict[PurePosixPath, _Loadable] = field(default_factory=dict)
    dynamics: dict[PurePosixPath, Dynamic] = field(default_factory=dict)
    by_name: dict[str, list[_Loadable]] = field(default_factory=dict)
    """Packed objects by file name and SONAME, libraries before modules, in order of path."""
    hosted: dict[str, SharedLibrary] = field(default_factory=dict)
    """Libraries of the building machine, by the name they were needed by."""
    left: set[str] = field(default_factory=set)
    """Names of libraries that are there on every system that the target allows."""
    needs: _Needs = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def follow(self) -> None:
        """Fill everything in."""
        loadable = [resource for resource in self.resources if isinstance(resource, _Loadable)]
        loadable.sort(key=lambda resource: (isinstance(resource, ExtensionModule), resource.path))
        for resource in loadable:
            self._add(resource)
        queue = deque(loadable)
        while queue:
            resource = queue.popleft()
            dynamic = self.dynamics.get(resource.path)
            known = len(self.objects)
            found = [self._resolve(resource, dynamic, name) for name in dynamic.needed] if dynamic else []
            queue.extend(list(self.objects.values())[known:])
            paths = (library.path for library in found if library is not None)
            self.needs[resource.path] = tuple(dict.fromkeys(paths))

    def finished(self, resource: _Loadable) -> Resource:
        """Return *resource* with its *needs*, its SONAME and no trace of the building machine."""
        dynamic = self.dynamics.get(resource.path)
        if dynamic is None:
            return resource
        content = resource.content
        if resource.origin in {"python", HOST}:
            content = Content(self._cleaned(content.read()))
        if isinstance(resource, SharedLibrary):
            soname = dynamic.soname or resource.soname
            return replace(resource, content=content, needs=self.needs[resource.path], soname=soname)
        return replace(resource, content=content, needs=self.needs[resource.path])

    def _cleaned(self, data: bytes) -> bytes:
        return without_paths(without_sections(without_runpath(data)), self.runtime.build_paths)

    def _add(self, resource: _Loadable) -> None:
        self.objects[resource.path] = resource
        try:
            dynamic = read_dynamic(resource.content.source)
        except ImageError as error:
            self.notes.append(f"{resource.path}: cannot be loaded: {error.message}")
            return
        machine = self.runtime.platform.rpartition("-")[2]
        if dynamic.machine != _MACHINES.get(machine):
            self.notes.append(f"{resource.path}: cannot be loaded: it is not for {machine}")
            return
        self.dynamics[resource.path] = dynamic
        if resource.origin != HOST:
            for name in {resource.path.name, dynamic.soname or resource.path.name}:
                self.by_name.setdefault(name, []).append(resource)

    def _resolve(self, resource: _Loadable, dynamic: Dynamic, name: str) -> _Loadable | None:
        """Return the object that *resource* gets when it asks for *name*, None if none is packed for it."""
        if is_part_of_libc(name):
            return None
        if _LIBPYTHON.fullmatch(name):
            return self._stand_in(name, dynamic)
        own = resource.origin in {"python", HOST}
        found = self._by_run_path(resource, dynamic, name)
        if found is None and not own:
            found = self._by_name(resource, name)
        if found is None and not _matches(name, MACHINE_PARTS):
            found = self._from_host(resource, dynamic, name) or self._by_name(resource, name)
            if found is None and name not in self.left:
                self.notes.append(
                    f"{resource.path}: needs {name}, which is neither packed nor on this machine"
                )
        if found is None or found.path == resource.path:
            return None
        soname = self.dynamics[found.path].soname
        if soname != name:  # in memory a library has no file name that the dynamic linker could match
            self.notes.append(
                f"{resource.path}: needs {name}, but the SONAME of {found.path} is {soname}: "
                "the dynamic linker will not connect them"
            )
        return found

    def _by_run_path(self, resource: _Loadable, dynamic: Dynamic, name: str) -> _Loadable | None:
        if resource.origin == HOST:
            return None
        below_origin = [directory for directory in dynamic.runpath if directory.startswith("$")]
        for directory in expand_origin(below_origin, f"/{resource.path.parent}"):
            path = PurePosixPath(posixpath.normpath(f"{directory}/{name}").lstrip("/"))
            if path in self.dynamics:
                return self.objects[path]
        return None

    def _by_name(self, resource: _Loadable, name: str) -> _Loadable | None:
        candidates = self.by_name.get(name, [])
        same_origin = (candidate for candidate in candidates if candidate.origin == resource.origin)
        return next(same_origin, None) or next(iter(candidates), None)

    def _from_host(self, resource: _Loadable, dynamic: Dynamic, name: str) -> SharedLibrary | None:
        """Pack the building machine's library *name*, unless that has been done; None if there is none."""
        if name in self.hosted:
            return self.hosted[name]
        if "/" in name:
            return None
        source = resource.content.source
        directory = source.parent.resolve() if isinstance(source, Path) else self.runtime.dynload
        run_path = [Path(entry) for entry in expand_origin(dynamic.runpath, str(directory))]
        file = self.host.find(name, dynamic.machine, run_path)
        if file is None or self._is_left(name, file):
            return None
        try:
            soname = posixpath.basename(read_dynamic(file).soname or name)
        except ImageError as error:
            self.notes.append(error.message)
            return None
        if soname not in self.hosted:
            self.hosted[soname] = SharedLibrary(
                self._free_path(soname), Content(file), HOST, soname, taken_from=file
            )
            self._add(self.hosted[soname])
        self.hosted[name] = self.hosted[soname]
        return self.hosted[name]

    def _is_left(self, name: str, file: Path) -> bool:
        """Tell whether the building machine's *file* is too new to be packed, and every target has one."""
        limit = self.runtime.glibc_limit
        if name not in COMPILER_PARTS or limit is None:
            return False
        with file.open("rb") as stream:
            needs = elf_needs(stream, str(file))
        floor = libc_floor(needs.needed, needs.symbol_versions, None)
        if release_key(floor.version) <= release_key(limit):
            return False
        if name not in self.left:
            self.left.add(name)
            self.notes.append(
                f"{name} is left to the system that the executable runs on: this machine's needs glibc "
                f"{floor.version}, and the target allows {limit}"
            )
        return True

    def _stand_in(self, name: str, dynamic: Dynamic) -> SharedLibrary:
        """Pack an empty library of that *name*, unless that has been done."""
        if name not in self.hosted:
            content = Content(stand_in(name, dynamic.machine))
            self.hosted[name] = SharedLibrary(self._free_path(name), content, HOST, name)
            self._add(self.hosted[name])
        return self.hosted[name]

    def _free_path(self, soname: str) -> PurePosixPath:
        path = LIBRARY_DIRECTORY / soname
        if any(resource.path == path for resource in self.resources):
            return LIBRARY_DIRECTORY / HOST / soname
        return path
