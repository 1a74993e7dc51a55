"""A server and a client, compressed"""

import asyncio

from websockets import speedups
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def answer(connection):
    async for message in connection:
        await connection.send(message[::-1])


async def run():
    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}") as client:
            await client.send("abc" * 10000)
            assert await client.recv() == "cba" * 10000


def main():
    assert speedups.apply_mask(b"\0\0\0\0", b"abcd") == b"abcd"
    asyncio.run(run())
    print("as expected")
