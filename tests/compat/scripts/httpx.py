"""HTTP/1.1 and HTTP/2 requests, synchronous and not, against local servers."""

import asyncio
import http.server
import threading

import h2.connection
import h2.events
import httpx


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.path == "/old" else 200)
        self.send_header("Location", "/new")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"new")

    def log_message(self, *_):
        pass


async def speak_h2(reader, writer):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    while True:
        writer.write(connection.data_to_send())
        data = await reader.read(65536)
        if not data:
            return
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                connection.send_headers(event.stream_id, [(":status", "200")])
                connection.send_data(event.stream_id, b"two", end_stream=True)


async def asynchronous():
    server = await asyncio.start_server(speak_h2, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/")
        assert (answer.http_version, answer.text) == ("HTTP/2", "two")
    server.close()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer = httpx.get(f"http://127.0.0.1:{server.server_address[1]}/old", follow_redirects=True)
    assert answer.text == "new" and [r.status_code for r in answer.history] == [302]
    asyncio.run(asynchronous())
    print("as expected")
