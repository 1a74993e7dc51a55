"""Frames and blocks."""

import lz4.block
import lz4.frame


def main():
    data = b"abc" * 10000
    assert lz4.frame.decompress(lz4.frame.compress(data)) == data
    assert lz4.block.decompress(lz4.block.compress(data, mode="high_compression")) == data
    with lz4.frame.open("file.lz4", "wb") as file:
        file.write(data)
    assert lz4.frame.open("file.lz4").read(3) == b"abc"
    print("as expected")
