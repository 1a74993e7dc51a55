"""Check packages of PyPI as one file each, and write docs/compatibility.md.

`python tests/compat/run_all.py` checks all of them, `python tests/compat/run_all.py NAME...` some. The page
has the last result of each, and is written when every package has one. `--unpacked` runs the same scripts
in a virtual environment instead.

`--snapshot` builds with a snapshot those that packages.toml names for that, and runs each with and without
it in all the ways of snapshots.py: the output has to be the same. `--runtime` names an archive of
`oxidize runtime build` to build with: its extension modules are no shared libraries, and can be imported
beforehand.
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

from snapshots import VARIANTS, Outcome, check_snapshot

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
OUTCOMES = REPOSITORY / "build" / "compatibility-snapshots.json"
INTRODUCTION = """\
# Packages that have been tried

Each of these was built into one executable with no configuration, by `tests/compat/run_all.py`, which also
wrote this page; then the executable was run in an empty directory, with only PATH, HOME and LANG in its
environment. What it does is in `tests/compat/scripts/`, and fails if a result is not the right one.
Versions of dependencies are in `tests/compat/constraints.txt`.

"""

WITH_SNAPSHOTS = """
## With a snapshot

Packages with `snapshot = true`, built with a runtime whose extension modules are no shared libraries, by
`tests/compat/run_all.py --snapshot`. Each check was run with and without the snapshot in {count} ways:
with other arguments, other and no environment variables, in another directory, in other locales and
another time zone, with standard input closed, signals ignored, another umask, as another user, at fixed
addresses (`setarch -R`), with limits for address space and stack, stripped, moved and renamed. What it
writes, how it ends, and what it then tells of its process (arguments, environment, streams, locale, time
zone, flags, signals, threads, paths, warning filters, the collector's state, where modules come from)
has to be the same; nothing is left out of that but addresses of objects and, where two runs without the
snapshot differ in nothing else, numbers that the check writes: times, ports, process IDs.

"""


def main() -> int:
    """Run the command."""
    packages = {package.name: package for package in read_packages()}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="packages to check; all if none is given")
    parser.add_argument("--unpacked", action="store_true", help="run the scripts in a virtual environment")
    parser.add_argument("--keep", type=Path, help="leave executables and logs in this folder")
    parser.add_argument("--pin", action="store_true", help="write constraints.txt anew, and do no more")
    parser.add_argument("--snapshot", action="store_true", help="compare with and without a snapshot")
    parser.add_argument("--runtime", type=Path, help="with --snapshot: the runtime to build with")
    options = parser.parse_args()
    if options.pin:
        return pin(packages.values())
    if unknown := set(options.names) - packages.keys():
        parser.error(f"packages.toml has no {', '.join(sorted(unknown))}")
    if options.snapshot:
        names = options.names or [name for name, package in packages.items() if package.snapshot]
        return check_snapshots([packages[name] for name in names], options.runtime, options.keep)
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


def check_snapshots(packages: Iterable[Package], runtime: Path | None, keep: Path | None) -> int:
    """Compare *packages* with and without a snapshot; return the exit status."""
    settings = f"runtime = {{path = {json.dumps(str(runtime.absolute()))}}}\n" if runtime else ""
    failed = False
    for package in packages:
        folder = keep / package.name if keep else Path(tempfile.mkdtemp(prefix="oxidize-compat-"))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # for the other user
        outcome = check_snapshot(package, folder, settings)
        tell_of_snapshot(outcome)
        failed |= outcome.fault is not None or bool(outcome.differing)
        outcomes = {**recall_outcomes(), outcome.package: outcome}
        OUTCOMES.parent.mkdir(exist_ok=True)
        OUTCOMES.write_text(
            json.dumps([asdict(each) for each in outcomes.values()], indent=1) + "\n", "utf-8"
        )
        if not keep:
            shutil.rmtree(folder)
    write_snapshots()
    return int(failed)


def tell_of_snapshot(outcome: Outcome) -> None:
    print(f"{outcome.package}: {describe(outcome)}", flush=True)
    for name, difference in outcome.differing.items():
        print(f"    {name}: " + difference.replace("\n", "\n        "), flush=True)


def describe(outcome: Outcome) -> str:
    """Return the verdict on a package with a snapshot, as a phrase."""
    if outcome.fault is not None:
        return f"**failed**: {outcome.fault.splitlines()[-1] if outcome.fault else ''}"
    if outcome.differing:
        return f"**differs**: {', '.join(outcome.differing)}"
    return "the same" + (f" (ordinary start: {', '.join(outcome.unused)})" if outcome.unused else "")


def recall_outcomes() -> dict[str, Outcome]:
    if not OUTCOMES.exists():
        return {}
    return {entry["package"]: Outcome(**entry) for entry in json.loads(OUTCOMES.read_text("utf-8"))}


def write_snapshots() -> None:
    """Write the part of the page that is about snapshots, in the place of what it was."""
    outcomes = sorted(recall_outcomes().values(), key=lambda outcome: outcome.package.lower())
    rows = ["| package | modules imported beforehand | result |", "| --- | ---: | --- |"]
    for outcome in outcomes:
        modules = f"{outcome.modules}{'' if outcome.whole else ' (in part)'}"
        rows.append(f"| {outcome.package} | {modules} | {describe(outcome)} |")
    whole = [outcome for outcome in outcomes if outcome.passed]
    count = f"{len(whole)} of {len(outcomes)} packages are wholly imported beforehand and give the same.\n\n"
    text = WITH_SNAPSHOTS.format(count=len(VARIANTS)) + count + "\n".join(rows) + "\n"
    page = TABLE.read_text("utf-8").partition(WITH_SNAPSHOTS[:20])[0] if TABLE.exists() else INTRODUCTION
    TABLE.write_text(page + text, encoding="utf-8")


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
    write_snapshots()


def reason(package: Package, result: Result) -> str:
    said = (result.fault or "").splitlines()[-1:]
    return (package.expected_failure or "".join(said)).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
