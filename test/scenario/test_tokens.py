"""Who may come in, by which door, and for how long."""
import base64
import hmac
import json
import time

import pytest
from websockets.exceptions import InvalidStatus

from client import NO_ID, Person, Rest, Socket, assert_closes_with, assert_problem
from conftest import named
from server import KEY, wait_until
from tokens import expiry, mint


# --- where a token may be, on a socket -------------------------------------------------------------

def user_of(socket):
    with socket:
        return socket.wait_for("connection_established")["data"]["user_id"]


def test_a_socket_takes_its_token_from_four_places(people, server):
    alice = people("alice")
    assert user_of(Socket(server, token=alice.token)) == alice.id
    by_protocol = Socket(server, subprotocols=["bearer", alice.token])
    assert by_protocol.connection.subprotocol == "bearer"
    assert user_of(by_protocol) == alice.id
    assert user_of(Socket(server, query={"token": alice.token})) == alice.id
    by_frame = Socket(server)
    by_frame.send("authenticate", token=alice.token)
    assert user_of(by_frame) == alice.id


def test_a_conversation_socket_takes_its_token_from_four_places(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    assert user_of(Socket(server, talk, token=bob.token)) == bob.id
    assert user_of(Socket(server, talk, subprotocols=["bearer", bob.token])) == bob.id
    assert user_of(Socket(server, talk, query={"token": bob.token})) == bob.id
    by_frame = Socket(server, talk, query={"since": 0})
    by_frame.send("authenticate", token=bob.token)
    assert user_of(by_frame) == bob.id


def test_of_several_tokens_the_first_place_counts(people, server):
    alice, bob, carol = people("alice", "bob", "carol")
    assert user_of(Socket(server, token=alice.token, subprotocols=["bearer", bob.token],
                          query={"token": carol.token})) == alice.id
    assert user_of(Socket(server, subprotocols=["bearer", bob.token],
                          query={"token": carol.token})) == bob.id


def test_the_scheme_is_bearer_in_rest(people, server):
    alice = people("alice")
    for header in f"Basic {alice.token}", alice.token, "Bearer", f"Bearer {alice.token} more":
        answer = Rest(server, headers={"Authorization": header}).get("conversations/")
        assert_problem(answer, 401)


# --- which tokens are good ------------------------------------------------------------------------

def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(claims):
    return f"{part(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}."


def signed(payload, header=b'{"alg":"HS256","typ":"JWT"}'):
    """A token over bytes that no JSON writer would make."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.digest(KEY.encode(), text.encode(), 'sha256'))}"


LATER = int(time.time()) + 86400
BAD_TOKENS = {
    "expired": lambda: mint("u", ttl=-1),
    "of another key": lambda: mint("u", key="another key that is also long enough"),
    "of another algorithm": lambda: mint("u", algorithm="HS512"),
    "unsigned": lambda: unsigned({"user_id": "u", "token_type": "access", "jti": "j", "exp": LATER}),
    "without expiry": lambda: mint("u", exp=None),
    "with expiry as text": lambda: signed(
        b'{"user_id":"u","token_type":"access","jti":"j","exp":"%d"}' % LATER),
    "with two expiries": lambda: signed(
        b'{"user_id":"u","token_type":"access","jti":"j","exp":1,"exp":%d}' % LATER),
    "a refresh token": lambda: mint("u", token_type="refresh"),
    "of nobody": lambda: mint(None),
    "of an impossible user": lambda: mint("no spaces allowed"),
    "of an empty user": lambda: mint(""),
    "of too long a user": lambda: mint("u" * 65),
    "not yet valid": lambda: mint("u", nbf=LATER),
    "with critical extensions": lambda: signed(
        b'{"user_id":"u","token_type":"access","jti":"j","exp":%d}' % LATER,
        b'{"alg":"HS256","typ":"JWT","crit":["exp"]}'),
    "too long": lambda: mint("u", padding="x" * 9000),
    "of two parts": lambda: mint("u").rpartition(".")[0],
    "of four parts": lambda: mint("u") + ".x",
    "padded": lambda: mint("u") + "=",
    "empty": lambda: ".",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_is_401_in_rest_and_4001_on_sockets(server, kind):
    token = BAD_TOKENS[kind]()
    answer = Rest(server, token).get("conversations/")
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert_closes_with(Socket(server, query={"token": token}), 4001)
    assert_closes_with(Socket(server, NO_ID, token=token), 4001)


def test_no_token_is_401_in_rest(server):
    answer = Rest(server).get("conversations/")
    assert_problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("claims, user", [
    ({"user_id": 42}, "42"),
    ({"user_id": None, "sub": "by-sub"}, "by-sub"),
    ({"user_id": "by-id", "sub": "by-sub"}, "by-id"),
    ({"user_id": "a.B_c:d@e-F"}, "a.B_c:d@e-F"),
    ({"user_id": "u" * 64}, "u" * 64),
    ({"user_id": "u", "aud": "somebody else", "iss": "anybody"}, "u"),
    ({"user_id": "u", "exp": time.time() + 86400.5}, "u"),
])
def test_a_good_token_names_its_user(server, claims, user):
    assert user_of(Socket(server, token=mint(**{"user": None, **claims}))) == user


# --- closes -----------------------------------------------------------------------------------------

def test_a_malformed_conversation_id_closes_with_4002(people, server):
    alice = people("alice")
    for id in "not-a-uuid", "123", NO_ID + "0", NO_ID.replace("0", "g"):
        assert_closes_with(Socket(server, id, token=alice.token), 4002)


def test_one_who_is_no_participant_is_closed_with_4003(people, server):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    assert_closes_with(Socket(server, talk, token=eve.token), 4003)
    assert_closes_with(Socket(server, NO_ID, token=eve.token), 4003)


def test_an_id_is_taken_in_any_case(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk["id"].upper()) as a:
        assert a.established["data"]["conversation_id"] == talk["id"]


@pytest.mark.parametrize("path", ["ws/other/", "ws/messaging/conversations/a/b/", "ws/messaging/nothing/"])
def test_an_unknown_path_is_404_before_the_upgrade(people, server, path):
    from websockets.sync.client import connect
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{server.address}/{path}", proxy=None, legacy=True,
                additional_headers={"Authorization": f"Bearer {people('alice').token}"})
    assert refused.value.response.status_code == 404


def test_one_who_does_not_authenticate_in_time_is_closed_with_4001(own_server):
    server = own_server("--websocket-authenticate-timeout", "1s")
    started = time.monotonic()
    assert_closes_with(Socket(server), 4001)
    assert time.monotonic() - started >= 0.9


def test_a_command_before_authenticating_is_not_carried_out(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    stranger = Socket(server, talk)
    stranger.send("message", content="let me in")
    code, _ = stranger.end()
    assert code == 4001
    assert alice.rest.everything_in(talk) == []


def test_a_bad_token_in_the_first_frame_closes_with_4001(server):
    socket = Socket(server)
    socket.send("authenticate", token=mint("u", ttl=-5))
    assert_closes_with(socket, 4001)


# --- P9: a token's life is a connection's life ------------------------------------------------------

def test_a_socket_ends_when_its_token_does_unless_it_gets_a_fresh_one(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    short = mint(bob.id, ttl=3)
    with Socket(server, talk, token=short) as idle, Socket(server, token=short) as of_user, \
            Socket(server, talk, token=short) as kept:
        for socket in idle, of_user, kept:
            socket.wait_for("connection_established")
        fresh = kept.ask("authenticate", token=mint(bob.id))
        assert fresh["type"] == "ack"
        assert_closes_with(idle, 4001)
        assert_closes_with(of_user, 4001)
        assert expiry(short) <= time.time() <= expiry(short) + 5.5
        wait_until(expiry(short) + 1)
        alice.rest.send_message(talk, "still there?")
        assert kept.wait_for("message")["data"]["content"] == "still there?"
        assert kept.ask("message", content="yes")["type"] == "ack"


def test_a_live_socket_takes_no_token_of_another_user(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        b.send("authenticate", ref="other", token=alice.token)
        try:
            b.send("message", ref="after", content="who am I?")
            answers = [b.wait_for(lambda frame: frame["type"] in ("ack", "error", "disconnect"))]
            assert answers[0]["type"] != "ack", answers
        finally:
            senders = {message["sender_id"] for message in alice.rest.everything_in(talk)}
            assert senders <= {bob.id}


# --- service tokens -----------------------------------------------------------------------------------

@pytest.fixture(params=["messaging:service", "other messaging:service", ["messaging:service"]])
def service(server, request):
    return lambda user: Rest(server, mint("backend", scope=request.param),
                             headers={"X-On-Behalf-Of": user} if user else None)


def test_a_service_acts_for_any_user(people, service):
    alice, bob = people("alice", "bob")
    made = service(alice.id).post("conversations/", json={"type": "group", "participants": [bob.id]})
    assert made.status_code == 201
    talk = made.json()
    assert set(talk["participants"]) == {alice.id, bob.id}
    with bob.connect(talk) as b:
        sent = service(alice.id).post("messages/", json={"conversation_id": talk["id"], "content": "for alice"})
        assert sent.status_code == 201
        assert b.wait_for("message")["data"]["sender_id"] == alice.id
    assert [one["id"] for one in service(bob.id).get("conversations/").json()] == [talk["id"]]


def test_a_service_posts_system_messages_and_nobody_else(people, service):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    message = {"conversation_id": talk["id"], "content": "order shipped", "content_type": "system"}
    assert_problem(alice.rest.post("messages/", json=message), 403)
    sent = service(alice.id).post("messages/", json=message)
    assert sent.status_code == 201
    assert sent.json()["content_type"] == "system"


@pytest.mark.parametrize("claims", [{}, {"scope": "messaging:services"}, {"scope": ["messaging"]}, {"scope": 7}])
def test_nobody_else_acts_for_others(people, server, claims):
    alice, bob = people("alice", "bob")
    eve = Rest(server, mint("eve", **claims), headers={"X-On-Behalf-Of": alice.id})
    assert_problem(eve.get("conversations/"), 403)
    assert_problem(eve.post("conversations/", json={"type": "group", "participants": [bob.id]}), 403)
