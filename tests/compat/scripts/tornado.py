"""A template, a web socket and two processes that share a port"""

import asyncio

import tornado.httpclient
import tornado.httpserver
import tornado.netutil
import tornado.template
import tornado.web
import tornado.websocket


class Page(tornado.web.RequestHandler):
    def get(self):
        self.write(tornado.template.Template("{% for i in n %}<{{ i }}>{% end %}").generate(n=[1, 2]))


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message.upper())


async def run():
    (listener,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server = tornado.httpserver.HTTPServer(tornado.web.Application([("/", Page), ("/ws", Echo)]))
    server.add_sockets([listener])
    port = listener.getsockname()[1]
    answer = await tornado.httpclient.AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/")
    assert answer.body == b"<1><2>"
    socket = await tornado.websocket.websocket_connect(f"ws://127.0.0.1:{port}/ws")
    await socket.write_message("hi")
    assert await socket.read_message() == "HI"


def main():
    from tornado import speedups

    assert speedups.websocket_mask(b"abcd", b"x") == b"\x19"
    asyncio.run(run())
    print("as expected")
