"""Attachment downloads: ranges, validators, and headers that keep a browser from rendering a file as a page."""
import socket
import time

import pytest

import files
from client import Person, assert_problem
from conftest import named
from deadline import SANITIZED, eventually, patient, throughout
from raw import Wire, request
from tokens import mint

DATA = files.png_of(300_000, seed=7)


@pytest.fixture
def alice(people):
    return people("alice")


@pytest.fixture
def url(alice):
    return upload(alice, "My cät €.png", DATA)


def upload(person, name, data):
    answer = person.rest.post("attachments/", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text
    return answer.json()["file_url"].removeprefix("/api/messaging/")


@pytest.mark.proves("GET attachments/{id}/content/")
def test_a_download_returns_the_whole_file(alice, url):
    answer = alice.rest.get(url)
    assert (answer.status_code, answer.content) == (200, DATA)
    headers = answer.headers
    assert headers["content-type"] == "image/png" and headers["content-length"] == str(len(DATA))
    assert headers["accept-ranges"] == "bytes" and headers["etag"].startswith('"')
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert "private" in headers["cache-control"]
    assert headers["content-disposition"] == (
        "attachment; filename=\"My c__t ___.png\"; filename*=UTF-8''My%20c%C3%A4t%20%E2%82%AC.png")


def test_an_upload_is_intact_wherever_its_end_falls_in_the_read_buffer(alice):
    for size in range(60_000, 400_000, 8_500):  # the server buffers 64 KiB of a body and reads as much at a time
        upload(alice, "a.png", files.png_of(size, seed=size))


def test_a_pdf_is_never_displayed_inline(alice):
    answer = alice.rest.get(upload(alice, "a.pdf", files.PDF))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment;")


def test_head_returns_the_content_length_without_a_body(alice, url):
    answer = alice.rest.head(url)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(DATA)))
    assert alice.rest.head(url, headers={"Range": "bytes=0-1"}).status_code == 200


@pytest.mark.parametrize("header, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99999", 0, 99_999), ("bytes=100000-", 100_000, 299_999), ("bytes=-5", 299_995, 299_999),
    ("bytes=-999999999", 0, 299_999), ("bytes=299999-18446744073709551616", 299_999, 299_999)])
@pytest.mark.proves("GET attachments/{id}/content/")
def test_a_range_request_returns_206_with_the_range(alice, url, header, first, last):
    answer = alice.rest.get(url, headers={"Range": header})
    assert answer.status_code == 206 and answer.content == DATA[first:last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=300000-", "bytes=-0", "bytes=18446744073709551616-"])
def test_a_range_beyond_the_file_returns_416(alice, url, header):
    answer = alice.rest.get(url, headers={"Range": header})
    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=5-3", "bytes=0-1,4-5", "bytes=a-", "pages=1-2", "bytes", ""])
def test_an_invalid_range_header_is_ignored(alice, url, header):
    answer = alice.rest.get(url, headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, DATA)


def test_if_none_match_returns_304(alice, url):
    tag = alice.rest.get(url).headers["etag"]
    for header in tag, f"W/{tag}", f'"other", {tag}', "*":
        answer = alice.rest.get(url, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert alice.rest.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert alice.rest.get(url, headers={"Range": "bytes=0-4", "If-Range": tag}).status_code == 206
    assert alice.rest.get(url, headers={"Range": "bytes=0-4", "If-Range": '"other"'}).content == DATA


def test_an_interrupted_download_resumes_with_if_range(alice, url):
    with alice.rest.stream("GET", url) as answer:
        begun, tag = next(answer.iter_raw(10_000)), answer.headers["etag"]
    rest = alice.rest.get(url, headers={"Range": f"bytes={len(begun)}-", "If-Range": tag})
    assert begun + rest.content == DATA


@pytest.mark.proves("GET attachments/{id}/content/")
def test_a_download_requires_membership_and_no_path_escapes_the_directory(alice, url, people):
    eve = people("eve")
    assert_problem(eve.rest.get(url), 404, "not_found")
    for path in ("attachments/../../../../etc/passwd/content/", "attachments/..%2f..%2fetc%2fpasswd/content/",
                 "attachments/%2e%2e%2f%2e%2e%2fLOCK/content/", "attachments/%00/content/"):
        assert alice.rest.get(path).status_code in (400, 404), path


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what is freed")
@pytest.mark.proves("GET attachments/{id}/content/")
def test_downloads_that_clients_do_not_read_use_little_memory(own_server):
    server = own_server()
    alice = named(server, "alice")
    url = "/api/messaging/" + upload(alice, "a.png", files.png_of(files.MOST))
    before, wires = server.memory(), []
    for number in range(50):
        wire = Wire(server)
        if number < 49:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.send(request("GET", url, f"Authorization: Bearer {alice.token}"))
        wires.append(wire)
    throughout(lambda: server.memory() - before < 32 << 20, 1)  # of 500 MiB requested
    last = wires.pop()
    assert last.answer().body == files.png_of(files.MOST), "a client that reads gets the whole file"
    for wire in [last, *wires]:
        wire.__exit__()
    assert eventually(lambda: server.metric("parley_connections") <= 2, describe=lambda: "connections are still open")


MOST_OF_IT = files.MOST - 100_000  # without the bytes in the buffer of the first line


def slow_download(server, token, url):
    """Starts a download whose client has read a small part of a large file."""
    wire = Wire.__new__(Wire)
    wire.socket = socket.socket()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.socket.settimeout(patient(15))
    wire.socket.connect(("127.0.0.1", server.port))
    wire.stream = wire.socket.makefile("rb")
    wire.send(request("GET", url, f"Authorization: Bearer {token}"))
    assert b" 200 " in wire.stream.readline()
    return wire


def rest_of(wire):
    """Reads slowly to the end of the connection; returns the number of bytes."""
    count = 0
    try:
        while data := wire.socket.recv(4096):
            count += len(data)
            time.sleep(0.02)
    except ConnectionResetError:
        pass
    return count


@pytest.mark.parametrize("end", ["token", "participant", "expiry"])
@pytest.mark.proves("downloads end with access")
def test_a_download_ends_when_its_reader_loses_access(server, people, end):
    alice, bob = people("alice", "bob")
    group = alice.rest.create_group(bob)
    answer = alice.rest.post("attachments/", files={"file": ("a.png", files.png_of(files.MOST))})
    alice.rest.send_message(group, "see", attachment_ids=[answer.json()["id"]])
    url = answer.json()["file_url"]
    token = mint(bob.id, ttl=4) if end == "expiry" else mint(bob.id)
    with slow_download(server, token, url) as reader, slow_download(server, alice.token, url) as other:
        if end == "token":
            backend = Person(server, "backend", scope="messaging:service")
            assert backend.rest.post("revocations/", json={"user_id": bob.id}).status_code == 201
        elif end == "participant":
            removed = alice.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": bob.id})
            assert removed.status_code == 200
        assert rest_of(reader) < files.MOST // 2
        assert rest_of_fast(other) >= MOST_OF_IT, "other downloads continue"


def rest_of_fast(wire):
    count = 0
    while count < MOST_OF_IT and (data := wire.socket.recv(1 << 16)):
        count += len(data)
    return count
