"""Its loop: a server, a child process, a file of the executable served by a thread."""

import asyncio
import sys

import uvloop


async def answer(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def run():
    assert type(asyncio.get_running_loop()) is uvloop.Loop
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    assert await reader.read() == b"HELLO\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; print(sys.stdin.read() * 2)",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert (await process.communicate(b"ab"))[0] == b"abab\n"
    source = await asyncio.to_thread(open, uvloop.__file__)
    assert "uvloop" in source.read()
    shell = await asyncio.create_subprocess_shell("exit 5")
    assert await shell.wait() == 5


def main():
    uvloop.run(run())
    print("as expected")
