"""Several nodes that share one PostgreSQL and one Redis behave as one system."""
import threading
import time

import pytest

from client import Closed, Person
from deadline import eventually, patient
from fake_clock import shifted
from redis_server import Redis
from relay import Relay
from server import wait_until

LEASE = 17  # seconds: the lease of 15 s of a node, and a margin


@pytest.fixture
def own_redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def relay(redis):
    between = Relay(redis.port)
    yield between
    between.close()


@pytest.fixture
def nodes(database, redis, own_server):
    """Starts nodes: nodes(3), or nodes(2, redis=another.url)."""

    def make(count, redis=redis.url, **variables):
        made = [own_server("--drain-delay", "0", DATABASE_URL=database.url, REDIS_URL=redis, **variables) for _ in range(count)]
        if redis:
            eventually(lambda: all("bus is up" in node.log for node in made))
        return made

    return make


def durable_frames(socket, sent, within=10):
    """Returns the next `sent` frames that have a seq."""
    frames = []
    while len(frames) < sent:
        frame = socket.receive(within)
        if frame.get("seq") is not None and frame["type"] != "ack":
            frames.append(frame)
    return frames


def expect_silence(socket, seconds=1):
    """Checks that no frame arrives for a while."""
    socket.kept.clear()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            frame = socket.receive(left)
        except AssertionError:
            return
        raise AssertionError(f"{frame} arrived")


def add(admin, room, person):
    assert admin.rest.post(f"conversations/{room['id']}/add_participant/", json={"user_id": person.id}).is_success


def remove(admin, room, person):
    assert admin.rest.post(f"conversations/{room['id']}/remove_participant/", json={"user_id": person.id}).is_success


@pytest.mark.proves("nodes over Redis")
def test_a_message_reaches_subscribers_on_another_node(nodes):
    one, two = nodes(2)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a, bob.connect(room) as b:
        a.send_message("hello bob", client_id="a-1")
        assert b.wait_for("message")["data"]["content"] == "hello bob"
        b.send_message("hello alice", client_id="b-1")
        assert a.wait_for(lambda frame: frame.get("seq") == 2)["data"]["content"] == "hello alice"
        sent = bob.rest.send_message(room, "by REST")
        assert a.wait_for(lambda frame: frame.get("seq") == 3)["data"]["id"] == sent["id"]
    assert two.metric("parley_bus_losses_found_total") == 0, "the message came over the bus"


@pytest.mark.proves("P3 one order")
def test_every_node_delivers_the_same_dense_order(nodes):
    servers = nodes(3)
    people = [Person(server, f"user-{number}") for number, server in enumerate(servers)]
    room = people[0].rest.create_group(*people[1:])
    each = 60
    sockets = [person.connect(room) for person in people]

    def send(person):
        for number in range(each):
            person.rest.send_message(room, f"{person.id} {number}")

    threads = [threading.Thread(target=send, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    seen = [durable_frames(socket, 3 * each, within=20) for socket in sockets]
    for thread in threads:
        thread.join()
    for frames in seen:
        assert [frame["seq"] for frame in frames] == list(range(1, 3 * each + 1))
        assert [frame["data"]["id"] for frame in frames] == [frame["data"]["id"] for frame in seen[0]]
    for socket in sockets:
        socket.close()


@pytest.mark.proves("P2 exactly-once effect")
def test_a_retry_on_another_node_returns_the_same_message(nodes):
    one, two = nodes(2)
    alice, elsewhere, bob = Person(one, "alice"), Person(two, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        first = alice.rest.send_message(room, "once", client_id="c-1")
        again = elsewhere.rest.post("messages/", json={"conversation_id": room["id"], "content": "once", "client_id": "c-1"})
        assert again.status_code == 200 and again.json()["id"] == first["id"] and again.json()["seq"] == first["seq"]
        alice.rest.send_message(room, "the end")
        assert [frame["data"]["content"] for frame in durable_frames(b, 2)] == ["once", "the end"]


@pytest.mark.proves("P3 one order")
def test_conversation_changes_reach_other_nodes(nodes):
    one, two = nodes(2)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        message = alice.rest.send_message(room, "helo")
        alice.rest.patch(f"messages/{message['id']}/", json={"content": "hello"})
        alice.rest.delete(f"messages/{message['id']}/")
        alice.rest.patch(f"conversations/{room['id']}/", json={"title": "Greetings"})
        frames = durable_frames(b, 4)
        assert [frame["type"] for frame in frames] == ["message", "message_updated", "message_deleted", "conversation_updated"]
        assert [frame["seq"] for frame in frames] == [1, 2, 3, 4]
        assert frames[3]["data"]["title"] == "Greetings"
    with bob.connect(room) as b:  # from memory or the store: the current version
        b.send("resume", seqs={room["id"]: 0})
        replayed = durable_frames(b, 4)
        assert replayed[0]["data"]["content"] == "" and replayed[0]["data"]["deleted_at"]


@pytest.mark.proves("P9 token lifetime")
def test_membership_changes_apply_on_other_nodes(nodes):
    one, two = nodes(2)
    alice, bob, carol = Person(one, "alice"), Person(two, "bob"), Person(two, "carol")
    with bob.connect() as b, carol.connect() as c:
        room = alice.rest.create_group(bob)
        assert b.wait_for("conversation_created")["conversation_id"] == room["id"]
        alice.rest.send_message(room, "welcome")
        assert b.wait_for("message")["data"]["content"] == "welcome"
        add(alice, room, carol)
        assert c.wait_for("conversation_created")["conversation_id"] == room["id"]
        assert carol.rest.send_message(room, "hello all")["seq"] == 3, "allowed at once, even if the bus has delivered no event to this node"
        remove(alice, room, bob)
        assert b.wait_for("conversation_left")["conversation_id"] == room["id"]
        alice.rest.send_message(room, "bob is gone")
        assert c.wait_for(lambda frame: frame.get("seq") == 5)["data"]["content"] == "bob is gone"
        expect_silence(b)
        assert alice.rest.delete(f"conversations/{room['id']}/").is_success
        assert c.wait_for("conversation_deleted")["conversation_id"] == room["id"]


@pytest.mark.proves("nodes over Redis")
def test_typing_and_receipts_reach_subscribers_on_other_nodes(nodes):
    one, two = nodes(2)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a, bob.connect(room) as b:
        a.send("typing", is_typing=True)
        assert b.wait_for("typing_indicator")["data"] == {"user_id": "alice", "is_typing": True}
        a.send_message("done typing")
        assert b.wait_for("typing_indicator")["data"]["is_typing"] is False
        message = b.wait_for("message")
        b.send("read", up_to_seq=message["seq"])
        assert a.wait_for("read_receipt")["data"]["user_id"] == "bob"
        eventually(lambda: alice.rest.history(room)["messages"][0]["delivered_at"])


def test_receipts_in_large_conversations_are_not_published(nodes):
    """This includes nodes that do not have the conversation in memory."""
    one, two = nodes(2, PARLEY_LIMITS_LIVE_PARTICIPANTS="2", PARLEY_SHARDS="1")
    alice = Person(one, "alice")
    small = alice.rest.create_group(Person(one, "bob"))
    large = alice.rest.create_group(Person(one, "bob"), Person(one, "cho"))
    bob = Person(two, "bob")

    def published_by_marks(room):
        message = alice.rest.send_message(room, "hello")
        before = two.metric("parley_bus_published_total")
        for _ in range(50):
            assert bob.rest.post("messages/mark_as_read/", json={"message_ids": [message["id"]]}).status_code == 200
            assert bob.rest.post(f"conversations/{room['id']}/read/", json={"up_to_seq": 1}).status_code == 200
        with alice.connect(small) as a:  # receipts published before the fence arrive before it
            fence = alice.rest.send_message(small, "fence")
            assert bob.rest.post("messages/mark_as_read/", json={"message_ids": [fence["id"]]}).status_code == 200
            a.wait_for("read_receipt")
        return two.metric("parley_bus_published_total") - before
    assert published_by_marks(small) >= 100
    assert published_by_marks(large) < 20, "nodes publish a few announcements at any time"


@pytest.mark.proves("P11 presence")
def test_presence_covers_all_nodes(nodes):
    one, two = nodes(2)
    alice, bob = Person(one, "alice-p"), Person(two, "bob-p")
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a:
        with bob.connect(room) as b:
            assert a.wait_for("user_online")["data"]["user_id"] == bob.id
            if alice.id not in b.established["data"]["online"]:
                assert b.wait_for("user_online")["data"]["user_id"] == alice.id
            with bob.connect(room) as again:
                assert set(again.established["data"]["online"]) == {alice.id, bob.id}
            other_tab = Person(one, bob.id).connect()
        expect_silence(a, 3)  # bob is still connected to the other node
        other_tab.close()
        assert a.wait_for("user_offline", within=10)["data"]["user_id"] == bob.id


@pytest.mark.proves("P11 presence")
def test_users_of_a_killed_node_are_offline_within_the_lease(nodes):
    one, two = nodes(2)
    alice, bob, carol = Person(one, "alice-k"), Person(two, "bob-k"), Person(two, "carol-k")
    room = alice.rest.create_group(bob, carol)
    with alice.connect(room) as a, bob.connect(room), carol.connect(room):
        for _ in range(2):
            a.wait_for("user_online")
        two.kill()
        with Person(one, carol.id).connect(room):  # carol reconnects to another node, so she stays online
            assert a.wait_for("user_offline", within=25)["data"]["user_id"] == bob.id
            expect_silence(a)


# --- Redis is disposable (P7)


@pytest.mark.proves("P7 Redis is disposable")
@pytest.mark.proves("bus_lag_seconds, bus_losses_found_total, bus_unreadable_total, bus_dropped_total")
def test_a_killed_redis_loses_no_event(nodes, own_redis):
    one, two = nodes(2, redis=own_redis.url)
    alice, bob, near = Person(one, "alice"), Person(two, "bob"), Person(one, "near")
    room = alice.rest.create_group(bob, near)
    with bob.connect(room) as b, near.connect(room) as n:
        alice.rest.send_message(room, "before")
        assert b.wait_for("message")["seq"] == 1
        own_redis.kill()
        for number in range(20):
            alice.rest.send_message(room, f"without redis {number}")
        assert [frame["seq"] for frame in durable_frames(n, 21)] == list(range(1, 22)), "subscribers on the sender's node receive events as before"
        assert [frame["seq"] for frame in durable_frames(b, 20)] == list(range(2, 22)), "from the store"
        assert one.ready() and two.ready()
        own_redis.start()  # empty
        eventually(lambda: own_redis.subscribers(room) == 2, within=15)
        eventually(lambda: all(node.log.count("bus is up") > node.log.count("bus is down") for node in (one, two)))
        found = two.metric("parley_bus_losses_found_total")
        alice.rest.send_message(room, "after")
        assert b.wait_for(lambda frame: frame.get("seq") == 22)["data"]["content"] == "after"
        assert two.metric("parley_bus_losses_found_total") == found, "events are live again"


@pytest.mark.proves("P7 Redis is disposable")
def test_a_paused_redis_delays_no_sends(nodes, own_redis):
    one, two = nodes(2, redis=own_redis.url)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        own_redis.pause()
        for number in range(10):
            alice.rest.send_message(room, f"paused {number}")
        frames = durable_frames(b, 10, within=20)
        own_redis.resume()
        eventually(lambda: own_redis.subscribers(room) == 1, within=15)
        alice.rest.send_message(room, "resumed")
        frames += durable_frames(b, 1)
        assert [frame["seq"] for frame in frames] == list(range(1, 12))
        expect_silence(b)


@pytest.mark.proves("P4 no silent gap")
@pytest.mark.proves("P7 Redis is disposable")
def test_events_lost_on_the_bus_are_fetched_from_the_store(nodes, redis, relay):
    one, = nodes(1, redis=relay.redis_url)
    two, = nodes(1)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        eventually(lambda: redis.subscribers(room) == 1)
        relay.lose_publish = True
        alice.rest.send_message(room, "lost")
        alice.rest.send_message(room, "lost too")
        relay.lose_publish = False
        alice.rest.send_message(room, "received")
        assert [frame["seq"] for frame in durable_frames(b, 3)] == [1, 2, 3], "the node fills the gap"
        relay.lose_publish = True
        alice.rest.send_message(room, "the last, lost")
        assert b.wait_for(lambda frame: frame.get("seq") == 4, within=15), "the node finds the lost event, although no event follows it"


@pytest.mark.proves("P7 Redis is disposable")
def test_a_node_partitioned_from_redis_sends_and_receives_events(nodes, redis, relay):
    one, = nodes(1, redis=relay.redis_url)
    two, = nodes(1)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a, bob.connect(room) as b:
        relay.refuse()
        eventually(lambda: "bus is down" in one.log)
        alice.rest.send_message(room, "from the island")
        bob.rest.send_message(room, "from the mainland")
        assert [frame["seq"] for frame in durable_frames(a, 2)] == [1, 2]
        relay.heal()
        assert [frame["seq"] for frame in durable_frames(b, 2, within=15)] == [1, 2]


@pytest.mark.proves("P9 token lifetime")
@pytest.mark.proves("nodes over Redis")
def test_nodes_without_redis_poll_the_store(nodes):
    one, two = nodes(2, redis=None)
    alice, bob, carol = Person(one, "alice"), Person(two, "bob"), Person(two, "carol")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b, carol.connect() as c:
        alice.rest.send_message(room, "slow and sure")
        assert b.wait_for("message")["data"]["content"] == "slow and sure"
        add(alice, room, carol)
        assert c.wait_for("conversation_created")["conversation_id"] == room["id"]
        b.wait_for("conversation_updated")
        removed = time.monotonic()
        remove(alice, room, bob)
        with pytest.raises(Closed) as closed:
            while True:
                b.receive(10)
        assert closed.value.code == 4003 and time.monotonic() - removed < patient(5)
        assert alice.rest.delete(f"conversations/{room['id']}/").is_success
        assert c.wait_for("conversation_deleted")


@pytest.mark.proves("P9 token lifetime")
@pytest.mark.proves("revocation")
def test_a_revoked_token_is_closed_on_every_node_without_redis(nodes):
    one, two = nodes(2, redis=None)
    bob = Person(two, "bob-r", jti="jti-1")
    service = Person(one, "backend", scope="messaging:service")
    with bob.connect() as b:
        assert service.rest.post("revocations/", json={"jti": "jti-1"}).status_code == 201
        with pytest.raises(Closed) as closed:
            while True:
                b.receive(5)
        assert closed.value.code == 4001


@pytest.mark.proves("P2 exactly-once effect")
def test_a_retry_on_another_node_after_a_kill_returns_the_same_message(nodes):
    one, two = nodes(2)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    acked = {}
    for number in range(30):
        acked[f"c-{number}"] = alice.rest.send_message(room, f"message {number}", client_id=f"c-{number}")["seq"]
    one.kill()
    moved = Person(two, "alice")
    for client_id, seq in acked.items():
        number = client_id.split("-")[1]
        again = moved.rest.post("messages/", json={"conversation_id": room["id"], "content": f"message {number}", "client_id": client_id})
        assert again.status_code == 200 and again.json()["seq"] == seq
    assert [message["seq"] for message in bob.rest.everything_in(room)] == sorted(acked.values())


# --- store identity


@pytest.mark.proves("/livez, /readyz")
@pytest.mark.proves("store identity, store_mismatch")
def test_two_embedded_stores_on_one_redis_report_store_mismatch(own_redis, own_server):
    one = own_server(REDIS_URL=own_redis.url)
    eventually(lambda: "bus is up" in one.log)
    assert one.ready()
    two = own_server(REDIS_URL=own_redis.url, ready=False)
    for node in one, two:
        eventually(lambda: not node.ready())
        answer = Person(node, "alice").rest.get(f"{node.url}/readyz")
        assert answer.status_code == 503 and answer.json()["status"] == "store_mismatch"
        assert int(answer.headers["retry-after"]) >= 1
    two.stop()
    eventually(one.ready, within=30)


@pytest.mark.long(27)
@pytest.mark.proves("store identity, store_mismatch")
def test_a_settled_node_stays_ready_when_a_node_of_another_store_joins(nodes, own_redis, own_server):
    """Staging is configured with production's Redis by mistake."""
    production, = nodes(1, redis=own_redis.url)
    wait_until(time.time() + LEASE)  # a node is settled after one lease
    staging = own_server(REDIS_URL=own_redis.url, ready=False)
    eventually(lambda: not staging.ready())
    eventually(lambda: production.metric("parley_bus_other_store_total") > 0)
    assert production.ready() and "store mismatch" in production.log
    alice, bob = Person(production, "alice-s"), Person(production, "bob-s")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b, Person(staging, "alice-s").connect():
        expect_silence(b, 3)  # presence of the other system is not shown
        restarted, = nodes(1, redis=own_redis.url)
        eventually(restarted.ready)  # the node may receive staging's announcement first
        assert production.ready()
        for node in production, restarted:
            seen = node.metric("parley_bus_other_store_total")
            eventually(lambda node=node, seen=seen: node.metric("parley_bus_other_store_total") > seen)  # staging's next announcement
        assert restarted.ready() and production.ready() and not staging.ready()


@pytest.mark.proves("bus_lag_seconds, bus_losses_found_total, bus_unreadable_total, bus_dropped_total")
def test_malformed_bus_messages_are_counted_and_ignored(nodes, redis):
    one, two = nodes(2)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        eventually(lambda: redis.subscribers(room) == 1)
        for noise in "", "noise", "P", "P\x01\x03" + "x" * 40, "x" * 100_000:
            redis.ask("PUBLISH", f"parley:c:{room['id']}", noise)
            redis.ask("PUBLISH", "parley:nodes", noise)
        alice.rest.send_message(room, "still here")
        assert b.wait_for("message")["data"]["content"] == "still here"
        assert two.metric("parley_bus_unreadable_total") >= 8


# --- the user socket's cursor over nodes


def listed(person, cursor):
    """Returns the conversations that the greeting lists as changed since the cursor."""
    with person.connect(query={"cursor": cursor}) as socket:
        return set(socket.established["data"]["conversations"])


def cursor_of(person):
    with person.connect() as socket:
        return socket.established["data"]["cursor"]


def quiet_cursor_of(person):
    """Returns a cursor after which no conversation is listed. There is none while transactions that began earlier still run."""
    cursor = cursor_of(person)
    return cursor if listed(person, cursor) == set() else None


@pytest.mark.proves("?cursor=")
def test_a_cursor_includes_changes_that_are_committed_late(nodes, database):
    """The transaction of the change begins before the cursor is issued, and commits after it."""
    one, two = nodes(2)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    late, early = alice.rest.create_group(bob), alice.rest.create_group(bob)

    def send():  # again on 503: a node gives up after some seconds
        eventually(lambda: alice.rest.post("messages/", json={"conversation_id": late["id"], "content": "late", "client_id": "c"}).is_success)

    sending = threading.Thread(target=send)
    with database.holding(f"SELECT 1 FROM messaging_conversation WHERE id = '{late['id']}' FOR UPDATE") as holder:
        sending.start()
        holder.await_waiting()
        bob.rest.send_message(early, "early")
        cursor = cursor_of(bob)
    sending.join()
    assert late["id"] in listed(bob, cursor)


@pytest.mark.proves("?cursor=")
def test_a_cursor_does_not_depend_on_any_clock(nodes):
    one, = nodes(1)
    ahead, = nodes(1, **shifted("+1d"))
    alice, bob = Person(one, "alice-t", ttl=3 * 86400), Person(ahead, "bob-t", ttl=3 * 86400)
    room, other = alice.rest.create_group(bob), alice.rest.create_group(bob)
    assert bob.rest.send_message(room, "from tomorrow")["sent_at"] > alice.rest.send_message(other, "from today")["sent_at"]
    cursor = eventually(lambda: quiet_cursor_of(alice))
    alice.rest.send_message(other, "today still")
    assert listed(alice, cursor) == {other["id"]}
    assert listed(alice, "1" + cursor + "000000") == {room["id"], other["id"]}, "a cursor of another store"


@pytest.mark.proves("bus_reconnects_total, bus_published_total, bus_received_total")
@pytest.mark.proves("store_pool_waits_total, store_read_queue, store_reads_refused_total, store_reads_expired_total, store_statements_total, store_round_trips_total")
def test_metrics_count_bus_messages_and_store_statements(nodes, own_redis):
    one, two = nodes(2, redis=own_redis.url)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    names = ("bus_published_total", "bus_commands_total", "store_statements_total")
    with bob.connect(room) as b:
        eventually(lambda: own_redis.subscribers(room) == 1)
        before = {name: one.metric(f"parley_{name}") for name in names}
        seen = two.metric("parley_bus_received_total")
        for number in range(20):
            alice.rest.send_message(room, f"message {number}")
        b.events(20)
        spent = {name: one.metric(f"parley_{name}") - value for name, value in before.items()}
        assert spent["bus_published_total"] >= 20 and spent["bus_commands_total"] >= 20
        assert spent["store_statements_total"] >= 20 * 4, "BEGIN, reads, an insert, COMMIT"
        assert two.metric("parley_bus_received_total") - seen >= 20
        assert two.metric("parley_bus_reconnects_total") == 0
        own_redis.ask("CLIENT", "KILL", "TYPE", "pubsub")
        eventually(lambda: two.metric("parley_bus_reconnects_total") == 1)
