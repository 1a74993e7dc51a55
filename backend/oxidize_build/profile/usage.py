"""What of a finished executable its traced runs have used."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from oxidize_build.contents import OTHER, Contents, Entry
from oxidize_build.errors import ProfileError
from oxidize_build.image.reader import Image
from oxidize_build.profile.model import Profile
from oxidize_build.profile.text import portable_path, read_profiles
from oxidize_build.settings.suggestions import listed


def profile_for(file_name: str, path: Path) -> Profile:
    """Return the profile in the file *path* that belongs to an executable's file of that name.

    It is that of its name, which a target's name may follow, or else the only one.

    Raises ProfileError when it cannot be read, or there are several and none fits.
    """
    profiles = read_profiles(path)
    fitting = [name for name in profiles if file_name == name or file_name.startswith(f"{name}-")]
    if fitting:
        return profiles[max(fitting, key=len)]
    if len(profiles) != 1:
        raise ProfileError(
            f"{path} has no profile of {file_name}, but of {listed(profiles)}",
            hint=f"`oxidize trace {file_name}` runs it and adds one",
        )
    return next(iter(profiles.values()))


def unused_entries(image: Image, contents: Contents, profile: Profile) -> list[Entry]:
    """Return the files of an executable that no traced run has used, in order of path.

    The source of a module counts as used with the module.
    """
    modules = _modules_by_path(image)
    names = profile.names()
    files = {*profile.files, *profile.libraries}

    def is_used(entry: Entry) -> bool:
        name = modules.get(entry.path)
        used = portable_path(entry.path) in files or entry.package == OTHER
        return used or (name is not None and name in names)

    return [entry for entry in contents.entries if not is_used(entry)]


def _modules_by_path(image: Image) -> dict[PurePosixPath, str]:
    modules = {module.path: module.name for module in image.modules}
    return modules | {module.bytecode: module.name for module in image.modules if module.bytecode is not None}
