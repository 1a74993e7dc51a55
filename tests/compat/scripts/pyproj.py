"""Coordinates transformed with PROJ's database, which its C library opens by path."""

from pyproj import CRS, Geod, Transformer, datadir


def main():
    transformer = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    x, y = transformer.transform(13.4, 52.5)
    assert abs(x - 1491681.18) < 1 and abs(y - 6891041.72) < 1, (x, y)
    assert CRS("EPSG:25832").name == "ETRS89 / UTM zone 32N"
    assert round(Geod(ellps="WGS84").inv(13.4, 52.5, 2.35, 48.86)[2] / 1000) == 878
    assert datadir.get_data_dir()
    print("as expected")
