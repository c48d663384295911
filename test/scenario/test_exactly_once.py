"""P2: a retried message is stored once."""
import threading

import pytest

from client import assert_problem
from conftest import named


def post(person, talk, content="once", headers=None, **fields):
    return person.rest.post("messages/", headers=headers,
                            json={"conversation_id": talk["id"], "content": content, **fields})


@pytest.fixture
def talk_of_two(people):
    alice, bob = people("alice", "bob")
    return alice, bob, alice.rest.create_group(bob)


def test_a_retry_on_the_same_socket_returns_the_first_message(talk_of_two):
    alice, bob, talk = talk_of_two
    with alice.connect(talk) as a, bob.connect(talk) as b:
        first = a.send_message("once", client_id="x")
        again = a.send_message("once", client_id="x")
        assert (again["id"], again["seq"], again["client_id"]) == (first["id"], first["seq"], "x")
        assert (first["duplicate"], again["duplicate"]) == (False, True)
        a.send_message("next", client_id="y")
        assert [event["data"]["client_id"] for event in b.events(2)] == ["x", "y"]


def test_a_retry_on_another_socket_and_over_rest_returns_the_first_message(talk_of_two):
    alice, bob, talk = talk_of_two
    with alice.connect(talk) as first_socket:
        first = first_socket.send_message("once", client_id="x")
    with alice.connect() as second_socket:
        again = second_socket.ask("message", conversation_id=talk["id"], content="once", client_id="x")
    assert again["data"] == {**first, "duplicate": True}
    by_rest = post(alice, talk, client_id="x")
    assert by_rest.status_code == 200
    assert (by_rest.json()["id"], by_rest.json()["seq"]) == (first["id"], first["seq"])
    by_header = post(alice, talk, headers={"Idempotency-Key": "x"})
    assert by_header.status_code == 200
    assert by_header.json()["id"] == first["id"]
    assert len(bob.rest.everything_in(talk)) == 1


@pytest.mark.proves("POST messages/")
def test_a_retry_over_rest_returns_200_and_publishes_no_event(talk_of_two):
    alice, bob, talk = talk_of_two
    with bob.connect(talk) as b:
        first, again = post(alice, talk, client_id="x"), post(alice, talk, client_id="x")
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["id"] == first.json()["id"]
        post(alice, talk, "next")
        assert [event["seq"] for event in b.events(2)] == [1, 2]


@pytest.mark.proves("POST messages/")
def test_the_idempotency_key_header_is_the_client_id(talk_of_two):
    alice, _, talk = talk_of_two
    sent = post(alice, talk, headers={"Idempotency-Key": "from-header"})
    assert sent.status_code == 201
    assert sent.json()["client_id"] == "from-header"
    both = post(alice, talk, headers={"Idempotency-Key": "from-header"}, client_id="from-header")
    assert both.status_code == 200


@pytest.mark.proves("POST messages/")
def test_an_idempotency_key_that_differs_from_the_client_id_is_rejected(talk_of_two):
    alice, bob, talk = talk_of_two
    assert_problem(post(alice, talk, headers={"Idempotency-Key": "a"}, client_id="b"), 400)
    assert bob.rest.everything_in(talk) == []


@pytest.mark.parametrize("change", [
    {"content": "twice"}, {"content_type": "image"}, {"metadata": {"a": 1}}])
@pytest.mark.proves("P2 exactly-once effect")
def test_a_different_request_with_the_same_client_id_is_rejected(talk_of_two, change):
    alice, bob, talk = talk_of_two
    post(alice, talk, client_id="x")
    assert_problem(post(alice, talk, **{"client_id": "x", **change}), 409, "client_id_reused")
    with alice.connect(talk) as a:
        answer = a.ask("message", **{"content": "once", "client_id": "x", **change})
        assert answer["type"] == "error"
        assert answer["data"]["code"] == "client_id_reused"
        assert a.ask("message", content="once", client_id="x")["type"] == "ack"
    (stored,) = bob.rest.everything_in(talk)
    assert stored["content"] == "once"


def test_a_different_reply_to_with_the_same_client_id_is_rejected(talk_of_two):
    alice, _, talk = talk_of_two
    first = alice.rest.send_message(talk, "once", client_id="x")
    assert_problem(post(alice, talk, client_id="x", reply_to=first["id"]), 409, "client_id_reused")


def test_client_ids_are_scoped_to_sender_and_conversation(talk_of_two):
    alice, bob, talk = talk_of_two
    other = alice.rest.create_group(bob)
    answers = [post(alice, talk, client_id="x"), post(bob, talk, client_id="x"),
               post(alice, other, client_id="x")]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3


@pytest.mark.proves("P2 exactly-once effect")
def test_concurrent_retries_store_one_message(talk_of_two):
    alice, bob, talk = talk_of_two
    places, gate = [], threading.Barrier(12)

    def by_socket():
        with alice.connect(talk) as a:
            gate.wait(30)
            ack = a.send_message("once", client_id="race")
            places.append((ack["id"], ack["seq"], not ack["duplicate"]))

    def by_rest():
        with type(alice.rest)(alice.server, alice.token) as rest:
            gate.wait(30)
            answer = rest.post("messages/", json={
                "conversation_id": talk["id"], "content": "once", "client_id": "race"})
            message = answer.json()
            places.append((message["id"], message["seq"], answer.status_code == 201))

    with bob.connect(talk) as b:
        threads = [threading.Thread(target=by_socket if n % 2 else by_rest) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(places) == 12
        assert len({(id, seq) for id, seq, _ in places}) == 1
        assert sum(first for _, _, first in places) == 1
        alice.rest.send_message(talk, "next")
        assert [event["data"]["content"] for event in b.events(2)] == ["once", "next"]


@pytest.mark.proves("P2 exactly-once effect")
def test_a_retry_after_a_restart_returns_the_first_message(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    first = alice.rest.send_message(talk, "once", client_id="x")
    assert server.stop() == 0
    server.start()
    again = post(alice, talk, client_id="x")
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["seq"]) == (first["id"], first["seq"])
    assert_problem(post(alice, talk, "twice", client_id="x"), 409, "client_id_reused")
