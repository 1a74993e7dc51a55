"""A password hashed and checked"""

import bcrypt


def main():
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(5))
    assert hashed.startswith(b"$2b$05$") and bcrypt.checkpw(b"secret", hashed)
    assert not bcrypt.checkpw(b"other", hashed)
    print("as expected")
