"""Runs nodes on this machine, with a relay on each of their connections."""
from relay import Relay
from server import Server


class Loopback:
    """The default network: nodes run on this machine, each behind its own relays (network.py is the other one)."""

    database_settings = redis_settings = ()

    def place(self, number):
        return self

    def allow_connections(self, database):
        pass

    def link(self, port):
        """Returns the link from a node to a server on that port."""
        return Relay(port)

    def client_link(self, server):
        """Returns the link from clients to a node."""
        return Relay(server.port)

    def serve(self, directory, *options, **variables):
        return Server(directory, *options, **variables)

    def close(self):
        pass
