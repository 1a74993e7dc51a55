"""Arrays and bags computed by threads and by processes"""

import dask
import dask.array as da
import dask.bag as db


def square(x):
    return x * x


def main():
    assert da.ones((1000, 1000), chunks=(250, 250)).sum().compute() == 1_000_000
    bag = db.from_sequence(range(10), npartitions=2).map(square)
    with dask.config.set(scheduler="processes", num_workers=2):
        assert bag.sum().compute() == 285
    print("as expected")
