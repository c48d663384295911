"""Where clients of the guide's system expect more than Parley's own clients: uploads attached by being named, limits as text,
repeated typing, and presence after connecting. test_compat_guide.py has `[compat] guide`."""
import re
import uuid

import pytest

from deadline import eventually
from files import PNG
from guide_clients import pair, upload, users  # noqa: F401 - fixtures


@pytest.mark.parametrize("title", [None, ""])
def test_a_title_can_be_cleared(users, title):
    ann, bob = users(2)
    room = ann.rest.post("conversations/", json={"type": "group", "participants": [bob.id], "title": "Tea"}).json()
    cleared = ann.rest.post(f"conversations/{room['id']}/update_title/", json={"title": title})
    assert cleared.status_code == 200, cleared.text
    assert cleared.json()["title"] is None


@pytest.mark.proves("clients of the original")
@pytest.mark.parametrize("place", ["content", "metadata", "deep"])
@pytest.mark.parametrize("by", ["file_url", "id", "stale link"])
def test_an_upload_is_attached_by_being_named(pair, place, by):
    ann, bob, room = pair
    file = upload(ann)
    name = {"file_url": file["file_url"], "id": file["id"], "stale link": re.sub(r"\?.*", "?sig=old", file["file_url"])}[by]
    body = {"content": {"content": f"see {name}", "metadata": "cat", "deep": "cat"}[place],
            "metadata": {"content": {}, "metadata": {"file": name}, "deep": {"a": [{"b": [name]}]}}[place]}
    sent = ann.rest.post("messages/", json={"conversation_id": room["id"], "content_type": "image", **body})
    assert sent.status_code == 201, sent.text
    assert [one["id"] for one in sent.json()["attachments"]] == [file["id"]]
    [attached] = bob.rest.get(f"messages/{sent.json()['id']}/").json()["attachments"]
    assert bob.rest.get(attached["file_url"].removeprefix("/api/messaging/")).content == PNG


def test_naming_the_upload_of_another_user_attaches_nothing(pair):
    ann, bob, room = pair
    upload(bob)
    theirs, own = upload(ann), upload(bob)
    sent = bob.rest.send_message(room, f"{theirs['id']} {uuid.uuid4()} {own['id']}")
    assert [one["id"] for one in sent["attachments"]] == [own["id"]]


def test_at_most_ten_uploads_are_attached_by_being_named(pair):
    ann, bob, room = pair
    ids = [upload(ann)["id"] for _ in range(12)]
    sent = ann.rest.send_message(room, "files", metadata={"files": ids})
    assert [one["id"] for one in sent["attachments"]] == ids[:10]


def test_an_upload_is_attached_by_being_named_on_a_socket(pair):
    ann, bob, room = pair
    file = upload(ann)
    with bob.connect(room) as b, ann.connect(room) as a:
        a.send("message", content=file["file_url"], content_type="image")
        assert [one["id"] for one in b.wait_for("message")["data"]["attachments"]] == [file["id"]]


@pytest.mark.proves("clients of the original")
@pytest.mark.parametrize("limit", [1000, "1000", "2", 2, None])
def test_load_history_takes_text_and_caps_the_limit(pair, limit):
    ann, bob, room = pair
    for number in range(3):
        ann.rest.send_message(room, str(number))
    with bob.connect(room) as b:
        b.send("load_history", **({} if limit is None else {"limit": limit}))
        history = b.wait_for("message_history")["data"]
        assert len(history["messages"]) == min(3, int(limit or 50)), history
        assert {"messages", "next_cursor", "has_more"} <= set(history)
        b.send("load_history", before_id=history["messages"][0]["id"])
        assert [m["content"] for m in b.wait_for("message_history")["data"]["messages"]] == ["1", "0"]


def test_repeated_typing_is_passed_on(pair):
    ann, bob, room = pair
    with ann.connect(room) as a, bob.connect(room) as b:
        b.send("typing", is_typing=True)
        assert a.wait_for("typing_indicator")["data"]["is_typing"]

        def passed_on():  # at most one in 2 s
            b.send("typing", is_typing=True)
            try:
                return a.wait_for("typing_indicator", within=0.3)
            except AssertionError:
                return None

        assert eventually(passed_on, within=5)["data"] == {"user_id": bob.id, "is_typing": True}


def test_user_online_follows_the_greeting(pair):
    ann, bob, room = pair
    with ann.connect(room), bob.connect(room) as b:
        online = b.wait_for("user_online")
        assert online["data"] == {"user_id": ann.id}
        assert "seq" not in online


def test_attachments_have_file_path(users):
    [ann] = users(1)
    assert "file_path" in upload(ann)
