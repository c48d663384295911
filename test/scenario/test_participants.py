"""Participants of a conversation: roles, adding, leaving and removal."""
import pytest

from client import (CONVERSATION_FIELDS, FRAME_CONVERSATION_FIELDS, NO_ID, Person, assert_closes_with,
                    assert_problem)


@pytest.fixture
def club(people):
    """Owner alice, admin ann, member bob; cho is outside."""
    alice, ann, bob, cho = people("alice", "ann", "bob", "cho")
    group = alice.rest.create_group(ann, bob)
    answer = alice.rest.post(f"conversations/{group['id']}/set_role/",
                             json={"user_id": ann.id, "role": "admin"})
    assert answer.status_code == 200, answer.text
    return Club(answer.json(), alice=alice, ann=ann, bob=bob, cho=cho)


class Club(dict):
    def __init__(self, group, **people):
        super().__init__(group)
        self.__dict__.update(people)

    def by(self, person, verb, **body):
        return person.rest.post(f"conversations/{self['id']}/{verb}/", json=body)

    def roles(self):
        answer = self.alice.rest.get(f"conversations/{self['id']}/")
        return {one["user_id"]: one["role"] for one in answer.json()["members"]}


@pytest.mark.proves("visibility")
@pytest.mark.proves("POST conversations/{id}/add_participant/, remove_participant/")
def test_an_added_participant_reads_the_history_and_starts_with_a_read_mark_at_the_head(club):
    for n in range(3):
        club.bob.rest.send_message(club, f"m{n}")
    with club.bob.connect(club) as bobs, club.cho.connect() as chos:
        answer = club.by(club.ann, "add_participant", user_id=club.cho.id)
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert set(shown) == CONVERSATION_FIELDS | {"members"}
        assert shown["participants"] == [club.alice.id, club.ann.id, club.bob.id, club.cho.id]
        updated = bobs.wait_for("conversation_updated")
        assert updated["seq"] == shown["seq"] and set(updated["data"]) == FRAME_CONVERSATION_FIELDS
        assert updated["data"]["participants"] == shown["participants"]
        created = chos.wait_for("conversation_created")
        assert created["conversation_id"] == club["id"] and created["data"] == updated["data"]
        club.bob.rest.send_message(club, "hello cho")
        live = chos.events(1)[0]
        assert live["type"] == "message" and live["seq"] == shown["seq"] + 1, "the history is not sent"
    assert len(club.cho.rest.history(club)["messages"]) == 4
    assert club.cho.rest.get("messages/unread_count/").json() == {"count": 1}
    again = club.by(club.alice, "add_participant", user_id=club.cho.id)
    assert again.status_code == 200 and again.json()["seq"] == shown["seq"] + 1, "adding again changes nothing"


@pytest.mark.proves("P9 token lifetime")
@pytest.mark.proves("visibility")
@pytest.mark.proves("POST conversations/{id}/add_participant/, remove_participant/")
@pytest.mark.proves("4003")
@pytest.mark.proves("conversation_updated, conversation_deleted, conversation_left")
def test_a_removed_participant_receives_conversation_left_and_no_later_event(club):
    with club.bob.connect(club) as room_socket, club.bob.connect() as user_socket, club.alice.connect(club) as alices:
        answer = club.by(club.ann, "remove_participant", user_id=club.bob.id)
        assert answer.status_code == 200, answer.text
        assert answer.json()["participants"] == [club.alice.id, club.ann.id]
        assert answer.json()["participant_count"] == 2
        assert alices.wait_for("conversation_updated")["data"]["participants"] == [club.alice.id, club.ann.id]
        assert room_socket.wait_for("conversation_left")["conversation_id"] == club["id"]
        assert_closes_with(room_socket, 4003, reconnect=False)
        assert user_socket.wait_for("conversation_left")["conversation_id"] == club["id"]
        club.alice.rest.send_message(club, "without bob")
        other = club.bob.rest.create_group(club.alice)
        passed = user_socket.seen_before(lambda frame: frame["type"] == "conversation_created")
        assert not [one for one in passed[:-1] if "seq" in one], "no event of the conversation after the removal"
        answer = user_socket.ask("message", conversation_id=club["id"], content="x")
        assert answer["data"]["code"] == "not_participant"
        assert user_socket.ask("typing", conversation_id=club["id"], is_typing=True)["data"]["code"] == "not_found"
        assert user_socket.ask("read", conversation_id=club["id"], up_to_seq=1)["data"]["code"] == "not_found"
        assert other
    for path in ("", "messages/", "changes/", "participants/"):
        assert_problem(club.bob.rest.get(f"conversations/{club['id']}/{path}"), 404, "not_found")
    assert club["id"] not in [one["id"] for one in club.bob.rest.get("conversations/").json()]
    assert club.bob.connect().established["data"]["conversations"].keys() == {other["id"]}
    assert_problem(club.bob.rest.post("messages/", json={"conversation_id": club["id"], "content": "x"}),
                   403, "not_participant")


@pytest.mark.proves("P3 one order")
def test_a_participant_who_is_added_again_reads_everything(club):
    before = club.bob.rest.send_message(club, "before")
    with club.bob.connect() as user_socket:
        club.by(club.alice, "remove_participant", user_id=club.bob.id)
        assert user_socket.wait_for("conversation_left")
        club.alice.rest.send_message(club, "meanwhile")
        club.by(club.alice, "add_participant", user_id=club.bob.id)
        assert user_socket.wait_for("conversation_created")["conversation_id"] == club["id"]
        sent = club.alice.rest.send_message(club, "welcome")
        assert user_socket.events(1)[0]["data"]["id"] == sent["id"]
        assert user_socket.send_message("thanks", conversation_id=club["id"])["seq"] == sent["seq"] + 1
    texts = [one["content"] for one in club.bob.rest.everything_in(club)]
    assert texts == [before["content"], "meanwhile", "welcome", "thanks"]


@pytest.mark.proves("roles")
def test_when_the_owner_leaves_the_oldest_admin_or_member_becomes_the_owner(club):
    answer = club.by(club.alice, "remove_participant", user_id=club.alice.id)
    assert answer.status_code == 200
    assert answer.json()["participants"] == [club.ann.id, club.bob.id]
    club.alice = club.ann
    assert club.roles() == {club.ann.id: "owner", club.bob.id: "member"}
    assert club.by(club.ann, "remove_participant", user_id=club.ann.id).status_code == 200
    club.alice = club.bob
    assert club.roles() == {club.bob.id: "owner"}
    assert club.by(club.bob, "remove_participant", user_id=club.bob.id).status_code == 200
    assert_problem(club.bob.rest.get(f"conversations/{club['id']}/"), 404)


@pytest.mark.proves("roles")
@pytest.mark.proves("POST conversations/{id}/set_role/, GET conversations/{id}/participants/")
def test_roles_can_be_set_and_ownership_transferred(club):
    assert club.roles() == {club.alice.id: "owner", club.ann.id: "admin", club.bob.id: "member"}
    assert_problem(club.by(club.alice, "set_role", user_id=club.cho.id, role="admin"), 400, field="user_id")
    assert_problem(club.by(club.alice, "set_role", user_id=club.bob.id, role="king"), 400, field="role")
    assert_problem(club.by(club.alice, "set_role", user_id=club.alice.id, role="member"), 400, field="role")
    assert_problem(club.by(club.alice, "set_role", role="member"), 400, field="user_id")
    assert club.by(club.alice, "set_role", user_id=club.bob.id, role="owner").status_code == 200
    assert club.roles() == {club.alice.id: "admin", club.ann.id: "admin", club.bob.id: "owner"}
    assert_problem(club.by(club.alice, "remove_participant", user_id=club.bob.id), 403, "forbidden")


@pytest.mark.proves("PATCH, DELETE conversations/{id}/")
@pytest.mark.proves("POST conversations/{id}/update_title/")
@pytest.mark.proves("conversation_updated, conversation_deleted, conversation_left")
def test_titles_and_metadata_can_be_changed(club):
    with club.bob.connect() as socket:
        answer = club.by(club.ann, "update_title", title="Chess & tea")
        assert answer.status_code == 200 and answer.json()["title"] == "Chess & tea"
        frame = socket.wait_for("conversation_updated")
        assert frame["data"]["title"] == "Chess & tea" and frame["seq"] == answer.json()["seq"]
    assert_problem(club.by(club.ann, "update_title"), 400, field="title")
    assert_problem(club.by(club.ann, "update_title", title="x" * 256), 400, field="title")
    path = f"conversations/{club['id']}/"
    answer = club.alice.rest.patch(path, json={"title": None, "metadata": {"k": [1]}})
    assert answer.status_code == 200
    assert answer.json()["title"] is None and answer.json()["metadata"] == {"k": [1]}
    assert_problem(club.alice.rest.patch(path, json={}), 400, "bad_request")
    assert_problem(club.alice.rest.patch(path, json={"metadata": 1}), 400, field="metadata")


@pytest.mark.proves("PATCH, DELETE conversations/{id}/")
@pytest.mark.proves("conversation_updated, conversation_deleted, conversation_left")
def test_deleting_a_conversation_requires_the_owner_and_closes_its_sockets(club):
    message = club.bob.rest.send_message(club, "hello")
    path = f"conversations/{club['id']}/"
    with club.bob.connect(club) as room_socket, club.ann.connect() as user_socket:
        assert_problem(club.ann.rest.delete(path), 403, "forbidden")
        assert_problem(club.cho.rest.delete(path), 404, "not_found")
        assert club.alice.rest.delete(path).status_code == 204
        assert room_socket.wait_for("conversation_deleted")["conversation_id"] == club["id"]
        assert_closes_with(room_socket, 4003, reconnect=False)
        assert user_socket.wait_for("conversation_deleted")["conversation_id"] == club["id"]
        assert user_socket.ask("message", conversation_id=club["id"], content="x")["data"]["code"] == "not_participant"
    for answer in (club.alice.rest.get(path), club.alice.rest.delete(path),
                   club.bob.rest.get(f"messages/{message['id']}/"), club.alice.rest.get(path + "messages/")):
        assert_problem(answer, 404, "not_found")
    assert club["id"] not in [one["id"] for one in club.alice.rest.get("conversations/").json()]
    with Person(club.alice.server, club.bob.id).connect() as socket:
        assert club["id"] not in socket.established["data"]["conversations"]


@pytest.mark.proves("PATCH, DELETE conversations/{id}/")
def test_rows_of_a_deleted_conversation_are_deleted(own_server, tmp_path):
    import sqlite3

    from deadline import eventually
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob)
    with alice.connect(group) as socket:
        for n in range(1200):
            socket.send("message", content=f"m{n}")
        assert socket.send_message("last")["seq"] == 1201
    assert alice.rest.delete(f"conversations/{group['id']}/").status_code == 204

    def rows():
        with sqlite3.connect(f"file:{next(tmp_path.rglob('parley.db'))}?mode=ro", uri=True) as store:
            return sum(store.execute(f"select count(*) from {table}").fetchone()[0]
                       for table in ("messaging_message", "messaging_conversation"))
    eventually(lambda: rows() == 0)


@pytest.mark.proves("POST conversations/{id}/set_role/, GET conversations/{id}/participants/")
def test_participants_are_listed_in_pages(club):
    path = f"conversations/{club['id']}/participants/"
    answer = club.bob.rest.get(path)
    assert [(one["user_id"], one["role"]) for one in answer.json()] == [
        (club.alice.id, "owner"), (club.ann.id, "admin"), (club.bob.id, "member")]
    assert set(answer.json()[0]) == {"user_id", "role", "joined_at", "last_read_seq", "last_read_at"}
    assert "link" not in answer.headers
    seen, url = [], path + "?limit=2"
    while url:
        answer = club.bob.rest.get(url)
        seen += [one["user_id"] for one in answer.json()]
        link = answer.headers.get("link")
        url = club.alice.server.url + link.split(">")[0][1:] if link else None
    assert seen == [club.alice.id, club.ann.id, club.bob.id]
    assert_problem(club.bob.rest.get(path + "?cursor=nonsense"), 400, field="cursor")
    assert_problem(club.cho.rest.get(path), 404)


@pytest.mark.proves("POST conversations/{id}/add_participant/, remove_participant/")
def test_participants_and_title_of_a_direct_conversation_cannot_change(club):
    answer = club.alice.rest.post("conversations/", json={"participants": [club.bob.id]})
    path = f"conversations/{answer.json()['id']}"
    for verb, body in (("add_participant", {"user_id": club.cho.id}),
                       ("remove_participant", {"user_id": club.bob.id}),
                       ("remove_participant", {"user_id": club.alice.id}),
                       ("set_role", {"user_id": club.bob.id, "role": "admin"})):
        assert_problem(club.alice.rest.post(f"{path}/{verb}/", json=body), 400, "bad_request")


def test_participant_routes_reject_unknown_conversations_and_invalid_users(club):
    for verb, body in (("add_participant", {"user_id": "x"}), ("update_title", {"title": "x"}),
                       ("set_role", {"user_id": "x", "role": "admin"})):
        assert_problem(club.alice.rest.post(f"conversations/{NO_ID}/{verb}/", json=body), 404, "not_found")
        assert_problem(club.alice.rest.post(f"conversations/no/{verb}/", json=body), 400)
        assert_problem(club.cho.rest.post(f"conversations/{club['id']}/{verb}/", json=body), 404, "not_found")
    assert_problem(club.by(club.alice, "add_participant", user_id="not ok"), 400, field="user_id")
    assert_problem(club.by(club.alice, "add_participant"), 400, field="user_id")


def test_a_service_may_do_what_any_role_may(club):
    service = Person(club.alice.server, "backend", scope="messaging:service")
    assert service.rest.post(f"conversations/{club['id']}/add_participant/",
                             json={"user_id": club.cho.id}).status_code == 200
    assert service.rest.post(f"conversations/{club['id']}/set_role/",
                             json={"user_id": club.cho.id, "role": "owner"}).status_code == 200
    assert club.roles()[club.cho.id] == "owner" and club.roles()[club.alice.id] == "admin"
    assert service.rest.delete(f"conversations/{club['id']}/").status_code == 204
