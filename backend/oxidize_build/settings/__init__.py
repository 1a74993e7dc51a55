"""``[tool.oxidize]`` and the parts of ``[project]`` that say what to build."""

from oxidize_build.settings.entry_points import add_entry_points
from oxidize_build.settings.model import Command, EntryPoint, Executable, Module, Run, Script, Settings
from oxidize_build.settings.reader import read_settings

__all__ = [
    "Command",
    "EntryPoint",
    "Executable",
    "Module",
    "Run",
    "Script",
    "Settings",
    "add_entry_points",
    "read_settings",
]
