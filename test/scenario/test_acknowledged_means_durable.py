"""P1: acknowledged writes survive kill -9."""
import threading

import pytest

from client import Closed
from conftest import named
from deadline import eventually


def send_until_cut(person, talk, prefix, acked):
    """Keeps a few messages in flight; records every acknowledged message."""
    with person.connect(talk) as socket:
        try:
            for number in range(100_000):
                client_id = f"{prefix}-{number}"
                socket.send("message", content=f"text of {client_id}", client_id=client_id)
                if number >= 8:
                    note(socket.wait_for("ack"), acked)
        except Closed:
            pass
        for frame in socket.kept:
            if frame["type"] == "ack":
                note(frame, acked)


def note(ack, acked):
    acked[ack["data"]["client_id"]] = (ack["data"]["id"], ack["data"]["seq"])


def kill_under_load(server, senders, talk, round_number):
    acked = [{} for _ in senders]
    threads = [
        threading.Thread(target=send_until_cut,
                         args=(person, talk, f"{round_number}-{person.id}", acked[at]))
        for at, person in enumerate(senders)]
    for thread in threads:
        thread.start()
    eventually(lambda: sum(map(len, acked)) > 150, within=30)
    server.kill()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return {client_id: place for notes in acked for client_id, place in notes.items()}


@pytest.mark.proves("P1 durable")
def test_every_acknowledged_message_survives_kill_9(own_server):
    server = own_server()
    alice, bob, carol = named(server, "alice", "bob", "carol")
    talk = alice.rest.create_group(bob, carol)
    acked = {}
    for round_number in range(3):
        acked.update(kill_under_load(server, [alice, bob, carol], talk, round_number))
        server.start()
    stored = alice.rest.everything_in(talk)
    assert [message["seq"] for message in stored] == list(range(1, len(stored) + 1))
    places = {message["client_id"]: (message["id"], message["seq"]) for message in stored}
    assert len(places) == len(stored), "a client_id is stored twice"
    lost = {client_id for client_id in acked if client_id not in places}
    assert not lost, f"lost {len(lost)} of {len(acked)}"
    assert all(places[client_id] == place for client_id, place in acked.items())
    assert all(message["content"] == f"text of {message['client_id']}" for message in stored)


def test_messages_retried_after_a_crash_are_stored_once(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    acked = kill_under_load(server, [alice], talk, 0)
    server.start()
    with alice.connect(talk) as a:
        for number in range(len(acked) + 20):  # acknowledged messages, messages with an unknown outcome, and new ones
            client_id = f"0-{alice.id}-{number}"
            ack = a.send_message(f"text of {client_id}", client_id=client_id)
            if client_id in acked:
                assert (ack["id"], ack["seq"]) == acked[client_id]
                assert ack["duplicate"] is True
    stored = [message["client_id"] for message in alice.rest.everything_in(talk)]
    assert len(stored) == len(set(stored))


def test_conversations_and_messages_created_by_rest_survive_kill_9(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob, title="keep me", metadata={"k": [1, 2]})
    sent = alice.rest.send_message(talk, "keep me too", client_id="r1")
    server.kill()
    server.start()
    kept = bob.rest.get(f"conversations/{talk['id']}/").json()
    assert (kept["title"], kept["metadata"], kept["seq"]) == ("keep me", {"k": [1, 2]}, 1)
    message = bob.rest.get(f"messages/{sent['id']}/").json()
    for field in "id", "seq", "content", "sent_at", "client_id", "sender_id":
        assert message[field] == sent[field]
