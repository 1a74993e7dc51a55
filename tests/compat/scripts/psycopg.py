"""The vendored libpq: a connection refused, SQL composed."""

import psycopg
from psycopg import pq, sql


def main():
    assert pq.__impl__ == "binary" and pq.version() > 140000
    query = sql.SQL("select {} from {}").format(sql.Identifier('a"b'), sql.Identifier("t"))
    assert query.as_string(None) == 'select "a""b" from "t"'
    try:
        psycopg.connect("host=127.0.0.1 port=1 connect_timeout=5")
    except psycopg.OperationalError as error:
        assert "refused" in str(error), error
        print("as expected")
