"""Green threads over patched sockets, a pool of native threads, the resolver."""

from gevent import monkey

monkey.patch_all()

import socket
import time

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.threadpool import ThreadPool


def answer(connection, address):
    connection.sendall(connection.recv(100).upper())


def ask(port, text):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(text)
        time.sleep(0.1)
        return connection.recv(100)


def main():
    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    started = time.monotonic()
    answers = Pool(20).map(lambda i: ask(server.server_port, b"n%d" % i), range(20))
    assert answers == [b"N%d" % i for i in range(20)]
    assert time.monotonic() - started < 1.5
    assert ThreadPool(2).apply(lambda: 42) == 42
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    assert gevent.config.loop.__name__ == "loop"
    print("as expected")
