"""Messages over REST."""
import re

import pytest

from client import MESSAGE_FIELDS, NO_ID, assert_problem

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
def talk(people):
    """A conversation with its participants: talk.alice, talk.bob."""
    return Talk(*people("alice", "bob"))


class Talk(dict):
    def __init__(self, alice, bob):
        super().__init__(alice.rest.create_group(bob))
        self.alice, self.bob, self.server = alice, bob, alice.server

    def post(self, content="hello", person=None, **fields):
        return (person or self.alice).rest.post("messages/", json={
            "conversation_id": self["id"], "content": content, **fields})

    def post_text(self, text, content_type="application/json"):
        return self.alice.rest.post("messages/", content=text, headers={"Content-Type": content_type})


# --- fields ---------------------------------------------------------------------------------------------

@pytest.mark.proves("message object")
@pytest.mark.proves("POST messages/")
def test_a_message_has_every_field(talk):
    answer = talk.post("hello", content_type="image", metadata={"w": 1}, client_id="c-1")
    assert answer.status_code == 201
    message = answer.json()
    assert set(message) == MESSAGE_FIELDS
    assert TIME.fullmatch(message["sent_at"])
    expected = {
        "conversation_id": talk["id"], "seq": 1, "sender_id": talk.alice.id, "content": "hello",
        "content_type": "image", "metadata": {"w": 1}, "client_id": "c-1", "reply_to": None,
        "reactions": {}, "attachments": [], "edited_at": None, "deleted_at": None, "read_at": None}
    assert {name: message[name] for name in expected} == expected


def test_optional_fields_of_a_message_have_defaults(talk):
    message = talk.post("hello").json()
    assert set(message) == MESSAGE_FIELDS
    assert (message["content_type"], message["metadata"], message["client_id"]) == ("text", {}, None)


@pytest.mark.proves("GET messages/{id}/")
def test_a_message_is_the_same_in_every_response_and_frame(talk):
    with talk.bob.connect(talk) as b:
        sent = talk.post("hello", metadata={"k": {"deep": [1, 2.5, None, "ü"]}}, client_id="c").json()
        received = b.wait_for("message")["data"]
    stored = talk.bob.rest.get(f"messages/{sent['id']}/").json()
    (in_history,) = talk.bob.rest.history(talk)["messages"]
    by_reader = {"delivered_at", "read_at"}  # set by later events
    for seen in received, stored, in_history:
        assert set(seen) == MESSAGE_FIELDS
        assert {name: seen[name] for name in MESSAGE_FIELDS - by_reader} == {
            name: sent[name] for name in MESSAGE_FIELDS - by_reader}


@pytest.mark.proves("content: 32 KiB, trimmed, not empty, no U+0000")
def test_white_space_around_the_content_is_trimmed(talk):
    assert talk.post(" \n\t hello  you \r\n").json()["content"] == "hello  you"


def test_a_reply_has_the_id_of_the_original(talk):
    first = talk.post("question").json()
    reply = talk.post("answer", person=talk.bob, reply_to=first["id"])
    assert reply.status_code == 201
    assert reply.json()["reply_to"] == first["id"]


def test_a_reply_to_a_message_of_another_conversation_is_rejected(talk):
    other = talk.alice.rest.create_group(talk.bob)
    foreign = talk.alice.rest.send_message(other, "elsewhere")
    assert_problem(talk.post(reply_to=foreign["id"]), 400, field="reply_to")
    assert_problem(talk.post(reply_to=NO_ID), 400, field="reply_to")


def test_server_assigned_fields_of_a_message_cannot_be_set(talk):
    answer = talk.post(sender_id=talk.bob.id, id=NO_ID, seq=99, sent_at="2000-01-01T00:00:00Z",
                       read_at="2000-01-01T00:00:00Z")
    if answer.status_code == 201:  # extra fields may be rejected or ignored
        message = answer.json()
        assert message["sender_id"] == talk.alice.id
        assert message["id"] != NO_ID and message["seq"] == 1 and message["read_at"] is None
    else:
        assert_problem(answer, 400)


# --- limits ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fields, field", [
    ({"content": ""}, "content"),
    ({"content": " \n\t "}, "content"),
    ({"content": None}, "content"),
    ({"content": True}, "content"),
    ({"content": "x" * (32 * 1024 + 1)}, "content"),
    ({"content": "é" * (16 * 1024) + "x"}, "content"),
    ({"content": "nul \x00 here"}, "content"),
    ({"content_type": "t" * 21}, "content_type"),
    ({"content_type": ""}, "content_type"),
    ({"content_type": [7]}, "content_type"),
    ({"metadata": [1]}, "metadata"),
    ({"metadata": "text"}, "metadata"),
    ({"metadata": {"k": "x" * 8192}}, "metadata"),
    ({"client_id": "c" * 65}, "client_id"),
    ({"client_id": {"c": 7}}, "client_id"),
    ({"reply_to": "x"}, "reply_to"),
    ({"reply_to": 7}, "reply_to"),
    ({"conversation_id": "x"}, "conversation_id"),
    ({"conversation_id": None}, "conversation_id"),
])
@pytest.mark.proves("content: 32 KiB, trimmed, not empty, no U+0000")
@pytest.mark.proves("metadata, an object of 8 KiB")
def test_an_invalid_field_of_a_message_is_named_and_nothing_is_stored(talk, fields, field):
    assert_problem(talk.post(**{"content": "hello", **fields}), 400, field=field)
    assert talk.alice.rest.everything_in(talk) == []


@pytest.mark.parametrize("fields", [
    {"content": "x" * (32 * 1024)},
    {"content": "é" * (16 * 1024)},
    {"content": " " + "x" * (32 * 1024) + " "},
    {"content_type": "t" * 20},
    {"metadata": {"k": "x" * 8000}},
    {"client_id": "c" * 64},
    {"client_id": "é" * 64},
])
@pytest.mark.proves("content: 32 KiB, trimmed, not empty, no U+0000")
def test_values_at_the_limits_of_a_message_are_accepted(talk, fields):
    answer = talk.post(**{"content": "hello", **fields})
    assert answer.status_code == 201, answer.text
    message = talk.bob.rest.get(f"messages/{answer.json()['id']}/").json()
    for name, value in fields.items():
        assert message[name] == (value.strip() if name == "content" else value)


def test_all_invalid_fields_of_a_message_are_named_at_once(talk):
    body = assert_problem(talk.post(True, content_type=[7], metadata=7, client_id=False), 400)
    assert {"content", "content_type", "metadata", "client_id"} <= set(body["fields"])


@pytest.mark.parametrize("text", [
    "", "{", "[]", '"text"', "null", "7", "{'content': 'x'}", '{"content": "x"} more',
    '{"content": "x",}', '{"content": NaN}', b'{"content": "\xff"}',
    '{"metadata": ' + '{"a":' * 40 + "1" + "}" * 41,
    "[" * 100_000,
])
def test_a_message_that_is_not_a_json_object_returns_400(talk, text):
    assert_problem(talk.post_text(text), 400, "bad_json")


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00 x", "\\ude00\\ud83d"])
@pytest.mark.proves("no lone surrogates")
def test_a_lone_surrogate_is_rejected(talk, escape):
    answer = talk.post_text(f'{{"conversation_id": "{talk["id"]}", "content": "a {escape}"}}')
    assert_problem(answer, 400)
    assert talk.alice.rest.everything_in(talk) == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonx", ""])
def test_a_message_of_another_media_type_returns_415(talk, content_type):
    text = f'{{"conversation_id": "{talk["id"]}", "content": "x"}}'
    assert_problem(talk.post_text(text, content_type), 415, "unsupported_media_type")


def test_a_json_media_type_may_have_a_charset(talk):
    text = f'{{"conversation_id": "{talk["id"]}", "content": "x"}}'
    assert talk.post_text(text, "application/json; charset=utf-8").status_code == 201
    assert talk.post_text(text, "Application/JSON").status_code == 201


@pytest.mark.proves("body 1 MiB, drained")
def test_a_message_over_the_body_limit_returns_413(talk):
    text = '{"conversation_id": "%s", "content": "x"%s}' % (talk["id"], " " * (1024 * 1024))
    assert_problem(talk.post_text(text), 413, "too_large")


@pytest.mark.proves("header section 16 KiB")
def test_an_oversized_header_section_returns_431(talk):
    answer = talk.alice.rest.get("conversations/", headers={"X-Padding": "x" * 17_000})
    assert_problem(answer, 431, "headers_too_large")


# --- permissions ------------------------------------------------------------------------------------------

def test_sending_requires_membership(talk, people):
    eve = people("eve")
    for id in talk["id"], NO_ID:
        answer = eve.rest.post("messages/", json={"conversation_id": id, "content": "hello"})
        assert_problem(answer, 403, "not_participant")
    assert talk.alice.rest.everything_in(talk) == []


@pytest.mark.proves("visibility")
def test_reading_requires_membership(talk, people):
    eve = people("eve")
    message = talk.post().json()
    foreign = assert_problem(eve.rest.get(f"messages/{message['id']}/"), 404, "not_found")
    assert foreign == assert_problem(eve.rest.get(f"messages/{NO_ID}/"), 404, "not_found")
    foreign = assert_problem(eve.rest.get(f"conversations/{talk['id']}/messages/"), 404, "not_found")
    assert foreign == assert_problem(eve.rest.get(f"conversations/{NO_ID}/messages/"), 404, "not_found")


def test_a_malformed_id_of_a_message_returns_400(talk):
    assert_problem(talk.alice.rest.get("messages/x/"), 400)
    assert_problem(talk.alice.rest.get("conversations/x/messages/"), 400)


# --- history ----------------------------------------------------------------------------------------------

@pytest.fixture
def long_talk(talk):
    talk.messages = [talk.post(f"message {number}").json() for number in range(1, 8)]
    return talk


@pytest.mark.proves("GET conversations/{id}/messages/")
def test_history_is_newest_first_and_paginates_backwards(long_talk):
    rest = long_talk.bob.rest
    newest_first = [message["id"] for message in reversed(long_talk.messages)]
    for limit in 1, 2, 3, 7, 50:
        walked, query = [], {"limit": limit}
        while True:
            page = rest.history(long_talk, **query)
            assert set(page) == {"messages", "next_cursor", "has_more"}
            assert len(page["messages"]) <= limit
            walked += [message["id"] for message in page["messages"]]
            assert page["has_more"] is (len(walked) < 7)
            if not page["has_more"]:
                break
            assert page["next_cursor"] == walked[-1]
            query["before_id"] = page["next_cursor"]
        assert page["next_cursor"] is None
        assert walked == newest_first


def test_before_id_excludes_the_named_message(long_talk):
    page = long_talk.bob.rest.history(long_talk, before_id=long_talk.messages[2]["id"])
    assert [message["seq"] for message in page["messages"]] == [2, 1]
    page = long_talk.bob.rest.history(long_talk, before_id=long_talk.messages[0]["id"])
    assert page == {"messages": [], "next_cursor": None, "has_more": False}


@pytest.mark.proves("GET conversations/{id}/messages/")
def test_after_seq_is_oldest_first(long_talk):
    rest = long_talk.bob.rest
    for after in 0, 1, 6, 7:
        page = rest.history(long_talk, after_seq=after)
        assert [message["seq"] for message in page["messages"]] == list(range(after + 1, 8))
        assert page["has_more"] is False
    page = rest.history(long_talk, after_seq=2, limit=3)
    assert [message["seq"] for message in page["messages"]] == [3, 4, 5]
    assert page["has_more"] is True


@pytest.mark.proves("GET conversations/{id}/messages/")
def test_a_page_of_history_has_50_by_default_and_at_most_100(talk):
    with talk.alice.connect(talk) as a:
        for number in range(130):
            a.send("message", content=str(number), ref=str(number))
        for _ in range(130):
            a.wait_for("ack")
    page = talk.bob.rest.history(talk)
    assert [message["seq"] for message in page["messages"]] == list(range(130, 80, -1))
    assert page["has_more"] is True
    assert len(talk.bob.rest.history(talk, limit=100)["messages"]) == 100
    beyond = talk.bob.rest.get(f"conversations/{talk['id']}/messages/", params={"limit": 101})
    assert beyond.status_code == 400 or len(beyond.json()["messages"]) == 100


@pytest.mark.parametrize("query", [
    "limit=x", "limit=-1", "limit=1.5", "limit=99999999999999999999", "before_id=x", "after_seq=x",
    "after_seq=-1", "after_seq=1.5"])
def test_an_invalid_page_of_history_returns_400(long_talk, query):
    assert_problem(long_talk.bob.rest.get(f"conversations/{long_talk['id']}/messages/?{query}"), 400)


def test_before_id_of_another_conversation_reveals_nothing(long_talk, people):
    eve, mallory = people("eve", "mallory")
    own = eve.rest.create_group(mallory)
    eve.rest.send_message(own, "mine")
    url = f"conversations/{own['id']}/messages/"
    foreign = eve.rest.get(url, params={"before_id": long_talk.messages[3]["id"]})
    absent = eve.rest.get(url, params={"before_id": NO_ID})
    assert_problem(foreign, 400)
    assert foreign.json() == absent.json()


def test_history_of_an_empty_conversation_is_empty(talk):
    assert talk.bob.rest.history(talk) == {"messages": [], "next_cursor": None, "has_more": False}
    assert talk.bob.rest.history(talk, after_seq=0)["messages"] == []


@pytest.mark.proves("GET messages/unread_count/")
def test_unread_count_covers_all_conversations_or_one(talk, people):
    carol = people("carol")
    other = talk.alice.rest.create_group(carol, talk.bob)
    for _ in range(2):
        talk.post()
    talk.alice.rest.send_message(other, "x")
    count = lambda person, **query: person.rest.get("messages/unread_count/", params=query).json()
    assert count(talk.bob) == {"count": 3}
    assert count(talk.bob, conversation_id=talk["id"]) == {"count": 2}
    assert count(carol) == {"count": 1}
    assert count(talk.alice) == {"count": 0}
    refused = talk.bob.rest.get("messages/unread_count/", params={"conversation_id": "x"})
    assert_problem(refused, 400)
