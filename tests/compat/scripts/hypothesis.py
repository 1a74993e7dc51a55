"""A property that does not hold, and the smallest example of it."""

from hypothesis import given, settings
from hypothesis import strategies as st


@settings(database=None)
@given(st.lists(st.integers()))
def never_long(numbers):
    assert sum(numbers) < 1000


def main():
    try:
        never_long()
    except AssertionError as error:
        assert "numbers=[1000]" in "".join(error.__notes__), error.__notes__
        print("as expected")
