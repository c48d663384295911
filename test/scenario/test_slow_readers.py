"""P6: a slow reader loses no events, uses bounded memory, and does not delay other clients."""
import threading
import time

import httpx
import pytest

from conftest import named
from deadline import SANITIZED, eventually

LONG = "x" * 30_000
MEMORY_FACTOR = 5 if SANITIZED else 1


def send_messages(person, talk, count):
    with person.connect(talk) as socket:
        for number in range(count):
            socket.send("message", content=f"{number} {LONG}", client_id=str(number))
            socket.wait_for("ack")


@pytest.mark.proves("P6 bounded memory")
def test_a_reader_that_pauses_receives_all_events_later(people):
    alice, bob, carol = people("alice", "bob", "carol")
    talk = alice.rest.create_group(bob, carol)
    count = 600  # 18 MB: far more than the outbox and the kernel buffer
    with bob.connect(talk, stalls=True, patience=60) as stopped:
        with carol.connect(talk, patience=60) as awake:
            send_messages(alice, talk, count)
            assert [event["seq"] for event in awake.events(count)] == list(range(1, count + 1))
        events = stopped.events(count)
        assert [event["seq"] for event in events] == list(range(1, count + 1))
        assert [event["data"]["content"].split()[0] for event in events] == [
            str(number) for number in range(count)]
        alice.rest.send_message(talk, "live again")
        assert stopped.events(1)[0]["seq"] == count + 1


def test_a_user_socket_that_pauses_receives_all_events_later(people):
    alice, bob = people("alice", "bob")
    talks = [alice.rest.create_group(bob) for _ in range(4)]
    each = 120
    with bob.connect(stalls=True, patience=60) as stopped:
        for talk in talks:
            send_messages(alice, talk, each)
        events = stopped.events(each * len(talks))
        for talk in talks:
            seqs = [event["seq"] for event in events if event["conversation_id"] == talk["id"]]
            assert seqs == list(range(1, each + 1))


@pytest.mark.proves("P6 bounded memory")
def test_memory_is_bounded_however_far_readers_lag(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)

    readers = [bob.connect(talk, stalls=True) for _ in range(30)]
    send_messages(alice, talk, 50)
    before = server.memory()
    send_more(alice, talk, 1200)  # 36 MB for each reader, 1 GB for all
    grown = (server.memory() - before) >> 20
    for reader in readers:
        reader.close()
    assert grown < 200 * MEMORY_FACTOR, f"grew by {grown} MB"


@pytest.mark.proves("P6 bounded memory")
@pytest.mark.proves("conversations_in_memory, conversations_idle, tail_bytes")
def test_memory_of_many_active_conversations_is_bounded(own_server):
    """Cached events of all conversations together are bounded, although all have subscribers."""
    server = own_server("--shards", "1", "--rate-limits", "off")
    alice, bob = named(server, "alice", "bob")
    talks = [alice.rest.create_group(bob) for _ in range(300)]
    with bob.connect(stalls=True), alice.connect() as a:
        before, most = server.memory(), 0
        for _ in range(30):  # 270 MB
            for first in range(0, len(talks), 10):  # the client reads nothing while a send waits for the server to read
                some = talks[first:first + 10]
                for talk in some:
                    a.send("message", conversation_id=talk["id"], content=LONG, ref="r")
                for _ in some:
                    a.wait_for("ack")
            a.kept.clear()
            most = max(most, server.metric("parley_tail_bytes"))
        assert (32 << 20) < most <= (64 << 20)
        assert server.memory() - before < (160 << 20) * MEMORY_FACTOR
        assert server.metric("parley_conversations_in_memory") == len(talks)
        assert server.metric("parley_conversations_idle") == 0


def send_more(person, talk, count):
    with person.connect(talk) as socket:
        for number in range(count):
            socket.send("message", content=f"{number} {LONG}", ref=str(number))
            socket.wait_for("ack")


@pytest.mark.proves("P6 bounded memory")
@pytest.mark.proves("4008")
def test_a_reader_that_stalls_too_long_is_closed_with_4008(own_server):
    server = own_server("--websocket-slow-reader-timeout", "1s")
    alice, bob, carol = named(server, "alice", "bob", "carol")
    talk = alice.rest.create_group(bob, carol)
    count = 600
    stopped = bob.connect(talk, stalls=True)
    with carol.connect(talk, patience=60) as awake:
        send_messages(alice, talk, count)
        eventually(lambda: server.metric("parley_connections_closed_total", code="4008") == 1, within=30,
                   describe=lambda: httpx.get(f"{server.url}/metrics").text)
        assert [event["seq"] for event in awake.events(count)] == list(range(1, count + 1))
    stopped.close()
    with bob.connect(talk, query={"since": 0}, patience=60) as again:
        assert [event["seq"] for event in again.events(count)] == list(range(1, count + 1))


def test_a_slow_but_steady_reader_is_not_closed(own_server):
    server = own_server("--websocket-slow-reader-timeout", "4s")
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    count = 300
    with bob.connect(talk, stalls=True, patience=60) as slow:
        sender = threading.Thread(target=send_messages, args=(alice, talk, count))
        sender.start()  # in the background: sending may take longer than the limit
        for seq in range(1, count + 1):
            assert slow.events(1)[0]["seq"] == seq
            time.sleep(0.04)  # three times the limit in total, never the limit at once
        sender.join()
    assert server.metric("parley_connections_closed_total", code="4008") == 0


@pytest.mark.proves("outbox_bytes, commit_batch_messages, dropped_total{reason}, catch_ups_total")
def test_a_slow_reader_shows_in_the_metrics(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    count = 300
    with bob.connect(talk, stalls=True, patience=60) as stopped, alice.connect(talk) as a:
        send_messages(alice, talk, count)
        eventually(lambda: (512 << 10) < server.metric("parley_outbox_bytes") < (1 << 20) + 2 * len(LONG))  # the limit, and one event
        assert server.metric("parley_dropped_total", reason="busy") == 0
        a.send("typing", is_typing=True)
        eventually(lambda: server.metric("parley_dropped_total", reason="busy") == 1)
        assert len(stopped.events(count)) == count
        assert server.metric("parley_catch_ups_total") > 0
        eventually(lambda: server.metric("parley_outbox_bytes") == 0)
    commits, writes = (server.metric(f"parley_commit_batch_messages_{part}") for part in ("count", "sum"))
    assert 0 < commits <= writes and writes >= 1 + count
