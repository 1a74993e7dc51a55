"""A bucket of a local server, through namespace packages of several distributions"""

import http.server
import json
import threading

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = "/o/" in self.path
        body = b"content" if found else json.dumps({"error": {"message": "no bucket", "code": 404}}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/octet-stream" if found else "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = {"api_endpoint": f"http://127.0.0.1:{server.server_address[1]}"}
    client = storage.Client("project", AnonymousCredentials(), client_options=options)
    assert client.bucket("b").blob("name").download_as_bytes(checksum=None) == b"content"
    try:
        client.get_bucket("b")
    except exceptions.NotFound as error:
        assert "no bucket" in str(error)
        print("as expected")
