"""A server and a client: JSON, a web socket, a file sent."""

import asyncio
from pathlib import Path

import aiohttp
from aiohttp import web


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket


async def double(request):
    return web.json_response({"twice": 2 * (await request.json())["n"]})


async def run():
    app = web.Application()
    app.add_routes([web.get("/ws", echo), web.post("/double", double), web.static("/files", Path.cwd())])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/double", json={"n": 21}) as answer:
            assert await answer.json() == {"twice": 42}
        async with session.ws_connect(f"{url}/ws") as socket:
            await socket.send_str("hello")
            assert await socket.receive_str() == "HELLO"
        async with session.get(f"{url}/files/data.bin") as answer:
            assert await answer.read() == b"x" * 300000
    await runner.cleanup()


def main():
    from aiohttp._http_parser import HttpRequestParser

    Path("data.bin").write_bytes(b"x" * 300000)
    asyncio.run(run())
    assert aiohttp.http_parser.HttpRequestParser is HttpRequestParser, "the compiled parser was to be used"
    print("as expected")
