"""`parley doctor` on WebSockets that a proxy or the server cuts, swallows or refuses."""
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

from client import Person
from proxies import WEBSOCKETS, BufferingProxy, Nginx


class TerminatingProxy:
    """Ends the WebSockets of clients, answers their pings itself, and passes messages on over its own WebSockets to a node."""

    def __init__(self, address):
        self.address = address
        self.server = serve(self._handle, "127.0.0.1", 0, ping_interval=None, compression=None)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handle(self, client):
        headers = {"Authorization": client.request.headers["Authorization"]}
        with connect(f"ws://{self.address}{client.request.path}", additional_headers=headers, compression=None, proxy=None) as node:
            threading.Thread(target=self._pump, args=(client, node), daemon=True).start()
            self._pump(node, client)

    def _pump(self, source, sink):
        try:
            for message in source:
                sink.send(message)
        except ConnectionClosed:
            pass
        sink.close()

    def close(self):
        self.server.shutdown()


@pytest.mark.parametrize("refusal, cause", [("return 403;", "HTTP 403"), ("return 444;", "closed")])
def test_a_proxy_that_refuses_websockets(doctor, server, closing, refusal, cause):
    proxy = closing(Nginx(server.address, settings=WEBSOCKETS + f"if ($http_upgrade) {{ {refusal} }}"))
    found = doctor(proxy.url, "--only", "http,token,websocket,idle", expect=["upgrade_refused"])
    assert cause in found["upgrade_refused"]["cause"]
    assert doctor.verdict("idle") == {"skipped"}


def test_a_proxy_that_swallows_the_frames_of_the_server(doctor, server, closing):
    proxy = closing(BufferingProxy(server.port, piece=1 << 30))
    doctor(proxy.url, "--only", "token,websocket,idle", expect=["websocket_silent"])
    assert doctor.verdict("idle") == {"skipped"}


@pytest.mark.parametrize("burst, probe", [(1, "websocket"), (2, "idle")])
def test_a_server_that_closes_the_websockets_of_a_user_who_opened_too_many(doctor, own_server, burst, probe):
    server = own_server("--rate-limits", "on", "--rate-limit-connects-per-second", 1, "--rate-limit-connects-burst", burst)
    with Person(server, "parley-doctor").connect():
        found = doctor(server.url, "--only", "token,websocket,idle", expect=["websocket_closed"])
    assert found["websocket_closed"]["probe"] == probe and "4009" in found["websocket_closed"]["cause"]


def test_a_proxy_that_answers_pings_itself(doctor, own_server, closing):
    server = own_server("--websocket-ping-interval", "1s")
    ends = closing(TerminatingProxy(server.address))
    proxy = closing(Nginx(server.address, settings=WEBSOCKETS + f"location /ws/ {{ proxy_pass http://127.0.0.1:{ends.port}; }}"))
    found = doctor(proxy.url, "--only", "token,websocket,idle", expect=["ping_missing"])
    assert found["ping_missing"]["cause"] == "no ping within 6 s"
