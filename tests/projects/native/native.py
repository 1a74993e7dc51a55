"""Uses stock binary wheels, and the shared libraries that come with them."""


def main():
    import numpy
    import pydantic

    class Point(pydantic.BaseModel):
        x: int
        y: int

    point = Point.model_validate_json('{"x": 1, "y": 2}')
    matrix = numpy.array([[point.x, point.y], [3.0, 4.0]])
    print(round(float(numpy.linalg.det(matrix)), 6), numpy.linalg.inv(matrix).round(3).tolist())
