"""``[tool.oxidize]`` and the parts of ``[project]`` that say what to build."""

from oxidize_build.settings.entry_points import add_entry_points
from oxidize_build.settings.model import (
    Common,
    Interpreter,
    Licenses,
    PlacedFiles,
    Rule,
    RuntimeArchive,
    RuntimePath,
    WantedRuntime,
)
from oxidize_build.settings.reader import read_settings
from oxidize_build.settings.resolved import Build, Executable, Settings, Target, check_names, resolve, select
from oxidize_build.settings.values import Callback, Command, EntryPoint, Module, Repl, Run, Script

__all__ = [
    "Build",
    "Callback",
    "Command",
    "Common",
    "EntryPoint",
    "Executable",
    "Interpreter",
    "Licenses",
    "Module",
    "PlacedFiles",
    "Repl",
    "Rule",
    "Run",
    "RuntimeArchive",
    "RuntimePath",
    "Script",
    "Settings",
    "Target",
    "WantedRuntime",
    "add_entry_points",
    "check_names",
    "read_settings",
    "resolve",
    "select",
]
