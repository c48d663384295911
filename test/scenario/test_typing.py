"""Typing indicators: one for all connections of a user, ended by a timeout, a message, or the end of the connection."""
import time

import pytest

from deadline import patient
from server import wait_until


@pytest.fixture
def pair(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        yield alice, bob, talk, a, b


def signs_before_fence(alice, talk, socket):
    """Returns the typing indicators that the socket receives until a message sent now."""
    alice.rest.send_message(talk, "fence")
    return [frame["data"]["is_typing"] for frame in socket.seen_before(lambda frame: frame["type"] == "message")
            if frame["type"] == "typing_indicator"]


@pytest.mark.proves("typing, typing_indicator")
def test_typing_is_broadcast_to_other_participants_only(pair):
    alice, bob, talk, a, b = pair
    with bob.connect() as of_user:
        a.send("typing", is_typing=True)
        shown = b.wait_for("typing_indicator")
        assert shown["data"] == {"user_id": alice.id, "is_typing": True}
        assert "seq" not in shown
        assert of_user.wait_for("typing_indicator")["conversation_id"] == talk["id"]
        a.send("typing", is_typing=False)
        assert b.wait_for("typing_indicator")["data"] == {"user_id": alice.id, "is_typing": False}
    bob.rest.send_message(talk, "after")
    assert not [frame for frame in a.seen_before(lambda frame: frame["type"] == "message")
                if frame["type"] == "typing_indicator"]


@pytest.mark.proves("typing, typing_indicator")
def test_typing_ends_after_six_seconds(pair):
    alice, _, _, a, b = pair
    a.send("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    assert b.wait_for("typing_indicator")["data"] == {"user_id": alice.id, "is_typing": False}


@pytest.mark.proves("typing, typing_indicator")
def test_typing_without_is_typing_means_false_and_repeats_are_passed_on(pair):
    _, _, _, a, b = pair
    a.send("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    wait_until(time.time() + 2.1)  # a repeat is passed on at most once in 2 s
    a.send("typing", is_typing=True)
    a.send("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    a.send("typing")
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is False


def test_is_typing_must_be_a_boolean(pair):
    _, _, _, a, _ = pair
    for wrong in {"is_typing": "yes"}, {"is_typing": 1}, {"is_typing": []}:
        answer = a.ask("typing", **wrong)
        assert answer["type"] == "error"
        assert "is_typing" in answer["data"]["fields"]
    assert a.ask("ping")["type"] == "pong"


def test_typing_in_a_foreign_conversation_is_not_broadcast(people):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, eve.connect() as e:
        assert e.ask("typing", conversation_id=talk["id"], is_typing=True)["type"] == "error"
        bob.rest.send_message(talk, "fence")
        assert [frame["type"] for frame in a.seen_before(lambda frame: "seq" in frame)
                if frame["type"] == "typing_indicator"] == []


@pytest.mark.proves("typing, typing_indicator")
def test_two_connections_of_a_user_have_one_typing_indicator(pair):
    alice, bob, talk, a, b = pair
    with alice.connect(talk) as second, alice.connect() as third:
        a.ask("typing", is_typing=True)
        second.ask("typing", is_typing=True)
        third.ask("typing", conversation_id=talk["id"], is_typing=True)
        assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
        a.ask("typing", is_typing=False)
        second.ask("typing", is_typing=False)
        assert signs_before_fence(bob, talk, b) == [], "one connection is still typing"
        third.ask("typing", conversation_id=talk["id"], is_typing=False)
        assert b.wait_for("typing_indicator")["data"] == {"user_id": alice.id, "is_typing": False}


@pytest.mark.proves("typing, typing_indicator")
def test_a_message_ends_typing_before_it_is_delivered(pair):
    alice, _, talk, a, b = pair
    a.ask("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    a.send_message("done")
    seen = [frame for frame in b.seen_before(lambda frame: frame["type"] == "message") if frame["type"] in ("message", "typing_indicator")]
    assert [frame["type"] for frame in seen] == ["typing_indicator", "message"]
    assert seen[0]["data"] == {"user_id": alice.id, "is_typing": False}
    a.ask("typing", is_typing=False)
    assert signs_before_fence(alice, talk, b) == [], "typing has ended already"


@pytest.mark.proves("typing, typing_indicator")
def test_a_message_over_rest_ends_typing_on_all_connections(pair):
    alice, _, talk, a, b = pair
    with alice.connect(talk) as second:
        a.ask("typing", is_typing=True)
        second.ask("typing", is_typing=True)
        assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
        assert signs_before_fence(alice, talk, b) == [False], "once, before the message"
    assert signs_before_fence(alice, talk, b) == [], "nothing when a connection closes"


def test_a_message_of_another_user_does_not_end_typing(pair):
    _, bob, talk, a, b = pair
    a.ask("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    assert signs_before_fence(bob, talk, b) == []
    a.ask("typing", is_typing=False)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is False


def test_typing_ends_with_the_last_typing_connection_of_a_user(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        with alice.connect() as last:
            with alice.connect(talk) as first:
                first.ask("typing", is_typing=True)
                last.ask("typing", conversation_id=talk["id"], is_typing=True)
                assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
            assert signs_before_fence(bob, talk, b) == [], "one typing connection is still open"
        assert b.wait_for("typing_indicator", within=4)["data"]["is_typing"] is False


def test_typing_ends_with_the_connection(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        with alice.connect(talk) as a:
            a.ask("typing", is_typing=True)
            assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
        assert b.wait_for("typing_indicator", within=4)["data"]["is_typing"] is False, "before the timeout of six seconds"


def test_typing_ends_with_the_removal_of_the_participant(people):
    alice, bob, cho = people("alice", "bob", "cho")
    talk = alice.rest.create_group(bob, cho)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        b.ask("typing", is_typing=True)
        assert a.wait_for("typing_indicator")["data"] == {"user_id": bob.id, "is_typing": True}
        alice.rest.post(f"conversations/{talk['id']}/remove_participant/", json={"user_id": bob.id})
        assert a.wait_for("typing_indicator", within=4)["data"] == {"user_id": bob.id, "is_typing": False}


@pytest.mark.proves("typing, typing_indicator")
def test_rapid_typing_changes_are_coalesced(pair):
    _, _, _, a, b = pair
    began = time.monotonic()
    for number in range(400):
        a.send("typing", is_typing=number % 2 == 0)
    a.ask("typing", is_typing=True)
    shown = []
    while not shown or not shown[-1] or time.monotonic() - began < 2.5:
        try:
            # 1.5 s on any machine: after 6 s typing itself ends
            shown.append(b.wait_for("typing_indicator", within=1.5 / patient(1))["data"]["is_typing"])
        except AssertionError:
            break  # no further frame
    took = time.monotonic() - began
    assert shown[-1] is True, "the final state is delivered"
    assert all(one != other for one, other in zip(shown, shown[1:])), "indicators alternate"
    assert shown.count(True) <= took + 2, "once a second"
