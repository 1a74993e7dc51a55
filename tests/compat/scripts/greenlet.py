"""Control passed to and fro, an exception across."""

import greenlet


def child(value):
    received = greenlet.getcurrent().parent.switch(value + 1)
    raise ValueError(received)


def main():
    other = greenlet.greenlet(child)
    assert other.switch(1) == 2
    try:
        other.switch("end")
    except ValueError as error:
        assert str(error) == "end" and other.dead
        print("as expected")
