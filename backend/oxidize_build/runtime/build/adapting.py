"""What is changed in CPython's source before it is built, because everything is built in."""

from __future__ import annotations

import re
from pathlib import Path

_SEARCH = re.compile(
    r'address = search_linux_map_for_section\(handle, "AsyncioDebug", "_asyncio\.cpython"(?P<rest>[^;]*)\);'
)
_ALSO_BUILT_IN = """\
{search}
    if (address == 0 && !_Py_RemoteDebug_HasPermissionError()) {{
        PyErr_Clear();
        address = search_linux_map_for_section(handle, "AsyncioDebug", "python"{rest});
    }}"""


def adapt(source: Path) -> list[Path]:
    """Change CPython's tree *source* in place, and return the files that were changed.

    ``python -m asyncio ps`` and the like look into another process for what ``_asyncio`` tells of its
    tasks (CPython 3.14 and newer). They look where its shared library is mapped, and now also where the
    interpreter is, as they do for ``PyRuntime``.
    """
    places = [*source.glob("Python/remote_debug.h"), *source.glob("Modules/_remote_debugging*/*.c")]
    places += source.glob("Modules/_remote_debugging*.c")
    return [path for path in places if _replace_search(path)]


def _replace_search(path: Path) -> bool:
    text = path.read_text("utf-8")
    changed = _SEARCH.sub(lambda found: _ALSO_BUILT_IN.format(search=found[0], rest=found["rest"]), text)
    if changed == text:
        return False
    path.write_text(changed, "utf-8")
    return True
