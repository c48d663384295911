"""The common error shape, and requests that must not harm the server."""
import pytest

from client import NO_ID, Rest, assert_problem
from raw import Wire, request


@pytest.mark.proves("error body")
def test_every_kind_of_error_is_a_problem_document(people, server):
    alice, bob, eve = people("alice", "bob", "eve")
    talk = alice.rest.create_group(bob)
    alice.rest.send_message(talk, "x", client_id="c")
    send = lambda person, **fields: person.rest.post(
        "messages/", json={"conversation_id": talk["id"], "content": "x", **fields})
    problems = [
        assert_problem(send(alice, content=""), 400, "invalid_field", field="content"),
        assert_problem(alice.rest.post("messages/", content="{"), 415),
        assert_problem(alice.rest.post("messages/", content="{", headers={"Content-Type": "application/json"}),
                       400, "bad_json"),
        assert_problem(Rest(server).get("conversations/"), 401, "not_authenticated"),
        assert_problem(send(eve), 403, "not_participant"),
        assert_problem(eve.rest.get(f"conversations/{talk['id']}/"), 404, "not_found"),
        assert_problem(alice.rest.get(f"conversations/{NO_ID}/"), 404, "not_found"),
        assert_problem(alice.rest.put("conversations/"), 405, "method_not_allowed"),
        assert_problem(send(alice, client_id="c", content="y"), 409, "client_id_reused"),
    ]
    for problem in problems:
        assert problem["title"] and problem["detail"]
        text = str(problem).lower()
        for leak in "sql", "select ", "insert ", "exception", "stack", ".cc", "std::", "0x":
            assert leak not in text, problem


def test_responses_name_their_content_type_and_forbid_sniffing(people):
    answer = people("alice").rest.get("conversations/")
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert answer.headers.get("x-content-type-options") == "nosniff"


# A proxy and this server could parse each of these as two different requests.
@pytest.mark.parametrize("lines, body", [
    (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    (["Content-Length: 2", "Content-Length: 3"], b"{}x"),
    (["Content-Length: 2, 3"], b"{}x"),
    (["Content-Length: +2"], b"{}"),
    (["Content-Length: 0x2"], b"{}"),
    (["Content-Length: -1"], b""),
    (["Content-Length: 99999999999999999999"], b""),
    (["Content-Length : 2"], b"{}"),
    (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    (["Transfer-Encoding: identity"], b"{}"),
    (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    (["Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n"),
    (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n"),
    (["X-Folded: one", " two"], b""),
    (["X-Nul: a\x00b"], b""),
    (["No-Colon"], b""),
    ([": no name"], b""),
    (["Bad Name: x"], b""),
    (["X-Bare: a\nX-Line: b"], b""),
    (["X-Bare: a\rX-Return: b"], b""),
], ids=repr)
def test_an_ambiguous_request_is_rejected_and_the_connection_closes(people, server, lines, body):
    token = people("alice").token
    with Wire(server) as wire:
        wire.send(request("POST", "/api/messaging/messages/", f"Authorization: Bearer {token}",
                          "Content-Type: application/json", *lines, body=body))
        assert wire.answer().status in (400, 413, 501)
        assert wire.at_end()


@pytest.mark.parametrize("size", ["zz", "-1", "0x2", "ffffffffffffffff1"])
def test_an_invalid_chunk_size_is_rejected_and_the_connection_closes(people, server, size):
    token = people("alice").token
    with Wire(server) as wire:
        wire.send(request("POST", "/api/messaging/messages/", f"Authorization: Bearer {token}",
                          "Content-Type: application/json", "Transfer-Encoding: chunked",
                          body=f"{size}\r\n{{}}\r\n0\r\n\r\n".encode()))
        assert wire.answer().status in (400, 413)
        assert wire.at_end()


def test_a_chunked_body_is_accepted(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    pieces = [f'{{"conversation_id": "{talk["id"]}",'.encode(), b'"content": "in chunks"}']
    answer = alice.rest.post("messages/", content=iter(pieces), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    assert answer.json()["content"] == "in chunks"


def test_pipelined_requests_are_answered_in_order(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    with Wire(server) as wire:
        bearer = f"Authorization: Bearer {alice.token}"
        wire.send(b"".join([
            request("GET", f"/api/messaging/conversations/{talk['id']}/", bearer),
            request("GET", f"/api/messaging/conversations/{NO_ID}/", bearer),
            request("GET", "/api/messaging/conversations/", bearer)]))
        assert [wire.answer().status for _ in range(3)] == [200, 404, 200]


@pytest.mark.parametrize("bytes", [b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\r\n" * 50,
                                   b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_bytes_that_are_not_http_close_their_connection_only(people, server, bytes):
    with Wire(server) as wire:
        wire.send(bytes)
        wire.socket.shutdown(1)
        while not wire.at_end():
            pass
    assert people("alice").rest.get("conversations/").status_code == 200


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//evil.example/", "/%00", "/%zz",
                                  "http://evil.example/", "/api/messaging/conversations/%2e%2e/", "/api/messaging/messages/..%2f..%2f/"])
def test_malformed_paths_are_rejected_without_a_redirect(people, server, path):
    with Wire(server) as wire:
        answer = wire.send(request("GET", path, f"Authorization: Bearer {people('alice').token}")).answer()
        assert answer.status in (400, 404)
        assert answer.getheader("Location") is None


@pytest.mark.proves("body 1 MiB, drained")
def test_a_body_over_the_limit_returns_413_before_it_ends(people, server):
    token = people("alice").token
    with Wire(server) as wire:
        wire.send(request("POST", "/api/messaging/messages/", f"Authorization: Bearer {token}",
                          "Content-Type: application/json", f"Content-Length: {1 << 40}", body=b"{"))
        assert wire.answer().status == 413
