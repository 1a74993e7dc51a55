"""Tables through Parquet, Feather and a data set; its compute functions; Flight."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.feather
import pyarrow.flight
import pyarrow.parquet as pq


def main():
    table = pa.table({"kind": ["a", "b", "a"], "value": [1, 2, 5]})
    pq.write_table(table, "t.parquet", compression="zstd")
    assert pq.read_table("t.parquet").equals(table)
    assert pc.sum(table["value"]).as_py() == 8
    pyarrow.feather.write_feather(table, "t.feather", compression="lz4")
    assert pyarrow.feather.read_table("t.feather").equals(table)
    ds.write_dataset(
        table, "set", format="parquet", partitioning=ds.partitioning(pa.schema([("kind", pa.string())]))
    )
    found = ds.dataset("set", partitioning=["kind"]).to_table(filter=ds.field("kind") == "a")
    assert sorted(found["value"].to_pylist()) == [1, 5]
    assert table.group_by("kind").aggregate([("value", "sum")]).num_rows == 2
    assert pyarrow.flight.FlightDescriptor.for_path("a").path == [b"a"]
    print("as expected")
