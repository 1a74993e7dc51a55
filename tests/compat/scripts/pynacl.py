"""Boxes and signatures by the vendored libsodium"""

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey
from nacl.signing import SigningKey


def main():
    one, two = PrivateKey.generate(), PrivateKey.generate()
    sealed = Box(one, two.public_key).encrypt(b"text")
    assert Box(two, one.public_key).decrypt(sealed) == b"text"
    key = SigningKey.generate()
    assert key.verify_key.verify(key.sign(b"m")) == b"m"
    try:
        Box(two, two.public_key).decrypt(sealed)
    except CryptoError:
        print("as expected")
