"""Migrations from its packed templates: made, applied, taken back."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config


def main():
    config = Config("alembic.ini")
    command.init(config, "migrations")
    text = Path("alembic.ini").read_text().replace("driver://user:pass@localhost/dbname", "sqlite:///a.db")
    Path("alembic.ini").write_text(text)
    config = Config("alembic.ini")
    command.revision(config, "first")
    (script,) = Path("migrations/versions").glob("*_first.py")
    body = script.read_text().replace("    pass", "    op.execute('create table t (x int)')", 1)
    script.write_text(body.replace("    pass", "    op.drop_table('t')", 1))
    tables = "select name from sqlite_master where name = 't'"
    command.upgrade(config, "head")
    assert sqlite3.connect("a.db").execute(tables).fetchall() == [("t",)]
    command.downgrade(config, "base")
    assert sqlite3.connect("a.db").execute(tables).fetchall() == []
    print("as expected")
