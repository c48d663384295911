"""Server-wide limits and limits of a conversation, with small values."""
import httpx

import pytest
from websockets.exceptions import InvalidStatus

from client import Person, Rest, Socket, assert_closes_with, assert_problem
from deadline import eventually
from raw import Wire, WireSocket, request
from tokens import mint


@pytest.mark.proves("100,000 participants")
def test_a_conversation_has_a_limit_of_participants(own_server):
    server = own_server("--limits-participants", 3)
    alice = Person(server, "alice")
    post = alice.rest.post
    assert_problem(post("conversations/", json={"type": "group", "participants": ["b", "c", "d"]}), 400, "invalid_field", field="participants")
    made = post("conversations/", json={"type": "group", "participants": ["b"]}).json()
    assert post(f"conversations/{made['id']}/add_participant/", json={"user_id": "c"}).status_code == 200
    assert_problem(post(f"conversations/{made['id']}/add_participant/", json={"user_id": "d"}), 400)
    assert post(f"conversations/{made['id']}/add_participant/", json={"user_id": "c"}).status_code == 200, "adding a participant again is allowed"
    assert alice.rest.get(f"conversations/{made['id']}/").json()["participant_count"] == 3


@pytest.mark.proves("client_id, ref: 64 characters")
@pytest.mark.proves("depth 32")
def test_limits_of_ids_depth_and_unanswered_commands_can_be_set(own_server):
    server = own_server("--limits-client-id-characters", 8, "--limits-json-depth", 4, "--limits-unanswered-commands", 2,
                        "--limits-unanswered-bytes", "1KiB")
    alice = Person(server, "alice")
    talk = alice.rest.create_group()
    sent = {"conversation_id": talk["id"], "content": "x"}
    assert_problem(alice.rest.post("messages/", json=sent | {"client_id": "123456789"}), 400, "invalid_field", field="client_id")
    assert alice.rest.post("messages/", json=sent | {"client_id": "12345678", "metadata": {"a": {"b": [1]}}}).status_code == 201
    assert alice.rest.post("messages/", json=sent | {"metadata": {"a": {"b": [[1]]}}}).status_code == 400
    with alice.connect(talk) as a:
        a.send("message", content="x", ref="123456789")
        assert a.wait_for("error")["data"]["fields"].keys() == {"ref"}
        for number in range(40):
            a.send("message", content="x" * 600, ref=str(number))
        assert [a.wait_for("ack")["ref"] for _ in range(40)] == [str(number) for number in range(40)]


@pytest.mark.proves("--limit-concurrency, --backlog, --shards")
def test_connections_over_the_limit_get_503(own_server):
    server = own_server("--limit-concurrency", 5)
    assert eventually(lambda: server.metric("parley_connections") <= 1)
    held = [Wire(server) for _ in range(6)]
    try:
        for wire in held:  # a response shows that the connection is open; the last connections exceed the limit
            wire.send(request("GET", "/livez"))
        answers = [wire.answer() for wire in held]
        refused = [answer for answer in answers if answer.status == 503]
        assert refused, [answer.status for answer in answers]
        assert all(answer.getheader("Retry-After") and b"overloaded" in answer.body for answer in refused)
    finally:
        for wire in held:
            wire.__exit__()
    assert eventually(lambda: httpx.get(f"{server.url}/livez").status_code == 200)


@pytest.mark.proves("connections_closed_total{code}")
def test_closed_sockets_are_counted_by_close_code(own_server):
    server = own_server()
    alice = Person(server, "alice")
    for opcode, payload, how, code in ((1, b"\xff", {}, 1007), (2, b"x", {}, 1003), (1, b"x", {"masked": False}, 1002),
                                       (8, b"\x03\xe8", {}, 1000), (1, b"x" * 300_000, {}, 1009)):
        with WireSocket(server, "/ws/messaging/", alice.token) as wire:
            wire.frame(opcode, payload, **how)
            assert wire.close_code() == code
        assert eventually(lambda: server.metric("parley_connections_closed_total", code=code) == 1), code


# --- rate limits --------------------------------------------------------------------------------------

def limited_server(own_server, *options):
    return own_server("--rate-limits", "on", *options)


def assert_limited(answer, verb=None):
    body = assert_problem(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1 and "Rate limit exceeded: retry in" in body["detail"]
    if verb:
        assert answer.headers["ratelimit-policy"].startswith(f'"{verb}";q='), answer.headers
        assert answer.headers["ratelimit"].startswith(f'"{verb}";r=0;t='), answer.headers


@pytest.mark.proves("--rate-limits")
def test_reads_have_a_rate_limit(own_server):
    server = limited_server(own_server, "--rate-limit-reads-per-second", 1, "--rate-limit-reads-burst", 3)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    answers = [alice.rest.get("conversations/") for _ in range(6)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert answers[0].headers["ratelimit-policy"] == '"read";q=3;w=3'
    assert_limited(answers[-1], "read")
    assert bob.rest.get("conversations/").status_code == 200
    service = Rest(server, mint("backend", scope="messaging:service"), headers={"X-On-Behalf-Of": "alice"})
    assert all(service.get("conversations/").status_code == 200 for _ in range(10)), "services are not rate limited"
    assert server.metric("parley_rate_limited_total", verb="read") >= 1


def test_creating_conversations_and_adding_participants_have_rate_limits(own_server):
    server = limited_server(own_server, "--rate-limit-creates-per-second", 1, "--rate-limit-creates-burst", 4,
                            "--rate-limit-members-per-second", 1, "--rate-limit-members-burst", 10)
    alice = Person(server, "alice")
    made = [alice.rest.post("conversations/", json={"type": "group", "participants": [f"u{number}"]}) for number in range(8)]
    assert made[0].status_code == 201
    assert_limited(made[-1], "create")
    # One large group fits the burst; further participants must wait.
    bob = Person(server, "bob")
    large = bob.rest.post("conversations/", json={"type": "group", "participants": [f"u{number}" for number in range(50)]})
    assert large.status_code == 201
    refused = bob.rest.post("conversations/", json={"type": "group", "participants": ["v1"]})
    assert_limited(refused)
    assert '"members";q=10;w=10' in refused.headers["ratelimit-policy"]
    assert '"members";r=0;t=' in refused.headers["ratelimit"] and '"create";r=2;t=' in refused.headers["ratelimit"]
    added = bob.rest.post(f"conversations/{large.json()['id']}/add_participant/", json={"user_id": "v2"})
    assert_limited(added, "members")
    assert server.metric("parley_rate_limited_total", verb="create") >= 1
    assert server.metric("parley_rate_limited_total", verb="members") >= 2


@pytest.mark.parametrize("command", [{"type": "ping"}, {"type": "typing", "is_typing": True}, {"type": "resume", "seqs": {}},
                                     {"type": "read", "up_to_seq": 0}])
@pytest.mark.proves("--rate-limits")
def test_commands_have_a_rate_limit_and_abuse_closes_with_4009(own_server, command):
    server = limited_server(own_server, "--rate-limit-commands-per-second", 1, "--rate-limit-commands-burst", 3)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    talk = bob.rest.create_group(alice)
    with alice.connect(talk) as socket:
        name = command["type"]
        rest = {key: value for key, value in command.items() if key != "type"}
        for number in range(10):
            socket.send(name, ref=f"{number}", **rest)
        refused = socket.wait_for(lambda frame: frame["type"] == "error")
        assert refused["data"]["code"] == "rate_limited" and refused["data"]["retry_after_ms"] > 0
        try:
            for _ in range(400):
                socket.send(name, **rest)
        except Exception:  # the server has closed the socket
            pass
        assert_closes_with(socket, 4009, reconnect=True)
    assert server.metric("parley_rate_limited_total", verb="command") >= 200


def test_a_user_has_a_limit_of_open_sockets(own_server):
    server = limited_server(own_server, "--rate-limit-sockets-per-user", 2)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    with alice.connect(), alice.connect():
        assert_closes_with(Socket(server, token=alice.token), 4009)
        with bob.connect():
            pass
    assert eventually(lambda: server.metric("parley_connections") <= 1)
    with alice.connect() as again:
        assert again.ask("ping")["type"] == "pong"


def test_a_user_has_a_rate_limit_for_opening_sockets(own_server):
    server = limited_server(own_server, "--rate-limit-connects-per-second", 1, "--rate-limit-connects-burst", 2)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    with alice.connect(), alice.connect():
        codes = [Socket(server, token=alice.token) for _ in range(2)]
        assert_closes_with(codes[-1], 4009)
    with bob.connect() as b:
        assert b.ask("ping")["type"] == "pong"
    assert server.metric("parley_rate_limited_total", verb="connect") >= 1


def test_an_address_has_a_limit_of_sockets_for_each_client_of_a_trusted_proxy(own_server):
    server = limited_server(own_server, "--rate-limit-sockets-per-address", 1)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    near, far = ({"X-Forwarded-For": f"198.51.100.{number}"} for number in (1, 2))
    with Socket(server, token=alice.token, headers=near) as first:
        first.wait_for("connection_established")
        with pytest.raises(InvalidStatus) as refused:
            Socket(server, token=bob.token, headers=near)
        assert refused.value.response.status_code == 429 and refused.value.response.headers["Retry-After"]
        with Socket(server, token=bob.token, headers=far) as other:
            other.wait_for("connection_established")
    assert server.metric("parley_rate_limited_total", verb="address") == 1


def test_an_address_has_a_rate_limit_for_opening_sockets(own_server):
    server = limited_server(own_server, "--rate-limit-address-connects-per-second", 1, "--rate-limit-address-connects-burst", 2)
    alice = Person(server, "alice")
    with alice.connect(), alice.connect(), pytest.raises(InvalidStatus) as refused:
        for _ in range(3):
            Socket(server, token=alice.token)
    answer = refused.value.response
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["RateLimit-Policy"] == '"address";q=2;w=2'
    assert answer.headers["RateLimit"].startswith('"address";r=0;t=')


def test_uploads_have_a_rate_limit(own_server):
    import files
    server = limited_server(own_server, "--rate-limit-uploads-per-second", 1, "--rate-limit-uploads-burst", 2)
    alice = Person(server, "alice")
    body, kind = files.multipart([("file", "cat.png", files.PNG)])
    answers = [alice.rest.post("attachments/", content=body, headers={"Content-Type": kind}) for _ in range(5)]
    assert answers[0].status_code == 201
    assert_limited(answers[-1], "upload")


def test_rate_limits_are_off_in_development_by_default(own_server):
    server = own_server("--rate-limit-reads-burst", 1, "--rate-limit-sockets-per-user", 1)
    alice = Person(server, "alice")
    answers = [alice.rest.get("conversations/") for _ in range(5)]
    assert all(answer.status_code == 200 and "ratelimit" not in answer.headers for answer in answers)
    with alice.connect(), alice.connect() as second:
        assert second.ask("ping")["type"] == "pong"
