"""Authentication: where tokens are read from, which are valid, and when they expire."""
import base64
import hmac
import json
import time

import pytest
from websockets.exceptions import InvalidStatus

from client import NO_ID, Rest, Socket, assert_closes_with, assert_problem
from server import KEY, wait_until
from tokens import expiry, mint


# --- token sources of a socket ---------------------------------------------------------------------

def user_of(socket):
    with socket:
        return socket.wait_for("connection_established")["data"]["user_id"]


@pytest.mark.proves("four token sources, in order")
def test_a_user_socket_accepts_a_token_from_four_sources(people, server):
    alice = people("alice")
    assert user_of(Socket(server, token=alice.token)) == alice.id
    by_protocol = Socket(server, subprotocols=["bearer", alice.token])
    assert by_protocol.connection.subprotocol == "bearer"
    assert user_of(by_protocol) == alice.id
    assert user_of(Socket(server, query={"token": alice.token})) == alice.id
    by_frame = Socket(server)
    by_frame.send("authenticate", token=alice.token)
    assert user_of(by_frame) == alice.id


@pytest.mark.proves("four token sources, in order")
def test_a_conversation_socket_accepts_a_token_from_four_sources(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    assert user_of(Socket(server, talk, token=bob.token)) == bob.id
    assert user_of(Socket(server, talk, subprotocols=["bearer", bob.token])) == bob.id
    assert user_of(Socket(server, talk, query={"token": bob.token})) == bob.id
    by_frame = Socket(server, talk, query={"since": 0})
    by_frame.send("authenticate", token=bob.token)
    assert user_of(by_frame) == bob.id


@pytest.mark.proves("four token sources, in order")
def test_the_first_of_several_token_sources_wins(people, server):
    alice, bob, carol = people("alice", "bob", "carol")
    assert user_of(Socket(server, token=alice.token, subprotocols=["bearer", bob.token],
                          query={"token": carol.token})) == alice.id
    assert user_of(Socket(server, subprotocols=["bearer", bob.token],
                          query={"token": carol.token})) == bob.id


def test_rest_accepts_the_bearer_scheme_only(people, server):
    alice = people("alice")
    for header, code in ((f"Basic {alice.token}", "not_authenticated"), (alice.token, "not_authenticated"),
                         ("Bearer", "token_not_valid"), (f"Bearer {alice.token} more", "token_not_valid")):
        answer = Rest(server, headers={"Authorization": header}).get("conversations/")
        assert_problem(answer, 401, code)


def test_basic_authentication_of_a_proxy_does_not_hide_a_sockets_token(people, server):
    alice = people("alice")
    basic = {"Authorization": "Basic b3BzOnNlY3JldA=="}
    assert user_of(Socket(server, headers=basic, query={"token": alice.token})) == alice.id
    assert user_of(Socket(server, headers=basic, subprotocols=["bearer", alice.token])) == alice.id


# --- valid tokens ---------------------------------------------------------------------------------

def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(claims):
    return f"{part(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}."


def signed(payload, header=b'{"alg":"HS256","typ":"JWT"}'):
    """Returns a signed token over bytes that no JSON writer would produce."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.digest(KEY.encode(), text.encode(), 'sha256'))}"


LATER = int(time.time()) + 86400
# Description -> the expected reason, and the token.
BAD_TOKENS = {
    "expired": ("token_expired", lambda: mint("u", ttl=-1)),
    "with another key": ("signature_invalid", lambda: mint("u", key="another key that is also long enough")),
    "with another algorithm": ("algorithm_not_accepted", lambda: mint("u", algorithm="HS512")),
    "unsigned": ("algorithm_not_accepted", lambda: unsigned({"user_id": "u", "token_type": "access", "jti": "j", "exp": LATER})),
    "without expiry": ("claim_missing", lambda: mint("u", exp=None)),
    "with expiry as text": ("claim_malformed", lambda: signed(
        b'{"user_id":"u","token_type":"access","jti":"j","exp":"%d"}' % LATER)),
    "with a duplicate expiry": ("token_malformed", lambda: signed(
        b'{"user_id":"u","token_type":"access","jti":"j","exp":1,"exp":%d}' % LATER)),
    "a refresh token": ("token_type_not_accepted", lambda: mint("u", token_type="refresh")),
    "without a user": ("claim_missing", lambda: mint(None)),
    "with an invalid user": ("claim_malformed", lambda: mint("no spaces allowed")),
    "with an empty user": ("claim_malformed", lambda: mint("")),
    "with an oversized user": ("claim_malformed", lambda: mint("u" * 129)),
    "not yet valid": ("token_not_yet_valid", lambda: mint("u", nbf=LATER)),
    "with critical extensions": ("extension_not_supported", lambda: signed(
        b'{"user_id":"u","token_type":"access","jti":"j","exp":%d}' % LATER,
        b'{"alg":"HS256","typ":"JWT","crit":["exp"]}')),
    "too long": ("token_too_long", lambda: mint("u", padding="x" * 9000)),
    "of two parts": ("token_malformed", lambda: mint("u").rpartition(".")[0]),
    "of four parts": ("token_malformed", lambda: mint("u") + ".x"),
    "padded": ("token_malformed", lambda: mint("u") + "="),
    "empty": ("token_malformed", lambda: "."),
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
@pytest.mark.proves("4001")
def test_an_invalid_token_returns_401_in_rest_and_4001_on_sockets(server, kind):
    reason, make = BAD_TOKENS[kind]
    token = make()
    answer = Rest(server, token).get("conversations/")
    assert_problem(answer, 401, "token_not_valid", reason=reason)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert_closes_with(Socket(server, query={"token": token}), 4001)
    assert_closes_with(Socket(server, NO_ID, token=token), 4001)


def test_a_missing_token_returns_401_in_rest(server):
    answer = Rest(server).get("conversations/")
    assert_problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("claims, user", [
    ({"user_id": 42}, "42"),
    ({"user_id": None, "sub": "by-sub"}, "by-sub"),
    ({"user_id": "by-id", "sub": "by-sub"}, "by-id"),
    ({"user_id": "a.B_c:d@e-F"}, "a.B_c:d@e-F"),
    ({"user_id": "u" * 128}, "u" * 128),
    ({"user_id": "auth0|5f7c"}, "auth0|5f7c"),
    ({"user_id": 18446744073709551615}, "18446744073709551615"),
    ({"user_id": "0190B8A4-7C1E-7ABC-8DEF-0123456789AB"}, "0190b8a4-7c1e-7abc-8def-0123456789ab"),
    ({"iat": time.time() + 0.0009, "user_id": "u"}, "u"),
    ({"user_id": "u", "aud": "somebody else", "iss": "anybody"}, "u"),
    ({"user_id": "u", "exp": time.time() + 86400.5}, "u"),
])
def test_a_valid_token_identifies_its_user(server, claims, user):
    assert user_of(Socket(server, token=mint(**{"user": None, **claims}))) == user


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "jwt", "application/JWT"])
def test_the_media_type_of_a_token_is_jwt_or_that_of_rfc_9068(server, kind):
    assert user_of(Socket(server, token=mint("u", headers={"typ": kind}))) == "u"
    refused = Rest(server, mint("u", headers={"typ": "secevent+jwt"})).get("conversations/")
    assert_problem(refused, 401, "token_not_valid", reason="type_not_accepted")


def test_a_numeric_sub_identifies_the_user(server):
    # PyJWT refuses to encode a numeric sub.
    token = signed(b'{"sub":18446744073709551615,"exp":%d}' % LATER)
    assert user_of(Socket(server, token=token)) == "18446744073709551615"


def test_a_token_that_is_not_valid_yet_names_the_claim_and_the_leeway(server):
    body = Rest(server, mint("u", nbf=LATER)).get("conversations/").json()
    assert body["reason"] == "token_not_yet_valid"
    for part in "nbf", "s in the future", "auth.leeway":
        assert part in body["detail"], body
    assert body["messages"] == [{"token_class": "AccessToken", "token_type": "access", "message": body["detail"]}]


def test_a_token_type_can_be_required(own_server):
    server = own_server("--auth-require-token-type", "on")
    assert Rest(server, mint("u")).get("conversations/").status_code == 200
    refused = Rest(server, mint("u", token_type=None)).get("conversations/")
    body = assert_problem(refused, 401, "token_not_valid", reason="claim_missing")
    assert "token_type" in body["detail"]


# --- normalization of user ids ----------------------------------------------------------------------

UPPER, LOWER = "0190B8A4-7C1E-7ABC-8DEF-0123456789AB", "0190b8a4-7c1e-7abc-8def-0123456789ab"


def test_a_uuid_user_id_is_one_user_in_any_case(people, server):
    """This holds for tokens, bodies, X-On-Behalf-Of, revocations and presence."""
    alice = people("alice")
    upper, lower = Rest(server, mint(UPPER)), Rest(server, mint(LOWER))
    talk = alice.rest.post("conversations/", json={"type": "group", "participants": [UPPER, LOWER]}).json()
    assert sorted(talk["participants"]) == sorted([alice.id, LOWER])
    assert lower.get(f"conversations/{talk['id']}/").status_code == 200
    sent = upper.post("messages/", json={"conversation_id": talk["id"], "content": "hi"})
    assert sent.json()["sender_id"] == LOWER
    direct = [alice.rest.post("conversations/direct/", json={"user_id": user}).json()["id"] for user in (UPPER, LOWER)]
    assert direct[0] == direct[1]
    role = alice.rest.post(f"conversations/{talk['id']}/set_role/", json={"user_id": UPPER, "role": "admin"})
    assert role.status_code == 200, role.text
    seen = alice.rest.post("presence/", json={"user_ids": [UPPER]}).json()
    assert list(seen) == [LOWER]
    service = Rest(server, mint("backend", scope="messaging:service"), headers={"X-On-Behalf-Of": UPPER})
    assert talk["id"] in [one["id"] for one in service.get("conversations/").json()]
    task = service.post("conversations/task/", json={"task_id": f"fold-{talk['id']}", "requester_id": UPPER,
                                                     "performer_id": alice.id})
    assert sorted(task.json()["participants"]) == sorted([alice.id, LOWER])
    removed = alice.rest.post(f"conversations/{talk['id']}/remove_participant/", json={"user_id": UPPER})
    assert removed.json()["participants"] == [alice.id]
    backend = Rest(server, mint("backend", scope="messaging:service"))
    assert backend.post("revocations/", json={"user_id": UPPER}).json()["user_id"] == LOWER
    assert_problem(lower.get("conversations/"), 401, "token_not_valid", reason="token_revoked")


@pytest.mark.parametrize("bad", ["", " ", "a b", "a/b", "a%b", "a?b", "a#b", "<a>", '"a"', "a\\b", ".", "..", "\u00e4", "u" * 129])
def test_invalid_user_ids_are_rejected_everywhere(people, server, bad):
    alice = people("alice")
    assert_problem(Rest(server, mint(bad)).get("conversations/"), 401, "token_not_valid", reason="claim_malformed")
    for path, body, field in (
            ("conversations/", {"type": "group", "participants": [bad]}, "participants"),
            ("conversations/direct/", {"user_id": bad}, "user_id"),
            ("presence/", {"user_ids": [bad]}, "user_ids"),
            ("conversations/task/", {"task_id": "t", "requester_id": alice.id, "performer_id": bad}, "performer_id")):
        assert_problem(alice.rest.post(path, json=body), 400, "invalid_field", field=field)
    if bad.isascii() and bad.strip():  # httpx cannot send other values
        service = Rest(server, mint("backend", scope="messaging:service"), headers={"X-On-Behalf-Of": bad})
        assert_problem(service.get("conversations/"), 400, "invalid_field", field="X-On-Behalf-Of")


def test_user_ids_with_a_bar_have_separate_direct_conversations(people, server):
    """The pairs ("a|b", "c") and ("a", "b|c") are different."""
    mark = people("x").id
    a, b, c = f"{mark}a", f"{mark}b", f"{mark}c"
    one = Rest(server, mint(f"{a}|{b}")).post("conversations/direct/", json={"user_id": c})
    other = Rest(server, mint(a)).post("conversations/direct/", json={"user_id": f"{b}|{c}"})
    assert one.status_code == other.status_code == 200
    assert one.json()["id"] != other.json()["id"]
    assert sorted(other.json()["participants"]) == sorted([a, f"{b}|{c}"])


def test_participants_with_unusual_ids_are_paginated_to_the_end(people, server):
    alice = people("alice")
    others = [f"{alice.id}+&=|;,{number}" for number in range(4)]
    talk = alice.rest.post("conversations/", json={"type": "group", "participants": others}).json()
    path, seen = f"conversations/{talk['id']}/participants/?limit=1", []
    while path:
        page = alice.rest.get(path)
        seen += [member["user_id"] for member in page.json()]
        path = page.links["next"]["url"].removeprefix("/api/messaging/") if "next" in page.links else None
    assert sorted(seen) == sorted([alice.id, *others])


# --- close codes ------------------------------------------------------------------------------------

@pytest.mark.proves("4002")
def test_a_malformed_conversation_id_closes_with_4002(people, server):
    alice = people("alice")
    for id in "not-a-uuid", "123", NO_ID + "0", NO_ID.replace("0", "g"):
        assert_closes_with(Socket(server, id, token=alice.token), 4002)


@pytest.mark.proves("4003")
def test_a_socket_of_a_foreign_conversation_is_closed_with_4003(people, server):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    assert_closes_with(Socket(server, talk, token=eve.token), 4003)
    assert_closes_with(Socket(server, NO_ID, token=eve.token), 4003)


def test_a_conversation_socket_accepts_its_id_in_any_case(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk["id"].upper()) as a:
        assert a.established["data"]["conversation_id"] == talk["id"]


@pytest.mark.parametrize("path", ["ws/other/", "ws/messaging/conversations/a/b/", "ws/messaging/nothing/"])
@pytest.mark.proves("unknown path, wrong handshake")
def test_an_unknown_socket_path_returns_404_before_the_upgrade(people, server, path):
    from websockets.sync.client import connect
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{server.address}/{path}", proxy=None, legacy=True,
                additional_headers={"Authorization": f"Bearer {people('alice').token}"})
    assert refused.value.response.status_code == 404


@pytest.mark.proves("first frame within 5 s")
def test_a_socket_that_does_not_authenticate_in_time_is_closed_with_4001(own_server):
    server = own_server("--websocket-authenticate-timeout", "1s")
    started = time.monotonic()
    assert_closes_with(Socket(server), 4001)
    assert time.monotonic() - started >= 0.9


def test_a_command_before_authentication_is_rejected(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    stranger = Socket(server, talk)
    stranger.send("message", content="let me in")
    code, _ = stranger.end()
    assert code == 4001
    assert alice.rest.everything_in(talk) == []


@pytest.mark.proves("4001")
def test_an_invalid_token_in_the_first_frame_closes_with_4001(server):
    socket = Socket(server)
    socket.send("authenticate", token=mint("u", ttl=-5))
    assert_closes_with(socket, 4001)


# --- P9: a connection ends with its token -----------------------------------------------------------

@pytest.mark.proves("P9 token lifetime")
@pytest.mark.proves("authenticate on a live socket")
def test_a_socket_ends_with_its_token_unless_it_gets_a_fresh_one(people, server):
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


@pytest.mark.proves("authenticate on a live socket")
def test_a_live_socket_rejects_a_token_of_another_user(people, server):
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


@pytest.mark.proves("authenticate on a live socket")
def test_a_live_socket_of_a_service_rejects_a_token_without_its_scope(people, server):
    """The socket may follow conversations that the user is not in: the right to that ends with the service's token."""
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with Socket(server, talk, token=mint("backend", scope="messaging:service", ttl=3)) as socket:
        socket.wait_for("connection_established")
        assert socket.ask("authenticate", token=mint("backend"))["data"]["code"] == "forbidden"
        assert_closes_with(socket, 4001)


# --- service tokens -----------------------------------------------------------------------------------

@pytest.fixture(params=["messaging:service", "other messaging:service", ["messaging:service"]])
def service(server, request):
    return lambda user: Rest(server, mint("backend", scope=request.param),
                             headers={"X-On-Behalf-Of": user} if user else None)


@pytest.mark.proves("service tokens: act for others, system, create")
def test_a_service_acts_on_behalf_of_any_user(people, service):
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


@pytest.mark.proves("service tokens: act for others, system, create")
def test_only_services_send_system_messages(people, service):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    message = {"conversation_id": talk["id"], "content": "order shipped", "content_type": "system"}
    assert_problem(alice.rest.post("messages/", json=message), 403)
    sent = service(alice.id).post("messages/", json=message)
    assert sent.status_code == 201
    assert sent.json()["content_type"] == "system"


@pytest.mark.parametrize("claims", [{}, {"scope": "messaging:services"}, {"scope": ["messaging"]}, {"scope": 7}])
@pytest.mark.proves("service tokens: act for others, system, create")
def test_on_behalf_of_requires_a_service_token(people, server, claims):
    alice, bob = people("alice", "bob")
    eve = Rest(server, mint("eve", **claims), headers={"X-On-Behalf-Of": alice.id})
    assert_problem(eve.get("conversations/"), 403)
    assert_problem(eve.post("conversations/", json={"type": "group", "participants": [bob.id]}), 403)
