"""A lazy query over a Parquet file."""

import polars as pl


def main():
    frame = pl.DataFrame({"kind": ["a", "b", "a"], "value": [1, 2, 5], "day": ["2024-01-01"] * 3})
    frame.write_parquet("frame.parquet")
    query = (
        pl.scan_parquet("frame.parquet")
        .with_columns(pl.col("day").str.to_date())
        .group_by("kind")
        .agg(pl.col("value").sum(), pl.col("day").max())
        .sort("kind")
    )
    result = query.collect()
    assert result["value"].to_list() == [6, 2]
    assert result.schema["day"] == pl.Date
    assert pl.SQLContext(f=frame).execute("select max(value) as m from f").collect()["m"].item() == 5
    print("as expected")
