"""The bytes of attachments: parts of them, validators, and headers that keep a file from being a page."""
import socket
import time

import pytest

import files
from client import Person, assert_problem
from conftest import named
from deadline import PATIENCE, eventually, throughout
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
def test_all_of_it(alice, url):
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


def test_uploads_end_wherever_their_last_byte_falls_in_the_buffer(alice):
    for size in range(60_000, 400_000, 8_500):  # the server holds 64 KiB of a body, and reads as much at a time
        upload(alice, "a.png", files.png_of(size, seed=size))


def test_a_pdf_is_never_shown_in_place(alice):
    answer = alice.rest.get(upload(alice, "a.pdf", files.PDF))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment;")


def test_head_has_the_length_and_no_bytes(alice, url):
    answer = alice.rest.head(url)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(DATA)))
    assert alice.rest.head(url, headers={"Range": "bytes=0-1"}).status_code == 200


@pytest.mark.parametrize("header, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99999", 0, 99_999), ("bytes=100000-", 100_000, 299_999), ("bytes=-5", 299_995, 299_999),
    ("bytes=-999999999", 0, 299_999), ("bytes=299999-18446744073709551616", 299_999, 299_999)])
@pytest.mark.proves("GET attachments/{id}/content/")
def test_a_part_of_it(alice, url, header, first, last):
    answer = alice.rest.get(url, headers={"Range": header})
    assert answer.status_code == 206 and answer.content == DATA[first:last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=300000-", "bytes=-0", "bytes=18446744073709551616-"])
def test_a_part_that_is_not_there(alice, url, header):
    answer = alice.rest.get(url, headers={"Range": header})
    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=5-3", "bytes=0-1,4-5", "bytes=a-", "pages=1-2", "bytes", ""])
def test_what_is_no_range_is_passed_over(alice, url, header):
    answer = alice.rest.get(url, headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, DATA)


def test_one_who_has_it_is_told_so(alice, url):
    tag = alice.rest.get(url).headers["etag"]
    for header in tag, f"W/{tag}", f'"other", {tag}', "*":
        answer = alice.rest.get(url, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert alice.rest.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert alice.rest.get(url, headers={"Range": "bytes=0-4", "If-Range": tag}).status_code == 206
    assert alice.rest.get(url, headers={"Range": "bytes=0-4", "If-Range": '"other"'}).content == DATA


def test_an_interrupted_download_is_taken_up(alice, url):
    with alice.rest.stream("GET", url) as answer:
        begun, tag = next(answer.iter_raw(10_000)), answer.headers["etag"]
    rest = alice.rest.get(url, headers={"Range": f"bytes={len(begun)}-", "If-Range": tag})
    assert begun + rest.content == DATA


@pytest.mark.proves("GET attachments/{id}/content/")
def test_nobody_else_and_no_path_but_the_id(alice, url, people):
    eve = people("eve")
    assert_problem(eve.rest.get(url), 404, "not_found")
    for path in ("attachments/../../../../etc/passwd/content/", "attachments/..%2f..%2fetc%2fpasswd/content/",
                 "attachments/%2e%2e%2f%2e%2e%2fLOCK/content/", "attachments/%00/content/"):
        assert alice.rest.get(path).status_code in (400, 404), path


@pytest.mark.skipif(PATIENCE > 1, reason="a sanitizer keeps what is freed")
@pytest.mark.proves("GET attachments/{id}/content/")
def test_readers_that_take_nothing_cost_little_memory(own_server):
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
    throughout(lambda: server.memory() - before < 32 << 20, 1)  # of 500 MiB asked for
    last = wires.pop()
    assert last.answer().body == files.png_of(files.MOST), "one that reads again gets it whole"
    for wire in [last, *wires]:
        wire.__exit__()
    assert eventually(lambda: server.metric("parley_connections") <= 2, describe=lambda: "still there")


MOST_OF_IT = files.MOST - 100_000  # what the first line's buffer took is not counted


def slow_download(server, token, url):
    """A reader that has taken a little of a file and has much of it to come."""
    wire = Wire.__new__(Wire)
    wire.socket = socket.socket()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.socket.settimeout(PATIENCE * 15)
    wire.socket.connect(("127.0.0.1", server.port))
    wire.stream = wire.socket.makefile("rb")
    wire.send(request("GET", url, f"Authorization: Bearer {token}"))
    assert b" 200 " in wire.stream.readline()
    return wire


def rest_of(wire):
    """Reads slowly to the end, however it ends: how many bytes came."""
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
def test_a_download_ends_when_its_reader_may_no_longer_have_it(server, people, end):
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
        assert rest_of_fast(other) >= MOST_OF_IT, "others go on"


def rest_of_fast(wire):
    count = 0
    while count < MOST_OF_IT and (data := wire.socket.recv(1 << 16)):
        count += len(data)
    return count
