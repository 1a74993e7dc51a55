"""``oxidize inspect``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oxidize_build.cli.output import print_json, readable_size

if TYPE_CHECKING:
    from oxidize_build.contents import Contents, Entry, Folder
    from oxidize_build.image.reader import PackedSnapshot


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tree", is_flag=True, help="Print every file and directory in it, with sizes.")
@click.option(
    "--depth", type=click.IntRange(1), metavar="N", help="With --tree: go down so many directories only."
)
@click.option(
    "--top",
    type=click.IntRange(1),
    metavar="N",
    default=10,
    show_default=True,
    help="Print so many packages, the largest first.",
)
@click.option(
    "--profile",
    "profiles",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PROFILE",
    help="Show what no traced run has used, by the profile that `oxidize trace` has written.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUTPUT",
    help="Write a page with a treemap of where the bytes go.",
)
def inspect(
    file: Path,
    tree: bool,
    depth: int | None,
    top: int,
    profiles: Path | None,
    as_json: bool,
    html: Path | None,
) -> None:
    """Tell what is in the executable FILE, and how much room each package takes."""
    # `oxidize --help` needs none of these
    from oxidize_build.contents import folders, read_contents
    from oxidize_build.profile.usage import profile_for, unused_entries
    from oxidize_build.verify import verify

    report = verify(file)
    contents = read_contents(report)
    unused = None
    if profiles is not None:
        unused = unused_entries(report.image, contents, profile_for(file.name, profiles))
    if html is not None:
        _write_page(html, file.name, contents)
    if as_json:
        _print_json(file, contents, report.image.pruned, unused)
    elif tree:
        click.echo(f"{readable_size(contents.total):>10}  {file}")
        for line in _tree(folders(contents.entries), depth, "  "):
            click.echo(line)
    elif unused is not None:
        _print_unused(file, contents, unused, top)
    elif html is None:
        _print(file, contents, top)


def _write_page(output: Path, name: str, contents: Contents) -> None:
    from oxidize_build.errors import OutputError
    from oxidize_build.treemap import treemap

    try:
        output.write_text(treemap(name, contents), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}") from error
    click.echo(output)


def _print_json(
    file: Path, contents: Contents, pruned: Sequence[str], unused: Sequence[Entry] | None
) -> None:
    value = {
        "path": file,
        "size": contents.total,
        "parts": contents.parts(),
        "compression": contents.compression(),
        "program_size": contents.program_size,
        "packages": contents.packages(),
        "files": contents.entries,
        "pruned": pruned,
        "snapshot": contents.snapshot,
        **({} if unused is None else {"unused": [entry.path for entry in unused]}),
    }
    print_json(value)


def _print_unused(file: Path, contents: Contents, unused: Sequence[Entry], top: int) -> None:
    sizes: Counter[str] = Counter()
    for entry in unused:
        sizes[entry.package] += entry.size
    whole, packages = sizes.total(), contents.packages()
    click.echo(f"{file}: {readable_size(contents.total)}, of which no traced run has used:")
    click.echo(_line(whole, contents.total, f"{len(unused)} of {len(contents.entries)} files"))
    click.echo(f"\nby package: {len(sizes)}")
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    for package, size in ordered[:top]:
        share = "all of it" if size == packages[package] else f"of {readable_size(packages[package])}"
        click.echo(_line(size, contents.total, f"{package}: {share}"))
    if rest := ordered[top:]:
        click.echo(_line(sum(size for _, size in rest), contents.total, f"({len(rest)} more)"))


def _print(file: Path, contents: Contents, top: int) -> None:
    click.echo(f"{file}: {readable_size(contents.total)}")
    if (compression := contents.compression()).files:
        click.echo(f"compressed: {compression}")
    if contents.program_size is not None:
        sizes = readable_size(contents.program_size), readable_size(contents.stub)
        click.echo(f"compressed program: {' to '.join(sizes)}")
    if contents.snapshot is not None:
        click.echo(f"snapshot: {len(contents.snapshot.modules)} modules are imported beforehand")
    click.echo("\nby kind")
    for part, size in sorted(contents.parts().items(), key=lambda item: -item[1]):
        click.echo(_line(size, contents.total, part))
    packages = list(contents.packages().items())
    click.echo(f"\nby package: {len(packages)}")
    for package, size in packages[:top]:
        click.echo(_line(size, contents.total, package))
    if rest := packages[top:]:
        click.echo(_line(sum(size for _, size in rest), contents.total, f"({len(rest)} more)"))
    if contents.snapshot is not None:
        _print_snapshot(contents.snapshot, top)


def _print_snapshot(snapshot: PackedSnapshot, top: int) -> None:
    for title, shares in (("module", snapshot.by_module), ("type", snapshot.by_type)):
        click.echo(f"\nsnapshot, by {title}: {len(shares)}")
        for share in shares[:top]:
            click.echo(_line(share.size, snapshot.size, f"{share.name}: {share.objects} objects"))
        if rest := shares[top:]:
            whole = sum(share.objects for share in rest)
            text = f"({len(rest)} more): {whole} objects"
            click.echo(_line(sum(share.size for share in rest), snapshot.size, text))


def _line(size: int, total: int, name: str) -> str:
    return f"{readable_size(size):>10} {100 * size / total:5.1f} %  {name}"


def _tree(folder: Folder, depth: int | None, indent: str) -> Iterator[str]:
    """Yield the lines of what is in *folder*, the largest first."""
    sizes = [(below.size, f"{name}/", below) for name, below in folder.folders.items()]
    files = [(entry.size, entry.path.name, None) for entry in folder.files]
    for size, name, below in sorted([*sizes, *files], key=lambda item: (-item[0], item[1])):
        yield f"{readable_size(size):>10}  {indent}{name}"
        if below is not None and (depth is None or depth > 1):
            yield from _tree(below, None if depth is None else depth - 1, f"{indent}  ")
