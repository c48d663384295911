"""`[compat] guide = "on"`: the behaviour of the guide's system where Parley's default differs."""
import pytest
from websockets.exceptions import InvalidStatus

from client import Person, Socket
from deadline import eventually
from postgres import Postgres
from redis_server import Redis


@pytest.fixture
def guide(own_server):
    return own_server("--compat-guide", "on")


@pytest.fixture
def trio(guide):
    ann, ben, cid = [Person(guide, name) for name in ("ann", "ben", "cid")]
    return ann, ben, cid, ann.rest.create_group(ben, title="Old")


@pytest.mark.proves("compat.guide")
def test_every_participant_of_a_group_adds_removes_and_renames(trio):
    ann, ben, cid, room = trio
    path = f"conversations/{room['id']}/"
    assert ben.rest.post(path + "update_title/", json={"title": "New"}).json()["title"] == "New"
    assert ben.rest.post(path + "add_participant/", json={"user_id": cid.id}).status_code == 200
    assert cid.rest.post(path + "remove_participant/", json={"user_id": ann.id}).status_code == 403, "never the owner"
    assert cid.rest.post(path + "remove_participant/", json={"user_id": ben.id}).status_code == 200
    assert ben.rest.post(path + "update_title/", json={"title": "x"}).status_code == 404
    assert cid.rest.patch(path, json={"metadata": {"a": 1}}).status_code == 403, "metadata is not in the guide"
    assert cid.rest.post(path + "set_role/", json={"user_id": cid.id, "role": "admin"}).status_code == 403
    message = ann.rest.send_message(room, "mine")
    assert cid.rest.delete(f"messages/{message['id']}/").status_code == 403


@pytest.mark.proves("compat.guide")
def test_a_bad_or_missing_token_refuses_the_handshake_with_403(guide, trio):
    ann, _, _, room = trio
    for conversation in room, None:
        for options in {}, {"query": {"token": "bad"}}, {"headers": {"Authorization": "Bearer x.y.z"}}:
            with pytest.raises(InvalidStatus) as refused:
                Socket(guide, conversation, **options)
            assert refused.value.response.status_code == 403
    with ann.connect(room) as a:
        assert a.ask("ping")["type"] == "pong"


@pytest.mark.proves("compat.guide")
def test_a_deleted_message_is_404(trio):
    ann, ben, _, room = trio
    message = ann.rest.send_message(room, "mine")
    assert ann.rest.delete(f"messages/{message['id']}/").status_code == 204
    assert ben.rest.get(f"messages/{message['id']}/").status_code == 404
    assert [m["id"] for m in ben.rest.history(room, include_deleted=1)["messages"]] == [message["id"]]


@pytest.mark.proves("compat.guide")
def test_defaults_are_unchanged_without_it(server, people):
    ann, ben, cid = people("ann", "ben", "cid")
    room = ann.rest.create_group(ben)
    assert ben.rest.post(f"conversations/{room['id']}/add_participant/", json={"user_id": cid.id}).status_code == 403
    message = ann.rest.send_message(room, "mine")
    ann.rest.delete(f"messages/{message['id']}/")
    assert ben.rest.get(f"messages/{message['id']}/").json()["deleted_at"]
    assert Socket(server, room, query={"token": "bad"}).end()[0] == 4001


@pytest.mark.proves("compat.guide")
def test_nodes_that_differ_log_it(own_server):
    database, redis = Postgres().start(), Redis().start()
    try:
        shared = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
        first = own_server("--compat-guide", "on", **shared)
        second = own_server(**shared)
        for node in first, second:
            eventually(lambda: "nodes differ in compat.guide" in node.log, within=20)
    finally:
        redis.close()
        database.close()
