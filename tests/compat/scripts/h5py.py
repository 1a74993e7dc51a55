"""A compressed data set in a file of groups."""

import h5py
import numpy as np


def main():
    data = np.arange(10000.0).reshape(100, 100)
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("group/data", data=data, compression="gzip", chunks=(10, 100))
        file["group"].attrs["name"] = "ä"
    with h5py.File("a.h5") as file:
        assert (file["group/data"][5:7] == data[5:7]).all() and file["group"].attrs["name"] == "ä"
    print("as expected")
