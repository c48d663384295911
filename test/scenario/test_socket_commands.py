"""Commands on a socket and their responses."""
import json

import pytest

from client import FRAME_CONVERSATION_FIELDS, MESSAGE_FIELDS, NO_ID, assert_closes_with
from conftest import named
from raw import WireSocket


@pytest.fixture
def pair(people):
    """Alice and Bob, their conversation, and a socket of it for each of them."""
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        yield alice, bob, talk, a, b


def assert_lives(socket):
    socket.send("ping")
    assert socket.wait_for("pong")


# --- the first frame ------------------------------------------------------------------------------------

@pytest.mark.proves("connection_established")
def test_a_conversation_socket_starts_with_its_head_and_session(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    alice.rest.send_message(talk, "one")
    with bob.connect(talk) as b:
        data = b.established["data"]
        assert data["user_id"] == bob.id
        assert data["conversation_id"] == talk["id"]
        assert data["seq"] == 1
        assert isinstance(data["session_id"], str) and data["session_id"]
        assert data["ping_interval_ms"] == 25_000
        assert isinstance(data["online"], list)
    with bob.connect(talk) as again:
        assert again.established["data"]["session_id"] != data["session_id"]


@pytest.mark.proves("connection_established")
@pytest.mark.proves("?cursor=")
def test_a_user_socket_starts_with_the_heads_of_all_conversations(people):
    alice, bob = people("alice", "bob")
    quiet, busy = alice.rest.create_group(bob), alice.rest.create_group(bob)
    alice.rest.send_message(busy, "one")
    alice.rest.send_message(busy, "two")
    with bob.connect() as b:
        data = b.established["data"]
        assert data["user_id"] == bob.id
        assert data["conversations"] == {busy["id"]: 2, quiet["id"]: 0}
        assert data["more"] is False
        assert data["session_id"] and data["ping_interval_ms"] == 25_000
        cursor = data["cursor"]
    alice.rest.send_message(quiet, "woken")
    with bob.connect(query={"cursor": cursor}) as b:
        assert b.established["data"]["conversations"] == {quiet["id"]: 1}


@pytest.mark.proves("server pings")
def test_the_greeting_has_the_configured_ping_interval(own_server):
    server = own_server("--ping-interval", "7")
    alice = named(server, "alice")
    with alice.connect() as a:
        assert a.established["data"]["ping_interval_ms"] == 7000


# --- sending --------------------------------------------------------------------------------------------

@pytest.mark.proves("message, ack")
def test_a_sender_gets_an_ack_if_it_gives_a_ref_or_a_client_id(pair):
    _, _, _, a, b = pair
    a.send("message", content="neither")
    a.send("message", content="ref", ref="r")
    a.send("message", content="client_id", client_id="c")
    acks = [a.wait_for("ack"), a.wait_for("ack")]
    assert acks[0]["ref"] == "r"
    assert set(acks[0]["data"]) == {"id", "seq", "client_id", "duplicate"}
    assert (acks[0]["data"]["seq"], acks[0]["data"]["client_id"]) == (2, None)
    assert "ref" not in acks[1]
    assert (acks[1]["data"]["seq"], acks[1]["data"]["client_id"]) == (3, "c")
    assert_lives(a)
    assert not [frame for frame in a.kept if frame["type"] == "ack"]
    assert [event["data"]["content"] for event in b.events(3)] == ["neither", "ref", "client_id"]


def test_every_field_of_a_message_can_be_sent_over_a_socket(pair):
    _, _, _, a, b = pair
    first = a.send_message("first")
    a.send_message("second", content_type="image", metadata={"w": 1}, reply_to=first["id"], client_id="c")
    message = b.events(2)[1]["data"]
    assert set(message) == MESSAGE_FIELDS
    assert (message["content_type"], message["metadata"], message["reply_to"], message["client_id"]) == (
        "image", {"w": 1}, first["id"], "c")


@pytest.mark.parametrize("fields, field", [
    ({"content": ""}, "content"),
    ({"content": "  "}, "content"),
    ({"content": None}, "content"),
    ({"content": 7}, "content"),
    ({"content": "x" * (32 * 1024 + 1)}, "content"),
    ({"content": "nul \x00"}, "content"),
    ({"content": "x", "content_type": "t" * 21}, "content_type"),
    ({"content": "x", "metadata": []}, "metadata"),
    ({"content": "x", "metadata": {"k": "x" * 8192}}, "metadata"),
    ({"content": "x", "client_id": "c" * 65}, "client_id"),
    ({"content": "x", "client_id": 7}, "client_id"),
    ({"content": "x", "reply_to": "x"}, "reply_to"),
    ({"content": "x", "reply_to": NO_ID}, "reply_to"),
])
@pytest.mark.proves("unknown type, bad JSON, bad field")
def test_an_invalid_field_is_named_and_the_socket_stays_open(pair, fields, field):
    _, _, _, a, b = pair
    answer = a.ask("message", **fields)
    assert answer["type"] == "error"
    assert answer["data"]["code"] == "invalid_field"
    assert isinstance(answer["data"]["message"], str)
    assert field in answer["data"]["fields"]
    assert a.ask("message", content="good")["type"] == "ack"
    assert b.events(1)[0]["data"]["content"] == "good"


def test_a_command_on_the_user_socket_names_its_conversation(people):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    foreign = bob.rest.create_group(eve)
    with alice.connect() as a:
        assert a.ask("message", conversation_id=talk["id"], content="x")["type"] == "ack"
        for wrong in {}, {"conversation_id": "x"}, {"conversation_id": 7}:
            answer = a.ask("message", content="x", **wrong)
            assert answer["type"] == "error", wrong
            assert "conversation_id" in answer["data"]["fields"]
        for other in foreign["id"], NO_ID:
            answer = a.ask("message", conversation_id=other, content="x")
            assert answer["type"] == "error"
            assert answer["data"]["code"] == "not_participant"
        assert_lives(a)
    assert eve.rest.everything_in(foreign) == []


# --- errors ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    "", "{", "nonsense", "[]", '"text"', "7", "null", '{"type":"ping"} more', '{"type":"ping",}',
    '{"type":"ping","x":' + "[" * 40 + "]" * 40 + "}"])
@pytest.mark.proves("unknown type, bad JSON, bad field")
def test_invalid_json_is_an_error_and_the_socket_stays_open(pair, text):
    _, _, _, a, _ = pair
    a.send_text(text)
    error = a.wait_for("error")
    assert error["data"]["code"] == "bad_json"
    assert isinstance(error["data"]["message"], str)
    assert_lives(a)


@pytest.mark.parametrize("frame", [{"type": "nonsense"}, {"type": ""}, {"type": "connection_established"}])
@pytest.mark.proves("unknown type, bad JSON, bad field")
def test_an_unknown_type_is_an_error_and_the_socket_stays_open(pair, frame):
    _, _, _, a, _ = pair
    answer = a.ask(**frame)
    assert answer["type"] == "error"
    assert answer["data"]["code"] == "unknown_type"
    assert_lives(a)


@pytest.mark.parametrize("frame", [{}, {"type": 7}, {"type": None}, {"type": ["ping"]}])
def test_a_frame_without_a_type_is_an_error_and_the_socket_stays_open(pair, frame):
    _, _, _, a, _ = pair
    a.send_text(json.dumps(frame))
    assert a.wait_for("error")["data"]["code"]
    assert_lives(a)


@pytest.mark.proves("ref")
def test_a_ref_is_returned_in_ack_and_error(pair):
    _, _, _, a, _ = pair
    a.send("message", ref="good-é-\"", content="x")
    assert a.wait_for("ack")["ref"] == "good-é-\""
    a.send("message", ref="bad", content="")
    assert a.wait_for("error")["ref"] == "bad"
    a.send("message", content="")
    assert "ref" not in a.wait_for("error")


@pytest.mark.proves("client_id, ref: 64 characters")
def test_a_ref_over_the_limit_is_an_error(pair):
    _, bob, talk, a, _ = pair
    a.send("message", ref="r" * 64, content="fits")
    assert a.wait_for("ack")["ref"] == "r" * 64
    a.send("message", ref="r" * 65, content="does not")
    assert "ref" in a.wait_for("error")["data"]["fields"]
    assert len(bob.rest.everything_in(talk)) == 1


# --- history, typing, ping ------------------------------------------------------------------------------

@pytest.mark.proves("load_history, message_history")
def test_history_can_be_loaded_over_a_socket_in_pages(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    for number in range(1, 8):
        alice.rest.send_message(talk, f"message {number}")
    with bob.connect(talk) as b:
        walked, before = [], {}
        while True:
            b.send("load_history", limit=3, **before)
            data = b.wait_for("message_history")["data"]
            assert set(data) == {"messages", "next_cursor", "has_more"}
            assert all(set(message) == MESSAGE_FIELDS for message in data["messages"])
            walked += [message["seq"] for message in data["messages"]]
            if not data["has_more"]:
                break
            before = {"before_id": data["next_cursor"]}
        assert walked == [7, 6, 5, 4, 3, 2, 1]
        assert data["next_cursor"] is None
    with bob.connect() as b:
        b.send("load_history", conversation_id=talk["id"], limit=2)
        history = b.wait_for("message_history")
        assert history["conversation_id"] == talk["id"]
        assert [message["seq"] for message in history["data"]["messages"]] == [7, 6]


@pytest.mark.proves("load_history, message_history")
def test_an_invalid_page_of_history_is_an_error_and_the_socket_stays_open(pair):
    _, _, _, a, _ = pair
    for fields in {"limit": "x"}, {"limit": -1}, {"before_id": "x"}, {"before_id": NO_ID}:
        answer = a.ask("load_history", **fields)
        assert answer["type"] == "error", fields
        assert set(answer["data"]["fields"]) == set(fields)
    assert_lives(a)


def test_history_of_a_foreign_conversation_is_not_found(people):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    alice.rest.send_message(talk, "secret")
    with eve.connect() as e:
        for id in talk["id"], NO_ID:
            answer = e.ask("load_history", conversation_id=id)
            assert answer["type"] == "error"
            assert answer["data"]["code"] in ("not_found", "not_participant")


@pytest.mark.proves("ping, pong")
def test_ping_is_answered_with_pong(pair):
    _, _, _, a, _ = pair
    a.send("ping")
    assert a.wait_for("pong")["type"] == "pong"


# --- joining --------------------------------------------------------------------------------------------

@pytest.mark.proves("conversation_created")
def test_the_user_socket_subscribes_to_conversations_joined_later(people):
    alice, bob = people("alice", "bob")
    with bob.connect() as b:
        talk = alice.rest.create_group(bob, title="new")
        created = b.wait_for("conversation_created")
        assert "seq" not in created
        assert set(created["data"]) == FRAME_CONVERSATION_FIELDS
        assert created["data"]["id"] == talk["id"]
        assert created["data"]["title"] == "new"
        alice.rest.send_message(talk, "welcome")
        event = b.wait_for("message")
        assert (event["conversation_id"], event["seq"]) == (talk["id"], 1)
        assert b.ask("message", conversation_id=talk["id"], content="thanks")["data"]["seq"] == 2


@pytest.mark.proves("conversation_created")
def test_the_first_message_right_after_creating_a_conversation_is_delivered(people):
    alice, bob = people("alice", "bob")
    with bob.connect() as b:
        for _ in range(20):
            talk = alice.rest.create_group(bob)
            alice.rest.send_message(talk, "at once")
            event = b.wait_for("message")
            assert (event["conversation_id"], event["seq"]) == (talk["id"], 1)


# --- frames ---------------------------------------------------------------------------------------------

@pytest.mark.proves("1003")
def test_a_binary_frame_closes_with_1003(people):
    with people("alice").connect() as a:
        a.connection.send(b"\x00\x01")
        assert_closes_with(a, 1003)


@pytest.mark.proves("frame, reassembled, 256 KiB")
def test_an_oversized_frame_closes_with_1009(people):
    with people("alice").connect() as a:
        a.send_text(json.dumps({"type": "ping", "x": "x" * (256 * 1024)}))
        assert_closes_with(a, 1009)


@pytest.mark.proves("1009")
def test_many_small_fragments_of_an_oversized_frame_close_with_1009(people, server):
    alice = people("alice")
    with WireSocket(server, "/ws/messaging/", alice.token) as wire:
        wire.frame(1, b"x" * 32_000, fin=False)
        for _ in range(8):
            wire.frame(0, b"x" * 32_000, fin=False)
        assert wire.close_code() == 1009


@pytest.mark.proves("frame, reassembled, 256 KiB")
def test_the_frame_limit_is_configurable(own_server):
    server = own_server("--ws-max-size", "2000", "--limits-content-bytes", "1000")
    alice = named(server, "alice")
    with alice.connect() as a:
        a.send_text(json.dumps({"type": "ping", "x": "x" * 1900}))
        assert a.wait_for("pong")
        a.send_text(json.dumps({"type": "ping", "x": "x" * 2000}))
        assert_closes_with(a, 1009)


def test_a_fragmented_command_is_reassembled(pair):
    _, _, _, a, b = pair
    text = json.dumps({"type": "message", "content": "in pieces é"}, ensure_ascii=False)
    a.connection.send(iter([text[:5], text[5:20], text[20:]]))
    assert b.events(1)[0]["data"]["content"] == "in pieces é"


# (opcode, payload, options) that violate RFC 6455, and the close code
@pytest.mark.parametrize("frames, code", [
    ([(1, b"{}", {"masked": False})], 1002),
    ([(1, b"{}", {"rsv": 4})], 1002),
    ([(1, b"{}", {"rsv": 1})], 1002),
    ([(3, b"", {})], 1002),
    ([(11, b"", {})], 1002),
    ([(0, b"{}", {})], 1002),
    ([(1, b"{", {"fin": False}), (1, b"}", {})], 1002),
    ([(9, b"x" * 126, {})], 1002),
    ([(9, b"x", {"fin": False})], 1002),
    ([(8, b"x", {})], 1002),
    ([(8, b"\x03\xed", {})], 1002),  # 1005 must not be sent
    ([(1, b'{"type": "\xff"}', {})], 1007),
    ([(1, b'{"type": "\xc3', {"fin": False}), (0, b'x"}', {})], 1007),
    ([(1, b'{"type": "\xed\xa0\x80"}', {})], 1007),
], ids=lambda value: None if isinstance(value, list) else str(value))
@pytest.mark.proves("1002, 1007")
def test_protocol_violations_close_with_their_code(people, server, frames, code):
    with WireSocket(server, "/ws/messaging/", people("alice").token) as wire:
        for opcode, payload, options in frames:
            wire.frame(opcode, payload, **options)
        assert wire.close_code() == code


def test_a_clients_close_is_answered_with_its_code(people, server):
    with WireSocket(server, "/ws/messaging/", people("alice").token) as wire:
        wire.frame(8, b"\x0f\xa1bye")
        assert wire.close_code() == 4001
        assert wire.next_frame() is None


def test_a_clients_ping_is_answered_with_its_payload(people, server):
    with WireSocket(server, "/ws/messaging/", people("alice").token) as wire:
        wire.frame(9, b"payload")
        while (frame := wire.next_frame())[0] != 10:
            pass
        assert frame[1] == b"payload"


@pytest.mark.proves("4008")
@pytest.mark.proves("server pings")
def test_a_client_that_answers_no_ping_is_closed_with_4008(own_server):
    server = own_server("--ping-interval", "1", "--ping-timeout", "1")
    alice = named(server, "alice")
    with alice.connect() as answering, WireSocket(server, "/ws/messaging/", alice.token) as dead:
        assert dead.close_code() == 4008
        assert_lives(answering)
