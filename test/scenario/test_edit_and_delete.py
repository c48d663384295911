"""Editing and deleting messages, over REST and sockets."""
import pytest

from client import MESSAGE_FIELDS, NO_ID, assert_problem


@pytest.fixture
def talk(people):
    """Alice's group with bob and cho, and a message from bob in it."""
    alice, bob, cho = people("alice", "bob", "cho")
    group = alice.rest.create_group(bob, cho)
    return alice, bob, cho, group, bob.rest.send_message(group, "helo", metadata={"a": 1})


@pytest.mark.proves("PATCH messages/{id}/, DELETE messages/{id}/, DELETE messages/{id}/delete/")
def test_an_edit_takes_the_next_seq_and_is_broadcast(talk):
    alice, bob, cho, group, message = talk
    with alice.connect(group) as alices, cho.connect() as chos:
        answer = bob.rest.patch(f"messages/{message['id']}/", json={"content": " hello "})
        assert answer.status_code == 200, answer.text
        edited = answer.json()
        assert set(edited) == MESSAGE_FIELDS
        assert edited["content"] == "hello" and edited["edited_at"] and edited["seq"] == message["seq"]
        assert edited["metadata"] == {"a": 1} and edited["sent_at"] == message["sent_at"]
        for socket in (alices, chos):
            frame = socket.wait_for("message_updated")
            assert frame["seq"] == message["seq"] + 1
            assert frame["conversation_id"] == group["id"] and frame["data"] == edited
    assert alice.rest.get(f"messages/{message['id']}/").json() == edited
    assert alice.rest.get(f"conversations/{group['id']}/").json()["seq"] == message["seq"] + 1


def test_an_edit_can_change_metadata(talk):
    _, bob, _, _, message = talk
    answer = bob.rest.patch(f"messages/{message['id']}/", json={"content": "helo", "metadata": {"b": 2}})
    assert answer.json()["metadata"] == {"b": 2} and answer.json()["edited_at"]


def test_an_edit_without_changes_takes_no_seq(talk):
    alice, bob, _, group, message = talk
    answer = bob.rest.patch(f"messages/{message['id']}/", json={"content": "helo"})
    assert answer.status_code == 200 and answer.json()["edited_at"] is None
    assert alice.rest.get(f"conversations/{group['id']}/").json()["seq"] == message["seq"]


@pytest.mark.proves("edit, delete, message_updated, message_deleted")
def test_messages_can_be_edited_and_deleted_over_a_socket(talk):
    alice, bob, _, group, message = talk
    with bob.connect(group) as bobs, alice.connect(group) as alices:
        ack = bobs.ask("edit", message_id=message["id"], content="hello")
        assert ack["type"] == "ack" and ack["data"] == {"id": message["id"], "seq": message["seq"] + 1}
        assert alices.wait_for("message_updated")["data"]["content"] == "hello"
        ack = bobs.ask("delete", message_id=message["id"])
        assert ack["type"] == "ack" and ack["data"]["seq"] == message["seq"] + 2
        frame = alices.wait_for("message_deleted")
        assert frame["seq"] == message["seq"] + 2 and frame["data"] == {"message_id": message["id"]}
        again = bobs.ask("delete", message_id=message["id"])
        assert again["type"] == "ack" and again["data"]["seq"] is None
        for bad in ({"content": "x"}, {"message_id": "no", "content": "x"}, {"message_id": NO_ID}):
            assert bobs.ask("edit", **bad)["data"]["code"] == "invalid_field"
        assert bobs.ask("edit", message_id=NO_ID, content="x")["data"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["messages/{}/delete/", "messages/{}/"])
@pytest.mark.proves("PATCH messages/{id}/, DELETE messages/{id}/, DELETE messages/{id}/delete/")
def test_a_deleted_message_keeps_its_seq_and_loses_its_content(talk, path):
    alice, bob, _, group, message = talk
    with alice.connect(group) as alices:
        assert bob.rest.delete(path.format(message["id"])).status_code == 204
        frame = alices.wait_for("message_deleted")
        assert frame["seq"] == message["seq"] + 1 and frame["data"] == {"message_id": message["id"]}
    assert bob.rest.delete(path.format(message["id"])).status_code == 204, "deleting again succeeds"
    deleted = alice.rest.get(f"messages/{message['id']}/").json()
    assert deleted["content"] == "" and deleted["deleted_at"] and deleted["seq"] == message["seq"]
    assert deleted["metadata"] == {}
    assert alice.rest.history(group)["messages"] == []
    assert [one["id"] for one in alice.rest.history(group, include_deleted=1)["messages"]] == [message["id"]]
    assert alice.rest.get(f"conversations/{group['id']}/").json()["last_message"] is None


def test_deleted_content_is_not_on_the_disk(own_server, tmp_path):
    from client import Person
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob)
    message = alice.rest.send_message(group, "a secret called xyzzy-4711")
    alice.rest.delete(f"messages/{message['id']}/")
    server.stop()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"xyzzy-4711" not in file.read_bytes(), file


@pytest.mark.proves("PATCH messages/{id}/, DELETE messages/{id}/, DELETE messages/{id}/delete/")
def test_senders_edit_and_senders_and_owners_delete(talk):
    alice, bob, cho, group, message = talk
    stranger = type(alice)(alice.server, "stranger-of-edits")
    path = f"messages/{message['id']}/"
    assert_problem(cho.rest.patch(path, json={"content": "x"}), 403, "forbidden")
    assert_problem(alice.rest.patch(path, json={"content": "x"}), 403, "forbidden")
    assert_problem(stranger.rest.patch(path, json={"content": "x"}), 404, "not_found")
    assert_problem(cho.rest.delete(path), 403, "forbidden")
    assert_problem(stranger.rest.delete(path), 404, "not_found")
    assert_problem(stranger.rest.delete(f"messages/{NO_ID}/"), 404, "not_found")
    assert alice.rest.delete(path).status_code == 204, "the owner may"
    assert_problem(bob.rest.patch(path, json={"content": "x"}), 404, "not_found")


def test_editing_a_message_of_another_conversation_returns_404(talk):
    alice, bob, _, _, message = talk
    other = bob.rest.create_group(alice)
    with bob.connect(other) as socket:
        answer = socket.ask("edit", message_id=message["id"], content="x")
        assert answer["type"] == "error" and answer["data"]["code"] == "not_found"


def test_an_invalid_edit_names_its_field(talk):
    _, bob, _, _, message = talk
    path = f"messages/{message['id']}/"
    for body in ({}, {"content": " "}, {"content": []}, {"content": "x" * 32769}):
        assert_problem(bob.rest.patch(path, json=body), 400, "invalid_field", "content")
    assert_problem(bob.rest.patch(path, json={"content": "x", "metadata": []}), 400, field="metadata")
    assert_problem(bob.rest.patch("messages/no-id/", json={"content": "x"}), 400)


@pytest.mark.proves("P3 one order")
@pytest.mark.proves("GET conversations/{id}/changes/")
@pytest.mark.proves("edit, delete, message_updated, message_deleted")
def test_a_replay_shows_the_current_version_of_messages(talk):
    alice, bob, _, group, message = talk
    second = bob.rest.send_message(group, "second")
    bob.rest.patch(f"messages/{message['id']}/", json={"content": "edited"})
    bob.rest.delete(f"messages/{second['id']}/")
    expected = [("message", 1, "edited"), ("message", 2, ""), ("message_updated", 3, "edited"),
                ("message_deleted", 4, None)]
    for _ in range(2):  # from memory, then from the store
        with alice.connect(group, query={"since": 0}) as socket:
            frames = socket.events(4)
            assert [(one["type"], one["seq"], one["data"].get("content")) for one in frames] == expected
            assert socket.wait_for("resumed")["data"]["conversations"] == {group["id"]: 4}
    events = alice.rest.get(f"conversations/{group['id']}/changes/").json()
    assert events == {"events": frames, "has_more": False}


def test_a_retry_after_an_edit_returns_the_current_version(talk):
    alice, bob, _, group, _ = talk
    body = {"conversation_id": group["id"], "content": "once", "client_id": "c-1"}
    first = bob.rest.post("messages/", json=body).json()
    bob.rest.patch(f"messages/{first['id']}/", json={"content": "changed"})
    again = bob.rest.post("messages/", json=body)
    assert again.status_code == 200 and again.json()["id"] == first["id"]
    assert again.json()["content"] == "changed"


def test_edits_survive_a_kill(own_server, tmp_path):
    from client import Person
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob)
    kept = alice.rest.send_message(group, "one")
    deleted = alice.rest.send_message(group, "two")
    alice.rest.patch(f"messages/{kept['id']}/", json={"content": "uno"})
    alice.rest.delete(f"messages/{deleted['id']}/")
    server.kill()
    server = own_server(directory=tmp_path)
    bob = Person(server, "bob")
    with bob.connect(group, query={"since": 2}) as socket:
        updated, deleted = socket.events(2)
    assert (updated["type"], updated["seq"], updated["data"]["content"]) == ("message_updated", 3, "uno")
    assert (deleted["type"], deleted["seq"]) == ("message_deleted", 4)
