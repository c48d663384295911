"""Revocation of tokens (P9)."""
import contextlib
import sqlite3
import time
import uuid

import pytest

from client import Person, Socket, assert_closes_with, assert_problem
from deadline import eventually, throughout
from tokens import mint


@pytest.fixture
def backend(server):
    return Person(server, "backend", scope="messaging:service")


def revoke(backend, **body):
    answer = backend.rest.post("revocations/", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.proves("POST revocations/")
def test_revoking_one_token_keeps_the_users_other_tokens(people, backend):
    alice = people("alice")
    jti = uuid.uuid4().hex
    doomed = Person(alice.server, alice.id, jti=jti)
    with doomed.connect() as ends, alice.connect() as lives:
        assert revoke(backend, jti=jti) == {"jti": jti, "user_id": None, "issued_before": None}
        since = time.monotonic()
        assert_closes_with(ends, 4001)
        assert time.monotonic() - since < 10
        assert lives.ask("ping")["type"] == "pong"
    assert_problem(doomed.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")
    assert "Bearer" in doomed.rest.get("conversations/").headers["www-authenticate"]
    with Socket(alice.server, token=doomed.token) as socket:
        assert_closes_with(socket, 4001)
    assert alice.rest.get("conversations/").status_code == 200


@pytest.mark.proves("P9 token lifetime")
@pytest.mark.proves("revocation")
def test_revoking_a_user_revokes_all_tokens_but_later_ones(people, backend):
    alice, bob = people("alice", "bob")
    group = alice.rest.create_group(bob)
    with alice.connect(group) as room_socket, alice.connect() as user_socket, bob.connect(group) as others:
        answer = revoke(backend, user_id=alice.id)
        assert answer["user_id"] == alice.id and answer["issued_before"]
        assert_closes_with(room_socket, 4001)
        assert_closes_with(user_socket, 4001)
        assert others.ask("ping")["type"] == "pong"
    assert_problem(alice.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")
    eventually(lambda: Person(alice.server, alice.id).rest.get("conversations/").status_code == 200)


def test_revoking_a_user_up_to_a_time_revokes_older_tokens_only(people, backend):
    alice = people("alice")
    now = int(time.time())
    old = Person(alice.server, alice.id, iat=now - 100)
    unknown = Person(alice.server, alice.id, iat=None)
    revoke(backend, user_id=alice.id, issued_before=now - 50)
    assert_problem(old.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")
    assert_problem(unknown.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")
    assert alice.rest.get("conversations/").status_code == 200
    revoke(backend, user_id=alice.id, issued_before="2020-01-01T00:00:00Z")
    assert_problem(old.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")


@pytest.mark.proves("revocation")
def test_a_socket_with_a_fresh_token_survives_the_revocation_of_its_first(people, backend):
    alice = people("alice")
    jti = uuid.uuid4().hex
    with Person(alice.server, alice.id, jti=jti).connect() as socket:
        assert socket.ask("authenticate", token=alice.token)["type"] == "ack"
        revoke(backend, jti=jti)
        throughout(lambda: socket.ask("ping")["type"] == "pong", 3)
        answer = socket.ask("authenticate", token=mint(alice.id, jti=jti))
        assert answer["type"] == "error" and answer["data"]["code"] == "token_not_valid"
        assert answer["data"]["reason"] == "token_revoked"


@pytest.mark.proves("POST revocations/")
def test_revocations_require_a_service_and_valid_fields(people, backend):
    alice = people("alice")
    assert_problem(alice.rest.post("revocations/", json={"user_id": "x"}), 403, "forbidden")
    for bad, field in (({}, "jti"), ({"jti": "a", "user_id": "b"}, "jti"), ({"jti": ""}, "jti"),
                       ({"jti": "x" * 256}, "jti"), ({"user_id": "not ok"}, "user_id"),
                       ({"user_id": "x", "issued_before": "yesterday"}, "issued_before"),
                       ({"jti": "x", "issued_before": 1}, "issued_before"),
                       ({"user_id": "x", "issued_before": time.time() + 100}, "issued_before"),
                       ({"user_id": "x", "issued_before": -1}, "issued_before")):
        assert_problem(backend.rest.post("revocations/", json=bad), 400, "invalid_field", field)


@pytest.mark.proves("P9 token lifetime")
@pytest.mark.proves("revocation")
def test_a_revocation_survives_a_kill(own_server, tmp_path):
    server = own_server(directory=tmp_path)
    alice = Person(server, "alice", jti="doomed")
    revoke(Person(server, "backend", scope="messaging:service"), jti="doomed")
    server.kill()
    server = own_server(directory=tmp_path)
    alice = Person(server, "alice", jti="doomed")
    assert_problem(alice.rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")


def test_revocations_older_than_the_retention_are_not_loaded(own_server, tmp_path):
    """No token is valid for longer than `auth.revocations_kept`."""
    options = ("--auth-revocations-kept", "1h")
    server = own_server(*options, directory=tmp_path)
    backend = Person(server, "backend", scope="messaging:service")
    revoke(backend, jti="old")
    revoke(backend, jti="new")
    revoke(backend, user_id="zoe")
    assert server.metric("parley_revocations") == 3
    server.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "parley.db")) as store, store:
        store.execute("UPDATE parley_revocation SET made_at = made_at - 7200000000 WHERE jti = 'old'")
    server = own_server(*options, directory=tmp_path)
    assert server.metric("parley_revocations") == 2
    assert_problem(Person(server, "alice", jti="new").rest.get("conversations/"), 401, "token_not_valid", reason="token_revoked")
    assert Person(server, "alice", jti="old").rest.get("conversations/").status_code == 200
