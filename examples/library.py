"""Build the executables of a project by the library alone: `python library.py PROJECT`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from oxidize_build.errors import OxidizeError
from oxidize_build.pipeline import build_executables
from oxidize_build.project import build_project_wheel
from oxidize_build.settings import read_settings


def build(project: Path) -> None:
    settings = read_settings(project)
    with TemporaryDirectory() as folder:
        wheel = build_project_wheel(settings, Path(folder), isolated=True)
        summaries = build_executables(settings, wheel, None, project / "dist")
    for summary in summaries:
        print(f"{summary.path}: {summary.modules} modules, {summary.size} bytes, needs {summary.floor}")


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]).resolve())
    except OxidizeError as error:
        sys.exit(f"error: {error}")
