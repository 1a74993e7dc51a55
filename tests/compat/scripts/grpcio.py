"""A service called over loopback, with code made from a .proto file by the packed compiler."""

import sys
from concurrent import futures
from importlib import resources
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = """
syntax = "proto3";
import "google/protobuf/timestamp.proto";
service Greeter { rpc Greet (Question) returns (Answer); }
message Question { string name = 1; google.protobuf.Timestamp at = 2; }
message Answer { string text = 1; }
"""


def main():
    Path("greeter.proto").write_text(PROTO)
    known = str(resources.files("grpc_tools") / "_proto")
    assert (
        protoc.main(["", "-I.", f"-I{known}", "--python_out=.", "--grpc_python_out=.", "greeter.proto"]) == 0
    )
    sys.path.insert(0, str(Path.cwd()))
    import greeter_pb2
    import greeter_pb2_grpc

    class Greeter(greeter_pb2_grpc.GreeterServicer):
        def Greet(self, request, context):
            if not request.name:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "nameless")
            return greeter_pb2.Answer(text=f"hello {request.name}")

    server = grpc.server(futures.ThreadPoolExecutor(2))
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = greeter_pb2_grpc.GreeterStub(channel)
        assert stub.Greet(greeter_pb2.Question(name="you"), timeout=20).text == "hello you"
        try:
            stub.Greet(greeter_pb2.Question(), timeout=20)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    server.stop(0).wait()
    print("as expected")
