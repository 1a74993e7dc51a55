"""Check packages of PyPI as one file each, and write docs/compatibility.md.

`python tests/compat/run_all.py` checks all of them, `python tests/compat/run_all.py NAME...` some. The page
has the last result of each, and is written when every package has one. `--unpacked` runs the same scripts
in a virtual environment instead.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from compat import (
    CONSTRAINTS,
    REPOSITORY,
    CompatError,
    Package,
    Result,
    check,
    pinned_version,
    read_packages,
    run,
    write_project,
)

RESULTS = REPOSITORY / "build" / "compatibility.json"
TABLE = REPOSITORY / "docs" / "compatibility.md"
INTRODUCTION = """\
# Packages that have been tried

Each of these was built into one executable with no configuration, by `tests/compat/run_all.py`, which also
wrote this page; then the executable was run in an empty directory, with only PATH, HOME and LANG in its
environment. What it does is in `tests/compat/scripts/`, and fails if a result is not the right one.
Versions of dependencies are in `tests/compat/constraints.txt`.

"""


def main() -> int:
    """Run the command."""
    packages = {package.name: package for package in read_packages()}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="packages to check; all if none is given")
    parser.add_argument("--unpacked", action="store_true", help="run the scripts in a virtual environment")
    parser.add_argument("--keep", type=Path, help="leave executables and logs in this folder")
    parser.add_argument("--pin", action="store_true", help="write constraints.txt anew, and do no more")
    options = parser.parse_args()
    if options.pin:
        return pin(packages.values())
    if unknown := set(options.names) - packages.keys():
        parser.error(f"packages.toml has no {', '.join(sorted(unknown))}")
    faults = 0
    for name in options.names or packages:
        folder = Path(options.keep / name if options.keep else tempfile.mkdtemp(prefix="oxidize-compat-"))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        result = (check_unpacked if options.unpacked else check)(packages[name], folder)
        tell(packages[name], result)
        faults += result.fault is not None and packages[name].expected_failure is None
        if not options.unpacked:
            remember(result)
            write_table(packages.values())
        if not options.keep:
            shutil.rmtree(folder)
    return 1 if faults else 0


def pin(packages: Iterable[Package]) -> int:
    """Have uv find versions of all packages that go together, for every Python supported."""
    requirements = "\n".join(sorted({line for package in packages for line in package.requires}))
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--no-header"]
    command += ["--no-annotate", "--no-emit-find-links", "--quiet", "--upgrade", "-o", str(CONSTRAINTS), "-"]
    return subprocess.run(command, input=requirements, text=True, check=False).returncode


def check_unpacked(package: Package, folder: Path) -> Result:
    """Run the package's script in a virtual environment: what fails there is no fault of packing."""
    write_project(package, folder / "project")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", venv], check=True)
    command: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*command, "-c", CONSTRAINTS, folder / "project"], check=True)
    try:
        run([venv / "bin" / "check"], folder)
    except CompatError as error:
        return Result(package.name, pinned_version(package), str(error), 0, 0, 0)
    return Result(package.name, pinned_version(package), None, 0, 0, 0)


def tell(package: Package, result: Result) -> None:
    verdict = "passed" if result.fault is None else "FAILED"
    if package.expected_failure is not None:
        verdict += " (a failure was expected)"
    print(
        f"{result.package} {result.version}: {verdict} "
        f"({result.megabytes} MB, built in {result.build_seconds} s, ran {result.run_seconds} s)",
        flush=True,
    )
    if result.fault is not None:
        print("    " + result.fault.replace("\n", "\n    "), flush=True)


def remember(result: Result) -> None:
    results = recall()
    results[result.package] = result
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(result) for result in results.values()], indent=1) + "\n", "utf-8")


def recall() -> dict[str, Result]:
    if not RESULTS.exists():
        return {}
    return {entry["package"]: Result(**entry) for entry in json.loads(RESULTS.read_text("utf-8"))}


def write_table(packages: Collection[Package]) -> None:
    """Write the page, once every package has been tried."""
    results = recall()
    if any(package.name not in results for package in packages):
        return
    rows = ["| package | version | what it does | result | MB |", "| --- | --- | --- | --- | ---: |"]
    passed = 0
    for package in sorted(packages, key=lambda package: package.name.lower()):
        result = results[package.name]
        passed += result.fault is None
        verdict = "passed" if result.fault is None else f"**failed**: {reason(package, result)}"
        cells = (package.name, result.version, package.purpose, verdict, f"{result.megabytes:.0f}")
        rows.append(f"| {' | '.join(cells)} |")
    python = f"Python {sys.version.split()[0]} on {sys.platform}"
    count = f"{passed} of {len(packages)} packages passed, with {python}.\n\n"
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(INTRODUCTION + count + "\n".join(rows) + "\n", encoding="utf-8")


def reason(package: Package, result: Result) -> str:
    said = (result.fault or "").splitlines()[-1:]
    return (package.expected_failure or "".join(said)).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
