"""A signed token made and verified; credentials of a service account."""

import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt
from google.oauth2 import service_account


def main():
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    info = {"client_email": "a@b", "private_key": private, "private_key_id": "1", "token_uri": "http://x"}
    credentials = service_account.Credentials.from_service_account_info(info)
    assert credentials.service_account_email == "a@b"
    now = int(time.time())
    token = jwt.encode(crypt.RSASigner.from_string(private), {"sub": "me", "iat": now, "exp": now + 60})
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert jwt.decode(token, certs=public)["sub"] == "me"
    try:
        jwt.decode(token[:-4] + b"AAAA", certs=public)
    except ValueError:
        print("as expected")
