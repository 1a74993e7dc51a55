"""What the archive of a runtime holds beside the installation: libraries, licences, description, stub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from oxidize_build.cache import Cache
from oxidize_build.compiler import identify
from oxidize_build.link import make_stub, stub_key
from oxidize_build.runtime.build.checks import check_modules, check_program
from oxidize_build.runtime.build.describing import (
    LIBRARY_FOLDER,
    STUB,
    UNPACKER,
    Json,
    Part,
    ask_interpreter,
    core_words,
    describe,
)
from oxidize_build.runtime.build.libpython import write_libpython
from oxidize_build.runtime.build.libraries import LIBRARIES, Library
from oxidize_build.runtime.build.plan import Plan, Workshop, new_directory
from oxidize_build.runtime.build.sources import Component
from oxidize_build.runtime.build.steps import Tools
from oxidize_build.runtime.python_json import FILE_NAME
from oxidize_build.runtime.standalone import standalone_runtime
from oxidize_build.unpacker import make_unpacker, unpacker_key

LICENSE_FOLDER = "licenses"


def assemble(plan: Plan, component: Component, workshop: Workshop, tools: Tools) -> None:
    """Add to the installation in *workshop* what makes a runtime of it, but for the stub.

    *component* is CPython's source. Raises RuntimeBuildError when the interpreter does not run, or is
    not what *plan* promises.
    """
    tree = workshop.tree
    python = tree / "install" / "bin" / plan.program
    facts = ask_interpreter(python)
    check_modules(plan, facts["builtin_modules"])
    variables = facts["python_config_vars"]
    words = core_words(variables)
    bundled = [word for word in words if word.endswith(".a")]
    write_libpython(tree / "install" / "lib" / f"lib{plan.program}.a", bundled, plan, workshop, tools)
    names = [word.removeprefix("-l") for word in words if word.startswith("-l")]
    libraries = [library for library in LIBRARIES if not set(library.archives).isdisjoint(names)]
    held = [name for library in libraries for name in library.archives if name in names]
    folder = new_directory(tree / LIBRARY_FOLDER)
    for name in held:
        shutil.copyfile(workshop.libraries / "lib" / f"lib{name}.a", folder / f"lib{name}.a")
    parts = _license(component, libraries, workshop)
    inittab = (workshop.build / "Modules" / "config.c").read_text("utf-8")
    description = describe(
        plan, facts, inittab, parts, libraries=held, glibc_needed=check_program(plan, python)
    )
    _write_description(tree, description)


def link_stub(plan: Plan, workshop: Workshop) -> None:
    """Add to the runtime in *workshop* the stub and the unpacker of this oxidize: users need no compiler.

    Raises CompilerError when one cannot be linked, and RuntimeBuildError when the stub is not what *plan*
    promises.
    """
    tools = plan.toolchain
    stub = workshop.tree / STUB
    stub.parent.mkdir(exist_ok=True)
    compiler = identify((*tools.cc, *tools.cflags, *tools.ldflags))
    cache = Cache(workshop.root / "cache")
    runtime = standalone_runtime(workshop.tree)
    shutil.copy(make_stub(runtime, cache, compiler=compiler), stub)
    shutil.copy(make_unpacker(runtime, cache, compiler=compiler), workshop.tree / UNPACKER)
    check_program(plan, stub)
    description: Json = json.loads((workshop.tree / FILE_NAME).read_text("utf-8"))
    description["oxidize"] |= {"stub": STUB, "stub_key": stub_key()}
    description["oxidize"] |= {"unpacker": UNPACKER, "unpacker_key": unpacker_key()}
    _write_description(workshop.tree, description)


def _write_description(tree: Path, description: Json) -> None:
    (tree / FILE_NAME).write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", "utf-8")


def _license(component: Component, libraries: Iterable[Library], workshop: Workshop) -> list[Part]:
    """Copy the licence texts of CPython, which is *component*, and of *libraries*; return what they are."""
    folder = new_directory(workshop.tree / LICENSE_FOLDER)
    texts = [(workshop.source / name).read_bytes() for name in component.license_files]
    (folder / f"LICENSE.{component.name}.txt").write_bytes(b"\n".join(texts))
    for library in libraries:
        text = workshop.libraries / "licenses" / f"{library.name}.txt"
        shutil.copyfile(text, folder / f"LICENSE.{library.name}.txt")
    return [
        Part(
            name=row.name,
            version=row.version,
            license=row.license,
            license_file=f"{LICENSE_FOLDER}/LICENSE.{row.name}.txt",
            url=row.url,
            sha256=row.sha256,
        )
        for row in (component, *(library.component for library in libraries))
    ]
