"""A service announced and found on the loopback interface"""

import socket

from zeroconf import ServiceInfo, Zeroconf


def main():
    with Zeroconf(interfaces=["127.0.0.1"]) as announcer, Zeroconf(interfaces=["127.0.0.1"]) as asker:
        kind = "_check._tcp.local."
        info = ServiceInfo(
            kind, f"me.{kind}", addresses=[socket.inet_aton("127.0.0.1")], port=1234, properties={"a": "b"}
        )
        announcer.register_service(info)
        found = asker.get_service_info(kind, f"me.{kind}", timeout=10000)
        assert found is not None and found.port == 1234 and found.properties == {b"a": b"b"}
    print("as expected")
