"""A local command with its configuration; a connection refused."""

import fabric
from fabric import Config, Connection


def main():
    connection = Connection("me@127.0.0.1:1", config=Config({"connect_timeout": 5}))
    assert connection.user == "me" and connection.port == 1
    assert connection.local("echo here", hide=True).stdout == "here\n"
    group = fabric.SerialGroup("a", "b:22")
    assert [c.host for c in group] == ["a", "b"]
    try:
        connection.run("true")
    except Exception as error:
        assert "Unable to connect" in str(error), error
        print("as expected")
