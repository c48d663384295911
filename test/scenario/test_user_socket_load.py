"""The load of a user socket on the store: few statements for any number of conversations, and limited concurrency."""
import threading
import time
import uuid

import pytest

from client import Person, Socket
from deadline import eventually
from postgres import Postgres
from server import wait_until

CONVERSATIONS = 100
# The list, the conversations on each of two home shards, presence and upkeep, including BEGIN and COMMIT.
FEW_STATEMENTS = 45


@pytest.fixture
def own_database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


@pytest.fixture(params=["sqlite", "postgres"])
def server(request, own_server):
    if request.param == "sqlite":
        return own_server()
    return own_server(DATABASE_URL=request.getfixturevalue("database").url)


def two_people(server):
    """Two users without conversations."""
    tag = uuid.uuid4().hex[:8]
    return Person(server, f"alice-{tag}"), Person(server, f"bob-{tag}")


def statements(server):
    return server.metric("parley_store_statements_total")


class Statements:
    """Counts the statements of a server, less the ones that it runs while idle."""

    def __init__(self, server):
        self.server = server
        before, since = statements(server), time.time()
        wait_until(since + 4)  # several rounds of its polls
        self.idle_per_second = (statements(server) - before) / 4

    def of(self, work):
        before, since = statements(self.server), time.monotonic()
        work()
        return statements(self.server) - before - 1.5 * self.idle_per_second * (time.monotonic() - since)


def test_a_user_socket_with_100_conversations_costs_few_statements(server):
    alice, bob = two_people(server)
    rooms = [alice.rest.create_group(bob) for _ in range(CONVERSATIONS)]
    server.stop()
    server.start()  # the new process has no conversation in memory
    counter, sockets = Statements(server), []

    def connect(person):
        sockets.append(person.connect())
        wait_until(time.time() + 2)
        eventually(lambda: server.metric("parley_store_read_queue") == 0)

    assert counter.of(lambda: connect(alice)) <= FEW_STATEMENTS, "the conversations were not in memory"
    assert counter.of(lambda: connect(bob)) <= FEW_STATEMENTS, "the conversations were in memory"
    assert len(sockets[0].established["data"]["conversations"]) == CONVERSATIONS
    for room in rooms:
        alice.rest.send_message(room, "hello")
    for socket in sockets:
        assert {frame["conversation_id"] for frame in socket.events(CONVERSATIONS)} == {room["id"] for room in rooms}
        socket.close()


def test_events_between_the_list_and_the_subscriptions_are_delivered(server):
    alice, bob = two_people(server)
    rooms = [alice.rest.create_group(bob)["id"] for _ in range(40)]
    sent, stop = dict.fromkeys(rooms, 0), threading.Event()

    def send():
        with alice.connect() as socket:
            while not stop.is_set():
                for room in rooms:
                    socket.send("message", conversation_id=room, content="x", ref="r")
                    socket.wait_for("ack")
                    sent[room] += 1

    sender = threading.Thread(target=send)
    sender.start()
    listeners = []
    for _ in range(8):
        time.sleep(0.1)
        listeners.append(bob.connect())
    stop.set()
    sender.join()
    for listener in listeners:
        seen = dict(listener.established["data"]["conversations"])
        assert set(seen) == set(rooms)
        while seen != sent:
            frame = listener.receive()
            if frame["type"] != "message":
                continue
            room = frame["conversation_id"]
            assert frame["seq"] == seen[room] + 1, "in order, without a hole"
            seen[room] += 1
        listener.close()


def test_more_conversations_than_concurrent_subscriptions_are_all_live(server):
    alice, bob = two_people(server)
    rooms = [alice.rest.create_group(bob) for _ in range(300)]
    with bob.connect() as socket:
        # resumed although its subscription is still queued
        assert socket.ask("resume", seqs={rooms[0]["id"]: 0})["type"] == "resumed"
        for room in rooms:
            alice.rest.send_message(room, "hello")
        assert {frame["conversation_id"] for frame in socket.events(300)} == {room["id"] for room in rooms}


@pytest.mark.proves("1012")
def test_clients_refused_by_the_store_get_different_retry_delays(own_database, own_server):
    server = own_server(DATABASE_URL=own_database.url)
    alice, bob = two_people(server)
    room = alice.rest.create_group(bob)
    server.stop()
    server.start()
    own_database.kill()
    delays = []
    for conversation in [None, room] * 10:
        code, last = Socket(server, conversation, token=alice.token).end()
        assert code == 1012 and last["data"]["reconnect"] is True
        delays.append(last["data"]["delay_ms"])
    assert min(delays) >= 1000
    assert len(set(delays)) > 5, "clients do not retry at the same time"


def test_a_user_socket_survives_an_outage_of_the_store(own_database, own_server):
    server = own_server(DATABASE_URL=own_database.url)
    alice, bob = two_people(server)
    rooms = [alice.rest.create_group(bob) for _ in range(20)]
    server.stop()
    server.start()
    with bob.connect() as socket:
        own_database.kill()
        own_database.start()
        eventually(server.ready, within=30)
        for room in rooms:
            assert eventually(lambda room=room: alice.rest.post(
                "messages/", json={"conversation_id": room["id"], "content": "x", "client_id": room["id"]}).is_success, within=30)
        received = set()
        while len(received) < len(rooms):
            frame = socket.receive(60)
            if frame["type"] == "message":
                received.add(frame["conversation_id"])
