"""A command made of type hints, and its help."""

from typing import Annotated

import typer
from typer.testing import CliRunner

app = typer.Typer()


@app.command()
def add(a: int, b: int, negate: Annotated[bool, typer.Option(help="Turn the sign")] = False):
    typer.echo(-(a + b) if negate else a + b)


def main():
    runner = CliRunner()
    assert runner.invoke(app, ["2", "3", "--negate"]).output == "-5\n"
    assert "Turn the sign" in runner.invoke(app, ["--help"]).output
    assert runner.invoke(app, ["2", "x"]).exit_code == 2
    print("as expected")
