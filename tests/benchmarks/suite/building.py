"""Build an application with a tool, once: what is there from an earlier run is used again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from suite.applications import Application
from suite.measuring import Launcher
from suite.results import Built
from suite.tools import Oxidize, Site, Tool, module

REPOSITORY = Path(__file__).parents[3]
NOTE = "built.json"


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds in folders of *work*."""

    work: Path
    launcher: Launcher
    versions: str
    """Of the tools: others make other programs."""

    def build(self, tool: Tool, application: Application, freezers: Path) -> Built:
        """Return what *tool* makes of *application*. Raises MeasurementError when it fails."""
        folder = self.work / "built" / application.name / tool.label.replace(" ", "-").replace(",", "")
        key = self._key(tool, application)
        note = folder / NOTE
        if note.is_file() and (noted := json.loads(note.read_text()))["key"] == key:
            return Built(**{**noted["built"], "command": tuple(noted["built"]["command"])})
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        built = self._build(tool, application, Site(folder, freezers))
        note.write_text(json.dumps({"key": key, "built": asdict(built)}))
        return built

    def _build(self, tool: Tool, application: Application, site: Site) -> Built:
        tool.prepare(application, site)
        site.path("dist").mkdir(exist_ok=True)
        cold, memory = self._run(tool, application, site)
        warm = None
        if tool.rebuilds:
            source = site.path(f"{module(application)}.py")
            source.write_text(f"{source.read_text()}\nCHANGED = True\n")
            warm, _ = self._run(tool, application, site)
        command, delivered = tool.result(application, site)
        size = None if delivered is None else _size(delivered)
        return Built(tuple(map(str, command)), size, cold, warm, memory)

    def _run(self, tool: Tool, application: Application, site: Site) -> tuple[float, int]:
        left_out = ("PYTHON", "OXIDIZE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        environment = {**kept, **tool.environment(site)}
        runs = [
            self.launcher.run(command, cwd=site.folder, environment=environment)
            for command in tool.steps(application, site)
        ]
        return sum(run.seconds for run in runs), max(run.memory for run in runs)

    def _key(self, tool: Tool, application: Application) -> str:
        digest = hashlib.sha256(repr((tool, application, self.versions)).encode())
        if isinstance(tool, Oxidize):
            for file in _own_sources():
                digest.update(file.read_bytes())
        return digest.hexdigest()


def _own_sources() -> Iterable[Path]:
    places = (REPOSITORY / "backend", REPOSITORY / "stub")
    return sorted(
        file for place in places for file in place.rglob("*") if file.suffix in {".py", ".c", ".h", ".ld"}
    )


def _size(delivered: Path) -> int:
    if delivered.is_file():
        return delivered.stat().st_size
    return sum(file.lstat().st_size for file in delivered.rglob("*") if not file.is_dir())
