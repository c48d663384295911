"""Nodes on this machine, with a relay on each of their connections."""
from relay import Relay
from server import Server


class Loopback:
    """Where nodes are as a rule: on this machine, each behind wires of its own (network.py has another place)."""

    database_settings = redis_settings = ()

    def place(self, number):
        return self

    def admit(self, database):
        pass

    def link(self, port):
        """The way to a server of that port."""
        return Relay(port)

    def door(self, server):
        """The clients' way to a node."""
        return Relay(server.port)

    def serve(self, directory, *options, **variables):
        return Server(directory, *options, **variables)

    def close(self):
        pass
