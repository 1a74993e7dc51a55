"""Import everything that an executable holds: by ``oxidize verify --run``, or by the executable itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from oxidize_build.errors import ImageError
from oxidize_build.image.format import INTERPRETER_MARK
from oxidize_build.image.reader import Image
from oxidize_build.program import OWN, SELF_TEST_MODULE
from oxidize_build.resources import (
    Content,
    DataFile,
    ExtensionModule,
    NamespacePackage,
    Resource,
    SourceModule,
)
from oxidize_build.runtime.model import Runtime

_DRIVER = Path(__file__).with_name("_self_test.py")


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """What happened when every packed module was imported."""

    imported: int
    """How many modules could be imported."""
    skipped: tuple[str, ...]
    """Programs (``__main__``) and modules whose import does something to see."""
    unmet: Mapping[str, str]
    """Modules that ask for one that is not packed, or are for another system, and their messages."""
    failed: Mapping[str, str]
    """Modules that cannot be imported, and why."""


def run_self_test(executable: Path, image: Image) -> SelfTestReport:
    """Import every module of *executable*, which has *image*, in child processes; return the result.

    Code of the packed modules runs. Raises ImageError when the executable does not get that far.
    """
    started_as_interpreter = f"{executable.resolve().parent}{INTERPRETER_MARK}{executable.name}"
    with tempfile.TemporaryDirectory(prefix="oxidize-") as folder:
        names = Path(folder, "modules.json")
        names.write_text(json.dumps(sorted(module.name for module in image.modules)))
        done = subprocess.run(
            [started_as_interpreter, "-c", _DRIVER.read_text(encoding="utf-8"), names],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            text=True,
        )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        end = done.stderr.strip()[-500:]
        raise ImageError(f"{executable} ended with status {done.returncode} before a module: {end}") from None
    return SelfTestReport(
        report["imported"], tuple(report["skipped"]), dict(report["unmet"]), dict(report["failed"])
    )


def self_test_files(resources: Sequence[Resource], runtime: Runtime) -> list[Resource]:
    """Return what an executable needs to test itself: the module that does it, and the list of modules."""
    kinds = (SourceModule, ExtensionModule, NamespacePackage)
    names = sorted(resource.name for resource in resources if isinstance(resource, kinds))
    module = PurePosixPath(runtime.module_roots[-1], SELF_TEST_MODULE).with_suffix(".py")
    listing = Content(json.dumps(names).encode())
    return [
        SourceModule(SELF_TEST_MODULE, is_package=False, path=module, content=Content(_DRIVER), origin=OWN),
        DataFile(module.with_suffix(".json"), listing, OWN),
    ]
