"""What the standard library takes for granted of files and is otherwise in an executable."""

from __future__ import annotations

from dataclasses import replace

from oxidize_build.resources import Content, SourceModule

_ASKED = b"stat.S_ISDIR(st_mode)"
_ASKED_INSTEAD = b"_is_directory(st_mode, newpath)"
_IS_DIRECTORY = b"""

# Added by oxidize: a packed program is a file, and a directory to those who look for a path below it.
def _is_directory(mode, path):
    if not stat.S_ISREG(mode):
        return stat.S_ISDIR(mode)
    try:
        os.lstat(path + (b'/' if isinstance(path, bytes) else '/'))
    except OSError:
        return False
    return True
"""


def adapt(module: SourceModule) -> SourceModule:
    """Return *module* with what it does about files made right for packed ones; most do nothing of the kind.

    It is ``posixpath`` from later versions of 3.13 on: ``realpath`` with ``strict`` asks of every part of
    a path but the last whether it is a directory, and so of the executable.
    """
    if module.name != "posixpath":
        return module
    source = module.content.read()
    if source.count(_ASKED) != 1:
        return module
    return replace(module, content=Content(source.replace(_ASKED, _ASKED_INSTEAD) + _IS_DIRECTORY))
