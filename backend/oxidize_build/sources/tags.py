"""Which wheels a runtime can use."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from itertools import chain

from packaging import tags

from oxidize_build.distributions import release_key
from oxidize_build.runtime.model import Runtime

_MANYLINUX = re.compile(r"manylinux_(\d+_\d+)_.*")
"""PEP 600: the glibc that a wheel needs. The older names are all of 2.17 and before."""


def runtime_tags(runtime: Runtime) -> list[tags.Tag]:
    """Return the tags of wheels that *runtime* can use on a platform like this one, the best first.

    Into a static executable, as with musl, no binary wheel can be loaded.
    """
    limit = None if runtime.glibc_limit is None else release_key(runtime.glibc_limit)

    def fits(tag: tags.Tag) -> bool:
        needed = _MANYLINUX.fullmatch(tag.platform)
        too_new = needed and limit is not None and release_key(needed[1].replace("_", ".")) > limit
        return tag.platform == "any" if runtime.libc == "musl" else not too_new

    return list(filter(fits, _tags(runtime)))


def _tags(runtime: Runtime) -> Iterator[tags.Tag]:
    if (sys.hexversion, sysconfig.get_config_var("SOABI")) == (runtime.hexversion, runtime.soabi):
        return tags.sys_tags()
    major, minor = (int(part) for part in runtime.short_version.split("."))
    abi = f"cp{runtime.soabi.split('-')[1]}"
    platforms = list(tags.platform_tags())
    own = tags.cpython_tags((major, minor), [abi], platforms)
    return chain(own, tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms))
