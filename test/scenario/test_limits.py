"""Limits of a server as a whole and of a conversation, made small so that they are met."""
import httpx

from client import Person, assert_problem
from deadline import eventually
from raw import Wire, WireSocket, request


def test_a_conversation_has_so_many_participants(own_server):
    server = own_server("--limits-participants", 3)
    alice = Person(server, "alice")
    post = alice.rest.post
    assert_problem(post("conversations/", json={"type": "group", "participants": ["b", "c", "d"]}), 400, "invalid_field", field="participants")
    made = post("conversations/", json={"type": "group", "participants": ["b"]}).json()
    assert post(f"conversations/{made['id']}/add_participant/", json={"user_id": "c"}).status_code == 200
    assert_problem(post(f"conversations/{made['id']}/add_participant/", json={"user_id": "d"}), 400)
    assert post(f"conversations/{made['id']}/add_participant/", json={"user_id": "c"}).status_code == 200, "who is in it is no more"
    assert alice.rest.get(f"conversations/{made['id']}/").json()["participant_count"] == 3


def test_over_so_many_connections_requests_are_503(own_server):
    server = own_server("--limit-concurrency", 5)
    assert eventually(lambda: server.metric("parley_connections") <= 1)
    held = [Wire(server) for _ in range(6)]
    try:
        for wire in held:  # each is there when it is answered; the last ones are too many
            wire.send(request("GET", "/livez"))
        answers = [wire.answer() for wire in held]
        refused = [answer for answer in answers if answer.status == 503]
        assert refused, [answer.status for answer in answers]
        assert all(answer.getheader("Retry-After") and b"overloaded" in answer.body for answer in refused)
    finally:
        for wire in held:
            wire.__exit__()
    assert eventually(lambda: httpx.get(f"{server.url}/livez").status_code == 200)


def test_every_end_of_a_socket_is_counted_under_its_code(own_server):
    server = own_server()
    alice = Person(server, "alice")
    for opcode, payload, how, code in ((1, b"\xff", {}, 1007), (2, b"x", {}, 1003), (1, b"x", {"masked": False}, 1002),
                                       (8, b"\x03\xe8", {}, 1000), (1, b"x" * 300_000, {}, 1009)):
        with WireSocket(server, "/ws/messaging/", alice.token) as wire:
            wire.frame(opcode, payload, **how)
            assert wire.close_code() == code
        assert eventually(lambda: server.metric("parley_connections_closed_total", code=code) == 1), code
