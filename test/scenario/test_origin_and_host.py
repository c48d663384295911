"""Which origins and hosts the server accepts."""
import json

import pytest
from websockets.exceptions import InvalidStatus

from client import Socket
from conftest import named
from raw import Wire, request


def refused(server, token, **headers):
    """Returns the status and body with which an upgrade with these headers is rejected."""
    with pytest.raises(InvalidStatus) as failure:
        Socket(server, token=token, headers=headers).close()
    response = failure.value.response
    return response.status_code, json.loads(response.body)


def accepts(server, person, **headers):
    with Socket(server, token=person.token, headers=headers) as socket:
        return socket.wait_for("connection_established")["data"]["user_id"] == person.id


def host_status(server, host, path="/api/messaging/conversations/"):
    with Wire(server) as wire:
        return wire.send(request("GET", path, host=host)).answer().status


@pytest.mark.proves("Origin")
def test_clients_without_an_origin_can_connect(people, server):
    assert accepts(server, people("alice"))


def test_a_page_of_the_server_itself_can_connect(people, server):
    assert accepts(server, people("alice"), Origin=server.url)
    assert accepts(server, people("alice"), Origin=f"http://localhost:{server.port}")


@pytest.mark.parametrize("origin", [
    "https://evil.example", "http://evil.example:8000", "null", "", "nonsense",
    "http://127.0.0.1.evil.example", "http://localhost.evil.example", "http://evil-localhost",
    "http://localhost@evil.example", "file://"])
@pytest.mark.proves("Origin")
def test_a_foreign_origin_is_rejected_before_the_upgrade(people, server, origin):
    status, body = refused(server, people("alice").token, Origin=origin)
    assert (status, body["code"]) == (403, "foreign_origin")


def test_two_origin_headers_are_rejected(people, server):
    alice = people("alice")
    with Wire(server) as wire:
        wire.send(request("GET", "/ws/messaging/", "Connection: Upgrade", "Upgrade: websocket",
                          "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                          f"Authorization: Bearer {alice.token}", "Origin: https://evil.example",
                          f"Origin: {server.url}"))
        assert wire.answer().status == 403


@pytest.mark.parametrize("versions", [("13", "13"), ("13", "8"), ("8", "13")])
def test_two_websocket_version_headers_are_rejected(people, server, versions):
    """RFC 6455 section 11.3.5: a client sends the header once."""
    with Wire(server) as wire:
        wire.send(request("GET", "/ws/messaging/", "Connection: Upgrade", "Upgrade: websocket",
                          *(f"Sec-WebSocket-Version: {version}" for version in versions),
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                          f"Authorization: Bearer {people('alice').token}"))
        assert wire.answer().status == 400


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost@evil.example", "a b", ""])
@pytest.mark.proves("Host")
def test_a_foreign_host_returns_400(people, server, host):
    assert host_status(server, host) == 400
    alice = people("alice")
    with Wire(server) as wire:
        wire.send(request("GET", "/ws/messaging/", "Connection: Upgrade", "Upgrade: websocket",
                          "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                          f"Authorization: Bearer {alice.token}", host=host))
        assert wire.answer().status == 400


def test_a_request_must_have_exactly_one_host(server):
    assert host_status(server, None) == 400
    with Wire(server) as wire:
        wire.send(request("GET", "/", "Host: evil.example"))
        assert wire.answer().status == 400


@pytest.mark.proves("Host")
def test_only_allowed_hosts_are_served_when_they_are_configured(own_server):
    server = own_server(ALLOWED_HOSTS="chat.example.com,localhost")
    alice = named(server, "alice")
    for good in "chat.example.com", "chat.example.com:443", "CHAT.example.com", "localhost":
        assert host_status(server, good) == 401
    for bad in "example.com", "evil-chat.example.com", "chat.example.com.evil.example", "127.0.0.1":
        assert host_status(server, bad) == 400
    here = {"Host": "chat.example.com"}
    with Wire(server) as wire:
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Authorization: Bearer {alice.token}"]
        wire.send(request("GET", "/ws/messaging/", *upgrade, "Origin: https://chat.example.com", host=here["Host"]))
        assert wire.answer().status == 101
    for origin in "https://example.com", "https://evil-chat.example.com", "https://chat.example.com.evil.example":
        with Wire(server) as wire:
            wire.send(request("GET", "/ws/messaging/", *upgrade, f"Origin: {origin}", host=here["Host"]))
            assert wire.answer().status == 403


@pytest.mark.parametrize("change, status", [
    ({"Sec-WebSocket-Version": "12"}, 426),
    ({"Sec-WebSocket-Key": "short"}, 400),
    ({"Sec-WebSocket-Key": None}, 400),
])
@pytest.mark.proves("unknown path, wrong handshake")
def test_an_invalid_handshake_is_rejected(people, server, change, status):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
               "Authorization": f"Bearer {people('alice').token}", **change}
    with Wire(server) as wire:
        wire.send(request("GET", "/ws/messaging/",
                          *(f"{name}: {value}" for name, value in headers.items() if value)))
        answer = wire.answer()
        assert answer.status == status
        if status == 426:
            assert answer.getheader("Sec-WebSocket-Version") == "13"
