"""``oxidize runtime``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oxidize_build.cli.output import print_fields, print_json, readable_size
from oxidize_build.cli.runtime_build import build

if TYPE_CHECKING:
    from oxidize_build.runtime.model import Runtime
    from oxidize_build.runtime.store import RuntimeStore, Stored

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def runtime() -> None:
    """Look after the Python runtimes that executables are made of."""


runtime.add_command(build)


@runtime.command("list")
@as_json_option
def list_runtimes(as_json: bool) -> None:
    """List the runtimes at hand: those in the cache, and those of installed distributions."""
    found = list(_store().runtimes())
    if as_json:
        print_json([_about(stored, described) for stored, described in found])
        return
    for stored, described in found:
        click.echo(f"{stored.name}: {_in_short(described)}; from {stored.source}")
    if not found:
        click.echo("there is none: executables are made of the interpreter that runs the build", err=True)


@runtime.command()
@click.argument("name")
@as_json_option
def show(name: str, as_json: bool) -> None:
    """Tell what the runtime NAME is made of.

    NAME is one of `oxidize runtime list`, `host`, or the path of an archive, a directory or an interpreter.
    """
    stored, described = _named(name)
    if as_json:
        print_json(_about(stored, described) | _contents(described))
        return
    click.echo(f"{name}: {_in_short(described)}")
    contents = _contents(described)
    sizes = {part: readable_size(size) for part, size in contents["sizes"].items()}
    print_fields(
        {
            "from": stored.source if stored else "",
            "platform": described.triple,
            "stub": "ready: no compiler is needed" if contents["ready"] else "to be linked by a compiler",
            "sizes": ", ".join(f"{part} {size}" for part, size in sizes.items()),
            "built-in modules": _counted(contents["builtin_modules"]),
            "shared modules": _counted(contents["shared_modules"]),
        }
    )
    for component in described.components:
        click.echo(f"    {component.name} {component.version}  {component.license or 'licence not stated'}")


@runtime.command()
@click.argument("wanted", metavar="URL|VERSION")
@click.option("--sha256", required=True, help="The archive's SHA-256, in hexadecimal.")
def fetch(wanted: str, sha256: str) -> None:
    """Download an archive, and keep it for `runtime = "3.14"`; print its name.

    If the environment variable OXIDIZE_RUNTIME_MIRROR names a directory or an URL, the file of that name is
    taken from there; from a directory also the archive of a VERSION such as 3.14.7.
    """
    from oxidize_build.runtime.fetch import download, file_name, find_version

    store = _store()
    url = find_version(wanted, sha256) if _is_version(wanted) else wanted
    click.echo(store.add(file_name(url), download(url, sha256, store.cache), url).name)


@runtime.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the runtime NAME from the cache."""
    _store().remove(name)


@runtime.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--outdir",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Directory for the wheel.",
)
def wheel(archive: Path, outdir: Path) -> None:
    """Wrap the runtime in ARCHIVE as a wheel, which makes it found where it is installed; print its path."""
    from oxidize_build.runtime.wheel import write_runtime_wheel

    click.echo(write_runtime_wheel(archive, outdir, _store()))


def _is_version(text: str) -> bool:
    return text.replace(".", "").isdigit()


def _store() -> RuntimeStore:
    # `oxidize --help` needs none of these
    from oxidize_build.cache import Cache
    from oxidize_build.runtime.store import RuntimeStore

    return RuntimeStore(Cache.default())


def _named(name: str) -> tuple[Stored | None, Runtime]:
    from oxidize_build.runtime.find import find_runtime
    from oxidize_build.settings.model import RuntimePath

    store = _store()
    if name == "host":
        return None, find_runtime("host", store.cache)
    if Path(name).exists():
        return None, find_runtime(RuntimePath(path=Path(name).absolute()), store.cache)
    stored = store.find(name)
    return stored, store.open(stored.archive)


def _counted(names: list[str]) -> str:
    return f"{len(names)}: {' '.join(names)}" if names else "none"


def _in_short(described: Runtime) -> str:
    version = f"Python {described.version}{' free-threaded' if described.free_threaded else ''}"
    libc = f"{described.libc} {described.glibc}" if described.glibc else described.libc
    return ", ".join([version, libc, "+".join(described.optimizations) or "not optimised"])


def _about(stored: Stored | None, described: Runtime) -> dict[str, object]:
    return {
        "name": stored.name if stored else None,
        "origin": stored.origin if stored else None,
        "source": stored.source if stored else None,
        "archive": stored.archive if stored else None,
        "version": described.version,
        "triple": described.triple,
        "libc": described.libc,
        "glibc": described.glibc,
        "free_threaded": described.free_threaded,
        "optimizations": described.optimizations,
    }


def _contents(described: Runtime) -> dict[str, Any]:
    from oxidize_build.link import stub_key
    from oxidize_build.runtime.contents import shared_modules, sizes

    return {
        "ready": described.stub is not None and described.stub_key == stub_key(),
        "builtin_modules": sorted(described.builtin_modules),
        "shared_modules": shared_modules(described),
        "components": described.components,
        "sizes": sizes(described),
    }
