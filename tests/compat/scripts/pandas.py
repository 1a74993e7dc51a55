"""A CSV file grouped, joined and resampled; time zones."""

import io

import pandas as pd


def main():
    frame = pd.read_csv(
        io.StringIO("day,kind,value\n2024-01-01,a,1\n2024-01-02,b,2\n2024-02-01,a,5\n"), parse_dates=["day"]
    )
    assert frame.groupby("kind")["value"].sum().to_dict() == {"a": 6, "b": 2}
    assert frame.set_index("day")["value"].resample("MS").sum().tolist() == [3, 5]
    joined = frame.merge(pd.DataFrame({"kind": ["a", "b"], "name": ["Ann", "Bob"]}), on="kind")
    assert joined["name"].tolist() == ["Ann", "Bob", "Ann"]
    local = frame["day"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    assert local.dt.hour.tolist() == [9, 9, 9]
    frame.to_pickle("frame.pkl")
    assert pd.read_pickle("frame.pkl").equals(frame)
    assert "<table" in frame.to_html() and frame.describe().loc["max", "value"] == 5
    print("as expected")
