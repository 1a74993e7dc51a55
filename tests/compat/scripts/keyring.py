"""Backends found by their entry points; one of a user's own keeps a password."""

import keyring
from keyring.backend import KeyringBackend, get_all_keyring


class Memory(KeyringBackend):
    priority = 10
    kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


def main():
    names = {f"{type(backend).__module__}.{type(backend).__name__}" for backend in get_all_keyring()}
    assert "keyring.backends.chainer.ChainerBackend" in names, names
    assert "keyring.backends.fail.Keyring" in names, names
    from importlib.metadata import entry_points

    assert {e.name for e in entry_points(group="keyring.backends")} >= {"SecretService", "KWallet"}
    keyring.set_keyring(Memory())
    keyring.set_password("service", "me", "secret")
    assert keyring.get_password("service", "me") == "secret"
    assert keyring.get_credential("service", "me").password == "secret"
    print("as expected")
