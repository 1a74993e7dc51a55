"""A request by its command, with colours"""

import http.server
import json
import subprocess
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [
        sys.executable,
        "-m",
        "httpie",
        "--ignore-stdin",
        f":{server.server_address[1]}/",
        "a=b",
        "n:=3",
    ]
    assert json.loads(subprocess.check_output(command)) == {"a": "b", "n": 3}
    colours = subprocess.check_output([*command, "--pretty=all", "--style=monokai"])
    assert b"\x1b[" in colours
    print("as expected")
