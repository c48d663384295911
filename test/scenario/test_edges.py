"""What arrives at the edge of the server: handshakes, origins, proxies' headers, and headers of every response."""
import glob
import re

import httpx
import pytest

from client import Person
from conftest import named
from deadline import eventually
from raw import Wire, request
from server import ROOT, Server

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}


def handshake(server, token, change=None, method="GET", version="HTTP/1.1", body=b""):
    """Sends a handshake with changed headers (None removes one); returns the response."""
    headers = {**UPGRADE, "Authorization": f"Bearer {token}", **(change or {})}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    with Wire(server) as wire:
        text = request(method, "/ws/messaging/", *lines, body=body).replace(b"HTTP/1.1", version.encode(), 1)
        return wire.send(text).answer()


# --- the handshake (RFC 6455 section 4) ---------------------------------------------------------------

@pytest.mark.parametrize("change", [
    {"Upgrade": "WebSocket"}, {"Upgrade": "WEBSOCKET"}, {"Upgrade": "h2c, websocket"}, {"Connection": "upgrade"},
    {"Connection": "keep-alive, Upgrade"}, {"Connection": "KEEP-ALIVE,UPGRADE"}], ids=str)
def test_tokens_of_a_handshake_are_read_in_any_case_and_in_lists(people, server, change):
    assert handshake(server, people("alice").token, change).status == 101


@pytest.mark.parametrize("change,status", [
    ({"Sec-WebSocket-Version": None}, 426), ({"Sec-WebSocket-Version": "0"}, 426), ({"Sec-WebSocket-Version": "8"}, 426),
    ({"Sec-WebSocket-Version": "14"}, 426), ({"Sec-WebSocket-Version": "130"}, 426), ({"Sec-WebSocket-Version": "13, 8"}, 426),
    ({"Sec-WebSocket-Version": "013"}, 426), ({"Sec-WebSocket-Version": ""}, 426),
    ({"Upgrade": None}, 426), ({"Upgrade": "h2c"}, 426), ({"Upgrade": "websockets"}, 426), ({"Connection": "close"}, 426),
    ({"Connection": None}, 426),
    ({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA"}, 400), ({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAAAA"}, 400),
    ({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAA"}, 400), ({"Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!=="}, 400),
    ({"Sec-WebSocket-Key": ""}, 400)], ids=str)
@pytest.mark.proves("unknown path, wrong handshake")
def test_a_handshake_with_a_wrong_header_is_rejected(people, server, change, status):
    answer = handshake(server, people("alice").token, change)
    assert answer.status == status
    if status == 426:
        assert answer.getheader("Sec-WebSocket-Version") == "13" and answer.getheader("Upgrade") == "websocket"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_handshake_must_use_get(people, server, method):
    answer = handshake(server, people("alice").token, {"Content-Length": "0"} if method != "OPTIONS" else None, method=method)
    assert answer.status == 405 and answer.getheader("Allow") == "GET"


def test_a_handshake_in_http_1_0_is_rejected(people, server):
    assert handshake(server, people("alice").token, version="HTTP/1.0").status == 426


@pytest.mark.parametrize("change,body", [({"Content-Length": "5"}, b"hello"), ({"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n")], ids=["length", "chunked"])
def test_a_handshake_with_a_body_is_rejected(people, server, change, body):
    assert handshake(server, people("alice").token, change, body=body).status == 400


def test_a_subprotocol_is_selected_only_if_it_was_offered(people, server):
    alice = people("alice")
    assert handshake(server, alice.token).getheader("Sec-WebSocket-Protocol") is None
    assert handshake(server, alice.token, {"Sec-WebSocket-Protocol": "chat, graphql-ws"}).getheader("Sec-WebSocket-Protocol") is None
    answer = handshake(server, None, {"Authorization": None, "Sec-WebSocket-Protocol": f"bearer, {alice.token}"})
    assert (answer.status, answer.getheader("Sec-WebSocket-Protocol")) == (101, "bearer"), "the token is never returned"


@pytest.mark.parametrize("deflate", ["off", "on"])
def test_an_extension_is_selected_only_if_it_was_offered(own_server, deflate):
    server = own_server("--websocket-per-message-deflate", deflate)
    token = Person(server, "alice").token
    assert handshake(server, token).getheader("Sec-WebSocket-Extensions") is None
    assert handshake(server, token, {"Sec-WebSocket-Extensions": "x-webkit-deflate-frame, mux"}).getheader("Sec-WebSocket-Extensions") is None
    chosen = handshake(server, token, {"Sec-WebSocket-Extensions": "permessage-deflate"}).getheader("Sec-WebSocket-Extensions")
    assert (chosen or "").startswith("permessage-deflate") == (deflate == "on")


# --- Origin -------------------------------------------------------------------------------------------

ORIGINS = [
    ("https://chat.example.com", 101), ("http://chat.example.com", 101), ("https://chat.example.com:8443", 101), ("HTTPS://CHAT.EXAMPLE.COM", 101),
    ("https://app.example.org:8443", 101), ("https://app.example.org", 403), ("http://app.example.org:8443", 403),
    ("https://sub.example.net", 101), ("https://example.net", 101), ("https://evilexample.net", 403), ("https://example.net.evil.example", 403),
    ("https://evil-chat.example.com", 403), ("https://chat.example.com.evil.example", 403), ("https://evil.example/chat.example.com", 403),
    ("https://chat.example.com@evil.example", 403), ("https://evil.example@chat.example.com", 403), ("https://user:x@chat.example.com", 403),
    ("https://chat.example.com/", 403), ("https://chat.example.com?x", 403), ("https://chat.example.com#x", 403), ("https://chat.example.com:", 101),
    ("https://chat.example.com:99999999", 403), ("https://chat.example.com:80x", 403), ("https://chat.example.com\\.evil.example", 403),
    ("https://chat.example.com%2eevil.example", 403), ("https://xn--ht-zka.example.com", 403), ("https://ch\u0430t.example.com", 403),
    ("https://chat.example.com\u3002evil.example", 403), ("//chat.example.com", 403), ("chat.example.com", 403), ("null", 403), ("NULL", 403),
    ("file://", 403), ("file://chat.example.com", 403), ("https://", 403), ("https:///chat.example.com", 403), ("javascript://chat.example.com", 101),
    ("https://[::1]", 403), ("https://[::1", 403), ("https://chat.example.com https://evil.example", 403),
    ("https://chat.example.com, https://evil.example", 403)]


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("production"), "--allow-plain-http", "on", "--drain-delay", "0", DJANGO_ENV="production",
                    ALLOWED_HOSTS="chat.example.com,https://app.example.org:8443,.example.net")
    server.start(ready=False)
    eventually(server.ready, within=20, describe=lambda: server.log)
    yield server
    server.close()


@pytest.mark.parametrize("origin,status", ORIGINS, ids=lambda value: ascii(value).strip("'"))
@pytest.mark.proves("Origin")
def test_only_origins_of_allowed_hosts_can_open_sockets(production, origin, status):
    """The Host is another allowed one, so that no origin passes as the server's own."""
    token = Person(production, "alice").token
    headers = {**UPGRADE, "Authorization": f"Bearer {token}", "Origin": origin}
    with Wire(production) as wire:
        lines = "\r\n".join(f"{name}: {value}" for name, value in headers.items())
        wire.send(f"GET /ws/messaging/ HTTP/1.1\r\nHost: other.example.net\r\n{lines}\r\n\r\n".encode())
        answer = wire.answer()
        assert answer.status in ((400, 403) if status == 403 else (101,)), answer.status


def test_a_cookie_never_authenticates(production):
    """A page of another site makes the browser send cookies: nothing accepts them, whatever the Origin."""
    token = Person(production, "alice").token
    for name in "sessionid", "token", "access_token", "jwt", "Authorization":
        cookie = {"Cookie": f"{name}={token}; messaging={token}"}
        answer = httpx.get(f"{production.url}/api/messaging/conversations/", headers={**cookie, "Host": "chat.example.com"})
        assert answer.status_code == 401 and answer.json()["code"] == "not_authenticated"


# --- responses ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("path,status", [("/livez", 200), ("/nowhere", 404), ("/api/messaging/conversations/", 401), ("/api/messaging/conversations/x/", 401),
                                         ("/metrics", 404), ("/dev/", 404), ("/test/echo", 404), ("/%2e%2e/etc/passwd", 404), ("/debug", 404)])
def test_responses_in_production_reveal_nothing_about_the_server(production, path, status):
    answer = httpx.get(production.url + path, headers={"Host": "chat.example.com"})
    assert answer.status_code in (status, 401 if path == "/metrics" else status)
    assert "server" not in answer.headers and "x-powered-by" not in answer.headers
    top = ROOT.split("/")[1]  # of the folder in which the binary was built
    assert not re.search(rf"parley/|\.cc\b|0x[0-9a-f]{{8}}|std::|SELECT|sqlite|/{re.escape(top)}/|/home/", answer.text, re.IGNORECASE), answer.text
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_regular_expression_library_matches_input():
    """std::regex takes exponential time and overflows the stack on hostile input."""
    sources = [name for name in glob.glob(f"{ROOT}/src/**/*.*", recursive=True) if name.endswith((".cc", ".h")) and not name.endswith("_test.cc")]
    assert len(sources) > 200
    for name in sources:
        with open(name) as file:
            assert not re.search(r"#include <(regex|boost/regex|re2|pcre)|\bregcomp\(", file.read()), name


# --- resources ----------------------------------------------------------------------------------------

NESTED = {"arrays": "[" * 200_000 + "]" * 200_000, "objects": '{"a":' * 100_000 + "1" + "}" * 100_000, "unclosed": "[" * 500_000}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
@pytest.mark.proves("depth 32")
def test_deeply_nested_json_is_rejected_on_both_transports(people, server, nested):
    alice = people("alice")
    body = '{"type":"group","participants":[],"metadata":%s}' % nested
    answer = alice.rest.post("conversations/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["code"] == "bad_json"
    with alice.connect() as socket:
        socket.send_text('{"type":"ping","x":%s}' % ("[" * 50_000 + "]" * 50_000))
        assert socket.wait_for("error")["data"]["code"] == "bad_json"
        assert socket.ask("ping")["type"] == "pong"


def test_a_body_of_very_many_keys_is_answered_like_any_other(people):
    alice = people("alice")
    keys = ",".join(f'"k{number}":1' for number in range(70_000))
    body = '{"type":"group","participants":[],%s}' % keys
    assert 700_000 < len(body) < 1 << 20
    answer = alice.rest.post("conversations/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, "unknown fields are ignored"
    repeated = body[:-1] + ',"k69999":2}'
    answer = alice.rest.post("conversations/", content=repeated, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and "k69999" in answer.json()["detail"]


# --- the client's address -----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("proxied"), "--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8,2001:db8:1::/48").start()
    yield server
    server.close()


@pytest.mark.parametrize("headers,client", [
    (["198.51.100.7"], "198.51.100.7"),
    (["1.1.1.1, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),
    (["1.1.1.1", "198.51.100.7", "10.2.3.4"], "198.51.100.7"),
    (["1.1.1.1,,198.51.100.7,  10.2.3.4"], "198.51.100.7"),
    (["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
    (["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
    (["198.51.100.7:4711"], "198.51.100.7"),
    (["2001:DB8:2::7"], "2001:db8:2::7"),
    (["[2001:db8:2::7]:4711, [2001:db8:1::1]:80"], "2001:db8:2::7"),
    (["::ffff:198.51.100.7, ::ffff:10.2.3.4"], "198.51.100.7"),
    (["1.1.1.1, unknown"], "127.0.0.1"),
    (["1.1.1.1, _hidden, 10.2.3.4"], "10.2.3.4"),
    (["198.51.100.7, unknown, 10.2.3.4"], "10.2.3.4"),
    (["<script>, 198.51.100.7 x"], "127.0.0.1"),
    (["198.51.100.256"], "127.0.0.1"), (["0x7f.1"], "127.0.0.1"), (["::1%lo"], "127.0.0.1"),
    ([""], "127.0.0.1"), ([], "127.0.0.1"),
    (["1.1.1.1, " * 500 + "198.51.100.7"], "198.51.100.7"),
    (["10.0.0.1"] * 90 + ["198.51.100.7", "10.2.3.4"], "198.51.100.7"),
], ids=range(21))
@pytest.mark.proves("--proxy-headers, --forwarded-allow-ips")
def test_the_client_address_is_the_rightmost_untrusted_one(proxied, headers, client):
    path = f"/seen-{abs(hash((tuple(headers), client)))}"
    with Wire(proxied) as wire:
        wire.send(request("GET", path, *(f"X-Forwarded-For: {value}" for value in headers), "X-Real-IP: 203.0.113.1",
                          "Forwarded: for=203.0.113.2", "X-Client-IP: 203.0.113.3"))
        assert wire.answer().status == 404

    def line():
        return next((line for line in proxied.log.splitlines() if f"path={path} " in line or line.endswith(path)), None)
    assert f"client={client} " in eventually(line) + " "


def test_headers_of_an_untrusted_peer_are_ignored(own_server):
    server = own_server("--forwarded-allow-ips", "10.0.0.1")
    named(server, "alice").rest.get("conversations/", headers={"X-Forwarded-For": "198.51.100.7"})
    line = eventually(lambda: next((line for line in server.log.splitlines() if "path=/api/messaging/conversations/" in line), None))
    assert "client=127.0.0.1" in line
