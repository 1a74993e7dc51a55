"""Encryption, a signature, a key in PEM."""

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def main():
    box = Fernet(Fernet.generate_key())
    assert box.decrypt(box.encrypt(b"secret")) == b"secret"
    try:
        Fernet(Fernet.generate_key()).decrypt(box.encrypt(b"secret"))
    except InvalidToken:
        pass
    else:
        raise AssertionError
    key = rsa.generate_private_key(65537, 2048)
    signature = key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    key.public_key().verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())
    try:
        key.public_key().verify(signature, b"other", padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        pass
    else:
        raise AssertionError
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )
    assert serialization.load_pem_private_key(pem, b"x").key_size == 2048
    print("as expected")
