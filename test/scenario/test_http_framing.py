"""Malformed requests (RFC 9112, request smuggling) get one 400, and the connection closes."""
import json
import socket

import pytest

from client import NO_ID
from deadline import patient
from raw import Wire, request

HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/messaging/messages/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"

BAD = {
    "content-length and transfer-encoding":
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a space in it": POST + b"Content-Length: 1 2\r\n\r\n{}",
    "an empty length": POST + b"Content-Length: \r\n\r\n{}",
    "a length over 2^64": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "an unsupported coding": POST + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "chunked not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two transfer-encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a folded header": HEAD + b"X-A: 1\r\n 2\r\n\r\n",
    "a first header that is folded": b"GET /livez HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "a space before the colon": HEAD + b"X-A : 1\r\n\r\n",
    "a space in a name": HEAD + b"X A: 1\r\n\r\n",
    "no colon": HEAD + b"X-A\r\n\r\n",
    "an empty name": HEAD + b": 1\r\n\r\n",
    "NUL in a value": HEAD + b"X-A: a\0b\r\n\r\n",
    "a control in a value": HEAD + b"X-A: a\x01b\r\n\r\n",
    "DEL in a value": HEAD + b"X-A: a\x7fb\r\n\r\n",
    "a bare CR in a value": HEAD + b"X-A: a\rb\r\n\r\n",
    "bare LF as line end": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "bare LF in the section": HEAD + b"X-A: 1\nX-B: 2\r\n\r\n",
    "two Hosts": HEAD + b"Host: evil.example\r\n\r\n",
    "two equal Hosts": HEAD + b"Host: localhost\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "absolute form with another Host": b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the target": b"GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tab after the method": b"GET\t/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another protocol": b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "an invalid version": b"GET /livez HTTP/1.1x\r\nHost: localhost\r\n\r\n",
    "lower case http": b"GET /livez http/1.1\r\nHost: localhost\r\n\r\n",
    "a chunk size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a signed chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a space before": POST + b"Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n",
    "a chunk size over 2^64": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "an empty chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n",
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "a trailing space after a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
    "a trailer without a colon": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A\r\n\r\n",
    "a folded trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\r\n 2\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /livez HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0, kept alive":
        b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "absolute form with user info": b"GET http://a@localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute form of another port": b"GET http://localhost:1/livez HTTP/1.1\r\nHost: localhost:2\r\n\r\n",
    "absolute form without a host": b"GET http:///livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another scheme": b"GET ftp://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a bare LF after a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
}


def answers(server, request):
    """Returns everything that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), patient(15)) as connection:
        connection.sendall(request)
        got = b""
        while part := connection.recv(65536):
            got += part
    return got


@pytest.mark.parametrize("name", BAD)
@pytest.mark.proves("RFC 9112 framing, strict")
def test_a_malformed_request_gets_one_400_and_closes_the_connection(server, name):
    got = answers(server, BAD[name] + SMUGGLED)
    status = got.split(b" ", 2)[1] if got else b"closed"
    assert status in (b"400", b"501", b"505"), got[:300]
    assert got.count(b"HTTP/1.1 ") == 1, got
    assert b"onnection: close" in got


@pytest.mark.parametrize("request_text", [
    HEAD + b"\r\n", b"\r\n" + HEAD + b"\r\n", HEAD + b"\r\n\r\n\r\n",
    b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET HTTP://LOCALHOST:8000/livez/?a=b HTTP/1.1\r\nHost: localhost:8000\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nhOST:localhost\r\n\r\n",
    HEAD + b"X-A:\r\n\r\n", HEAD + b"X-A: \t a b \r\n\r\n", HEAD + b"X-A: caf\xc3\xa9\r\n\r\n",
    HEAD + b"Content-Length: 2\r\n\r\n{}",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
    HEAD + b"Transfer-Encoding: Chunked\r\n\r\n002\r\n{}\r\n0\r\n\r\n"])
def test_unusual_but_valid_requests_keep_the_connection_open(server, request_text):
    got = answers(server, request_text + HEAD + b"Connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 ") == 2, got


# --- requests are authorized before their bodies are read ---------------------------------------------------------

JSON = "Content-Type: application/json"


def test_a_request_without_a_token_is_rejected_before_its_body(server):
    for lines in ["Content-Length: 1000000"], ["Content-Length: 1000000", "Expect: 100-continue"], ["Expect: 100-continue", "Content-Length: 2"]:
        with Wire(server) as wire:
            answer = wire.send(request("POST", "/api/messaging/messages/", JSON, *lines)).answer()
            assert answer.status == 401, "the body was not sent"
            assert wire.at_end()


def test_a_large_body_without_a_token_is_not_buffered(own_server):
    server = own_server()
    wires = [Wire(server) for _ in range(64)]
    before = server.memory()
    for wire in wires:
        wire.send(request("POST", "/api/messaging/messages/", JSON, "Transfer-Encoding: chunked", body=b"ffff\r\n" + b"x" * 60000))
    server.metric("parley_connections")
    assert server.memory() - before < 3 << 20
    for wire in wires:
        wire.send(b"x" * 5535 + b"\r\n8000\r\n" + b"x" * 20000)
        assert wire.answer().status == 401
        assert wire.at_end()
        wire.__exit__()


def test_the_connection_stays_open_after_an_error_with_a_small_body(server):
    with Wire(server) as wire:
        for body, lines in ((b"{}", ["Content-Length: 2"]), (b"2\r\n{}\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"])):
            wire.send(request("POST", "/api/messaging/messages/", JSON, *lines, body=body))
            assert wire.answer().status == 401
            assert wire.send(request("GET", "/livez")).answer().status == 200


def test_100_continue_is_sent_only_if_the_request_can_be_accepted(people, server):
    alice = people("alice")
    talk = alice.rest.create_group()
    bearer = f"Authorization: Bearer {alice.token}"
    for status, path, lines in ((404, "/api/messaging/nothing/", [bearer, JSON]), (405, "/api/messaging/unread_count/../", [JSON]),
                                (415, "/api/messaging/messages/", [bearer, JSON, "Content-Encoding: gzip"]),
                                (413, "/api/messaging/messages/", [bearer, JSON, "Content-Length: 2000000"])):
        with Wire(server) as wire:
            size = [] if any(line.startswith("Content-Length") for line in lines) else ["Content-Length: 2"]
            answer = wire.send(request("POST", path, *lines, *size, "Expect: 100-continue")).answer()
            assert answer.status == status or status == 405 and answer.status == 404
            assert wire.at_end()
    body = json.dumps({"conversation_id": talk["id"], "content": "hello"}).encode()
    with Wire(server) as wire:
        wire.send(request("POST", "/api/messaging/messages/", bearer, JSON, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert wire.stream.readline() == b"HTTP/1.1 100 Continue\r\n" and wire.stream.readline() == b"\r\n"
        assert wire.send(body).answer().status == 201
        assert wire.send(request("GET", "/livez")).answer().status == 200


def test_a_content_encoding_returns_415_with_accept_encoding(people, server):
    alice = people("alice")
    for coding in "gzip", "br", "identity, gzip", "deflate":
        answer = alice.rest.post("messages/", content=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": coding})
        assert answer.status_code == 415 and answer.headers["accept-encoding"] == "identity" and "identity" in answer.json()["detail"]
    for coding in "identity", "Identity", "identity, identity":
        answer = alice.rest.post("messages/", content=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": coding})
        assert answer.status_code == 400
    assert alice.rest.get("conversations/", headers={"Content-Encoding": "gzip"}).status_code == 200, "the request has no body"


# --- trailers -----------------------------------------------------------------------------------------------------

def test_trailer_fields_are_not_used_as_headers(people, server):
    alice = people("alice")
    chunked = "Transfer-Encoding: chunked"
    body = b"0\r\nAuthorization: Bearer " + alice.token.encode() + b"\r\nContent-Type: application/json\r\n\r\n"
    with Wire(server) as wire:
        wire.send(request("GET", "/api/messaging/conversations/", chunked, body=body))
        assert wire.answer().status == 401
    talk = alice.rest.create_group()
    text = json.dumps({"conversation_id": talk["id"], "content": "hello"}).encode()
    body = b"%x\r\n%s\r\n0\r\nX-On-Behalf-Of: bob\r\nIdempotency-Key: k\r\nContent-Length: 3\r\n\r\n" % (len(text), text)
    with Wire(server) as wire:
        wire.send(request("POST", "/api/messaging/messages/", f"Authorization: Bearer {alice.token}", JSON, chunked, body=body))
        answer = wire.answer()
        assert answer.status == 201, "an X-On-Behalf-Of header would return 403"
        assert json.loads(answer.body)["client_id"] is None
        assert wire.send(request("GET", "/livez")).answer().status == 200


# --- lines without a line end -------------------------------------------------------------------------------------

ENDLESS = {"a chunk extension": b"1;" + b"a" * 65534, "zeros of a chunk size": b"0" * 65536,
           "a trailer field": b"0\r\nX-A: " + b"a" * 65536, "trailer fields": b"0\r\n" + b"X-A: 1\r\n" * 8192}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("path", ["/livez", "/api/messaging/attachments/"])
def test_an_endless_line_in_a_chunked_body_is_rejected_at_once(people, server, name, path):
    alice = people("alice")
    with Wire(server) as wire:
        wire.send(request("POST" if "api" in path else "GET", path, f"Authorization: Bearer {alice.token}",
                          "Content-Type: multipart/form-data; boundary=x", "Transfer-Encoding: chunked"))
        sent, piece = 0, ENDLESS[name]
        try:
            while sent < 8 << 20:
                wire.send(piece)
                sent += len(piece)
                piece = piece[-65536:]
        except OSError:
            pass
        assert sent < 8 << 20, "the server does not read the whole line"
        try:
            assert wire.answer().status == 400
        except ConnectionResetError:
            pass  # closed with unread bytes
        assert wire.at_end()


# --- paths --------------------------------------------------------------------------------------------------------

def test_an_encoded_slash_is_not_a_path_separator(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    assert alice.rest.get(f"conversations/{talk['id']}/messages/").status_code == 200
    assert alice.rest.get(f"conversations/{talk['id']}%2Fmessages/").status_code == 400, "one segment, which is not an id"
    assert alice.rest.get(f"conversations%2F{talk['id']}/").status_code == 404
    assert alice.rest.get(f"c%6Fnversations/{talk['id']}/").status_code == 200, "other encoded characters are decoded"
    task = f"a/b{bob.id}"
    made = alice.rest.post("conversations/task/", json={"task_id": task, "requester_id": alice.id, "performer_id": bob.id})
    assert made.status_code == 201
    assert alice.rest.post(f"conversations/task/a%2Fb{bob.id}/status/", json={"status": "done"}).status_code == 201
    assert alice.rest.post(f"conversations/task/a/b{bob.id}/status/", json={"status": "done"}).status_code == 404
    with Wire(server) as wire:  # one segment that is not a UUID: the socket opens, then closes with 4002
        wire.send(request("GET", f"/ws/messaging/conversations/{NO_ID}%2F/", "Connection: Upgrade", "Upgrade: websocket",
                          "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Authorization: Bearer {alice.token}"))
        assert wire.answer().status == 101
