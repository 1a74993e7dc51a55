"""A GeoTIFF written, read and projected by the vendored GDAL and its data."""

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform


def main():
    data = np.arange(100, dtype="float32").reshape(10, 10)
    profile = {
        "driver": "GTiff",
        "width": 10,
        "height": 10,
        "count": 1,
        "dtype": "float32",
        "compress": "deflate",
    }
    with rasterio.open(
        "a.tif", "w", crs="EPSG:25832", transform=from_origin(500000, 5800000, 10, 10), **profile
    ) as f:
        f.write(data, 1)
    with rasterio.open("a.tif") as f:
        assert (f.read(1) == data).all() and f.crs == CRS.from_epsg(25832)
        assert f.bounds.left == 500000
    (x,), (y,) = transform("EPSG:4326", "EPSG:25832", [9.0], [52.0])
    assert abs(x - 500000) < 1, (x, y)
    print("as expected")
