"""Hostile clients: injection into headers and logs, and slow or flooding connections."""
import json
import socket
import struct
import threading
import time

import httpx
import pytest

from client import NO_ID, Person
from deadline import eventually, patient, throughout
from raw import Wire, WireSocket, request
from tokens import mint

CONT, TEXT, PING, PONG = 0, 1, 9, 10


# --- H2: injection into headers and logs --------------------------------------------------------------------------

BROKEN = "x%0d%0aInjected:%20yes%0d%0a%0d%0a<html>"


@pytest.mark.proves("hostile clients")
def test_client_input_is_never_sent_as_a_header(people):
    alice = people("alice")
    base = str(alice.rest.base_url).replace("/api/messaging/", "")
    for path in (f"/{BROKEN}", f"/api/messaging/{BROKEN}/", f"/api/messaging/conversations/?limit=1&cursor={BROKEN}",
                 f"/api/messaging/conversations/{BROKEN}/messages/?before_id={BROKEN}", f"/ws/{BROKEN}/"):
        answer = alice.rest.get(base + path)
        assert "injected" not in answer.headers, path
        assert answer.headers["referrer-policy"] == "no-referrer" and answer.status_code in (400, 404, 426), path
    title = "a\r\nInjected: yes"
    made = alice.rest.post("conversations/", json={"type": "group", "participants": [], "title": title})
    assert made.status_code == 201 and "injected" not in made.headers
    assert made.json()["title"] == title, "JSON carries it as text"
    for header in "Idempotency-Key", "X-Request-ID", "X-On-Behalf-Of", "Origin":
        answer = alice.rest.post("messages/", json={"conversation_id": NO_ID, "content": "x"}, headers={header: "a\tInjected: yes"})
        assert "injected" not in answer.headers and answer.status_code in (400, 403)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.proves("hostile clients")
def test_a_log_record_is_one_line_whatever_a_client_sends(own_server, form):
    server = own_server("--log-format", form, "--access-log", "--log-level", "trace")
    token = mint("alice")
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        for text in "a%0ainjected", "a%0d%0ainjected", "%1b[31mred%1b[0m", "%00", "%c2%9b31m", '"quoted', "%e2%80%a8line", "%07":
            client.get(f"/api/messaging/conversations/{text}/messages/")
        client.post("/api/messaging/conversations/", json={"type": "group", "participants": ["\x1b[31m", "a\nb"], "title": "\x1b]0;x\x07"})
    server.stop()
    assert not any(ord(letter) < 32 and letter != "\n" or letter == "\x7f" or 0x80 <= ord(letter) < 0xA0 for letter in server.log)
    lines = server.log.splitlines()
    assert not any(line.startswith("injected") for line in lines)
    if form == "json":
        logged = [json.loads(line) for line in lines if line.startswith("{")]
        assert len(logged) > 5


# --- H3: tokens in logs -------------------------------------------------------------------------------------------

@pytest.mark.proves("hostile clients")
def test_tokens_and_keys_are_never_logged(own_server):
    server = own_server("--log-level", "trace", "--access-log", "--auth-revocations-kept", "1h")
    good, late, wrong = mint("alice", jti="j"), mint("alice", exp=time.time() - 10), mint("alice")[:-4] + "AAAA"
    secrets = {good, late, wrong, "a-password", server.variables.get("JWT_SECRET_KEY", "the key that scenarios sign")}
    alice = Person(server, "alice")
    room = alice.rest.create_group()
    secrets.add(alice.token)
    key = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    for token in good, late, wrong:
        for path in f"/api/messaging/conversations/?token={token}", f"/api/messaging/{token}", f"/api/messaging/conversations/{NO_ID}/?access_token={token}":
            httpx.get(server.url + path, headers={"Authorization": f"Bearer {token}", "Cookie": f"access_token={token}; password=a-password"})
        for lines, path in (((f"Authorization: Bearer {token}",), "/ws/messaging/"), ((), f"/ws/messaging/?token={token}"),
                            ((f"Sec-WebSocket-Protocol: bearer, {token}",), f"/ws/messaging/{room['id']}/"),
                            ((f"Cookie: access_token={token}",), "/ws/messaging/"), ((f"X-Odd: {token}\x01",), "/ws/messaging/")):
            with Wire(server) as wire:
                wire.send(request("GET", path, *key, *lines))
                wire.stream.read1(1000)
    with WireSocket(server, "/ws/messaging/", good) as wire:
        wire.frame(TEXT, json.dumps({"type": "authenticate", "token": wrong}).encode())
        wire.frame(TEXT, json.dumps({"type": "authenticate", "token": good, "odd": late}).encode()).frame(TEXT, good.encode() + b"{")
        eventually(lambda: wire.next_frame())
    server.stop()
    assert "GET" in server.log, "the access log is on"
    for secret in secrets:
        assert secret not in server.log
        assert secret.rpartition(".")[2][:20] not in server.log, "nor a signature"


# --- slow and flooding clients ------------------------------------------------------------------------------------

@pytest.mark.proves("hostile clients")
def test_slow_request_headers_time_out_and_block_no_other_client(own_server):
    server = own_server()
    wires = [Wire(server) for _ in range(200)]
    began, answers = time.monotonic(), 0
    alice = Person(server, "alice")
    for wire in wires:
        wire.send(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    while time.monotonic() - began < 6:
        for wire in wires:
            wire.send(b"x")
        assert alice.rest.get("conversations/").status_code == 200
        answers += 1
    assert answers > 5
    for wire in wires:
        assert wire.answer().status == 408
        assert wire.at_end()
    for wire in wires:
        wire.__exit__()


def test_a_hundred_pipelined_requests_are_all_answered(server):
    with Wire(server) as wire:
        wire.send(request("GET", "/livez") * 100)
        assert [wire.answer().status for _ in range(100)] == [200] * 100


@pytest.mark.proves("hostile clients")
def test_a_message_that_is_never_completed_ends_its_socket(own_server):
    server = own_server("--websocket-slow-reader-timeout", "1s")
    alice = Person(server, "alice")
    for begun in ([(TEXT, b'{"type":', False)], [(TEXT, b"{", False), (CONT, b" ", False)]):
        with WireSocket(server, "/ws/messaging/", alice.token) as wire:
            for opcode, payload, fin in begun:
                wire.frame(opcode, payload, fin=fin)
            wire.socket.settimeout(patient(20))
            assert wire.close_code() == 4008
    with WireSocket(server, "/ws/messaging/", alice.token) as wire:
        wire.send(b"\x81\xfe" + struct.pack(">H", 1000) + bytes(4) + b"half of a frame")
        assert wire.close_code() == 4008
    with WireSocket(server, "/ws/messaging/", alice.token) as wire:  # a socket that keeps completing messages stays open
        until = time.monotonic() + 3
        while time.monotonic() < until:
            wire.frame(TEXT, b'{"type":', fin=False).frame(CONT, b'"ping"}')
            time.sleep(0.1)
        wire.frame(PING, b"alive")
        while (frame := wire.next_frame()) != (PONG, b"alive"):
            assert frame is not None and frame[0] != 8, frame


@pytest.mark.proves("hostile clients")
def test_a_flood_of_pings_with_unread_pongs_is_throttled(own_server):
    server = own_server()
    alice = Person(server, "alice")
    before = server.memory()
    with WireSocket(server, "/ws/messaging/", alice.token) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.socket.settimeout(3)
        frame = b"\x89\xfd" + bytes(4) + bytes(125)
        sent = 0
        try:
            while sent < 64 << 20:
                wire.send(frame * 500)
                sent += 500 * len(frame)
        except OSError:
            pass  # the server no longer reads the socket
        assert sent < 64 << 20, "the server stops reading while its pongs are unread"
    assert server.memory() - before < 16 << 20


def send_messages(server, alice, room, size, count, window):
    """Sends `count` messages, at most `window` of them without an ack; returns the server's peak memory."""
    most, room_left = 0, threading.Semaphore(window)
    with WireSocket(server, f"/ws/messaging/conversations/{room['id']}/", alice.token) as wire:
        def send():
            for number in range(count):
                room_left.acquire()
                wire.frame(TEXT, json.dumps({"type": "message", "content": "x" * size, "client_id": str(number)}).encode())

        sender = threading.Thread(target=send)
        sender.start()
        acks = 0
        while acks < count:
            frame = wire.next_frame()
            assert frame is not None and frame[0] != 8, frame
            if frame[0] == TEXT and frame[1].startswith(b'{"type":"ack"'):
                acks += 1
                room_left.release()
                if acks % 200 == 0:
                    most = max(most, server.memory())
        sender.join()
    assert alice.rest.get(f"conversations/{room['id']}/").json()["seq"] == count
    return most


@pytest.mark.long(30)
def test_a_socket_is_read_only_as_fast_as_its_commands_are_answered(own_server):
    """At most 256 commands, or 1 MiB of them, wait in the server: the others wait at the sender, and all are stored."""
    server = own_server()
    alice = Person(server, "alice")
    before = send_messages(server, alice, alice.rest.create_group(), 30_000, 2_500, window=4)  # the store's cache is full now
    for size, count in (4_000, 25_000), (30_000, 3_500):  # 100 MB each, if the server kept them all
        most = send_messages(server, alice, alice.rest.create_group(), size, count, window=count)
        assert most - before < 48 << 20, f"{(most - before) >> 20} MiB for {count} messages of {size} bytes"


def test_floods_of_empty_frames_and_tiny_fragments_leave_the_server_responsive(server, people):
    alice = people("alice")
    with WireSocket(server, "/ws/messaging/", alice.token) as wire:
        wire.frame(TEXT, b"{", fin=False)
        wire.send(b"\x00\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * 5000)
        assert wire.close_code() == 1009
    with WireSocket(server, "/ws/messaging/", alice.token) as wire:
        wire.send((b"\x81\x80" + bytes(4)) * 200)  # empty messages: each is an error and does not close the socket
        wire.frame(PING, b"alive")
        errors = 0
        while (frame := wire.next_frame()) != (PONG, b"alive"):
            assert frame is not None and frame[0] == TEXT, frame
            errors += json.loads(frame[1])["type"] == "error"
        assert errors == 200


# --- unread responses ---------------------------------------------------------------------------------------------

def test_requests_are_not_read_while_responses_are_unread(own_server):
    server = own_server()
    size = len(httpx.get(f"{server.url}/openapi.json").content)
    before = server.memory()
    with Wire(server) as wire:
        wire.send(request("GET", "/openapi.json") * 500)
        throughout(lambda: server.memory() - before < 8 << 20, 1)
        assert httpx.get(f"{server.url}/livez").status_code == 200
        for _ in range(500):  # all requests are answered once the client reads
            answer = wire.answer()
            assert answer.status == 200 and len(answer.body) == size
        assert wire.send(request("GET", "/livez")).answer().status == 200


def test_connections_share_one_buffer_of_a_static_page(own_server):
    server = own_server()
    httpx.get(f"{server.url}/openapi.json")
    wires, before = [Wire(server) for _ in range(200)], server.memory()
    for wire in wires:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(request("GET", "/openapi.json") * 8)
    throughout(lambda: server.memory() - before < 16 << 20, 1)  # copies of 100 kB would take at least 20 MB
    for wire in wires:
        wire.__exit__()


def test_an_idle_connection_is_closed(own_server):
    server = own_server()
    silent, idle = Wire(server), Wire(server)
    assert idle.send(request("GET", "/livez")).answer().status == 200
    began = time.monotonic()
    assert silent.at_end()
    assert time.monotonic() - began > 8, "the timeout is 10 s"
    assert idle.send(request("GET", "/livez")).answer().status == 200, "the timeout is longer after a request"
    silent.__exit__(), idle.__exit__()


@pytest.mark.long(62)
def test_unread_responses_end_the_connection(own_server):
    """This holds for static pages, API lists, and a response that closes the connection."""
    server = own_server()
    alice = Person(server, "alice")
    for number in range(100):
        alice.rest.create_group(title=f"{number:4}" * 60, metadata={"text": "x" * 8000})
    bearer = f"Authorization: Bearer {alice.token}"
    wires = [Wire(server) for _ in range(3)]
    for wire, one in zip(wires, (request("GET", "/openapi.json"), request("GET", "/api/messaging/conversations/", bearer),
                                 request("GET", "/api/messaging/conversations/", bearer, "Connection: close"))):
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(one * 30)
    eventually(lambda: server.metric("parley_connections") >= 4)
    throughout(lambda: server.metric("parley_connections") >= 4, 50)  # the timeout is one minute
    eventually(lambda: server.metric("parley_connections") <= 2, within=30)
    for wire in wires:
        wire.__exit__()


# --- invalid UTF-8 ------------------------------------------------------------------------------------------------

NOT_TEXT = [b"\xff\xfe", b"caf\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82"]


def encoded(bytes):
    return "".join(f"%{byte:02x}" for byte in bytes)


def test_headers_that_are_not_utf8_are_rejected(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    body = json.dumps({"conversation_id": talk["id"], "content": "x"}).encode()
    with bob.connect() as socket:
        for text in NOT_TEXT:
            for header in b"Idempotency-Key", b"X-On-Behalf-Of", b"Origin", b"Content-Type", b"If-None-Match", b"X-Request-ID":
                with Wire(server) as wire:
                    head = request("POST", "/api/messaging/messages/", f"Authorization: Bearer {alice.token}", f"Content-Length: {len(body)}",
                                   *(["Content-Type: application/json"] if header != b"Content-Type" else []))
                    answer = wire.send(head[:-2] + header + b": a" + text + b"\r\n\r\n" + body).answer()
                    assert answer.status == 400, (header, text)
                    assert header.decode() in json.loads(answer.body)["fields"]
        assert alice.rest.history(talk)["messages"] == []
        alice.rest.send_message(talk, "x", client_id="caf\u00e9")
        assert socket.wait_for("message")["data"]["client_id"] == "caf\u00e9"


def test_headers_that_the_server_ignores_may_contain_any_bytes(server):
    with Wire(server) as wire:
        answer = wire.send(request("GET", "/livez")[:-2] + b"User-Agent: caf\xe9\r\nCookie: a=\xff\r\nX-Other: \xfe\r\n\r\n").answer()
        assert answer.status == 200


def test_paths_and_queries_that_are_not_utf8_are_rejected_on_every_route(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    message = alice.rest.send_message(talk, "x")
    conversation, one = f"conversations/{talk['id']}/", f"messages/{message['id']}/"
    for text in [encoded(bytes) for bytes in NOT_TEXT] + ["%00", "a%00b"]:
        for path in (f"{conversation}participants/?cursor=1.{text}", f"conversations/?cursor={text}", f"conversations/?limit={text}",
                     f"{conversation}messages/?before_id={text}", f"{conversation}changes/?since_seq={text}", f"{one}?{text}=1",
                     f"messages/unread_count/?conversation_id={text}"):
            assert alice.rest.get(path).status_code == 400, path
        for method, path in (("GET", f"conversations/{text}/"), ("POST", f"conversations/task/{text}/status/"), ("GET", f"messages/{text}/"),
                             ("PATCH", f"messages/{text}/"), ("DELETE", f"messages/{text}/"), ("GET", f"attachments/{text}/content/"),
                             ("POST", f"conversations/{text}/read/"), ("GET", f"{text}/")):
            answer = alice.rest.request(method, path, json={"status": "x"} if method == "POST" else None)
            assert answer.status_code in (400, 404), (method, path)
    assert httpx.get(f"{server.url}/readyz").status_code == 200
