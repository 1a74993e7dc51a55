"""A request by the vendored libcurl that looks like a browser's."""

import http.server
import json
import threading

from curl_cffi import requests


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer = requests.get(f"http://127.0.0.1:{server.server_address[1]}/", impersonate="chrome")
    assert "Chrome/" in answer.json()["User-Agent"], answer.text
    print("as expected")
