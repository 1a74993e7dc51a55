"""Resources made of its data files; an S3 client against a local server."""

import http.server
import threading

import boto3


class Handler(http.server.BaseHTTPRequestHandler):
    stored = {}

    def do_PUT(self):
        size = int(self.headers["Content-Length"])
        self.stored[self.path] = self.rfile.read(size)
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        body = b"stored"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    session = boto3.Session("AKID", "secret", region_name="us-east-1")
    s3 = session.resource("s3", endpoint_url=f"http://127.0.0.1:{server.server_address[1]}")
    s3.Object("bucket", "key").put(Body=b"hello")
    assert any(b"hello" in body for body in Handler.stored.values()), Handler.stored
    assert s3.Object("bucket", "key").get()["Body"].read() == b"stored"
    assert "sqs" in session.get_available_resources()
    print("as expected")
