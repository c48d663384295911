"""Conversations over REST."""
import re

import pytest

from client import CONVERSATION_FIELDS, MESSAGE_FIELDS, NO_ID, assert_problem

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


# --- creating -----------------------------------------------------------------------------------------

@pytest.mark.proves("conversation object")
@pytest.mark.proves("POST conversations/")
def test_a_new_group_has_every_field(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob, title="Plans", metadata={"project": 7})
    assert CONVERSATION_FIELDS <= set(talk)
    assert UUID7.fullmatch(talk["id"])
    assert TIME.fullmatch(talk["created_at"])
    assert (talk["type"], talk["title"], talk["metadata"]) == ("group", "Plans", {"project": 7})
    assert set(talk["participants"]) == {alice.id, bob.id}
    assert (talk["participant_count"], talk["seq"], talk["unread_count"]) == (2, 0, 0)
    assert talk["last_message"] is None and talk["last_message_at"] is None


def test_title_and_metadata_of_a_group_are_optional(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    assert talk["title"] is None
    assert talk["metadata"] == {}


def test_the_creator_is_added_once(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob, alice, bob)
    assert sorted(talk["participants"]) == sorted([alice.id, bob.id])
    assert talk["participant_count"] == 2


def test_creating_a_conversation_stores_no_message_and_takes_no_seq(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    assert alice.rest.history(talk)["messages"] == []
    assert alice.rest.send_message(talk, "first")["seq"] == 1


@pytest.mark.proves("POST conversations/")
def test_a_direct_conversation_exists_once_for_each_pair(people):
    alice, bob, carol = people("alice", "bob", "carol")
    first = alice.rest.post("conversations/", json={"participants": [bob.id]})
    assert first.status_code == 201
    assert first.json()["type"] == "direct"
    assert set(first.json()["participants"]) == {alice.id, bob.id}
    for person, other in (alice, bob), (bob, alice):
        again = person.rest.post("conversations/", json={"type": "direct", "participants": [other.id]})
        assert again.status_code == 201, "201 for compatibility with the original"
        assert again.json()["id"] == first.json()["id"]
    other = alice.rest.post("conversations/", json={"participants": [carol.id]})
    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]


def test_a_direct_conversation_has_exactly_two_participants(people):
    alice, bob, carol = people("alice", "bob", "carol")
    for participants in [], [alice.id], [bob.id, carol.id]:
        assert_problem(alice.rest.post("conversations/", json={"participants": participants}), 400)


def test_the_creator_is_the_owner_and_others_are_members(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    detail = bob.rest.get(f"conversations/{talk['id']}/").json()
    assert set(detail) == CONVERSATION_FIELDS | {"members"}
    members = {member["user_id"]: member for member in detail["members"]}
    assert {user: member["role"] for user, member in members.items()} == {alice.id: "owner", bob.id: "member"}
    for member in members.values():
        assert set(member) == {"user_id", "role", "joined_at", "last_read_seq", "last_read_at"}
        assert TIME.fullmatch(member["joined_at"])
        assert member["last_read_seq"] == 0


@pytest.mark.parametrize("fields, field", [
    ({"type": "party"}, "type"),
    ({"type": 7}, "type"),
    ({"participants": "bob"}, "participants"),
    ({"participants": [7.5]}, "participants"),
    ({"participants": ["no spaces allowed"]}, "participants"),
    ({"participants": [""]}, "participants"),
    ({"participants": ["u" * 129]}, "participants"),
    ({"title": "t" * 256}, "title"),
    ({"title": [7]}, "title"),
    ({"title": "nul \x00"}, "title"),
    ({"metadata": []}, "metadata"),
    ({"metadata": "text"}, "metadata"),
    ({"metadata": {"k": "x" * 8192}}, "metadata"),
])
def test_an_invalid_field_of_a_conversation_is_named(people, fields, field):
    alice, bob = people("alice", "bob")
    answer = alice.rest.post("conversations/", json={"type": "group", "participants": [bob.id], **fields})
    assert_problem(answer, 400, field=field)
    assert alice.rest.get("conversations/").json() == []


@pytest.mark.proves("POST conversations/")
def test_all_invalid_fields_of_a_conversation_are_named_at_once(people):
    alice = people("alice")
    body = assert_problem(alice.rest.post("conversations/", json={
        "type": "party", "participants": [7.5], "title": True, "metadata": []}), 400)
    assert {"type", "participants", "title", "metadata"} <= set(body["fields"])


@pytest.mark.proves("title, 255 characters")
def test_titles_are_counted_in_characters(people):
    alice, bob = people("alice", "bob")
    assert alice.rest.create_group(bob, title="é" * 255)["title"] == "é" * 255
    assert_problem(alice.rest.post("conversations/", json={
        "type": "group", "participants": [bob.id], "title": "é" * 256}), 400, field="title")


def test_server_assigned_fields_of_a_conversation_cannot_be_set(people):
    alice, bob = people("alice", "bob")
    answer = alice.rest.post("conversations/", json={
        "type": "group", "participants": [bob.id], "id": NO_ID, "seq": 99, "participant_count": 7,
        "created_at": "2000-01-01T00:00:00.000000Z", "unread_count": 5})
    if answer.status_code == 201:  # extra fields may be rejected or ignored
        talk = answer.json()
        assert talk["id"] != NO_ID and talk["seq"] == 0 and talk["participant_count"] == 2
        assert not talk["created_at"].startswith("2000")
    else:
        assert_problem(answer, 400)


# --- reading ------------------------------------------------------------------------------------------

@pytest.mark.proves("GET conversations/{id}/")
def test_a_foreign_conversation_and_a_missing_one_get_the_same_404(people):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    foreign = assert_problem(eve.rest.get(f"conversations/{talk['id']}/"), 404, "not_found")
    absent = assert_problem(eve.rest.get(f"conversations/{NO_ID}/"), 404, "not_found")
    assert foreign == absent


@pytest.mark.parametrize("id", ["x", "123", NO_ID[:-1], NO_ID + "0", NO_ID.replace("0", "g")])
@pytest.mark.proves("GET conversations/{id}/")
def test_a_malformed_conversation_id_returns_400(people, id):
    assert_problem(people("alice").rest.get(f"conversations/{id}/"), 400)


@pytest.mark.proves("UUIDs, version 7, any case in, lower case out")
def test_conversation_ids_are_accepted_in_any_case_and_returned_in_lower_case(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    answer = alice.rest.get(f"conversations/{talk['id'].upper()}/")
    assert answer.status_code == 200
    assert answer.json()["id"] == talk["id"] == talk["id"].lower()


# --- listing ------------------------------------------------------------------------------------------

@pytest.mark.proves("GET conversations/")
def test_the_list_has_the_users_conversations_with_newest_activity_first(people):
    alice, bob, carol = people("alice", "bob", "carol")
    first, second, third = (alice.rest.create_group(bob, title=title) for title in "abc")
    bob.rest.create_group(carol, title="not alice's")
    listed = alice.rest.get("conversations/").json()
    assert [talk["id"] for talk in listed] == [third["id"], second["id"], first["id"]]
    assert all(set(talk) == CONVERSATION_FIELDS for talk in listed)
    message = bob.rest.send_message(first, "hello")
    listed = alice.rest.get("conversations/").json()
    assert [talk["id"] for talk in listed] == [first["id"], third["id"], second["id"]]
    assert set(listed[0]["last_message"]) == MESSAGE_FIELDS
    assert listed[0]["last_message"]["id"] == message["id"]
    assert listed[0]["last_message_at"] == message["sent_at"]
    assert listed[0]["seq"] == 1


@pytest.mark.proves("GET conversations/")
def test_pages_of_the_list_are_complete_without_repetition(people):
    alice, bob = people("alice", "bob")
    made = [alice.rest.create_group(bob)["id"] for _ in range(7)]
    for limit in 1, 3, 7, 20:
        walked, url = [], f"conversations/?limit={limit}"
        while url:
            answer = alice.rest.get(url)
            assert answer.status_code == 200
            page = answer.json()
            assert len(page) <= limit
            walked += [talk["id"] for talk in page]
            following = answer.links.get("next")
            url = following and answer.url.join(following["url"])
        assert walked == list(reversed(made))


@pytest.mark.proves("GET conversations/")
def test_a_page_of_conversations_has_1000_by_default(people):
    alice, bob = people("alice", "bob")
    made = [alice.rest.create_group(bob)["id"] for _ in range(1003)]
    first = alice.rest.get("conversations/")
    assert [talk["id"] for talk in first.json()] == made[:2:-1]
    second = alice.rest.get(first.url.join(first.links["next"]["url"]))
    assert [talk["id"] for talk in second.json()] == made[2::-1]
    assert "next" not in second.links


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "limit=1&cursor=nonsense!"])
def test_an_invalid_limit_or_cursor_returns_400(people, query):
    assert_problem(people("alice").rest.get(f"conversations/?{query}"), 400)


def test_unread_count_excludes_the_users_own_messages(people):
    alice, bob, carol = people("alice", "bob", "carol")
    talk = alice.rest.create_group(bob, carol)
    for _ in range(3):
        alice.rest.send_message(talk, "from alice")
    bob.rest.send_message(talk, "from bob")

    def unread(person):
        (listed,) = person.rest.get("conversations/").json()
        detail = person.rest.get(f"conversations/{talk['id']}/").json()
        assert listed["unread_count"] == detail["unread_count"]
        return listed["unread_count"]

    assert unread(carol) == 4
    # Whether a user's own message marks earlier ones as read is not specified.
    assert unread(alice) <= 1


# --- paths --------------------------------------------------------------------------------------------

@pytest.mark.proves("with and without the trailing slash")
def test_rest_paths_work_with_and_without_the_trailing_slash(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    for path in "conversations", f"conversations/{talk['id']}", f"conversations/{talk['id']}/messages":
        with_slash, without = alice.rest.get(path + "/"), alice.rest.get(path)
        assert (with_slash.status_code, without.status_code) == (200, 200)
        assert with_slash.json() == without.json()
    for path in "conversations", "conversations/":
        answer = alice.rest.post(path, json={"type": "group", "participants": [bob.id]})
        assert answer.status_code == 201
    for path in "messages", "messages/":
        answer = alice.rest.post(path, json={"conversation_id": talk["id"], "content": "x"})
        assert answer.status_code == 201
        id = answer.json()["id"]
    assert alice.rest.get(f"messages/{id}").json()["id"] == id
    assert alice.rest.get("conversations?limit=1").status_code == 200


@pytest.mark.parametrize("method, path, allowed", [
    ("PUT", "conversations/", {"GET", "POST"}),
    ("DELETE", "conversations/", {"GET", "POST"}),
    ("GET", "messages/", {"POST"}),
    ("POST", f"conversations/{NO_ID}/messages/", {"GET"}),
])
def test_a_wrong_method_returns_405_with_the_allowed_methods(people, method, path, allowed):
    answer = people("alice").rest.request(method, path)
    assert_problem(answer, 405, "method_not_allowed")
    assert allowed <= {name.strip() for name in answer.headers["allow"].split(",")}


def test_an_unknown_rest_path_returns_404(people):
    rest = people("alice").rest
    for path in "nothing/", "conversations/a/b/c/", f"conversations/{NO_ID}/nothing/":
        assert_problem(rest.get(path), 404, "not_found")
