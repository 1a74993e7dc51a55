"""SQL over a CSV file, and over a table in memory."""

from pathlib import Path

import duckdb


def main():
    Path("a.csv").write_text("k,v\na,1\nb,2\na,5\n")
    assert duckdb.sql("select k, sum(v) from 'a.csv' group by k order by k").fetchall() == [
        ("a", 6),
        ("b", 2),
    ]
    with duckdb.connect("d.db") as connection:
        connection.execute("create table t as select range as n from range(1000)")
        assert connection.execute("select sum(n) from t").fetchone() == (499500,)
    print("as expected")
