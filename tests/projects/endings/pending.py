"""Objects that exist before the program is run, when it starts from a snapshot. They have finalisers."""


class Finalised:
    def __del__(self):
        print("finalised")


def _generate():
    try:
        yield 1
    finally:
        print("generator closed")


OBJECTS = [Finalised(), _generate()]
next(OBJECTS[1])
