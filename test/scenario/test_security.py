"""Checks of docs/security.md that no other file has: foreign ids, fields of the server, methods, keys named by a token, SQL in texts."""
import pathlib
import re
import socket

import pytest

from client import NO_ID, Person, assert_problem
from conftest import named
from files import PNG
from raw import Wire, WireSocket, masked_with, request
from server import ROOT
from tokens import mint

DOCUMENT = pathlib.Path(ROOT, "docs/security.md")
GTEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.M)

# What a stranger may try with a conversation, a message and an attachment.
ATTEMPTS = {
    "read the conversation": lambda rest, c, m, a: rest.get(f"conversations/{c}/"),
    "change the conversation": lambda rest, c, m, a: rest.patch(f"conversations/{c}/", json={"title": "x"}),
    "delete the conversation": lambda rest, c, m, a: rest.delete(f"conversations/{c}/"),
    "set its title": lambda rest, c, m, a: rest.post(f"conversations/{c}/update_title/", json={"title": "x"}),
    "join it": lambda rest, c, m, a: rest.post(f"conversations/{c}/add_participant/", json={"user_id": "eve"}),
    "remove a participant": lambda rest, c, m, a: rest.post(f"conversations/{c}/remove_participant/", json={"user_id": "eve"}),
    "set a role": lambda rest, c, m, a: rest.post(f"conversations/{c}/set_role/", json={"user_id": "eve", "role": "admin"}),
    "list its participants": lambda rest, c, m, a: rest.get(f"conversations/{c}/participants/"),
    "read its messages": lambda rest, c, m, a: rest.get(f"conversations/{c}/messages/"),
    "read its changes": lambda rest, c, m, a: rest.get(f"conversations/{c}/changes/", params={"since_seq": 0}),
    "mark it as read": lambda rest, c, m, a: rest.post(f"conversations/{c}/read/", json={"up_to_seq": 1}),
    "count its unread messages": lambda rest, c, m, a: rest.get("messages/unread_count/", params={"conversation_id": c}),
    "send to it": lambda rest, c, m, a: rest.post("messages/", json={"conversation_id": c, "content": "x"}),
    "read a message": lambda rest, c, m, a: rest.get(f"messages/{m}/"),
    "edit a message": lambda rest, c, m, a: rest.patch(f"messages/{m}/", json={"content": "x"}),
    "delete a message": lambda rest, c, m, a: rest.delete(f"messages/{m}/"),
    "mark a message as read": lambda rest, c, m, a: rest.post("messages/mark_as_read/", json={"message_ids": [m]}),
    "read an attachment": lambda rest, c, m, a: rest.get(f"attachments/{a}/"),
    "download an attachment": lambda rest, c, m, a: rest.get(f"attachments/{a}/content/"),
    "delete an attachment": lambda rest, c, m, a: rest.delete(f"attachments/{a}/"),
}


class Room:
    """A conversation of alice with a message and an attachment, and eve, who is not in it but in one of her own."""

    def __init__(self, alice, eve):
        self.alice, self.eve = alice, eve
        self.conversation = alice.rest.create_group()
        upload = alice.rest.post("attachments/", files={"file": ("cat.png", PNG)}).json()
        self.message = alice.rest.send_message(self.conversation, "a secret", attachment_ids=[upload["id"]])
        self.attachment = upload["id"]
        self.own = eve.rest.create_group()

    def state(self):
        rest = self.alice.rest
        return rest.get(f"conversations/{self.conversation['id']}/").json(), rest.history(self.conversation)["messages"]


@pytest.fixture
def room(people):
    return Room(*people("alice", "eve"))


@pytest.mark.proves("security")
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda name: name.replace(" ", "-"))
def test_a_foreign_id_and_a_missing_id_get_the_same_response(room, attempt):
    before = room.state()[0]
    foreign, missing = (ATTEMPTS[attempt](room.eve.rest, *ids) for ids in (
        (room.conversation["id"], room.message["id"], room.attachment), (NO_ID, NO_ID, NO_ID)))
    assert foreign.status_code == missing.status_code
    assert foreign.text == missing.text, "not even the length differs"
    assert "secret" not in foreign.text
    assert room.state()[0] == before


@pytest.mark.proves("security")
def test_socket_commands_with_foreign_ids_get_the_errors_of_missing_ids(room):
    c, m, a = room.conversation["id"], room.message["id"], room.attachment
    own = room.own["id"]
    commands = [
        ("message", {"conversation_id": c, "content": "x"}, {"conversation_id": NO_ID, "content": "x"}),
        ("load_history", {"conversation_id": c}, {"conversation_id": NO_ID}),
        ("read", {"conversation_id": c, "up_to_seq": 1}, {"conversation_id": NO_ID, "up_to_seq": 1}),
        ("typing", {"conversation_id": c, "is_typing": True}, {"conversation_id": NO_ID, "is_typing": True}),
        ("edit", {"conversation_id": c, "message_id": m, "content": "x"}, {"conversation_id": NO_ID, "message_id": NO_ID, "content": "x"}),
        ("delete", {"conversation_id": c, "message_id": m}, {"conversation_id": NO_ID, "message_id": NO_ID}),
        ("edit", {"conversation_id": own, "message_id": m, "content": "x"}, {"conversation_id": own, "message_id": NO_ID, "content": "x"}),
        ("delete", {"conversation_id": own, "message_id": m}, {"conversation_id": own, "message_id": NO_ID}),
        ("message", {"conversation_id": own, "content": "x", "reply_to": m}, {"conversation_id": own, "content": "x", "reply_to": NO_ID}),
        ("message", {"conversation_id": own, "content": "x", "attachment_ids": [a]}, {"conversation_id": own, "content": "x", "attachment_ids": [NO_ID]}),
        ("load_history", {"conversation_id": own, "before_id": m}, {"conversation_id": own, "before_id": NO_ID}),
    ]
    before = room.state()
    with room.eve.connect() as e, room.alice.connect(room.conversation) as alice:
        for verb, foreign, missing in commands:
            answers = [e.ask(verb, **fields) for fields in (foreign, missing)]
            assert len({(answer["type"], str(answer["data"])) for answer in answers}) == 1, (verb, answers)
            assert answers[0]["type"] in ("error", "message_history"), (verb, answers)
            assert "secret" not in str(answers)
        assert room.state() == before
        room.alice.rest.send_message(room.conversation, "next")
        assert alice.receive()["data"]["content"] == "next", "no command of eve had an event"


@pytest.mark.proves("security")
def test_a_patch_cannot_set_fields_of_the_server(people):
    alice, bob = people("alice", "bob")
    room = alice.rest.create_group(bob)
    message = alice.rest.send_message(room, "hello")
    forged = {"id": NO_ID, "seq": 99, "sender_id": bob.id, "sent_at": "2001-01-01T00:00:00Z", "read_at": "2001-01-01T00:00:00Z",
              "conversation_id": NO_ID, "client_id": "forged", "reactions": {"x": [bob.id]}, "deleted_at": "2001-01-01T00:00:00Z"}
    changed = alice.rest.patch(f"messages/{message['id']}/", json={"content": "hello again", **forged})
    assert changed.status_code == 200
    kept = message | {"content": "hello again", "edited_at": changed.json()["edited_at"]}
    assert changed.json() == kept == alice.rest.get(f"messages/{message['id']}/").json()
    forged = {"id": NO_ID, "seq": 99, "type": "task", "participants": ["eve"], "participant_count": 9, "created_at": "2001-01-01T00:00:00Z",
              "members": [{"user_id": "eve", "role": "owner"}]}
    before = alice.rest.get(f"conversations/{room['id']}/").json()
    changed = alice.rest.patch(f"conversations/{room['id']}/", json={"title": "Tea", **forged})
    assert changed.status_code == 200
    after = alice.rest.get(f"conversations/{room['id']}/").json()
    assert {name for name in before if before[name] != after[name]} == {"title", "seq"} and after["seq"] == before["seq"] + 1


@pytest.mark.proves("security")
@pytest.mark.parametrize("line", ["TRACE / HTTP/1.1", "TRACE /api/messaging/conversations/ HTTP/1.1", "CONNECT 127.0.0.1:22 HTTP/1.1", "DEBUG / HTTP/1.1"])
def test_trace_connect_and_unknown_methods_are_refused_and_nothing_is_echoed(server, line):
    method, target, _ = line.split()
    with Wire(server) as wire:
        wire.send(request(method, target, "Cookie: echoed-secret"))
        answer = wire.answer()
        assert answer.status in (400, 404, 405, 501), answer.status
        assert b"echoed-secret" not in answer.read()


@pytest.mark.proves("security")
def test_no_response_names_the_software(people, server):
    rest = people("alice").rest
    for answer in (rest.get("conversations/"), rest.get("none/"), rest.get(f"{server.url}/livez"), rest.get(f"{server.url}/"), rest.post("messages/", content=b"{")):
        assert not {"server", "x-powered-by", "via"} & set(answer.headers), answer.url


@pytest.mark.proves("security")
def test_a_token_cannot_name_its_own_key(server):
    """A header that leads to a key, by URL or in place, is ignored: no request is made, and the signature is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        symmetric = {"kty": "oct", "k": "YXR0YWNrZXItY2hvc2VuLWtleS1vZi0zMi1ieXRlcy4u"}
        for headers in ({"jku": url}, {"x5u": url}, {"jwk": symmetric}, {"kid": url}, {"kid": "../../../../dev/null"}, {"kid": "' OR 1=1 --"}):
            person = Person(server, "alice")
            person.rest.headers["Authorization"] = "Bearer " + mint("alice", key="attacker-chosen-key-of-32-bytes..", headers=headers)
            assert_problem(person.rest.get("conversations/"), 401, "token_not_valid")
        with pytest.raises(TimeoutError):
            listener.accept()


class EarlySocket(WireSocket):
    """A connection on which the test sends the handshake itself."""

    def __init__(self, server):
        Wire.__init__(self, server)


@pytest.mark.proves("security")
def test_bytes_right_after_a_handshake_are_frames(people, server):
    alice = people("alice")
    upgrade = request("GET", "/ws/messaging/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Authorization: Bearer {alice.token}")
    text, mask = b'{"type":"ping"}', b"\x01\x02\x03\x04"
    with EarlySocket(server) as wire:
        wire.send(upgrade + bytes([0x81, 0x80 | len(text)]) + mask + masked_with(mask, text))
        assert wire.answer().status == 101
        assert {b"connection_established", b"pong"} == {re.search(rb'"type":"(\w+)"', wire.next_frame()[1])[1] for _ in range(2)}
    with EarlySocket(server) as wire:
        wire.send(upgrade + request("GET", "/livez"))
        assert wire.answer().status == 101
        assert wire.close_code() == 1002, "a second request is a malformed frame"


HOSTILE = ["'; DROP TABLE message; --", "\" OR \"\"=\"", "$1 ?1 :name %s {0}", "%_%", "\\'; SELECT pg_sleep(9); --", "{1,2}", "x'00'", "E'\\047'"]


@pytest.mark.proves("security")
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_sql_in_any_text_is_stored_as_text(own_server, engine, database):
    server = own_server(**({"DATABASE_URL": database.url} if engine == "postgres" else {}))
    alice, bob = named(server, "alice", "bob")
    for text in HOSTILE:
        room = alice.rest.create_group(bob, title=text, metadata={text: text})
        assert (room["title"], room["metadata"]) == (text, {text: text})
        sent = alice.rest.send_message(room, text, client_id=text, metadata={"x": text})
        found = bob.rest.get(f"messages/{sent['id']}/").json()
        assert (found["content"], found["client_id"], found["metadata"]) == (text, text, {"x": text})
        task = alice.rest.post("conversations/task/", json={"task_id": f"{alice.id}{text}", "requester_id": alice.id, "performer_id": bob.id, "task_title": text})
        assert task.status_code == 201 and task.json()["title"] == f"Task: {text}"
        for name, value in (("limit", text), ("cursor", text), ("before_id", text), ("conversation_id", text)):
            for path in "conversations/", f"conversations/{room['id']}/messages/", "messages/unread_count/":
                assert alice.rest.get(path, params={name: value}).status_code in (200, 400)
    assert len(alice.rest.get("conversations/").json()) == 2 * len(HOSTILE)


def test_sources_have_no_weak_random_numbers():
    """rand() and mt19937 can be guessed."""
    for path in pathlib.Path(ROOT, "src").rglob("*.[ch]*"):
        if not path.name.endswith("_test.cc"):
            found = re.findall(r"\bs?rand\(|mt19937", path.read_text())
            assert not found, f"{path}: {found}"


# --- the document ---------------------------------------------------------------------------------

ROWS = ["API1", "API2", "API3", "API4", "API5", "API6", "API7", "API8", "API9", "API10", "WS1", "WS2", "WS3", "WS4", "WS5", "H1", "H2", "H3",
        "F1", "F2", "F3", "D1", "D2", "D3", "D4", "D5", "D6"]


def rows():
    """{id: the names of tests in its row}."""
    found = {}
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"[A-Z]+\d+", cells[0]):
            found[cells[0]] = re.findall(r"`([\w/]+\.(?:py|cc))(?:::([\w.]+))?`", cells[3])
    return found


@pytest.mark.proves("security")
def test_docs_security_has_every_row_with_tests():
    assert list(rows()) == ROWS
    assert [name for name, tests in rows().items() if not tests] == []


@pytest.mark.parametrize("row", ROWS)
def test_every_test_that_docs_security_names_exists(row):
    for file, name in rows()[row]:
        places = [folder / file for folder in (pathlib.Path(ROOT, place) for place in ("test/scenario", "test/contract", "test/fuzz", "src"))]
        path = next((place for place in places if place.exists()), None)
        assert path, file
        if name and file.endswith(".py"):
            assert re.search(rf"^def {name}\(", path.read_text(), re.M), f"{file}::{name}"
        elif name:
            assert tuple(name.split(".")) in GTEST.findall(path.read_text()), f"{file}::{name}"
