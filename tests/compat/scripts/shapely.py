"""Shapes cut and joined by the vendored GEOS."""

import shapely
from shapely import STRtree, wkt
from shapely.geometry import Point, Polygon


def main():
    square = Polygon([(0, 0), (2, 0), (2, 2), (0, 2)])
    assert square.intersection(Polygon([(1, 1), (3, 1), (3, 3), (1, 3)])).area == 1
    assert abs(Point(0, 0).buffer(1, 64).area - 3.1415) < 0.01
    assert STRtree([Point(i, i) for i in range(10)]).nearest(Point(4.2, 4)) == 4
    assert wkt.loads("LINESTRING (0 0, 3 4)").length == 5
    assert shapely.area(shapely.box([0, 0], [0, 0], [1, 2], [1, 2])).tolist() == [1, 4]
    print("as expected")
