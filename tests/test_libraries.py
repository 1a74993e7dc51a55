"""The dependency closure, over small libraries made by the system's compiler."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from oxidize_build import progress
from oxidize_build.distributions import Floor, Libc
from oxidize_build.libraries import HOST, LIBC_PARTS, MACHINE_PARTS, link_libraries
from oxidize_build.objfile.elf import read_dynamic
from oxidize_build.objfile.elf_loader import expand_origin, parse_cache_listing
from oxidize_build.resources import Content, DataFile, ExtensionModule, Resource, SharedLibrary
from oxidize_build.runtime.model import Runtime

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc makes the libraries")

SITE = PurePosixPath("lib/python3.13/site-packages")
LOAD_FROM_MEMORY = """
import ctypes, os, pathlib, sys
for name in sys.argv[1:]:
    descriptor = os.memfd_create("library")
    os.write(descriptor, pathlib.Path(name).read_bytes())
    last = ctypes.CDLL(f"/proc/self/fd/{descriptor}", mode=os.RTLD_NOW | os.RTLD_GLOBAL)
print(last.value())
"""


@pytest.fixture
def machine_runtime(toy_runtime: Runtime) -> Runtime:
    return replace(toy_runtime, platform=f"linux-{platform.machine()}")


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(progress, "note", lines.append)
    return lines


@dataclass
class Workshop:
    """Compiles shared objects, and keeps the resources made of them."""

    folder: Path
    runtime: Runtime
    resources: list[Resource] = field(default_factory=list)

    def compile(
        self,
        file: str,
        *,
        soname: str | None = None,
        needs: Sequence[str] = (),
        run_path: str | None = None,
        value: int = 1,
    ) -> Path:
        """Make *file*, which needs the libraries of the SONAMEs *needs* and nothing else."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-shared", "-fPIC", "-nostdlib", "-Wl,--no-as-needed"]
        for need in needs:
            stand_in = self.folder / "stand-ins" / need
            if not stand_in.exists():
                self.compile(f"stand-ins/{need}", soname=need)
            flags.append(str(stand_in))
        if soname:
            flags.append(f"-Wl,-soname,{soname}")
        if run_path:
            flags.append(f"-Wl,--enable-new-dtags,-rpath,{run_path}")
        source = self.folder / "value.c"
        source.write_text(f"int value(void) {{ return {value}; }}")
        subprocess.run(["gcc", str(source), *flags, "-o", str(path)], check=True)
        return path

    def library(
        self,
        path: str,
        origin: str = "demo",
        *,
        soname: str | None = None,
        needs: Sequence[str] = (),
        run_path: str | None = None,
    ) -> PurePosixPath:
        soname = soname or path.rpartition("/")[2]
        file = self.compile(f"tree/{path}", soname=soname, needs=needs, run_path=run_path)
        self.resources.append(SharedLibrary(SITE / path, Content(file), origin, soname))
        return SITE / path

    def module(
        self, path: str, origin: str = "demo", *, needs: Sequence[str] = (), run_path: str | None = None
    ) -> PurePosixPath:
        file = self.compile(f"tree/{path}", needs=needs, run_path=run_path)
        name = path.partition(".")[0].replace("/", ".")
        self.resources.append(ExtensionModule(name, False, SITE / path, Content(file), origin))
        return SITE / path

    def link(self) -> dict[PurePosixPath, Any]:
        linked = link_libraries(self.resources, self.runtime)
        by_path = {resource.path: resource for resource in linked}
        assert len(by_path) == len(linked)
        return by_path

    def needs(self, path: PurePosixPath) -> list[str]:
        """The needs of what stands at *path*, once linked."""
        return needs_of(self.link()[path])


def needs_of(resource: Resource) -> list[str]:
    assert isinstance(resource, ExtensionModule | SharedLibrary)
    return [str(need).removeprefix(f"{SITE}/") for need in resource.needs]


@pytest.fixture
def shop(tmp_path: Path, machine_runtime: Runtime) -> Workshop:
    return Workshop(tmp_path, machine_runtime)


class TestInTheTree:
    def test_run_path(self, shop: Workshop, notes: list[str]) -> None:
        shop.library("aaa/libone.so.1")
        shop.library("demo.libs/libone.so.1")
        module = shop.module("demo/ext.so", needs=["libone.so.1"], run_path="$ORIGIN/../demo.libs")
        braces = shop.module("demo/deep/ext.so", needs=["libone.so.1"], run_path="${ORIGIN}/../../demo.libs")
        assert shop.needs(module) == ["demo.libs/libone.so.1"]
        assert shop.needs(braces) == ["demo.libs/libone.so.1"]
        assert notes == []

    def test_absolute_run_path_does_not_mean_the_tree(self, shop: Workshop) -> None:
        shop.library("aaa/libone.so.1", "demo")
        shop.library("zzz/libone.so.1", "demo")
        module = shop.module("ext.so", needs=["libone.so.1"], run_path=f"/{SITE}/zzz")
        assert shop.needs(module) == ["aaa/libone.so.1"]

    def test_soname_and_file_name(self, shop: Workshop, notes: list[str]) -> None:
        shop.library("x/renamed.so", soname="libone.so.1")
        shop.library("y/libtwo.so", soname="libtwo.so.2")
        module = shop.module("ext.so", needs=["libtwo.so", "libone.so.1"])
        assert shop.needs(module) == ["y/libtwo.so", "x/renamed.so"]
        (note,) = notes
        assert note.startswith(
            f"{module}: needs libtwo.so, but the SONAME of {SITE}/y/libtwo.so is libtwo.so.2"
        )

    def test_same_wheel_then_first_by_path(self, shop: Workshop) -> None:
        shop.library("c/libone.so.1", "third")
        shop.library("b/libone.so.1", "second")
        shop.library("a/libone.so.1", "first")
        second = shop.module("b/ext.so", "second", needs=["libone.so.1"])
        other = shop.module("z/ext.so", "fourth", needs=["libone.so.1"])
        assert shop.needs(second) == ["b/libone.so.1"]
        assert shop.needs(other) == ["a/libone.so.1"]

    def test_module_needed_by_module(self, shop: Workshop) -> None:
        shop.module("demo/libcore.so")
        module = shop.module("demo/ext.so", needs=["libcore.so"], run_path="$ORIGIN")
        assert shop.needs(module) == ["demo/libcore.so"]

    def test_chain_loads_from_memory(self, shop: Workshop, tmp_path: Path) -> None:
        shop.library("demo.libs/libbase.so.1")
        shop.library("demo.libs/libmiddle.so.1", needs=["libbase.so.1"])
        module = shop.module("demo/ext.so", needs=["libmiddle.so.1"])
        linked = shop.link()
        assert needs_of(linked[module]) == ["demo.libs/libmiddle.so.1"]
        assert needs_of(linked[SITE / "demo.libs/libmiddle.so.1"]) == ["demo.libs/libbase.so.1"]
        order = [SITE / "demo.libs/libbase.so.1", *linked[module].needs, module]
        files = [str(tmp_path / "tree" / path.relative_to(SITE)) for path in order]
        printed = subprocess.check_output([sys.executable, "-c", LOAD_FROM_MEMORY, *files])
        assert printed == b"1\n"

    def test_circle(self, shop: Workshop, notes: list[str]) -> None:
        one = shop.library("libone.so.1", needs=["libtwo.so.1"])
        two = shop.library("libtwo.so.1", needs=["libone.so.1", "libtwo.so.1"])
        linked = shop.link()
        assert needs_of(linked[one]) == ["libtwo.so.1"]
        assert needs_of(linked[two]) == ["libone.so.1"]
        assert notes == []

    @pytest.mark.parametrize("name", ["libpython3.13.so.1.0", "libpython3.so"])
    def test_libpython_is_stood_in_for(self, shop: Workshop, tmp_path: Path, name: str) -> None:
        shop.library(f"demo.libs/{name}")
        module = shop.module("ext.so", needs=[name])
        linked = shop.link()
        (need,) = linked[module].needs
        assert need == PurePosixPath("lib", name)
        empty = linked[need]
        assert isinstance(empty, SharedLibrary)
        file = tmp_path / "stand-in.so"
        file.write_bytes(empty.content.read())
        assert read_dynamic(file).soname == name
        files = [str(file), str(tmp_path / "tree" / "ext.so")]
        assert subprocess.check_output([sys.executable, "-c", LOAD_FROM_MEMORY, *files]) == b"1\n"

    def test_order_of_resources_does_not_matter(self, shop: Workshop) -> None:
        shop.library("b/libone.so.1", "second", needs=["libtwo.so.1"])
        shop.library("a/libone.so.1", "first")
        shop.library("a/libtwo.so.1", "first", needs=["libone.so.1"])
        shop.module("ext.so", needs=["libone.so.1"])
        forwards = shop.link()
        shop.resources.reverse()
        assert shop.link() == forwards

    def test_other_resources_pass_through(self, shop: Workshop) -> None:
        data = DataFile(SITE / "data.txt", Content(b"x"), "demo")
        shop.resources.append(data)
        assert link_libraries(shop.resources, shop.runtime) == [data]


class TestLeftToTheSystem:
    @pytest.mark.parametrize("name", ["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"])
    def test_libc_always(self, shop: Workshop, notes: list[str], name: str) -> None:
        shop.library(f"demo.libs/{name}")
        assert shop.needs(shop.module("ext.so", needs=[name])) == []
        assert notes == []

    def test_drivers_unless_the_wheel_brings_them(self, shop: Workshop, notes: list[str]) -> None:
        shop.library("demo.libs/libGL.so.1")
        module = shop.module("ext.so", needs=["libGL.so.1", "libX11.so.6"])
        assert shop.needs(module) == ["demo.libs/libGL.so.1"]
        assert notes == []

    def test_compiler_s_libraries_and_libcrypt_are_not(self) -> None:
        for name in ("libcrypt.so.1", "libstdc++.so.6", "libgcc_s.so.1"):
            assert not any(fnmatchcase(name, pattern) for pattern in (*LIBC_PARTS, *MACHINE_PARTS))

    @pytest.mark.parametrize(("limit", "is_left"), [("2.17", True), ("2.40", False), (None, False)])
    def test_libraries_of_the_compiler_that_are_too_new_for_the_target(
        self,
        shop: Workshop,
        notes: list[str],
        monkeypatch: pytest.MonkeyPatch,
        limit: str | None,
        *,
        is_left: bool,
    ) -> None:
        monkeypatch.setattr("oxidize_build.libraries.libc_floor", lambda *_: Floor(Libc.GLIBC, "2.36"))
        shop.runtime = replace(shop.runtime, glibc_limit=limit)
        shop.compile("machine/libgcc_s.so.1", soname="libgcc_s.so.1")
        needs = ["libgcc_s.so.1"]
        modules = [
            shop.module(name, needs=needs, run_path=str(shop.folder / "machine")) for name in ("a.so", "b.so")
        ]
        assert [shop.needs(module) for module in modules] == [[] if is_left else ["lib/libgcc_s.so.1"]] * 2
        told = "libgcc_s.so.1 is left to the system that the executable runs on: "
        told += "this machine's needs glibc 2.36, and the target allows 2.17"
        assert set(notes) == ({told} if is_left else set())


class TestFromTheMachine:
    def test_packed_by_soname_with_its_own_needs(self, shop: Workshop, notes: list[str]) -> None:
        host = shop.folder / "machine"
        shop.compile("machine/real-1.2.so", soname="libhost.so.1", needs=["libdeep.so.2"], run_path=str(host))
        (host / "libhost.so.1").symlink_to("real-1.2.so")
        shop.compile("machine/libdeep.so.2", soname="libdeep.so.2")
        module = shop.module("ext.so", "python", needs=["libhost.so.1"], run_path=str(host))
        linked = shop.link()
        assert needs_of(linked[module]) == ["lib/libhost.so.1"]
        library = linked[PurePosixPath("lib/libhost.so.1")]
        assert isinstance(library, SharedLibrary)
        assert (library.origin, library.soname) == (HOST, "libhost.so.1")
        assert needs_of(library) == ["lib/libdeep.so.2"]
        assert needs_of(linked[PurePosixPath("lib/libdeep.so.2")]) == []
        assert notes == []

    def test_nothing_names_the_building_machine(self, shop: Workshop) -> None:
        host = str(shop.folder / "machine")
        shop.compile("machine/libhost.so.1", soname="libhost.so.1", run_path=host)
        module = shop.module("ext.so", "python", needs=["libhost.so.1"], run_path=host)
        wheel = shop.module("wheel/ext.so", needs=["libhost.so.1"], run_path=host)
        linked = shop.link()
        for path in (module, PurePosixPath("lib/libhost.so.1")):
            content = linked[path].content.read()
            assert host.encode() not in content
            assert read_dynamic(content).runpath == ()
        assert read_dynamic(linked[wheel].content.read()).runpath == (host,)

    def test_runtime_prefers_the_machine(self, shop: Workshop) -> None:
        host = str(shop.folder / "machine")
        shop.compile("machine/libone.so.1", soname="libone.so.1")
        shop.library("demo.libs/libone.so.1")
        own = shop.module("own.so", "python", needs=["libone.so.1"], run_path=host)
        wheel = shop.module("demo/ext.so", needs=["libone.so.1"], run_path=host)
        assert shop.needs(own) == ["lib/libone.so.1"]
        assert shop.needs(wheel) == ["demo.libs/libone.so.1"]

    def test_place_is_taken(self, shop: Workshop) -> None:
        shop.compile("machine/libone.so.1", soname="libone.so.1")
        shop.resources.append(DataFile(PurePosixPath("lib/libone.so.1"), Content(b""), "demo"))
        module = shop.module("ext.so", needs=["libone.so.1"], run_path=str(shop.folder / "machine"))
        assert shop.needs(module) == ["lib/host/libone.so.1"]

    def test_other_machines_are_passed_over(self, shop: Workshop, notes: list[str]) -> None:
        foreign = bytearray(shop.compile("machine/libone.so.1").read_bytes())
        foreign[18:20] = b"\x2a\x00"
        (shop.folder / "machine/libone.so.1").write_bytes(foreign)
        module = shop.module("ext.so", needs=["libone.so.1"], run_path=str(shop.folder / "machine"))
        assert shop.needs(module) == []
        assert notes == [f"{module}: needs libone.so.1, which is neither packed nor on this machine"]

    def test_content_in_memory(self, shop: Workshop) -> None:
        module = shop.module("ext.so", needs=["libm.so.6", "libone.so.1"])
        shop.library("libone.so.1")
        resource = shop.resources[0]
        assert isinstance(resource, ExtensionModule)
        shop.resources[0] = replace(resource, content=Content(resource.content.read()))
        assert shop.needs(module) == ["libone.so.1"]


class TestFaults:
    def test_missing(self, shop: Workshop, notes: list[str]) -> None:
        module = shop.module("ext.so", needs=["libnowhere.so.7", "libone.so.1"])
        shop.library("libone.so.1")
        assert shop.needs(module) == ["libone.so.1"]
        assert notes == [f"{module}: needs libnowhere.so.7, which is neither packed nor on this machine"]

    def test_no_object_file(self, shop: Workshop, notes: list[str]) -> None:
        script = SharedLibrary(SITE / "libscript.so", Content(b"INPUT(libx.so)"), "demo", "libscript.so")
        shop.resources.append(script)
        assert shop.link() == {script.path: script}
        assert notes == [f"{script.path}: cannot be loaded: object file in memory: not an ELF file"]

    def test_foreign_object(self, shop: Workshop, notes: list[str]) -> None:
        module = shop.module("ext.so", needs=["libone.so.1"])
        shop.runtime = replace(shop.runtime, platform="linux-riscv64")
        assert shop.needs(module) == []
        assert notes == [f"{module}: cannot be loaded: it is not for riscv64"]


def test_variants_for_processors_are_not_taken() -> None:
    listing = (
        "2 libs found in cache\n"
        '\tlibx.so.1 (libc6,x86-64, hwcap: "x86-64-v3") => /lib/glibc-hwcaps/x86-64-v3/libx.so.1\n'
        "\tlibx.so.1 (libc6,x86-64) => /lib/libx.so.1\n"
        "\tlibx.so.1 (libc6) => /lib32/libx.so.1\n"
    )
    assert parse_cache_listing(listing) == {"libx.so.1": (Path("/lib/libx.so.1"), Path("/lib32/libx.so.1"))}


def test_expand_origin() -> None:
    entries = ["$ORIGIN/../x", "${ORIGIN}", "/abs", "$LIB/y", "relative", "$ORIGINAL/z"]
    assert expand_origin(entries, "/a/b") == ["/a/b/../x", "/a/b", "/abs"]


@pytest.mark.parametrize("name", ["_ssl", "_sqlite3", "_ctypes"])
def test_modules_of_this_interpreter(name: str, machine_runtime: Runtime) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        pytest.skip(f"{name} is not a shared object here")
    file = Path(spec.origin)
    path = PurePosixPath("lib/python3/lib-dynload") / file.name
    linked = link_libraries(
        [ExtensionModule(name, is_package=False, path=path, content=Content(file), origin="python")],
        machine_runtime,
    )
    libraries = {resource.path: resource for resource in linked[1:]}
    assert libraries
    assert isinstance(linked[0], ExtensionModule)
    assert set(linked[0].needs) <= set(libraries)
    for resource in libraries.values():
        assert isinstance(resource, SharedLibrary)
        assert resource.path.name == resource.soname == read_dynamic(resource.content.source).soname
        assert not resource.soname.startswith(("libc.", "libm.", "ld-linux"))
