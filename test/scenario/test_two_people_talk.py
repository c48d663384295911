"""Basic delivery of messages between users."""
import re

import pytest

from client import MESSAGE_FIELDS

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.proves("message, ack")
def test_both_participants_receive_a_message_and_the_sender_gets_an_ack(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        ack = a.ask("message", content="hello bob", metadata={"mood": "good"}, client_id="m1")
        assert ack["type"] == "ack"
        assert ack["data"]["seq"] == 1
        assert ack["data"]["client_id"] == "m1"
        assert ack["data"]["duplicate"] is False
        for socket in a, b:
            event = socket.wait_for("message")
            assert event["seq"] == 1
            message = event["data"]
            assert set(message) == MESSAGE_FIELDS
            assert message["id"] == ack["data"]["id"]
            assert UUID7.fullmatch(message["id"])
            assert TIME.fullmatch(message["sent_at"])
            assert message["conversation_id"] == talk["id"]
            assert message["seq"] == 1
            assert message["sender_id"] == alice.id
            assert message["content"] == "hello bob"
            assert message["content_type"] == "text"
            assert message["metadata"] == {"mood": "good"}
            assert message["client_id"] == "m1"
            assert message["reactions"] == {} and message["attachments"] == []
            for empty in "read_at", "edited_at", "deleted_at", "reply_to":
                assert message[empty] is None


def test_a_message_sent_over_rest_is_delivered_to_sockets(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        sent = alice.rest.send_message(talk, "over rest")
        event = b.wait_for("message")
        assert event["seq"] == sent["seq"] == 1
        assert event["data"]["id"] == sent["id"]
        assert event["data"]["content"] == "over rest"


def test_a_message_sent_over_a_socket_is_in_the_history(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a:
        ack = a.send_message("remember this")
    (message,) = bob.rest.history(talk)["messages"]
    assert message["id"] == ack["id"]
    assert message["content"] == "remember this"


def test_messages_are_delivered_to_participants_only(people):
    alice, bob, carol = people("alice", "bob", "carol")
    secret = alice.rest.create_group(bob)
    common = alice.rest.create_group(carol)
    with carol.connect() as c:
        alice.rest.send_message(secret, "not for carol")
        alice.rest.send_message(common, "for carol")
        event = c.wait_for("message")
        assert event["data"]["content"] == "for carol"
        assert not [frame for frame in c.kept if frame.get("conversation_id") == secret["id"]]


@pytest.mark.proves("two endpoints")
def test_one_user_socket_receives_all_conversations(people):
    alice, bob, carol = people("alice", "bob", "carol")
    with_bob = alice.rest.create_group(bob)
    with_carol = alice.rest.create_group(carol)
    with alice.connect() as a, bob.connect(with_bob) as b:
        bob.rest.send_message(with_bob, "from bob")
        carol.rest.send_message(with_carol, "from carol")
        received = {frame["conversation_id"]: frame["data"]["content"] for frame in a.events(2)}
        assert received == {with_bob["id"]: "from bob", with_carol["id"]: "from carol"}
        answer = a.ask("message", conversation_id=with_bob["id"], content="hi bob")
        assert answer["type"] == "ack"
        assert [event["data"]["content"] for event in b.events(2)] == ["from bob", "hi bob"]


def test_any_unicode_text_is_delivered_unchanged(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    texts = ["naïve café", "日本語", "👩‍👩‍👧 🇪🇺", 'quotes " and \\ slashes /', "tab\tand\nline",
             "<script>alert(1)</script>", "x \u2028 \u2029 x", "\x01\x1f\x7f x", "null", "עברית"]
    with bob.connect(talk) as b:
        for text in texts:
            alice.rest.send_message(talk, text)
        assert [event["data"]["content"] for event in b.events(len(texts))] == texts
    assert [message["content"] for message in bob.rest.everything_in(talk)] == texts
