"""A dialogue of each route and frame of the guide's system, as a client written for it speaks."""
import uuid

import httpx
import pytest

from client import NO_ID, Person, Socket, assert_problem
from files import PNG
from guide_clients import pair, upload, users  # noqa: F401 - fixtures

MESSAGE = {"id", "conversation_id", "sender_id", "content", "content_type", "sent_at", "delivered_at", "read_at", "metadata"}
CONVERSATION = {"id", "type", "title", "participants", "created_at", "last_message_at", "metadata", "unread_count", "last_message"}


def form(person, path, **fields):
    """An urlencoded POST."""
    return person.rest.post(path, data=fields)


# --- conversations ------------------------------------------------------------------------------


def test_creating_and_listing_conversations(users):
    ann, bob, cat = users(3)
    direct = ann.rest.post("conversations/", json={"type": "direct", "participants": [bob.id]})
    assert direct.status_code == 201 and CONVERSATION <= set(direct.json())
    assert sorted(direct.json()["participants"]) == sorted([ann.id, bob.id])
    group = ann.rest.post("conversations/", json={"type": "group", "participants": [bob.id, cat.id], "title": "Tea", "metadata": {"a": 1}})
    assert group.status_code == 201 and group.json()["title"] == "Tea" and group.json()["metadata"] == {"a": 1}
    listed = ann.rest.get("conversations/").json()
    assert isinstance(listed, list) and {one["id"] for one in listed} == {direct.json()["id"], group.json()["id"]}
    detail = ann.rest.get(f"conversations/{group.json()['id']}/")
    assert detail.status_code == 200 and CONVERSATION <= set(detail.json())
    assert ann.rest.get("conversations/nonsense/").status_code == 400
    assert ann.rest.get(f"conversations/{NO_ID}/").status_code == 404
    assert users(1)[0].rest.get(f"conversations/{group.json()['id']}/").status_code == 404


def test_a_repeated_direct_conversation_is_201_and_the_same(users):
    ann, bob = users(2)
    answers = [person.rest.post("conversations/", json={"type": "direct", "participants": [other.id]})
               for person, other in ((ann, bob), (ann, bob), (bob, ann))]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    got = ann.rest.post("conversations/direct/", json={"user_id": bob.id})
    assert (got.status_code, got.json()["id"]) == (200, answers[0].json()["id"])
    assert_problem(ann.rest.post("conversations/direct/", json={"user_id": ann.id}), 400)


def test_task_conversations(users):
    ann, bob = users(2)
    task = str(uuid.uuid4())
    body = {"task_id": task, "requester_id": ann.id, "performer_id": bob.id}
    first = ann.rest.post("conversations/task/", json={**body, "task_title": "Fix it"})
    assert first.status_code == 201, first.text
    assert first.json()["type"] == "task" and first.json()["title"] == "Task: Fix it"
    assert {name: first.json()["metadata"][name] for name in body} == body
    again = bob.rest.post("conversations/task/", json=body)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    other = ann.rest.post("conversations/task/", json={**body, "task_id": str(uuid.uuid4())})
    assert other.json()["title"] == "Task Discussion"
    status = bob.rest.post(f"conversations/task/{task}/status/", json={"status": "done"})
    assert status.status_code == 201 and status.json()["content"] == "Task status changed to: done"
    assert (status.json()["content_type"], status.json()["sender_id"]) == ("system", bob.id)


def test_participants_and_title(users):
    ann, bob, cat = users(3)
    room = ann.rest.post("conversations/", json={"type": "group", "participants": [bob.id], "title": "Tea"}).json()
    path = f"conversations/{room['id']}"
    added = ann.rest.post(f"{path}/add_participant/", json={"user_id": cat.id})
    assert added.status_code == 200 and cat.id in added.json()["participants"]
    removed = ann.rest.post(f"{path}/remove_participant/", json={"user_id": cat.id})
    assert removed.status_code == 200 and cat.id not in removed.json()["participants"]
    titled = ann.rest.post(f"{path}/update_title/", json={"title": "Coffee"})
    assert titled.status_code == 200 and titled.json()["title"] == "Coffee"
    left = bob.rest.post(f"{path}/remove_participant/", json={"user_id": bob.id})
    assert left.status_code == 200


def test_a_direct_conversation_has_fixed_participants(pair, users):
    ann, bob, room = pair
    for verb in ("add_participant", "remove_participant"):
        assert ann.rest.post(f"conversations/{room['id']}/{verb}/", json={"user_id": users(1)[0].id}).status_code == 400


# --- messages -----------------------------------------------------------------------------------


@pytest.mark.proves("clients of the original")
def test_sending_reading_and_deleting(pair):
    ann, bob, room = pair
    sent = ann.rest.post("messages/", json={"conversation_id": room["id"], "content": "hi", "content_type": "text", "metadata": {"a": 1}})
    assert sent.status_code == 201 and MESSAGE <= set(sent.json())
    assert (sent.json()["sender_id"], sent.json()["metadata"]) == (ann.id, {"a": 1})
    one = bob.rest.get(f"messages/{sent.json()['id']}/")
    assert one.status_code == 200 and one.json()["content"] == "hi"
    page = bob.rest.get(f"conversations/{room['id']}/messages/").json()
    assert set(page) >= {"messages", "next_cursor", "has_more"} and [m["id"] for m in page["messages"]] == [sent.json()["id"]]
    assert bob.rest.get("messages/unread_count/").json() == {"count": 1}
    assert bob.rest.post("messages/mark_as_read/", json={"message_ids": [sent.json()["id"]]}).json() == {"updated": 1}
    assert bob.rest.get("messages/unread_count/").json() == {"count": 0}
    deleted = ann.rest.delete(f"messages/{sent.json()['id']}/delete/")
    assert deleted.status_code == 204 and not deleted.content
    assert bob.rest.get(f"conversations/{room['id']}/messages/").json()["messages"] == []


def test_a_page_of_history_follows_the_cursor_and_caps_the_limit(pair):
    ann, bob, room = pair
    for number in range(105):
        ann.rest.send_message(room, str(number))
    path = f"conversations/{room['id']}/messages/"
    page = bob.rest.get(path, params={"limit": 1000}).json()
    assert len(page["messages"]) == 100 and page["has_more"]
    rest = bob.rest.get(path, params={"limit": 100, "before_id": page["next_cursor"]}).json()
    assert [m["content"] for m in rest["messages"]] == ["4", "3", "2", "1", "0"] and rest["next_cursor"] is None and not rest["has_more"]
    assert len(bob.rest.get(path).json()["messages"]) == 50


def test_receipts_for_older_messages(pair):
    ann, bob, room = pair
    ids = [ann.rest.send_message(room, str(number))["id"] for number in range(3)]
    with ann.connect(room) as a:
        assert bob.rest.post("messages/mark_as_read/", json={"message_ids": ids[2:]}).json() == {"updated": 1}
        assert a.wait_for("read_receipt")["data"]["message_ids"] == ids[2:]
        assert bob.rest.post("messages/mark_as_read/", json={"message_ids": ids[:1]}).json()["updated"] == 0
        assert a.wait_for("read_receipt")["data"]["message_ids"] == ids[:1]


# --- bodies and errors --------------------------------------------------------------------------


@pytest.mark.proves("clients of the original")
def test_urlencoded_bodies(users):
    ann, bob, cat = users(3)
    group = form(ann, "conversations/", type="group", participants=[bob.id, cat.id], title="Tea", metadata='{"a": 1}')
    assert group.status_code == 201, group.text
    assert set(group.json()["participants"]) == {ann.id, bob.id, cat.id} and group.json()["metadata"] == {"a": 1}
    one = form(ann, "conversations/", type="group", participants=bob.id)
    assert one.status_code == 201 and set(one.json()["participants"]) == {ann.id, bob.id}
    room = group.json()["id"]
    sent = form(ann, "messages/", conversation_id=room, content="a+b & c", metadata='{"x": [1]}')
    assert sent.status_code == 201 and (sent.json()["content"], sent.json()["metadata"]) == ("a+b & c", {"x": [1]})
    read = form(bob, "messages/mark_as_read/", message_ids=sent.json()["id"])
    assert read.status_code == 200 and read.json() == {"updated": 1}
    assert form(ann, "conversations/direct/", user_id=bob.id).status_code == 200
    assert form(ann, f"conversations/{room}/update_title/", title="Coffee").json()["title"] == "Coffee"
    assert form(ann, f"conversations/{room}/remove_participant/", user_id=cat.id).status_code == 200
    assert form(ann, f"conversations/{room}/add_participant/", user_id=cat.id).status_code == 200
    assert form(ann, "conversations/task/", task_id="7", requester_id=ann.id, performer_id=bob.id).status_code == 201


def test_multipart_fields(pair):
    ann, bob, room = pair
    sent = ann.rest.post("messages/", files={"conversation_id": (None, room["id"]), "content": (None, "by form")})
    assert sent.status_code == 201 and sent.json()["content"] == "by form"


def test_the_last_of_a_repeated_scalar_counts(pair):
    ann, bob, room = pair
    sent = ann.rest.post("messages/", content=f"conversation_id={room['id']}&content=first&content=last",
                         headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert sent.status_code == 201 and sent.json()["content"] == "last"


def test_a_number_is_its_text_in_a_rest_body(pair):
    ann, bob, room = pair
    sent = ann.rest.post("messages/", json={"conversation_id": room["id"], "content": 42})
    assert sent.status_code == 201 and sent.json()["content"] == "42"
    with ann.connect(room) as a:
        assert a.ask("message", content=42)["type"] == "error"


def test_field_errors_stand_at_the_top_level(users):
    [ann] = users(1)
    body = ann.rest.post("messages/", json={"content": "x"}).json()
    assert isinstance(body["conversation_id"], list) and isinstance(body["conversation_id"][0], str)
    body = ann.rest.post("messages/", json={"conversation_id": NO_ID}).json()
    assert isinstance(body["content"], list)
    assert body["error"] == body["detail"]


@pytest.mark.proves("clients of the original")
def test_token_errors_are_simplejwts(server, users):
    expired = Person(server, str(uuid.uuid4()), ttl=-60).rest.get("conversations/")
    body = assert_problem(expired, 401, "token_not_valid")
    assert body["reason"] == "token_expired" and body["messages"][0]["token_type"] == "access"
    assert expired.headers["www-authenticate"].startswith("Bearer")
    nobody = httpx.get(f"{server.url}/api/messaging/conversations/")
    assert_problem(nobody, 401, "not_authenticated")
    other = httpx.get(f"{server.url}/api/messaging/conversations/", headers={"Authorization": "Token abc"})
    assert other.status_code == 401


def test_ids_in_any_spelling(pair, server):
    ann, bob, room = pair
    upper, plain = room["id"].upper(), room["id"].replace("-", "")
    sent = ann.rest.post("messages/", json={"conversation_id": upper, "content": "x"})
    assert sent.status_code == 201 and sent.json()["conversation_id"] == room["id"]
    assert ann.rest.get(f"conversations/{plain}/").json()["id"] == room["id"]
    with Socket(server, upper, token=ann.token) as socket:
        assert socket.receive()["data"]["conversation_id"] == room["id"]


@pytest.mark.proves("clients of the original")
def test_user_ids_in_upper_case_are_the_same_user(server, pair):
    ann, bob, room = pair
    shouting = Person(server, ann.id.upper())
    assert [one["id"] for one in shouting.rest.get("conversations/").json()] == [room["id"]]
    sent = shouting.rest.send_message(room, "x")
    assert sent["sender_id"] == ann.id
    same = bob.rest.post("conversations/direct/", json={"user_id": ann.id.upper()})
    assert (same.status_code, same.json()["id"]) == (200, room["id"])
    assert_problem(ann.rest.post("conversations/direct/", json={"user_id": ann.id.upper()}), 400)
    with shouting.connect(room) as socket:
        assert socket.established["data"]["user_id"] == ann.id
    service = Person(server, "backend", scope="messaging:service")
    acted = service.rest.get("conversations/", headers={"X-On-Behalf-Of": ann.id.upper()})
    assert [one["id"] for one in acted.json()] == [room["id"]]


def test_other_places_fold_user_ids_too(server, users):
    ann, bob, cat = users(3)
    room = ann.rest.post("conversations/", json={"type": "group", "participants": [bob.id.upper(), bob.id]}).json()
    assert sorted(room["participants"]) == sorted([ann.id, bob.id])
    path = f"conversations/{room['id']}"
    assert cat.id in ann.rest.post(f"{path}/add_participant/", json={"user_id": cat.id.upper()}).json()["participants"]
    promoted = ann.rest.post(f"{path}/set_role/", json={"user_id": cat.id.upper(), "role": "admin"})
    assert promoted.status_code == 200, promoted.text
    assert cat.id not in ann.rest.post(f"{path}/remove_participant/", json={"user_id": cat.id.upper()}).json()["participants"]
    assert ann.rest.post("presence/", json={"user_ids": [bob.id.upper()]}).json().keys() == {bob.id}
    service = Person(server, "backend", scope="messaging:service")
    assert service.rest.post("revocations/", json={"user_id": bob.id.upper()}).status_code == 201
    assert_problem(bob.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")


# --- attachments --------------------------------------------------------------------------------


def test_naming_another_users_upload_attaches_nothing(pair):
    ann, bob, room = pair
    file = upload(ann)
    upload(bob)
    sent = bob.rest.post("messages/", json={"conversation_id": room["id"], "content": file["file_url"]})
    assert sent.status_code == 201 and sent.json()["attachments"] == []


def test_an_attachment_and_its_link(pair, server):
    ann, bob, room = pair
    file = upload(ann)
    assert ann.rest.get(f"attachments/{file['id']}/").json()["id"] == file["id"]
    assert httpx.get(server.url + file["file_url"]).content == PNG, "the link works without a header"


# --- sockets ------------------------------------------------------------------------------------


@pytest.mark.proves("clients of the original")
def test_frames_of_a_conversation(pair, server):
    ann, bob, room = pair
    with Socket(server, room, query={"token": ann.token}) as a, Socket(server, room, query={"token": bob.token}) as b:
        for socket, person in ((a, ann), (b, bob)):
            first = socket.receive()
            assert first["type"] == "connection_established"
            assert (first["data"]["conversation_id"], first["data"]["user_id"]) == (room["id"], person.id)
        assert a.wait_for("user_online")["data"] == {"user_id": bob.id}
        a.send("message", content="hi", content_type="text", metadata={})
        for socket in (a, b):
            frame = socket.wait_for("message")
            assert MESSAGE <= set(frame["data"]) and frame["data"]["content"] == "hi"
        b.send("typing", is_typing=True)
        assert a.wait_for("typing_indicator")["data"] == {"user_id": bob.id, "is_typing": True}
        b.send("typing")
        assert a.wait_for("typing_indicator")["data"] == {"user_id": bob.id, "is_typing": False}
        b.send("read_receipt", message_ids=[frame["data"]["id"]])
        receipt = a.wait_for("read_receipt")["data"]
        assert (receipt["user_id"], receipt["message_ids"]) == (bob.id, [frame["data"]["id"]])
        ann.rest.patch(f"messages/{frame['data']['id']}/", json={"content": "edited"})
        assert b.wait_for("message_updated")["data"]["content"] == "edited"
        ann.rest.delete(f"messages/{frame['data']['id']}/delete/")
        assert b.wait_for("message_deleted")["data"] == {"message_id": frame["data"]["id"]}
        a.send("nonsense")
        assert a.wait_for("error")["data"]["message"]
        b.close()
        assert a.wait_for("user_offline")["data"] == {"user_id": bob.id}


def test_a_conversation_is_updated_on_sockets(users):
    ann, bob = users(2)
    room = ann.rest.post("conversations/", json={"type": "group", "participants": [bob.id]}).json()
    with bob.connect(room) as b:
        ann.rest.post(f"conversations/{room['id']}/update_title/", json={"title": "Tea"})
        assert b.wait_for("conversation_updated")["data"]["title"] == "Tea"


@pytest.mark.parametrize("limit", [2, None])
def test_load_history_pages(pair, limit):
    ann, bob, room = pair
    for number in range(3):
        ann.rest.send_message(room, str(number))
    with bob.connect(room) as b:
        b.send("load_history", **({} if limit is None else {"limit": limit}))
        history = b.wait_for("message_history")["data"]
        assert [m["content"] for m in history["messages"]] == ["2", "1", "0"][:limit]
        assert {"messages", "next_cursor", "has_more"} <= set(history)
        b.send("load_history", before_id=history["messages"][0]["id"])
        assert [m["content"] for m in b.wait_for("message_history")["data"]["messages"]] == ["1", "0"]


def test_many_receipts_come_in_several_frames(pair):
    ann, bob, room = pair
    ids = [ann.rest.send_message(room, str(number))["id"] for number in range(230)]
    with ann.connect(room) as a, bob.connect(room) as b:
        b.send("read_receipt", message_ids=ids)
        named = []
        while len(named) < len(ids):
            frame = a.wait_for("read_receipt")["data"]
            assert len(frame["message_ids"]) <= 100
            named += frame["message_ids"]
        assert sorted(named) == sorted(ids)


def test_a_message_is_sent_once(pair):
    ann, bob, room = pair
    with bob.connect(room) as b:
        ann.rest.send_message(room, "one")
        ann.rest.send_message(room, "two")
        assert [b.wait_for("message")["data"]["content"] for _ in range(2)] == ["one", "two"]


def test_close_codes(server, pair, users):
    ann, bob, room = pair
    assert Socket(server, room, token="nonsense").end()[0] == 4001
    assert Socket(server, "123456789", token=ann.token).end()[0] == 4002
    assert Socket(server, room, token=users(1)[0].token).end()[0] == 4003


# --- prefixes -----------------------------------------------------------------------------------


def test_the_later_prefix_is_served_too(own_server):
    server = own_server("--api-prefixes", "/api/messaging,/api/v1/messaging")
    ann = Person(server, str(uuid.uuid4()))
    for prefix in ("/api/messaging", "/api/v1/messaging"):
        assert ann.rest.get(f"{server.url}{prefix}/conversations/").status_code == 200
    made = ann.rest.post(f"{server.url}/api/v1/messaging/conversations/direct/", json={"user_id": str(uuid.uuid4())})
    assert made.status_code == 200
