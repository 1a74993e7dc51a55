"""Messages of a type described at run time, as bytes, text and JSON, by the C implementation."""

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format
from google.protobuf.internal import api_implementation
from google.protobuf.struct_pb2 import Struct


def main():
    assert api_implementation.Type() == "upb"
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", package="a", syntax="proto3")
    message = file.message_type.add(name="Point")
    message.field.add(name="x", number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_INT32, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    Point = message_factory.GetMessageClass(pool.FindMessageTypeByName("a.Point"))
    assert Point(x=150).SerializeToString() == b"\x08\x96\x01"
    assert Point.FromString(b"\x08\x96\x01").x == 150
    assert text_format.MessageToString(Point(x=3)) == "x: 3\n"
    struct = Struct()
    struct.update({"a": [1, {"b": None}]})
    assert json_format.MessageToDict(struct) == {"a": [1.0, {"b": None}]}
    print("as expected")
