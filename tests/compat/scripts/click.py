"""A group of commands, with an option and a usage error."""

import click
from click.testing import CliRunner


@click.group()
def cli():
    pass


@cli.command()
@click.option("--count", default=1, type=click.IntRange(1, 5))
@click.argument("name")
def greet(count, name):
    for _ in range(count):
        click.echo(f"hello {name}")


def main():
    runner = CliRunner()
    assert runner.invoke(cli, ["greet", "--count", "2", "you"]).output == "hello you\nhello you\n"
    wrong = runner.invoke(cli, ["greet", "--count", "9", "you"])
    assert wrong.exit_code == 2
    assert "9 is not in the range 1<=x<=5" in wrong.output
    print("as expected")
