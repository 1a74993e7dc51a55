"""A client against a local server that speaks the protocol."""

import socketserver
import threading

import redis


class Server(socketserver.StreamRequestHandler):
    kept = {}

    def handle(self):
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            self.wfile.write(self.answer(*words))

    def answer(self, command, *words):
        if command == b"SET":
            self.kept[words[0]] = words[1]
            return b"+OK\r\n"
        if command == b"GET":
            value = self.kept.get(words[0])
            return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        if command == b"HELLO":
            return b"-ERR unknown command\r\n" if words and words[0] != b"2" else b"*0\r\n"
        return b"+OK\r\n"


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main():
    server = Threads(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = redis.Redis(port=server.server_address[1], protocol=2, decode_responses=True)
    assert client.set("name", "ann") and client.get("name") == "ann" and client.get("none") is None
    try:
        redis.Redis(port=1).ping()
    except redis.ConnectionError:
        print("as expected")
