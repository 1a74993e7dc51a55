"""A protocol over loopback, a plug-in found, a process spawned by the reactor."""

import sys

from twisted.internet import defer, endpoints, protocol, reactor, utils
from twisted.plugin import IPlugin, getPlugins
from twisted.protocols.basic import LineReceiver


class Echo(LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line[::-1])


class Ask(LineReceiver):
    def __init__(self):
        self.answer = defer.Deferred()

    def connectionMade(self):
        self.sendLine(b"abc")

    def lineReceived(self, line):
        self.answer.callback(line)


result = []


@defer.inlineCallbacks
def run():
    try:
        port = yield endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
            protocol.Factory.forProtocol(Echo)
        )
        client = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        asking = yield endpoints.connectProtocol(client, Ask())
        result.append((yield asking.answer))
        result.append((yield utils.getProcessOutput(sys.executable, ["-c", "print(6 * 7)"])))
    finally:
        reactor.stop()


def main():
    from twisted.application.service import IServiceMaker

    assert "web" in {maker.tapname for maker in getPlugins(IServiceMaker)} and IPlugin
    reactor.callWhenRunning(run)
    reactor.run()
    assert result == [b"cba", b"42\n"], result
    print("as expected")
