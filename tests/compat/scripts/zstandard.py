"""Frames, a trained dictionary, a stream."""

import io

import zstandard


def main():
    data = b"".join(b"line %d of the text\n" % (i % 97) for i in range(20000))
    packed = zstandard.ZstdCompressor(level=19, threads=2).compress(data)
    assert len(packed) < len(data) / 20 and zstandard.ZstdDecompressor().decompress(packed) == data
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)) as reader:
        assert reader.read(5) == b"line "
    dictionary = zstandard.train_dictionary(2000, [b"sample %d with text" % i for i in range(2000)])
    assert zstandard.ZstdCompressor(dict_data=dictionary).compress(b"sample 5 with text")
    print("as expected")
