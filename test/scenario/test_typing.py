"""Typing: one typist however many tabs, over by itself, by a message, or with the connection."""
import time

import pytest

from deadline import patient


@pytest.fixture
def pair(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        yield alice, bob, talk, a, b


def signs_before_fence(alice, talk, socket):
    """What the socket was shown of typing until a message that is sent now."""
    alice.rest.send_message(talk, "fence")
    return [frame["data"]["is_typing"] for frame in socket.seen_before(lambda frame: frame["type"] == "message")
            if frame["type"] == "typing_indicator"]


@pytest.mark.proves("typing, typing_indicator")
def test_typing_is_shown_to_the_others_only(pair):
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
def test_typing_ends_by_itself_after_six_seconds(pair):
    alice, _, _, a, b = pair
    a.send("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    assert b.wait_for("typing_indicator")["data"] == {"user_id": alice.id, "is_typing": False}


def test_typing_is_on_or_off(pair):
    _, _, _, a, _ = pair
    for wrong in {}, {"is_typing": "yes"}, {"is_typing": 1}, {"is_typing": None}:
        answer = a.ask("typing", **wrong)
        assert answer["type"] == "error"
        assert "is_typing" in answer["data"]["fields"]
    assert a.ask("ping")["type"] == "pong"


def test_typing_in_a_foreign_conversation_is_not_shown(people):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, eve.connect() as e:
        assert e.ask("typing", conversation_id=talk["id"], is_typing=True)["type"] == "error"
        bob.rest.send_message(talk, "fence")
        assert [frame["type"] for frame in a.seen_before(lambda frame: "seq" in frame)
                if frame["type"] == "typing_indicator"] == []


@pytest.mark.proves("typing, typing_indicator")
def test_two_tabs_are_one_typist(pair):
    alice, bob, talk, a, b = pair
    with alice.connect(talk) as second, alice.connect() as third:
        a.ask("typing", is_typing=True)
        second.ask("typing", is_typing=True)
        third.ask("typing", conversation_id=talk["id"], is_typing=True)
        assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
        a.ask("typing", is_typing=False)
        second.ask("typing", is_typing=False)
        assert signs_before_fence(bob, talk, b) == [], "one of them types still"
        third.ask("typing", conversation_id=talk["id"], is_typing=False)
        assert b.wait_for("typing_indicator")["data"] == {"user_id": alice.id, "is_typing": False}


@pytest.mark.proves("typing, typing_indicator")
def test_a_message_ends_it_before_it_is_shown(pair):
    alice, _, talk, a, b = pair
    a.ask("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    a.send_message("done")
    seen = [frame for frame in b.seen_before(lambda frame: frame["type"] == "message") if frame["type"] in ("message", "typing_indicator")]
    assert [frame["type"] for frame in seen] == ["typing_indicator", "message"]
    assert seen[0]["data"] == {"user_id": alice.id, "is_typing": False}
    a.ask("typing", is_typing=False)
    assert signs_before_fence(alice, talk, b) == [], "it is over already"


@pytest.mark.proves("typing, typing_indicator")
def test_a_message_over_rest_ends_it_on_all_tabs(pair):
    alice, _, talk, a, b = pair
    with alice.connect(talk) as second:
        a.ask("typing", is_typing=True)
        second.ask("typing", is_typing=True)
        assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
        assert signs_before_fence(alice, talk, b) == [False], "before the message, once"
    assert signs_before_fence(alice, talk, b) == [], "nor when a tab goes"


def test_anothers_message_does_not_end_it(pair):
    _, bob, talk, a, b = pair
    a.ask("typing", is_typing=True)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
    assert signs_before_fence(bob, talk, b) == []
    a.ask("typing", is_typing=False)
    assert b.wait_for("typing_indicator")["data"]["is_typing"] is False


def test_of_several_connections_the_last_that_goes_ends_it(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        with alice.connect() as last:
            with alice.connect(talk) as first:
                first.ask("typing", is_typing=True)
                last.ask("typing", conversation_id=talk["id"], is_typing=True)
                assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
            assert signs_before_fence(bob, talk, b) == [], "one of them is there still"
        assert b.wait_for("typing_indicator", within=4)["data"]["is_typing"] is False


def test_a_typist_whose_connection_goes_types_no_more(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        with alice.connect(talk) as a:
            a.ask("typing", is_typing=True)
            assert b.wait_for("typing_indicator")["data"]["is_typing"] is True
        assert b.wait_for("typing_indicator", within=4)["data"]["is_typing"] is False, "before its six seconds are over"


def test_one_who_is_removed_types_no_more(people):
    alice, bob, cho = people("alice", "bob", "cho")
    talk = alice.rest.create_group(bob, cho)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        b.ask("typing", is_typing=True)
        assert a.wait_for("typing_indicator")["data"] == {"user_id": bob.id, "is_typing": True}
        alice.rest.post(f"conversations/{talk['id']}/remove_participant/", json={"user_id": bob.id})
        assert a.wait_for("typing_indicator", within=4)["data"] == {"user_id": bob.id, "is_typing": False}


@pytest.mark.proves("typing, typing_indicator")
def test_one_who_toggles_is_shown_a_few_times_and_as_it_ends(pair):
    _, _, _, a, b = pair
    began = time.monotonic()
    for number in range(400):
        a.send("typing", is_typing=number % 2 == 0)
    a.ask("typing", is_typing=True)
    shown = []
    while not shown or not shown[-1] or time.monotonic() - began < 2.5:
        try:
            shown.append(b.wait_for("typing_indicator", within=1.5)["data"]["is_typing"])
        except AssertionError:
            break  # nothing more comes
    took = time.monotonic() - began
    assert shown[-1] is True, "as it is now"
    assert all(one != other for one, other in zip(shown, shown[1:])), "in turns"
    assert shown.count(True) <= took + 2, "once a second"
