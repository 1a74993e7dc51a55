"""What of a finished build goes into the archive, and in which form."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from toolchain_samples import CLANG, GCC, MUSL

from oxidize_build.errors import RuntimeBuildError
from oxidize_build.runtime.build.checks import check_modules, check_program, shares_environment
from oxidize_build.runtime.build.describing import Part, core_words, describe
from oxidize_build.runtime.build.installing import neutralise
from oxidize_build.runtime.build.libpython import write_libpython
from oxidize_build.runtime.build.packing import write_archive
from oxidize_build.runtime.build.plan import Plan, Workshop
from oxidize_build.runtime.build.steps import Tools

PLAN = Plan("3.14.7", GCC)
PART = Part("cpython", "3.14.7", "Python-2.0", "licenses/LICENSE.cpython.txt", "https://x.invalid/p", "ab")
FACTS: dict[str, Any] = {
    "python_abi_tag": "",
    "python_config_vars": {
        "LIBS": "-ldl",
        "MODLIBS": "-lz -lssl -lcrypto Modules/expat/libexpat.a -lcrypto -lz -lm",
        "SYSLIBS": "-lm",
        "MODULE__SSL_LDFLAGS": "-lssl -lcrypto",
        "MODULE__SSL_STATE": "yes",
    },
    "python_major_minor_version": "3.14",
    "frozen_modules": ["zipimport"],
    "builtin_modules": ["_ssl", "posix"],
}
INITTAB = '    {"_ssl", PyInit__ssl},\n    {"posix", PyInit_posix},\n    {"sys", NULL},\n'


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "workshop")


def described(plan: Plan = PLAN, glibc_needed: str | None = "2.34") -> dict[str, Any]:
    return describe(plan, FACTS, INITTAB, [PART], libraries=["z", "ssl", "crypto"], glibc_needed=glibc_needed)


def test_the_description_tells_what_was_built_and_how() -> None:
    description = described(Plan("3.14.7", CLANG, pgo=True, lto=True), "2.17")
    assert description["version"] == "8"
    assert description["target_triple"] == "x86_64-unknown-linux-gnu"
    assert description["build_options"] == description["optimizations"] == "pgo+lto"
    assert description["crt_features"] == ["glibc-dynamic", "glibc-max-symbol-version:2.17"]
    assert description["python_exe"] == "install/bin/python3.14"
    assert description["python_tag"] == "cp314"
    assert description["licenses"] == ["Python-2.0"]
    assert description["build_info"]["core"]["static_lib"] == "install/lib/libpython3.14.a"
    assert description["oxidize"]["components"][0]["sha256"] == "ab"
    assert description["oxidize"]["frozen_modules"] == ["zipimport"]
    json.dumps(description)


def test_a_static_runtime_loads_no_shared_libraries() -> None:
    description = described(Plan("3.14.7", MUSL, free_threaded=True), None)
    assert description["crt_features"] == ["static"]
    assert description["python_extension_module_loading"] == ["builtin"]
    assert description["build_options"] == "freethreaded+static"
    assert description["optimizations"] == "noopt"
    assert description["build_info"]["core"]["static_lib"] == "install/lib/libpython3.14t.a"


def test_links_tell_what_the_archive_has_from_what_systems_have() -> None:
    info = described()["build_info"]
    assert info["core"]["links"] == [
        {"name": "dl", "system": True},
        {"name": "ssl", "path_static": "build/lib/libssl.a"},
        {"name": "crypto", "path_static": "build/lib/libcrypto.a"},
        {"name": "z", "path_static": "build/lib/libz.a"},
        {"name": "m", "system": True},
    ]
    (ssl,) = info["extensions"]["_ssl"]
    assert [link["name"] for link in ssl["links"]] == ["ssl", "crypto"]
    assert (ssl["init_fn"], ssl["required"]) == ("PyInit__ssl", False)
    assert info["extensions"]["posix"][0]["required"] is True
    assert info["extensions"]["sys"][0]["init_fn"] == "NULL"


def test_libraries_are_linked_after_all_that_need_them() -> None:
    words = core_words(FACTS["python_config_vars"])
    assert words == ["-ldl", "-lssl", "Modules/expat/libexpat.a", "-lcrypto", "-lz", "-lm"]


@pytest.fixture
def installed(workshop: Workshop) -> Path:
    """What `make install` leaves, as far as it names this machine."""
    install = workshop.tree / "install"
    stdlib = install / "lib" / "python3.14"
    files = {
        "bin/idle3.14": "#!/install/bin/python3.14\n",
        "bin/python3.14-config": f'LIBS="-L../libraries/lib -ldl"\nCC="/usr/bin/gcc"\n# {workshop.root}\n',
        "lib/pkgconfig/python-3.14.pc": "prefix=/install\nlibdir=${exec_prefix}/lib\n",
        "lib/python3.14/__pycache__/os.pyc": "",
        "lib/python3.14/tkinter/__init__.py": "",
        "lib/python3.14/config-3.14-x86_64-linux-gnu/Makefile": f"abs_srcdir={workshop.source}\n",
        "lib/python3.14/config-3.14-x86_64-linux-gnu/libpython3.14.a": "",
        "lib/python3.14/build-details.json": '{"base_prefix": "/install", "l": "/install/lib/l.a"}',
        "lib/python3.14/_sysconfig_vars__linux_x86_64-linux-gnu.json": '{"AR": "/usr/bin/ar"}',
        "lib/python3.14/_sysconfigdata__linux_x86_64-linux-gnu.py": "build_time_vars = "
        + repr(
            {
                "CC": "/usr/bin/gcc",
                "CPPFLAGS": "-I. -I../libraries/include",
                "LIBDIR": "/install/lib",
                "SIZEOF_INT": 4,
                "abs_builddir": str(workshop.build),
                "prefix": "/install",
            }
        ),
    }
    for name, text in files.items():
        path = install / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert stdlib.is_dir()
    return install


def test_an_installation_names_no_machine_and_works_anywhere(
    installed: Path, workshop: Workshop, tmp_path: Path
) -> None:
    neutralise(installed, PLAN, workshop)
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert not [name for name in names if "idle" in name or "tkinter" in name or "pycache" in name]
    assert "lib/python3.14/config-3.14-x86_64-linux-gnu/libpython3.14.a" not in names
    assert "lib/python3.14/lib-dynload/.empty" in names
    everything = "".join((installed / name).read_text() for name in names)
    assert str(tmp_path) not in everything
    assert "/usr/bin/" not in everything
    assert "libraries" not in everything
    details = json.loads((installed / "lib/python3.14/build-details.json").read_text())
    assert details == {"base_prefix": "../..", "l": "lib/l.a"}
    assert "prefix=${pcfiledir}/../.." in (installed / "lib/pkgconfig/python-3.14.pc").read_text()


def test_configuration_variables_follow_the_installation(installed: Path, workshop: Workshop) -> None:
    neutralise(installed, PLAN, workshop)
    folder = installed / "lib" / "python3.14"
    code = "import sys; sys.base_prefix = '/moved'; sys.path.insert(0, sys.argv[1]); "
    code += "import _sysconfigdata__linux_x86_64_linux_gnu as m, json; print(json.dumps(m.build_time_vars))"
    module = next(folder.glob("_sysconfigdata_*.py"))
    module.rename(folder / "_sysconfigdata__linux_x86_64_linux_gnu.py")
    python = shutil.which("python3") or "python3"
    done = subprocess.run([python, "-B", "-c", code, folder], check=True, capture_output=True, text=True)
    variables = json.loads(done.stdout)
    assert variables["CC"] == "cc"
    assert variables["CPPFLAGS"].split() == ["-I."]
    assert variables["LIBDIR"] == "/moved/lib"
    assert variables["SIZEOF_INT"] == 4
    assert variables["abs_builddir"] == "/build/build"
    assert variables["prefix"] == "/install"  # sysconfig compares it with sys.base_prefix


def test_a_file_that_names_the_workshop_is_noticed(installed: Path, workshop: Workshop) -> None:
    (installed / "lib" / "libx.a").write_bytes(b"\0" + os.fsencode(workshop.root) + b"\0")
    with pytest.raises(RuntimeBuildError, match=rf"lib/libx\.a of the runtime names {workshop.root}"):
        neutralise(installed, PLAN, workshop)


def test_archives_are_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for number in (1, 2):
        tree = tmp_path / str(number) / "python"
        (tree / "bin").mkdir(parents=True)
        for name in ("b", "a") if number == 1 else ("a", "b"):
            (tree / name).write_text(name * 1000)
            os.utime(tree / name, (number, number))
        (tree / "bin" / "python3").write_text("program")
        (tree / "bin" / "python3").chmod(0o700 if number == 1 else 0o775)
        (tree / "a").chmod(0o640 if number == 1 else 0o664)
        (tree / "bin" / "python").symlink_to("python3")
        os.link(tree / "a", tree / "bin" / "same")
        (tree / "bin" / "__pycache__").mkdir()
        (tree / "bin" / "__pycache__" / "a.pyc").write_text(str(number))
        write_archive(tree, tmp_path / f"{number}.tar.zst", jobs=number)
        digests.append((tmp_path / f"{number}.tar.zst").read_bytes())
    assert digests[0] == digests[1]
    members = {member.name: member for member in _members(tmp_path / "1.tar.zst")}
    assert list(members) == sorted(members)
    assert members["python/bin/python3"].mode == 0o755
    assert members["python/a"].mode == 0o644
    assert members["python/bin/python"].linkname == "python3"
    assert members["python/bin/same"].isreg()
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members.values()} == {(0, 0, "", "")}


def _members(archive: Path) -> Iterator[tarfile.TarInfo]:
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        yield from tar


@pytest.fixture
def compiled(workshop: Workshop) -> Workshop:
    """A build tree of three objects and two static libraries that share one."""
    tree = workshop.build
    (tree / "Modules").mkdir(parents=True)
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    for name in ("core", "one", "two", "shared"):
        text = f"int in_{name}(void) {{ return 0; }}\n"
        (tree / f"{name}.c").write_text(text)
        subprocess.run([gcc, "-c", f"{name}.c", "-o", f"Modules/{name}.o"], cwd=tree, check=True)
    for name in ("one", "two"):
        objects = [f"Modules/{name}.o", "Modules/shared.o"]
        subprocess.run(["ar", "qc", f"Modules/lib{name}.a", *objects], cwd=tree, check=True)
    (tree / "library-objects").write_text("Modules/core.o\n")
    return workshop


BUNDLED = ["Modules/libone.a", "Modules/libtwo.a"]


def test_libpython_holds_the_libraries_of_cpython_itself(compiled: Workshop, tmp_path: Path) -> None:
    tools = Tools(tmp_path / "log", {"PATH": os.environ["PATH"]})
    library = tmp_path / "libpython3.14.a"
    write_libpython(library, BUNDLED, PLAN, compiled, tools)
    listed = subprocess.run(["ar", "t", library], check=True, capture_output=True, text=True).stdout.split()
    assert sorted(listed) == ["core.o", "one.o", "shared.o", "two.o"]
    first = library.read_bytes()
    write_libpython(library, BUNDLED, PLAN, compiled, tools)
    assert library.read_bytes() == first


def test_libpython_of_an_optimising_link_is_its_machine_code(compiled: Workshop, tmp_path: Path) -> None:
    tree, native = compiled.build, compiled.native_objects
    native.mkdir()
    (tree / "Modules" / "core.o").write_bytes(b"BC\xc0\xde intermediate code")
    (tree / "main.c").write_text("int main(void) { return 0; }\n")
    (tree / "hot.c").write_text("int in_core(void) { return 1; }\n")
    for number, name in enumerate(("main", "hot")):
        subprocess.run(["gcc", "-c", f"{name}.c", "-o", native / f"object{number}"], cwd=tree, check=True)
    (native / "object9").touch()
    tools = Tools(tmp_path / "log", {"PATH": os.environ["PATH"]})
    library = tmp_path / "libpython3.14.a"
    plan = replace(PLAN, toolchain=replace(GCC, is_clang=True), lto=True)
    write_libpython(library, BUNDLED, plan, compiled, tools)
    listed = subprocess.run(["ar", "t", library], check=True, capture_output=True, text=True).stdout.split()
    assert sorted(listed) == ["object1", "one.o", "shared.o", "two.o"]


def test_a_module_that_was_left_out_is_named() -> None:
    with pytest.raises(RuntimeBuildError, match=r"without the modules .*_bz2, .*_zstd.*zlib") as caught:
        check_modules(PLAN, ["posix"])
    assert "configures" in str(caught.value)
    with pytest.raises(RuntimeBuildError) as older:
        check_modules(Plan("3.13.5", GCC), ["posix"])
    assert "_zstd" not in str(older.value)


def build_program(folder: Path, *flags: str) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    (folder / "main.c").write_text('#include <stdio.h>\nint main(void) { return puts("") < 0; }\n')
    program = folder / "program"
    subprocess.run(["gcc", folder / "main.c", *flags, "-o", program], check=True)
    return program


def test_a_program_that_needs_a_newer_glibc_is_refused(tmp_path: Path) -> None:
    program = build_program(tmp_path)
    needed = check_program(PLAN, program)
    assert needed is not None
    too_old = replace(PLAN, toolchain=replace(GCC, glibc="2.1"))
    with pytest.raises(RuntimeBuildError, match=rf"needs glibc {needed}, but was to run with glibc 2\.1"):
        check_program(too_old, program)
    assert check_program(replace(PLAN, toolchain=replace(GCC, glibc=needed)), program) == needed


def test_a_program_that_needs_another_library_is_refused(tmp_path: Path) -> None:
    subprocess.run(["gcc", "-shared", "-x", "c", "/dev/null", "-o", tmp_path / "libodd.so"], check=True)
    program = build_program(tmp_path, "-Wl,--no-as-needed", f"-L{tmp_path}", "-lodd")
    with pytest.raises(RuntimeBuildError, match=r"needs libodd\.so, which not every system has"):
        check_program(PLAN, program)


def test_a_program_with_an_environment_of_its_own_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("extern char **environ;\nint main(void) { return environ == 0; }\n")
    (tmp_path / "odd.c").write_text("char **environ;\n")
    gcc = ["gcc", "-fno-pie", "-no-pie", str(tmp_path / "main.c"), "-o"]
    subprocess.run([*gcc, tmp_path / "right"], check=True)
    assert shares_environment(tmp_path / "right")
    library = tmp_path / "libodd.so"
    subprocess.run(["gcc", "-shared", "-fPIC", tmp_path / "odd.c", "-o", library], check=True)
    subprocess.run([*gcc, tmp_path / "wrong", library], check=True)
    assert not shares_environment(tmp_path / "wrong")


def test_a_program_for_musl_must_be_static(tmp_path: Path) -> None:
    with pytest.raises(RuntimeBuildError, match=r"is not static: it needs libc\.so\.6"):
        check_program(Plan("3.14.7", MUSL), build_program(tmp_path))
    assert check_program(Plan("3.14.7", MUSL), build_program(tmp_path, "-static")) is None
