"""A standby that has not replicated the last commits replaces the database while nodes keep running."""
import contextlib
import time

import pytest

from client import Person
from deadline import eventually
from postgres import Postgres
from redis_server import Redis
from relay import Relay
from server import wait_until


class Databases:
    """A primary, a standby that can be made to lag, and the address that nodes use for the serving one."""

    def __init__(self):
        self.primary = Postgres().start()
        self.standby = self.primary.standby()
        self.relay = Relay(self.primary.port)
        self.url = self.relay.database_url

    def lose_from_now_on(self):
        self.standby.catch_up_with(self.primary)
        self.standby.stop_following()

    def fail_over(self):
        self.primary.kill()
        self.standby.promote()
        self.relay.target = self.standby.port

    def close(self):
        self.relay.close()
        self.standby.close()
        self.primary.close()


@pytest.fixture
def databases():
    made = Databases()
    yield made
    made.close()


@pytest.fixture
def redis():
    server = Redis().start()
    yield server
    server.close()


def send(person, room, content):
    """Sends until the message is stored, with one client_id."""
    answers = []

    def stored():
        answers.append(person.rest.post("messages/", json={"conversation_id": room["id"], "content": content, "client_id": content}))
        return answers[-1].is_success

    eventually(stored, within=60, describe=lambda: answers[-1].text)
    return answers[-1].json()


def durable(socket, count, within=60):
    """Returns the next `count` events and gaps: (type, first seq, last seq or content)."""
    found = []
    while len(found) < count:
        frame = socket.wait_for(lambda frame: frame["type"] == "gap" or "seq" in frame, within=within)
        if frame["type"] == "gap":
            found.append(("reset" if frame["data"]["reset"] else "gap", frame["data"]["from"], frame["data"]["to"]))
        else:
            found.append((frame["type"], frame["seq"], frame["data"].get("content")))
    return found


def contents(person, room):
    return [(message["seq"], message["content"]) for message in person.rest.everything_in(room)]


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.proves("P4 no silent gap")
@pytest.mark.proves("store_rewinds_total")
def test_messages_after_a_fail_over_reach_live_sockets(databases, redis, own_server, nodes):
    others = {"REDIS_URL": redis.url} if nodes > 1 else {}
    made = [own_server("--drain-delay", "0", DATABASE_URL=databases.url, **others) for _ in range(nodes)]
    alice, bob, far = Person(made[0], "alice"), Person(made[0], "bob"), Person(made[-1], "bob")
    room, quiet = alice.rest.create_group(bob), alice.rest.create_group(bob)
    with bob.connect(room) as b, far.connect() as f, bob.connect(quiet) as q:
        for number in range(1, 4):
            send(alice, room, f"kept {number}")
        send(alice, quiet, "kept")
        databases.lose_from_now_on()
        for number in range(4, 7):
            send(alice, room, f"lost {number}")
        send(alice, quiet, "lost")
        kept = [(number, f"kept {number}") for number in range(1, 4)]
        assert durable(b, 6) == [("message", *one) for one in kept] + [("message", seq, f"lost {seq}") for seq in (4, 5, 6)]
        assert len(durable(f, 8)) == 8 and len(durable(q, 2)) == 2
        databases.fail_over()
        assert send(alice, room, "new")["seq"] == 4
        assert durable(b, 2) == [("reset", 4, 6), ("message", 4, "new")]
        assert durable(q, 1) == [("reset", 2, 2)], "no client writes there: the node detects the fail-over by polling"
        found = durable(f, 3)
        assert sorted(found) == [("message", 4, "new"), ("reset", 2, 2), ("reset", 4, 6)]
        assert found.index(("reset", 4, 6)) < found.index(("message", 4, "new"))
        for node in made:
            send(Person(node, "alice"), room, f"by {node.port}")
        by_each = [("message", 5 + at, f"by {node.port}") for at, node in enumerate(made)]
        assert durable(b, nodes) == by_each and durable(f, nodes) == by_each
        assert contents(far, room) == [*kept, (4, "new"), *((seq, content) for _, seq, content in by_each)]
    with bob.connect(room, query={"since": 3}) as b:
        assert durable(b, 1 + nodes) == [("message", 4, "new"), *by_each], "memory has no lost events"
    assert made[0].metric("parley_store_rewinds_total") >= 2


def reconnect(person, room, **query):
    """Connects as clients do: again while the node still finds that its connections to the database are dead."""
    made = []

    def connected():
        with contextlib.suppress(AssertionError):
            made.append(person.connect(room, query=query))
        return bool(made)

    eventually(connected, within=60)
    return made[0]


@pytest.mark.proves("P4 no silent gap")
def test_a_reader_beyond_the_head_of_the_standby_is_reset(databases, own_server):
    node = own_server("--drain-delay", "0", DATABASE_URL=databases.url)
    alice, bob = Person(node, "alice"), Person(node, "bob")
    room = alice.rest.create_group(bob)
    send(alice, room, "kept")
    databases.lose_from_now_on()
    for number in range(2, 6):
        send(alice, room, f"lost {number}")
    databases.fail_over()
    eventually(node.ready, within=60)
    asked = time.monotonic()
    with reconnect(bob, room, since=5) as b:
        assert durable(b, 1) == [("reset", 2, 5)]
        assert b.wait_for("resumed")["data"]["conversations"] == {room["id"]: 1}
        assert send(alice, room, "new")["seq"] == 2
        assert durable(b, 1) == [("message", 2, "new")]
    # A loop of fetches would cost thousands of statements.
    assert node.metric("parley_catch_up_store_reads_total") < 200 + 20 * (time.monotonic() - asked)


def test_a_fail_over_resets_a_conversation_whose_cached_events_were_all_lost(databases, own_server):
    """The node's cache has lost events only, so it cannot compare it with the store."""
    node = own_server("--drain-delay", "0", DATABASE_URL=databases.url)
    alice, bob = Person(node, "alice"), Person(node, "bob")
    room = alice.rest.create_group(bob)
    for number in range(1, 4):
        send(alice, room, f"kept {number}")
    with bob.connect(room) as b:
        databases.lose_from_now_on()
        for number in range(4, 7):
            send(alice, room, f"lost {number}")
        assert len(durable(b, 3)) == 3
        databases.fail_over()
        send(alice, room, "new")
        assert durable(b, 5) == [("reset", 1, 6), *(("message", seq, f"kept {seq}") for seq in (1, 2, 3)), ("message", 4, "new")]


def test_a_fail_over_without_lost_commits_sends_no_reset(databases, own_server):
    node = own_server("--drain-delay", "0", DATABASE_URL=databases.url)
    alice, bob = Person(node, "alice"), Person(node, "bob")
    room, quiet = alice.rest.create_group(bob), alice.rest.create_group(bob)
    with bob.connect(room) as b, bob.connect(quiet) as q:
        for number in range(1, 4):
            send(alice, room, f"{number}")
        send(alice, quiet, "1")
        databases.lose_from_now_on()
        databases.fail_over()
        send(alice, room, "4")
        assert durable(b, 4) == [("message", seq, f"{seq}") for seq in range(1, 5)]
        failed_over = time.time()
        wait_until(failed_over + 5)  # the node compares heads meanwhile
        send(alice, quiet, "2")
        assert durable(q, 2) == [("message", seq, f"{seq}") for seq in (1, 2)]
    assert node.metric("parley_store_rewinds_total") == 0
