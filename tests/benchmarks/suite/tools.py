"""The tools that make something to start of an application, each as one row of a table."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from suite.applications import Application
from suite.interpreters import HOST, Interpreter

Command: TypeAlias = Sequence[str | Path]

PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"
dependencies = {requirements}

[project.scripts]
{name} = "{name}:main"

[tool.setuptools]
py-modules = ["{name}"]
"""
FILE_SIZE = 10_000


def module(application: Application) -> str:
    """Return the name of its module: not that of the package it shows."""
    return f"{application.name}_app"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a tool works on an application."""

    folder: Path
    """Its own, with the project in it."""
    freezers: Path
    """``bin`` of an environment that has the tools of others, and what the application requires."""

    def path(self, *parts: str) -> Path:
        """Return a path in the folder."""
        return self.folder.joinpath(*parts)


@dataclass(frozen=True, slots=True)
class Tool(ABC):
    """A tool with its options."""

    label: str
    interpreter: Interpreter
    rebuilds: bool = True
    """Whether building again is measured: not where it takes as long as the first time, or is not done."""
    slow_with: frozenset[str] = frozenset()
    """Applications with which it takes many minutes; these are left out unless asked for."""
    needs_freezers: bool = False

    def prepare(self, application: Application, site: Site) -> None:
        """Write the application's project."""
        name = module(application)
        requirements = json.dumps(list(application.requirements))
        text = PROJECT.format(name=name, requirements=requirements)
        site.path("pyproject.toml").write_text(text + self.settings(application), encoding="utf-8")
        site.path(f"{name}.py").write_text(application.code, encoding="utf-8")
        for number in range(application.files):
            file = site.path("data", f"{number // 100:03}", f"{number:05}.bin")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(number.to_bytes(4, "little") * (FILE_SIZE // 4))

    def settings(self, application: Application) -> str:
        """Return what pyproject.toml says beside the project."""
        return ""

    def environment(self, site: Site) -> Mapping[str, str]:
        """Return variables for building; its caches are to be in the site."""
        return {}

    @abstractmethod
    def steps(self, application: Application, site: Site) -> list[Command]:
        """Return the commands that build."""

    @abstractmethod
    def result(self, application: Application, site: Site) -> tuple[Command, Path | None]:
        """Return what starts the program, and the file or directory that is delivered."""


@dataclass(frozen=True, slots=True)
class Oxidize(Tool):
    """This project, with some settings."""

    table: str = ""
    """More lines of ``[tool.oxidize]``."""

    def settings(self, application: Application) -> str:
        """Return the table, with the application's data files."""
        files = '[[tool.oxidize.files]]\nfrom = "data/**"\nto = "share"\n' if application.files else ""
        return f"\n[tool.oxidize]\nruntime = {self.interpreter.runtime}\n{self.table}\n{files}"

    def environment(self, site: Site) -> Mapping[str, str]:
        """Return where its cache is."""
        return {"OXIDIZE_CACHE_DIR": str(site.path("cache"))}

    def steps(self, application: Application, site: Site) -> list[Command]:
        """Return the command of its own front end."""
        return [[sys.executable, "-m", "oxidize_build", "build", "--no-isolation"]]

    def result(self, application: Application, site: Site) -> tuple[Command, Path | None]:
        """Return the executable."""
        executable = site.path("dist", module(application))
        return [executable], executable


@dataclass(frozen=True, slots=True)
class Environment(Tool):
    """A virtual environment."""

    rebuilds: bool = False

    def steps(self, application: Application, site: Site) -> list[Command]:
        """Return its making, and the installation."""
        pip: Command = [site.path("env", "bin", "python"), "-m", "pip", "install", "--quiet", "."]
        return [[self.interpreter.python, "-m", "venv", site.path("env")], pip]

    def result(self, application: Application, site: Site) -> tuple[Command, Path | None]:
        """Return the installed script."""
        return [site.path("env", "bin", module(application))], None


@dataclass(frozen=True, slots=True)
class Freezer(Tool):
    """A tool of others: *arguments* make *product*, in which ``{name}`` stands for the module's name."""

    arguments: tuple[str, ...] = ()
    product: str = "dist/{name}"
    """Starts the program."""
    delivered: str = ""
    """A directory; the product where it is empty."""
    variables: Mapping[str, str] | None = None
    needs_freezers: bool = True

    def environment(self, site: Site) -> Mapping[str, str]:
        """Return where its caches are, and programs that it needs."""
        places = {name: str(site.path(value)) for name, value in (self.variables or {}).items()}
        return {**places, "PATH": f"{site.freezers}{os.pathsep}{os.environ['PATH']}"}

    def steps(self, application: Application, site: Site) -> list[Command]:
        """Return its one command."""
        name = module(application)
        words = [word.format(name=name, python=self.interpreter.python) for word in self.arguments]
        return [[site.freezers / words[0], *words[1:]]]

    def result(self, application: Application, site: Site) -> tuple[Command, Path | None]:
        """Return the product."""
        product = site.path(self.product.format(name=module(application)))
        return [product], site.path(
            self.delivered.format(name=module(application))
        ) if self.delivered else product


def _pyinstaller(*options: str) -> tuple[str, ...]:
    return ("pyinstaller", "--noconfirm", "--log-level=ERROR", *options, "{name}.py")


WITHOUT_SPEEDUPS = '{ module = "markupsafe._speedups", include = false }'
"""Lets a snapshot have what imports markupsafe, which does without this shared library."""

VARIANTS: Mapping[str, str] = {
    "oxidize": "",
    "oxidize, compressed": "compression = true",
    "oxidize, short exit": 'exit = "fast"',
    "oxidize, lazy imports": 'lazy-imports = true\nexit = "fast"',
    "oxidize, snapshot": f'snapshot = true\nexit = "fast"\nrules = [{WITHOUT_SPEEDUPS}]',
}
"""Settings of ``[tool.oxidize]`` that are measured, by label. Not every runtime admits snapshots."""


def oxidizes(interpreter: Interpreter) -> list[Tool]:
    """Return the variants of oxidize for *interpreter*."""
    suffix = "" if interpreter.kind == HOST else ", own runtime"
    return [Oxidize(f"{name}{suffix}", interpreter, table=table) for name, table in VARIANTS.items()]


def environments(interpreters: Sequence[Interpreter]) -> list[Tool]:
    """Return a virtual environment for each of *interpreters*."""
    return [
        Environment(f"virtual environment{'' if i.kind == HOST else ', own runtime'}", i)
        for i in interpreters
    ]


def freezers(interpreter: Interpreter) -> list[Tool]:
    """Return the tools of others, for the *interpreter* of the host."""
    slow = frozenset({"flask", "numpy", "black", "stdlib"})
    config = {"PYINSTALLER_CONFIG_DIR": "config"}
    unpacking = {"SHIV_ROOT": "shiv", "PEX_ROOT": "pex"}
    nuitka = "python -m nuitka --onefile --quiet --assume-yes-for-downloads --output-dir=dist"
    zip_options = "--python={python} --entry-point={name}:main --output-file=dist/{name}"
    return [
        Freezer("PyInstaller one-file", interpreter, arguments=_pyinstaller("--onefile"), variables=config),
        Freezer(
            "PyInstaller one-dir",
            interpreter,
            arguments=_pyinstaller("--onedir"),
            product="dist/{name}/{name}",
            delivered="dist/{name}",
            variables=config,
        ),
        Freezer(
            "Nuitka one-file",
            interpreter,
            rebuilds=False,
            slow_with=slow,
            arguments=(*nuitka.split(), "--output-filename={name}", "{name}.py"),
            variables={"NUITKA_CACHE_DIR": "cache"},
        ),
        Freezer(
            "cx_Freeze",
            interpreter,
            arguments=("cxfreeze", "build_exe", "--silent", "--script={name}.py", "--build-exe=dist"),
            delivered="dist",
        ),
        *(
            Freezer(tool, interpreter, arguments=(tool, *zip_options.split(), "."), variables=unpacking)
            for tool in ("shiv", "pex")
        ),
    ]


def start_environment(folder: Path) -> dict[str, str]:
    """Return variables for starting programs: where those unpack to that do so once."""
    return {**os.environ, "SHIV_ROOT": str(folder / "shiv"), "PEX_ROOT": str(folder / "pex")}
