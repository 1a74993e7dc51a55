"""Values packed by the C extension, a stream, an extension type."""

import msgpack
from msgpack import _cmsgpack


def main():
    assert msgpack.Packer is _cmsgpack.Packer
    value = {"a": [1, -2.5, None, b"x", "ü"]}
    assert msgpack.unpackb(msgpack.packb(value)) == value
    stream = msgpack.Unpacker()
    stream.feed(msgpack.packb(1) + msgpack.packb(msgpack.ExtType(5, b"e")))
    assert list(stream) == [1, msgpack.ExtType(5, b"e")]
    print("as expected")
