"""P3: one dense sequence, the same for all readers."""
import threading

import pytest

from conftest import named

SENDERS, EACH = 4, 25


@pytest.mark.proves("P3 one order")
def test_concurrent_senders_produce_one_dense_order_for_every_reader(people):
    persons = people("ann", "ben", "cat", "dan")
    talk = persons[0].rest.create_group(*persons[1:])
    total = SENDERS * EACH
    readers = [person.connect(talk) for person in persons] + [persons[0].connect()]
    acks, failures = {}, []

    def send(at):
        try:
            if at == 0:
                for number in range(EACH):
                    message = persons[0].rest.send_message(talk, "x", client_id=f"0-{number}")
                    acks[message["client_id"]] = (message["id"], message["seq"])
                return
            with persons[at].connect(talk) as socket:
                for number in range(EACH):
                    socket.send("message", content="x", client_id=f"{at}-{number}")
                for _ in range(EACH):
                    ack = socket.wait_for("ack")["data"]
                    acks[ack["client_id"]] = (ack["id"], ack["seq"])
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=send, args=(at,)) for at in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(acks) == total

    orders = []
    for reader in readers:
        events = reader.events(total)
        assert [event["seq"] for event in events] == list(range(1, total + 1))
        assert all(event["data"]["seq"] == event["seq"] for event in events)
        orders.append([event["data"]["id"] for event in events])
        reader.close()
    assert all(order == orders[0] for order in orders)
    assert [message["id"] for message in persons[3].rest.everything_in(talk)] == orders[0]
    for client_id, (id, seq) in acks.items():
        assert orders[0][seq - 1] == id, client_id
    for at in range(SENDERS):
        own = [acks[f"{at}-{number}"][1] for number in range(EACH)]
        assert own == sorted(own), "messages of one sender keep their order"


def test_each_conversation_has_its_own_sequence(people):
    alice, bob = people("alice", "bob")
    talks = [alice.rest.create_group(bob) for _ in range(3)]
    for count, talk in enumerate(talks, start=1):
        assert [alice.rest.send_message(talk, "x")["seq"] for _ in range(count)] == list(range(1, count + 1))


def test_the_sequence_continues_after_a_restart(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    assert [alice.rest.send_message(talk, "x")["seq"] for _ in range(3)] == [1, 2, 3]
    server.kill()
    server.start()
    with bob.connect(talk) as b:
        assert b.established["data"]["seq"] == 3
        assert alice.rest.send_message(talk, "x")["seq"] == 4
        assert b.wait_for("message")["seq"] == 4
