"""Clients that reach Parley through a Django project: real Daphne, Uvicorn and Hypercorn, with the guide's commands."""
import contextlib
import itertools
import json
import socket
import threading
import uuid

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from client import NO_ID, Closed, Person, Socket, assert_problem
from deadline import eventually
from django_project import Project, environments
from files import PNG
from log_lines import lines
from server import Server

SERVERS = ("daphne", "uvicorn", "hypercorn")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def parley(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("parley"), "--timeout-graceful-shutdown", 5).start()
    yield server
    server.close()


@pytest.fixture(scope="module", params=list(itertools.product(environments(), SERVERS)), ids="-".join)
def front(request, parley, tmp_path_factory):
    """A running Django server whose Parley is `parley`."""
    environment, kind = request.param
    project = Project(tmp_path_factory.mktemp("project") / "site", environment)
    serving = project.serve(kind, PARLEY_URL=parley.url)
    yield serving
    serving.stop()


@pytest.fixture
def alice(front):
    return Person(front, f"alice-{next(_numbers)}")


@pytest.fixture
def bob(front):
    return Person(front, f"bob-{next(_numbers)}")


@pytest.mark.proves("W3C trace context")
def test_request_ids_and_traces_reach_the_log_of_parley(front, parley, alice, bob):
    room = alice.rest.create_group(bob)
    trace = uuid.uuid4().hex
    ids = {"X-Request-ID": f"rest-{trace[:8]}", "traceparent": f"00-{trace}-00f067aa0ba902b7-01", "tracestate": "vendor=1"}
    assert alice.rest.get("conversations/", headers=ids).headers["x-request-id"] == ids["X-Request-ID"]
    with alice.connect(room, headers={**ids, "X-Request-ID": f"socket-{trace[:8]}"}):
        pass
    for message, request_id in ("request", "rest"), ("socket closed", "socket"):
        line = eventually(lambda: lines(parley, message, request_id=f"{request_id}-{trace[:8]}"))[0]
        assert (line["trace_id"], line["user"]) == (trace, alice.id)


@pytest.mark.proves("Django package: ASGI proxy")
def test_two_people_talk(front, alice, bob):
    room = alice.rest.create_group(bob, title="Tea")
    with alice.connect(room) as a, bob.connect() as b:
        assert a.send_message("hello bob \N{TEACUP WITHOUT HANDLE}")["seq"] == 1
        assert b.wait_for("message")["data"]["content"] == "hello bob \N{TEACUP WITHOUT HANDLE}"
        alice.rest.send_message(room, "by REST")
        assert b.wait_for("message")["data"]["content"] == "by REST"
        b.send("typing", conversation_id=room["id"], is_typing=True)
        assert a.wait_for("typing_indicator")["data"] == {"user_id": bob.id, "is_typing": True}
        long = "x" * 30_000
        for _ in range(20):
            a.send_message(long)
        assert [b.wait_for("message")["data"]["content"] for _ in range(20)] == [long] * 20
    assert [one["content"] for one in bob.rest.everything_in(room)][:2] == ["hello bob \N{TEACUP WITHOUT HANDLE}", "by REST"]


def test_everything_else_is_djangos(front, alice):
    assert alice.rest.get(f"{front.url}/hello/").text == "hello from Django"
    for path in ("/api/messagingx/", "/api/", "/livez", "/metrics", "/"):
        answer = alice.rest.get(front.url + path)
        assert answer.status_code == 404 and "problem+json" not in answer.headers["content-type"], path
    with pytest.raises(InvalidStatus) as refused:
        Socket(front, "../../other", token=alice.token)
    assert refused.value.response.status_code in (403, 404)


def test_errors_come_back_as_parley_sends_them(front, alice, parley):
    direct = Person(parley, alice.id)
    for method, path, body in (("GET", f"conversations/{NO_ID}/", None), ("GET", "conversations/nonsense/", None),
                               ("POST", "messages/", {"content": ""}), ("PUT", "conversations/", {}),
                               ("DELETE", "messages/nonsense/", None)):
        by_django, plain = (person.rest.request(method, path, json=body) for person in (alice, direct))
        assert (by_django.status_code, by_django.json()) == (plain.status_code, plain.json()), path
        for name in ("content-type", "allow", "www-authenticate"):
            assert by_django.headers.get(name) == plain.headers.get(name)
        assert len(by_django.headers.get_list("content-length")) <= 1 and len(by_django.headers.get_list("date")) <= 1
    head = alice.rest.head("conversations/")
    assert head.content == b""
    assert_problem(Person(front, "x", ttl=-10).rest.get("conversations/"), 401, "token_not_valid")


def test_subprotocol_and_query_tokens(front, alice):
    with Socket(front, subprotocols=["bearer", alice.token]) as socket:
        assert socket.receive()["data"]["user_id"] == alice.id
        assert socket.connection.subprotocol == "bearer"
    with Socket(front, query={"token": alice.token}) as socket:
        assert socket.receive()["data"]["user_id"] == alice.id
    with Socket(front) as socket:
        socket.send("authenticate", token=alice.token)
        assert socket.receive()["data"]["user_id"] == alice.id


@pytest.mark.proves("Django package: ASGI proxy")
def test_close_codes(front, alice, bob):
    room = alice.rest.create_group(bob)
    assert Socket(front, room, token="nonsense").end()[0] == 4001
    assert Socket(front, "nonsense", token=alice.token).end()[0] == 4002
    assert Socket(front, NO_ID, token=alice.token).end()[0] == 4003
    with bob.connect(room) as b:
        alice.rest.post(f"conversations/{room['id']}/remove_participant/", json={"user_id": bob.id})
        code, last = b.end()
        assert (code, last["type"]) == (4003, "disconnect")
    with alice.connect(room) as a:
        a.connection.send(b"binary")
        assert a.end()[0] == 1003
    with alice.connect(room) as a:
        with contextlib.suppress(Closed):
            a.send_text("x" * 300_000)
        assert a.end()[0] == 1009


def test_a_client_that_closes_is_offline(front, alice, bob):
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a:
        b = bob.connect(room)
        assert a.wait_for("user_online")["data"]["user_id"] == bob.id
        b.close()
        assert a.wait_for("user_offline")["data"]["user_id"] == bob.id


def test_a_client_that_is_cut_is_offline(front, alice, bob):
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a:
        b = bob.connect(room, stalls=True)
        assert a.wait_for("user_online")["data"]["user_id"] == bob.id
        b.close()  # without a close frame
        assert a.wait_for("user_offline")["data"]["user_id"] == bob.id


@pytest.mark.proves("Django package: ASGI proxy")
def test_a_client_that_stalls_receives_everything_once_it_reads_again(front, alice, bob):
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a:
        b = bob.connect(room, stalls=True)
        texts = [f"{number} " + "z" * 30_000 for number in range(200)]
        for text in texts:
            a.send_message(text)  # whose acks do not wait for the other client
        events = b.events(200)
        assert [event["seq"] for event in events] == list(range(1, 201))
        assert [event["data"]["content"] for event in events] == texts
        b.close()


def test_refused_handshakes(front, alice):
    with pytest.raises(InvalidStatus) as refused:
        Socket(front, token=alice.token, headers={"Origin": "https://evil.example"})
    answer = refused.value.response
    assert answer.status_code == 403
    old = front.project.environment.startswith(("minimum", "oldest"))
    if front.kind == "hypercorn" or front.kind == "uvicorn" and not old:  # those can refuse with a body
        assert json.loads(answer.body)["code"] == "foreign_origin"
    with pytest.raises(InvalidStatus) as refused:
        Socket(front, f"{NO_ID}/more/segments", token=alice.token)
    assert refused.value.response.status_code in (403, 404)


@pytest.mark.proves("Django package: ASGI proxy")
def test_files_go_both_ways(front, alice):
    content = PNG + bytes(range(256)) * 20_000  # 5 MB
    uploaded = alice.rest.post("attachments/", files={"file": ("cat.png", content, "image/png")})
    assert uploaded.status_code == 201, uploaded.text
    link = front.url + uploaded.json()["file_url"]
    assert alice.rest.get(link).content == content
    part = alice.rest.get(link, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    again = alice.rest.get(link, headers={"If-None-Match": alice.rest.get(link).headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_a_body_without_a_length_is_streamed(front, alice, bob):
    room = alice.rest.create_group(bob)
    body = json.dumps({"conversation_id": room["id"], "content": "y" * 20_000}).encode()
    pieces = (body[at:at + 1000] for at in range(0, len(body), 1000))
    sent = alice.rest.post("messages/", content=pieces, headers={"Content-Type": "application/json"})
    assert sent.status_code == 201, sent.text
    too_long = alice.rest.post("messages/", content=b"x" * 2_000_000, headers={"Content-Type": "application/json"})
    assert_problem(too_long, 413, "too_large")


def test_many_at_once(front, alice, bob):
    room = alice.rest.create_group(bob)
    failures = []

    def send(number):
        person = Person(front, alice.id)
        try:
            for step in range(10):
                person.rest.send_message(room, f"{number}-{step}")
        except Exception as error:  # in a thread
            failures.append(error)
        finally:
            person.rest.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(one["content"] for one in bob.rest.everything_in(room)) == sorted(f"{n}-{s}" for n in range(8) for s in range(10))


@pytest.mark.proves("Django package: ASGI proxy")
def test_parley_down_and_back(front, alice, bob, parley):
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a:
        parley.stop()
        try:
            code, last = a.end()
            assert code == 1012 and last["type"] == "disconnect" and last["data"]["reconnect"]
            answer = alice.rest.get("conversations/")
            assert_problem(answer, 503, "store_unavailable")
            assert answer.headers["retry-after"] == "1"
            try:
                assert Socket(front, room, token=alice.token).end()[0] == 1013
            except InvalidStatus as refused:
                assert refused.response.status_code == 503
                assert refused.response.headers["Retry-After"] == "1"
        finally:
            parley.start()
    assert alice.rest.get("conversations/").status_code == 200
    with alice.connect(room) as a:
        assert a.send_message("back")["seq"] == 1
        parley.kill()
        parley.start()
        assert a.end()[0] == 1012
    eventually(lambda: alice.rest.get("conversations/").status_code == 200)


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("environment", environments())
def test_a_response_that_parley_cuts_is_not_taken_for_a_whole_one(tmp_path, environment, kind):
    with socket.create_server(("127.0.0.1", 0)) as parley:
        threading.Thread(target=cut_responses, args=(parley,), daemon=True).start()
        project = Project(tmp_path / "site", environment)
        serving = project.serve(kind, PARLEY_URL=f"http://127.0.0.1:{parley.getsockname()[1]}")
        try:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                httpx.get(f"{serving.url}/api/messaging/attachments/", timeout=10)
        finally:
            serving.stop()


def cut_responses(listener):
    """Ten of a hundred bytes, and the end of the connection."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
            connection.close()


def test_no_token_is_logged_by_the_package(front, alice):
    with Socket(front, query={"token": alice.token}) as socket:
        socket.receive()
    lines = [line for line in front.log.splitlines() if alice.token in line]
    assert all(front.kind == "uvicorn" and '"WebSocket /ws' in line for line in lines), lines
