"""Each function tries one thing that the import system promises; SCRATCH is a directory to write into."""

import gc
import importlib
import importlib.machinery
import importlib.resources
import importlib.util
import json
import os
import pkgutil
import runpy
import sys
import weakref
import zipfile
from pathlib import Path

SCRATCH = Path(os.environ["SCRATCH"])


def write(name, text='WHERE = "outside"\n', folder="outside"):
    path = SCRATCH / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(SCRATCH / folder)


def where(name):
    return importlib.import_module(name).WHERE


def before():
    """A directory that comes first hides packed modules, those of the standard library too."""
    sys.path.insert(0, write("packed_module.py"))
    write("colorsys.py")
    return where("packed_module"), where("colorsys")


def after():
    sys.path.append(write("packed_module.py"))
    write("only_outside.py")
    return where("packed_module"), where("only_outside")


def between():
    sys.path.insert(sys.path.index(str(Path(json.__file__).parents[1])) + 1, write("packed_module.py"))
    write("colorsys.py")
    return where("packed_module"), hasattr(importlib.import_module("colorsys"), "WHERE")


def relative():
    write("packed_module.py")
    os.chdir(SCRATCH / "outside")
    sys.path.insert(0, "")
    return where("packed_module")


def zipped():
    with zipfile.ZipFile(SCRATCH / "modules.zip", "w") as archive:
        archive.writestr("packed_module.py", 'WHERE = "zipped"\n')
        archive.writestr("__main__.py", "import packed_module\nWHERE = packed_module.WHERE\n")
    for name in ("zipimport", "zipfile", "struct", "threading"):
        sys.modules.pop(name, None)
    main = runpy.run_path(str(SCRATCH / "modules.zip"))
    sys.path.insert(0, str(SCRATCH / "modules.zip"))
    return main["WHERE"], where("packed_module")


def off_the_path():
    sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry]
    try:
        import packed_module
    except ModuleNotFoundError:
        return "not found"
    return packed_module.WHERE


def namespace():
    sys.path.append(write("outside.py", folder="elsewhere/packed_space").removesuffix("/packed_space"))
    import packed_space

    return where("packed_space.inside"), where("packed_space.outside"), len(list(packed_space.__path__))


def regular_after_namespace():
    """A package comes before parts of namespace packages that stand earlier on the path."""
    sys.path.insert(0, write("other.py", folder="elsewhere/packed_package").removesuffix("/packed_package"))
    import packed_package

    return hasattr(packed_package, "__file__")


def extended():
    folder = write("__init__.py", "", "elsewhere/packed_package")
    write("more.py", folder="elsewhere/packed_package")
    write("part.py", folder="elsewhere/packed_package")
    sys.path.append(folder.removesuffix("/packed_package"))
    import packed_package

    return len(packed_package.__path__), where("packed_package.more"), where("packed_package.part")


def replaced():
    import packed_package

    packed_package.__path__.insert(0, write("part.py"))
    return where("packed_package.part")


def main_elsewhere():
    return runpy.run_path(write("__main__.py", 'WHERE = "main of a directory"\n'))["WHERE"]


def reloaded():
    import packed_module

    packed_module.WHERE = "changed"
    before = packed_module.__loader__
    importlib.reload(packed_module)
    return packed_module.WHERE, packed_module.__loader__ is packed_module.__spec__.loader, before.name


def loader():
    import packed_package

    loader = packed_package.__loader__
    reader = loader.get_resource_reader("packed_package")
    return {
        "class": isinstance(loader, importlib.machinery.SourceFileLoader),
        "name": loader.name,
        "path": loader.path == packed_package.__file__ == loader.get_filename(),
        "is_package": loader.is_package("packed_package"),
        "source": loader.get_source("packed_package").splitlines()[0],
        "data": loader.get_data(os.path.join(packed_package.__path__[0], "data.txt")).decode(),
        "is_resource": [reader.is_resource("data.txt"), reader.is_resource("nothing")],
        "contents": sorted(reader.contents()),
        "code": loader.get_code("packed_package").co_filename == packed_package.__file__,
        "text": importlib.resources.files(packed_package).joinpath("data.txt").read_text(),
        "get_data": pkgutil.get_data("packed_package", "data.txt").decode(),
    }


def path_finder():
    folder = str(Path(sys.modules["imports"].__path__[0]).parent)
    spec = importlib.machinery.PathFinder.find_spec("packed_module", [folder])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    finder = pkgutil.get_importer(folder)
    names = [name for name in ("packed_module", "packed_package") if finder.find_spec(name)]
    return type(finder).__name__, names, module.WHERE


def from_location():
    spec = importlib.util.spec_from_file_location(
        "other_name", Path(sys.modules["imports"].__path__[0]).parent / "packed_module.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WHERE


def derived():
    """Loaders are an ordinary class: others may derive from it, and load other files with it."""
    write("plain.py")

    class Shouting(type(json.__loader__)):
        def get_code(self, fullname):
            return compile("WHERE = 'derived'", "<derived>", "exec")

    found = []
    for kind in (type(json.__loader__), Shouting):
        loader = kind("plain", str(SCRATCH / "outside" / "plain.py"))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("plain", loader))
        loader.exec_module(module)
        found.append(module.WHERE)
    return found


def derived_text():
    """importlib gives to exec whatever the loader calls code."""

    class Telling(type(json.__loader__)):
        def get_code(self, fullname):
            return "WHERE = 'text'"

    loader = Telling("plain", str(SCRATCH / "plain.py"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("plain", loader))
    loader.exec_module(module)
    return module.WHERE


def meta_path_is_no_list():
    """The module that puts the finder into place can be asked for at any time."""
    builtin = importlib.machinery.BuiltinImporter
    sys.meta_path = tuple(sys.meta_path)
    try:
        builtin.exec_module(importlib.util.module_from_spec(builtin.find_spec("zipimport")))
    except (ImportError, SystemError):
        pass
    return where("packed_module")


def unencodable():
    try:
        importlib.import_module("not_utf_8_\udcff")
    except ModuleNotFoundError as error:
        return error.name == "not_utf_8_\udcff"


def optimised():
    import subprocess

    code = "import packed_module, json; print(__debug__, packed_module.WHERE, json.__doc__)"
    command = [sys.executable, "-OO", "-c", code]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def collections():
    """How often the collector has run since the start."""
    return sum(generation["collections"] for generation in gc.get_stats())


def collector():
    """What programs see of the collector, and say to it, outlasts imports."""
    states = []
    for change in (lambda: None, gc.disable, lambda: gc.set_threshold(5, 6, 7), gc.freeze, gc.enable):
        change()
        sys.modules.pop("packed_module", None)
        import packed_module  # noqa: F401

        states.append((gc.isenabled(), gc.get_freeze_count() > 0, gc.get_threshold() == (5, 6, 7)))
    return states


def garbage():
    """A program that imports again and again has its garbage collected."""

    class Cycle:
        def __init__(self):
            self.self = self

    seen = []
    for _ in range(100_000):
        weakref.finalize(Cycle(), seen.append, True)
        sys.modules.pop("packed_module", None)
        import packed_module  # noqa: F401

        if seen:
            return True
    return False


def main():
    print(json.dumps(globals()[sys.argv[1]]()))
