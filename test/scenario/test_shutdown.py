"""P10: deploys without visible errors."""
import json
import signal
import socket
import threading

import httpx
import pytest

from client import Closed, assert_closes_with
from conftest import named
from deadline import eventually
from raw import Wire, request


@pytest.mark.proves("1012")
@pytest.mark.proves("disconnect before a close")
def test_sigterm_sends_every_client_a_reconnect_and_exits_0(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    sockets = [alice.connect(talk), alice.connect(), bob.connect(talk), bob.connect()]
    server.terminate()
    for one in sockets:
        assert_closes_with(one, 1012, reconnect=True)
    assert server.wait() == 0


@pytest.mark.proves("P10 deploys")
def test_clients_get_different_reconnect_delays(own_server):
    server = own_server()
    alice = named(server, "alice")
    sockets = [alice.connect() for _ in range(30)]
    server.terminate()
    delays = [socket.wait_for("disconnect")["data"]["delay_ms"] for socket in sockets]
    assert len(set(delays)) > 5
    assert server.wait() == 0


def test_sigint_shuts_the_server_down(own_server):
    server = own_server()
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.proves("signals")
def test_a_server_that_waits_for_its_database_exits_at_once(own_server, number):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = own_server(DATABASE_URL=f"postgres://127.0.0.1:{silent.getsockname()[1]}/parley", ready=False)
        silent.accept()
        server.process.send_signal(number)
        assert server.wait(within=5) == 0
    assert "stopping during the start" in server.log


def test_a_server_without_clients_exits_at_once(own_server):
    server = own_server()
    server.terminate()
    assert server.wait(within=10) == 0


@pytest.mark.proves("--timeout-graceful-shutdown, --drain-delay")
def test_a_client_that_does_not_answer_the_close_does_not_delay_the_exit(own_server):
    server = own_server("--timeout-graceful-shutdown", "3s")
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    stuck = bob.connect(talk, stalls=True)
    with alice.connect(talk) as a:
        for number in range(300):
            a.send_message("x" * 30_000)
        server.terminate()
        assert server.wait(within=10) == 0
    stuck.close()


@pytest.mark.proves("P10 deploys")
@pytest.mark.proves("--timeout-graceful-shutdown, --drain-delay")
def test_readiness_fails_first_and_connections_are_accepted_for_the_drain_delay(own_server):
    server = own_server("--drain-delay", "3s")
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        server.terminate()
        eventually(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert alice.rest.send_message(talk, "while draining")["seq"] == 1
        assert b.wait_for("message")["seq"] == 1
        assert_closes_with(b, 1012, reconnect=True)
    assert server.wait() == 0


@pytest.mark.proves("P10 deploys")
def test_a_request_that_has_partly_arrived_is_answered_during_shutdown(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    body = json.dumps({"conversation_id": talk["id"], "content": "in two pieces"}).encode()
    head = request("POST", "/api/messaging/messages/", f"Authorization: Bearer {alice.token}", "Content-Type: application/json",
                   f"Content-Length: {len(body)}")
    with bob.connect(talk) as b, Wire(server) as posting, Wire(server) as asking, Wire(server) as opening:
        posting.send(head + body[:10])
        asking.send(b"GET /livez HTTP/1.1\r\nHost")
        opening.send(b"GET /ws/messaging/ HTTP/1.1\r\nHost")
        eventually(lambda: server.metric("parley_connections") >= 4)
        server.terminate()
        assert_closes_with(b, 1012, reconnect=True)
        assert posting.send(body[10:]).answer().status == 201
        assert asking.send(b": 127.0.0.1\r\n\r\n").answer().headers["connection"] == "close"
        refused = opening.send(b": 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").answer()
        assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1
    assert server.wait() == 0


@pytest.mark.proves("P10 deploys")
def test_messages_acknowledged_during_shutdown_are_kept(own_server):
    server = own_server()
    alice, bob, carol = named(server, "alice", "bob", "carol")
    talk = alice.rest.create_group(bob, carol)
    acked, threads = [{}, {}, {}], []

    def send(at, person):
        with person.connect(talk) as socket:
            try:
                for number in range(100_000):
                    socket.send("message", content=str(number), client_id=f"{at}-{number}")
                    if number >= 10:
                        note(at, socket.wait_for("ack"))
            except Closed as closed:
                assert closed.code == 1012
            for frame in socket.kept:
                if frame["type"] == "ack":
                    note(at, frame)

    def note(at, ack):
        acked[at][ack["data"]["client_id"]] = (ack["data"]["id"], ack["data"]["seq"])

    for at, person in enumerate((alice, bob, carol)):
        threads.append(threading.Thread(target=send, args=(at, person)))
        threads[-1].start()
    eventually(lambda: sum(map(len, acked)) > 200, within=30)
    server.terminate()
    for thread in threads:
        thread.join(40)
        assert not thread.is_alive()
    assert server.wait() == 0
    server.start()
    stored = {message["client_id"]: (message["id"], message["seq"])
              for message in alice.rest.everything_in(talk)}
    for notes in acked:
        for client_id, place in notes.items():
            assert stored.get(client_id) == place


def test_a_request_in_flight_is_answered_during_shutdown(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    answers = []

    def keep_sending():
        try:
            for number in range(100_000):
                answer = alice.rest.post("messages/", json={
                    "conversation_id": talk["id"], "content": str(number), "client_id": str(number)})
                answers.append((str(number), answer.status_code))
        except httpx.TransportError:
            pass

    sender = threading.Thread(target=keep_sending)
    sender.start()
    eventually(lambda: len(answers) > 50)
    server.terminate()
    sender.join(40)
    assert server.wait() == 0
    assert {status for _, status in answers} <= {201, 503}
    server.start()
    stored = {message["client_id"] for message in alice.rest.everything_in(talk)}
    assert {number for number, status in answers if status == 201} <= stored


@pytest.mark.parametrize("rounds", [3])
@pytest.mark.proves("P10 deploys")
def test_clients_that_resume_miss_no_events_over_restarts(own_server, rounds):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    seen = []
    for _ in range(rounds):
        with bob.connect(talk, query={"since": len(seen)}) as b:
            for number in range(10):
                alice.rest.send_message(talk, str(number))
            server.terminate()
            try:
                while True:
                    frame = b.receive()
                    if "seq" in frame:
                        seen.append(frame["seq"])
            except Closed as closed:
                assert closed.code == 1012
        assert server.wait() == 0
        server.start()
    with bob.connect(talk, query={"since": len(seen)}) as b:
        seen += [frame["seq"] for frame in b.seen_before(lambda frame: frame["type"] == "resumed")
                 if "seq" in frame]
    assert seen == list(range(1, 10 * rounds + 1))
