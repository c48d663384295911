"""Read marks over REST and sockets, receipts, unread counts, and delivery marks."""
import time

import pytest

from client import NO_ID, Person, assert_problem
from deadline import eventually
from server import wait_until


@pytest.fixture
def talk(people):
    alice, bob = people("alice", "bob")
    group = alice.rest.create_group(bob)
    return alice, bob, group, [alice.rest.send_message(group, f"m{n}") for n in range(4)]


def unread(person, group=None):
    query = {"conversation_id": group["id"]} if group else {}
    return person.rest.get("messages/unread_count/", params=query).json()["count"]


@pytest.mark.proves("positions")
@pytest.mark.proves("POST messages/mark_as_read/")
def test_marking_a_message_as_read_marks_all_earlier_messages(talk):
    alice, bob, group, messages = talk
    assert unread(bob, group) == unread(bob) == 4
    with alice.connect(group) as alices, bob.connect() as bobs:
        answer = bob.rest.post("messages/mark_as_read/", json={"message_ids": [messages[2]["id"]]})
        assert answer.status_code == 200 and answer.json() == {"updated": 1}
        for socket in (alices, bobs):
            receipt = socket.wait_for("read_receipt")
            assert receipt["conversation_id"] == group["id"] and "seq" not in receipt
            assert receipt["data"] == {
                "user_id": bob.id, "message_ids": [messages[2]["id"]], "up_to_seq": 3}
    assert unread(bob, group) == 1
    assert bob.rest.get(f"conversations/{group['id']}/").json()["unread_count"] == 1
    member = bob.rest.get(f"conversations/{group['id']}/participants/").json()[1]
    assert member["last_read_seq"] == 3 and member["last_read_at"]
    eventually(lambda: [one["read_at"] is not None for one in alice.rest.everything_in(group)] == [True, True, True, False])
    again = bob.rest.post("messages/mark_as_read/",
                          json={"message_ids": [one["id"] for one in messages]})
    assert again.json() == {"updated": 1}, "the named messages that were unread"
    assert unread(bob) == 0


@pytest.mark.proves("positions")
@pytest.mark.proves("POST conversations/{id}/read/")
def test_a_read_mark_never_moves_back(talk):
    alice, bob, group, messages = talk
    path = f"conversations/{group['id']}/read/"
    assert bob.rest.post(path, json={"up_to_seq": 3}).json() == {"up_to_seq": 3}
    assert bob.rest.post(path, json={"up_to_seq": 1}).json() == {"up_to_seq": 3}
    assert unread(bob, group) == 1


def receipt_of(reader, up_to_seq, *messages):
    return {"user_id": reader.id, "message_ids": [one["id"] for one in messages], "up_to_seq": up_to_seq}


@pytest.mark.proves("read_receipt, read")
def test_a_receipt_is_broadcast_even_if_the_mark_did_not_move(talk):
    alice, bob, group, messages = talk
    path = f"conversations/{group['id']}/read/"
    assert bob.rest.post(path, json={"up_to_seq": 3}).status_code == 200
    with alice.connect(group) as alices, bob.connect(group) as bobs:
        answer = bob.rest.post("messages/mark_as_read/", json={"message_ids": [messages[0]["id"]]})
        assert answer.json() == {"updated": 0}
        assert alices.wait_for("read_receipt")["data"] == receipt_of(bob, 3, messages[0])
        assert bobs.ask("read_receipt", message_ids=[messages[2]["id"], messages[1]["id"]])["type"] == "ack"
        assert alices.wait_for("read_receipt")["data"] == receipt_of(bob, 3, messages[2], messages[1])
        assert bobs.ask("read", up_to_seq=1)["type"] == "ack"
        assert alices.wait_for("read_receipt")["data"] == receipt_of(bob, 3)
        assert bob.rest.post(path, json={"up_to_seq": 3}).json() == {"up_to_seq": 3}
        assert alices.wait_for("read_receipt")["data"] == receipt_of(bob, 3)


@pytest.mark.proves("read_receipt, read")
def test_a_receipt_of_many_messages_is_split_into_frames_of_100(people):
    alice, bob = people("alice", "bob")
    group = alice.rest.create_group(bob)
    messages = [alice.rest.send_message(group, f"m{n}") for n in range(230)]
    with alice.connect(group) as socket:
        answer = bob.rest.post("messages/mark_as_read/", json={"message_ids": [one["id"] for one in messages]})
        assert answer.json() == {"updated": 230}
        receipts = [socket.wait_for("read_receipt")["data"] for _ in range(3)]
    assert [len(one["message_ids"]) for one in receipts] == [100, 100, 30]
    assert receipts[1] == receipt_of(bob, 230, *messages[100:200])
    assert {one["up_to_seq"] for one in receipts} == {230}


@pytest.mark.proves("POST conversations/{id}/read/")
def test_a_read_mark_beyond_the_head_is_rejected(talk):
    _, bob, group, _ = talk
    path = f"conversations/{group['id']}/read/"
    for bad in ({"up_to_seq": 5}, {"up_to_seq": -1}, {"up_to_seq": "1"}, {}):
        assert_problem(bob.rest.post(path, json=bad), 400, field="up_to_seq")
    assert unread(bob, group) == 4


@pytest.mark.proves("read_receipt, read")
def test_read_marks_can_be_moved_over_sockets(talk):
    alice, bob, group, messages = talk
    with alice.connect(group) as alices, bob.connect(group) as bobs:
        answer = bobs.ask("read_receipt", message_ids=[messages[0]["id"], messages[1]["id"]])
        assert answer["type"] == "ack"
        receipt = alices.wait_for("read_receipt")
        assert receipt["data"] == {"user_id": bob.id, "up_to_seq": 2,
                                   "message_ids": [messages[0]["id"], messages[1]["id"]]}
        assert bobs.wait_for("read_receipt") == receipt
        assert bobs.ask("read", up_to_seq=4)["type"] == "ack"
        assert alices.wait_for("read_receipt")["data"] == {
            "user_id": bob.id, "message_ids": [], "up_to_seq": 4}
        assert unread(bob) == 0, "a client reads its own writes"
        for type, bad in (("read", {"up_to_seq": 9}), ("read", {}), ("read_receipt", {}),
                          ("read_receipt", {"message_ids": ["no"]}), ("read_receipt", {"message_ids": 1})):
            answer = bobs.ask(type, **bad)
            assert answer["type"] == "error" and answer["data"]["code"] == "invalid_field", answer


def test_marking_messages_that_the_user_cannot_see_is_ignored(talk, people):
    alice, bob, group, messages = talk
    cho = people("cho")
    other = alice.rest.create_group(cho)
    hidden = alice.rest.send_message(other, "hidden")
    answer = bob.rest.post("messages/mark_as_read/",
                           json={"message_ids": [hidden["id"], NO_ID, messages[0]["id"]]})
    assert answer.json() == {"updated": 1}
    assert unread(cho, other) == 1 and unread(bob, group) == 3
    with cho.connect(other) as socket:
        assert socket.ask("read_receipt", message_ids=[messages[3]["id"]])["type"] == "ack"
    assert unread(bob, group) == 3
    for bad in ({}, {"message_ids": "x"}, {"message_ids": ["x"]}, {"message_ids": [1]}):
        assert_problem(bob.rest.post("messages/mark_as_read/", json=bad), 400, field="message_ids")
    assert_problem(cho.rest.post(f"conversations/{group['id']}/read/", json={"up_to_seq": 1}), 404)


@pytest.mark.proves("POST messages/mark_as_read/")
def test_one_request_marks_messages_of_several_conversations(talk):
    alice, bob, group, messages = talk
    other = alice.rest.create_group(bob)
    more = alice.rest.send_message(other, "more")
    with alice.connect() as socket:
        answer = bob.rest.post("messages/mark_as_read/",
                               json={"message_ids": [messages[3]["id"], more["id"]]})
        assert answer.json() == {"updated": 2}
        receipts = [socket.wait_for("read_receipt") for _ in range(2)]
        assert {one["conversation_id"] for one in receipts} == {group["id"], other["id"]}
    assert unread(bob) == 0


@pytest.mark.proves("GET messages/unread_count/")
def test_own_and_deleted_messages_are_not_unread(talk):
    alice, bob, group, messages = talk
    bob.rest.send_message(group, "mine")
    alice.rest.delete(f"messages/{messages[1]['id']}/")
    assert unread(bob, group) == 3 and unread(alice, group) == 1


@pytest.mark.proves("positions")
def test_read_marks_survive_a_stop(own_server, tmp_path):
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    groups = [alice.rest.create_group(bob) for _ in range(3)]
    for group in groups:
        alice.rest.send_message(group, "hello")
        assert bob.rest.post(f"conversations/{group['id']}/read/", json={"up_to_seq": 1}).status_code == 200
    server.stop()
    server = own_server(directory=tmp_path)
    assert unread(Person(server, "bob")) == 0


@pytest.mark.proves("positions")
def test_read_marks_older_than_two_seconds_survive_a_kill(own_server, tmp_path):
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob)
    for n in range(3):
        alice.rest.send_message(group, f"m{n}")
    assert bob.rest.post(f"conversations/{group['id']}/read/", json={"up_to_seq": 2}).status_code == 200
    marked = time.time()
    wait_until(marked + 2.5)
    server.kill()
    server = own_server(directory=tmp_path)
    assert unread(Person(server, "bob"), group) == 1


@pytest.mark.proves("read_receipt, read")
def test_large_conversations_have_no_receipts(own_server, tmp_path):
    server = own_server("--limits-live-participants", "2", directory=tmp_path)
    people = [Person(server, name) for name in ("alice", "bob", "cho")]
    large = people[0].rest.create_group(*people[1:])
    small = people[0].rest.create_group(people[1])
    with people[0].connect() as socket:
        for group in (large, small):
            people[0].rest.send_message(group, "hello")
            people[1].rest.post(f"conversations/{group['id']}/read/", json={"up_to_seq": 1})
        assert socket.wait_for("read_receipt")["conversation_id"] == small["id"]
    assert unread(people[1]) == 0


@pytest.mark.parametrize("path", ["conversations/{}/changes/?since_seq=0", "conversations/{}/", "conversations/{}/messages/", "conversations/"])
def test_delivered_at_is_set_when_rest_returns_the_message(people, path):
    alice, bob = people("alice", "bob")
    group = alice.rest.create_group(bob)
    message = alice.rest.send_message(group, "hello")
    for reader in alice, bob:
        assert message["id"] in reader.rest.get(path.format(group["id"])).text
    eventually(lambda: alice.rest.get(f"messages/{message['id']}/").json()["delivered_at"] is not None)


@pytest.mark.proves("positions")
def test_delivered_at_is_set_when_another_participant_receives_the_message(talk):
    alice, bob, group, messages = talk

    def delivered():
        return [one["delivered_at"] is not None for one in alice.rest.everything_in(group)]
    with alice.connect(group, query={"since": 0}) as socket:
        assert len(socket.events(4)) == 4
        bob.rest.get(f"messages/{messages[0]['id']}/")
        eventually(lambda: delivered() == [True, False, False, False])
        with bob.connect(group):
            live = alice.rest.send_message(group, "live")
            assert live["delivered_at"] is None
            eventually(lambda: delivered() == [True, False, False, False, True])
    with bob.connect(group, query={"since": 1}) as socket:
        socket.events(4)
    eventually(lambda: delivered() == [True] * 5)
    assert all(one["read_at"] is None for one in alice.rest.everything_in(group))
