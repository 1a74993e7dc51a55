"""Messages between sockets, threads and a coroutine, by the vendored libzmq."""

import asyncio
import threading

import zmq
import zmq.asyncio


def answer(context, address):
    with context.socket(zmq.REP) as socket:
        socket.bind(address)
        socket.send(socket.recv()[::-1])


async def push_and_pull():
    with zmq.asyncio.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        push.connect(f"tcp://127.0.0.1:{port}")
        await push.send_json({"a": 1})
        assert await pull.recv_json() == {"a": 1}


def main():
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        threading.Thread(target=answer, args=(context, "inproc://a"), daemon=True).start()
        socket.connect("inproc://a")
        socket.send(b"abc")
        assert socket.recv() == b"cba"
    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public
    asyncio.run(push_and_pull())
    print("as expected")
