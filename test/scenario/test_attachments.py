"""Attachments: upload, visibility, binding to a message, deletion and expiry."""
import pathlib
import socket
import threading
import time

import pytest

import files
from client import NO_ID, Person, assert_problem
from deadline import SANITIZED, eventually
from raw import Wire, request
from server import wait_until

FIELDS = {"id", "filename", "content_type", "file_size", "file_path", "file_url", "uploaded_by_id", "uploaded_at", "message_id", "metadata"}


@pytest.fixture
def server(own_server):
    """A server for each test, so that its files can be counted. Links are not signed (test_file_links.py), so they can be compared."""
    return own_server("--attachments-url-ttl", "0")


@pytest.fixture
def talk(server):
    alice, bob, eve = (Person(server, name) for name in ("alice", "bob", "eve"))
    conversation = alice.rest.create_group(bob)
    conversation.update(alice=alice, bob=bob, eve=eve)
    yield conversation
    for person in alice, conversation["bob"], eve:
        person.rest.close()  # otherwise the server waits for these connections when it stops


def upload(person, name="cat.png", content=files.PNG, **more):
    data = {key: value for key, value in more.items() if key == "message_id"}
    headers = {"Idempotency-Key": more["key"]} if "key" in more else {}
    return person.rest.post("attachments/", files={"file": (name, content)}, data=data, headers=headers)


def uploaded(person, *args, **more):
    answer = upload(person, *args, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


def send(talk, *attachments, person=None, **fields):
    return (person or talk["alice"]).rest.post("messages/", json={
        "conversation_id": talk["id"], "content": "look", "attachment_ids": [each["id"] for each in attachments], **fields})


def content(person, attachment, **request):
    return person.rest.get(f"attachments/{attachment['id']}/content/", **request)


def files_of(server):
    return sorted(path.name for path in stored(server).rglob("*") if path.is_file())


def stored(server):
    return pathlib.Path(server.directory, "data", "attachments")


# --- accepted files -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", files.OF_KIND)
@pytest.mark.proves("attachment object")
def test_supported_file_types_can_be_uploaded(talk, kind):
    alice, data = talk["alice"], files.OF_KIND[kind]
    attachment = uploaded(alice, f"My Cat.{kind.upper()}", data)
    assert set(attachment) == FIELDS
    expected = {"filename": f"My Cat.{kind.upper()}", "content_type": files.TYPE_OF[kind], "file_size": len(data),
                "file_path": f"{attachment['id'][-2:]}/{attachment['id']}",
                "file_url": f"/api/messaging/attachments/{attachment['id']}/content/",
                "uploaded_by_id": "alice", "message_id": None, "metadata": {}}
    assert {name: attachment[name] for name in expected} == expected
    assert alice.rest.get(f"attachments/{attachment['id']}/").json() == attachment
    assert alice.rest.get(attachment["file_url"].removeprefix("/api/messaging/")).content == data


@pytest.mark.parametrize("name, kind", [("cat.png", "jpg"), ("cat.png", "pdf"), ("cat.pdf", "png"), ("cat.jpg", "gif"), ("cat.gif", "webp")])
def test_the_content_type_follows_the_content_whatever_the_name(talk, name, kind):
    alice, data = talk["alice"], files.OF_KIND[kind]
    attachment = uploaded(alice, name, data)
    assert (attachment["filename"], attachment["content_type"]) == (name, files.TYPE_OF[kind])
    answer = content(alice, attachment)
    assert (answer.content, answer.headers["content-type"]) == (data, files.TYPE_OF[kind])


def test_an_empty_message_id_is_absent(talk):
    body, kind = files.multipart([("message_id", None, b""), ("file", "cat.png", files.PNG)])
    answer = talk["alice"].rest.post("attachments/", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    assert answer.json()["message_id"] is None


@pytest.mark.parametrize("name, data", [
    ("page.html", files.HTML), ("drawing.svg", files.SVG), ("cat.png.exe", files.PNG), ("cat", files.PNG), (".png", files.PNG),
    ("cat.png", files.HTML), ("cat.png", files.SVG), ("cat.png", b"MZ\x90\x00" + bytes(200)), ("cat.png", b""),
    ("cat.png", b"just text"), ("cat.gif", b"PK\x03\x04" + bytes(60))])
@pytest.mark.proves("POST attachments/")
def test_unsupported_names_and_contents_are_rejected(server, talk, name, data):
    assert_problem(upload(talk["alice"], name, data), 400, "invalid_field", field="file")
    assert eventually(lambda: files_of(server) == [])


def test_a_path_in_a_file_name_is_not_used_as_a_path(server, talk):
    for name in "../../../../tmp/cat.png", "..\\..\\cat.png", "/etc/cat.png", "C:\\cat.png":
        body, kind = files.multipart([("file", name, files.PNG)])
        answer = talk["alice"].rest.post("attachments/", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 201 and answer.json()["filename"] == "cat.png", name
    assert all(len(name) == 36 for name in files_of(server)), "files are named by their ids"


@pytest.mark.proves("POST attachments/")
def test_an_upload_over_the_size_limit_returns_413(server, talk):
    attachment = uploaded(talk["alice"], content=files.png_of(files.MOST))
    assert attachment["file_size"] == files.MOST
    assert_problem(upload(talk["alice"], content=files.png_of(files.MOST + 1)), 413, "too_large")
    assert_problem(upload(talk["alice"], content=files.png_of(2 * files.MOST)), 413, "too_large")
    assert eventually(lambda: len(files_of(server)) == 1)


def test_a_chunked_upload_over_the_size_limit_returns_413(server, talk):
    body, kind = files.multipart([("file", "cat.png", files.png_of(3 * files.MOST))])
    pieces = (body[at:at + 100_000] for at in range(0, len(body), 100_000))
    try:
        answer = talk["alice"].rest.post("attachments/", content=pieces, headers={"Content-Type": kind})
    except OSError:  # the server has answered and closed the connection during the upload
        answer = None
    if answer is not None:
        assert_problem(answer, 413, "too_large")
    body, kind = files.multipart([("file", "cat.png", files.png_of(1 << 20))])
    pieces = (body[at:at + 10_000] for at in range(0, len(body), 10_000))
    answer = talk["alice"].rest.post("attachments/", content=pieces, headers={"Content-Type": kind})
    assert answer.status_code == 201 and answer.json()["file_size"] == 1 << 20
    assert eventually(lambda: len(files_of(server)) == 1)


@pytest.mark.parametrize("parts, field", [
    ([], "file"), ([("other", None, b"x")], "file"), ([("file", None, files.PNG)], "file"),
    ([("file", "a.png", files.PNG), ("file", "b.png", files.PNG)], "file"),
    ([("file", "a.png", files.PNG), ("message_id", None, b"no id")], "message_id"),
    ([("message_id", None, b"x" * 10_000), ("file", "a.png", files.PNG)], "message_id")])
def test_an_invalid_form_names_its_field(server, talk, parts, field):
    body, kind = files.multipart(parts)
    if not parts:
        body = b"--XyZ--\r\n"
    answer = talk["alice"].rest.post("attachments/", content=body, headers={"Content-Type": kind})
    assert_problem(answer, 400, "invalid_field", field=field)
    assert eventually(lambda: files_of(server) == [])


def test_uploads_of_other_media_types_and_malformed_forms_are_rejected(server, talk):
    post = talk["alice"].rest.post
    for kind in "application/json", "text/plain", "multipart/mixed; boundary=x", "application/x-www-form-urlencoded":
        assert_problem(post("attachments/", content=b"{}", headers={"Content-Type": kind}), 415, "unsupported_media_type")
    body, kind = files.multipart([("file", "cat.png", files.PNG)])
    assert_problem(post("attachments/", content=body, headers={"Content-Type": "multipart/form-data"}), 400, "bad_request")
    assert_problem(post("attachments/", content=body[:-10], headers={"Content-Type": kind}), 400, "bad_request")
    assert_problem(post("attachments/", content=b"", headers={"Content-Type": kind}), 400, "invalid_field", field="file")
    assert eventually(lambda: files_of(server) == [])


def test_an_upload_without_a_token_writes_no_file(server):
    anonymous = Person(server, "nobody")
    anonymous.rest.headers.pop("Authorization")
    assert_problem(upload(anonymous, content=files.png_of(100_000)), 401, "not_authenticated")
    assert files_of(server) == []


def test_the_connection_stays_open_after_an_upload(talk):
    for _ in range(3):  # httpx reuses one connection
        uploaded(talk["alice"], content=files.png_of(300_000))
        assert talk["alice"].rest.get("conversations/").status_code == 200


def upload_request(person, size):
    body, kind = files.multipart([("file", "cat.png", files.png_of(size))])
    return request("POST", "/api/messaging/attachments/", f"Authorization: Bearer {person.token}", f"Content-Type: {kind}",
                   f"Content-Length: {len(body)}", body=body)


@pytest.mark.parametrize("size", [1_000, 66_000, 80_000, 120_000, 300_000])
def test_a_request_after_an_upload_is_answered_after_it(server, talk, size):
    for _ in range(5):
        with Wire(server) as wire:
            wire.send(upload_request(talk["alice"], size)).send(request("GET", "/livez") * 2)
            assert [wire.answer().status for _ in range(3)] == [201, 200, 200]


@pytest.mark.parametrize("size", [1_000, 66_000, 300_000])
def test_an_upgrade_after_an_upload_is_answered_after_it(server, talk, size):
    for _ in range(5):
        with Wire(server) as wire:
            wire.send(upload_request(talk["alice"], size)).send(request(
                "GET", "/ws/messaging/", f"Authorization: Bearer {talk['alice'].token}", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
            assert [wire.answer().status for _ in range(2)] == [201, 101]


@pytest.mark.parametrize("size", [1_000, 66_000, 80_000, 120_000, 300_000])
def test_a_client_that_half_closes_after_an_upload_gets_the_response(server, talk, size):
    for _ in range(5):
        with Wire(server) as wire:
            wire.send(upload_request(talk["alice"], size)).socket.shutdown(socket.SHUT_WR)
            assert wire.answer().status == 201
            assert wire.at_end()


# --- visibility ---------------------------------------------------------------------------------------------------

@pytest.mark.proves("attachment object")
def test_an_attachment_is_visible_only_to_its_uploader_until_it_is_sent(talk):
    alice, bob, eve = talk["alice"], talk["bob"], talk["eve"]
    attachment = uploaded(alice)
    for path in f"attachments/{attachment['id']}/", f"attachments/{attachment['id']}/content/":
        assert alice.rest.get(path).status_code == 200
        assert_problem(bob.rest.get(path), 404, "not_found")
    assert_problem(bob.rest.delete(f"attachments/{attachment['id']}/delete/"), 404, "not_found")

    with bob.connect(talk) as b:
        sent = send(talk, attachment).json()
        received = b.wait_for("message")["data"]
    assert received["attachments"] == sent["attachments"] == [{**attachment, "message_id": sent["id"]}]
    (in_history,) = bob.rest.history(talk)["messages"]
    assert in_history["attachments"] == sent["attachments"]
    assert bob.rest.get(f"messages/{sent['id']}/").json()["attachments"] == sent["attachments"]
    assert bob.rest.get("conversations/").json()[0]["last_message"]["attachments"] == sent["attachments"]
    assert content(bob, attachment).content == files.PNG
    assert_problem(content(eve, attachment), 404, "not_found")

    alice.rest.post(f"conversations/{talk['id']}/remove_participant/", json={"user_id": "bob"})
    assert_problem(content(bob, attachment), 404, "not_found")


def test_a_socket_message_can_have_attachments(talk):
    first, second = uploaded(talk["alice"]), uploaded(talk["alice"], "b.gif", files.GIF)
    with talk["alice"].connect(talk) as a:
        a.send(type="message", content="two", attachment_ids=[second["id"], first["id"]], ref="1")
        received = a.wait_for("message")["data"]
    assert [each["id"] for each in received["attachments"]] == [second["id"], first["id"]]


def test_a_message_may_consist_of_attachments_only(talk):
    attachment = uploaded(talk["alice"])
    answer = send(talk, attachment, content=" ", content_type="image")
    assert answer.status_code == 201 and answer.json()["content"] == ""
    assert_problem(send(talk, content=""), 400, "invalid_field", field="content")


@pytest.mark.proves("POST messages/")
def test_a_message_with_unusable_attachments_is_rejected(talk):
    alice, bob = talk["alice"], talk["bob"]
    mine, foreign, taken = uploaded(alice), uploaded(bob), uploaded(alice)
    assert send(talk, taken).status_code == 201
    for ids in [mine["id"], foreign["id"]], [taken["id"]], [NO_ID], ["no id"], [1], "no list", [mine["id"]] * 11:
        answer = send(talk, attachment_ids=ids)
        assert_problem(answer, 400, "invalid_field", field="attachment_ids")
    assert alice.rest.get(f"attachments/{mine['id']}/").json()["message_id"] is None
    assert send(talk, mine).status_code == 201


def test_a_retried_send_returns_the_same_message_with_its_attachments(talk):
    attachment, other = uploaded(talk["alice"]), uploaded(talk["alice"])
    first = send(talk, attachment, client_id="c")
    again = send(talk, attachment, client_id="c")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"] and again.json()["attachments"] == first.json()["attachments"]
    assert_problem(send(talk, other, client_id="c"), 409, "client_id_reused")


def test_a_retried_upload_returns_the_same_attachment(server, talk):
    first, again = upload(talk["alice"], key="u"), upload(talk["alice"], key="u")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert_problem(upload(talk["alice"], "cat.gif", files.GIF, key="u"), 409, "client_id_reused")
    assert eventually(lambda: files_of(server) == [first.json()["id"]])


# --- attaching to an existing message -----------------------------------------------------------------------------

@pytest.mark.proves("POST attachments/")
def test_an_upload_can_be_attached_to_the_users_own_message(server, talk):
    alice, bob = talk["alice"], talk["bob"]
    message = alice.rest.send_message(talk, "look")
    with bob.connect(talk) as b:
        attachment = uploaded(alice, message_id=message["id"].upper())
        received = b.wait_for("message_updated")
    assert attachment["message_id"] == message["id"]
    assert received["seq"] == 2 and received["data"]["attachments"] == [attachment]
    assert content(bob, attachment).content == files.PNG

    assert_problem(upload(bob, message_id=message["id"]), 403, "forbidden")
    assert_problem(upload(talk["eve"], message_id=message["id"]), 404, "not_found")
    assert_problem(upload(alice, message_id=NO_ID), 404, "not_found")
    assert eventually(lambda: files_of(server) == [attachment["id"]]), "the file of the rejected upload is deleted"


# --- deletion -----------------------------------------------------------------------------------------------------

@pytest.mark.proves("GET attachments/{id}/, DELETE attachments/{id}/delete/")
def test_the_uploader_can_delete_an_attachment(server, talk):
    alice, bob = talk["alice"], talk["bob"]
    loose, attached = uploaded(alice), uploaded(alice)
    message = send(talk, attached).json()
    assert alice.rest.delete(f"attachments/{loose['id']}/delete/").status_code == 204
    assert_problem(bob.rest.delete(f"attachments/{attached['id']}/delete/"), 403, "forbidden")
    assert_problem(talk["eve"].rest.delete(f"attachments/{attached['id']}/delete/"), 404, "not_found")
    with bob.connect(talk) as b:
        assert alice.rest.delete(f"attachments/{attached['id']}/delete/").status_code == 204
        received = b.wait_for("message_updated")
    assert received["seq"] == 2 and received["data"]["id"] == message["id"] and received["data"]["attachments"] == []
    for attachment in loose, attached:
        assert_problem(content(alice, attachment), 404, "not_found")
        assert_problem(alice.rest.delete(f"attachments/{attachment['id']}/delete/"), 404, "not_found")
    assert eventually(lambda: files_of(server) == [])


@pytest.mark.proves("GET attachments/{id}/, DELETE attachments/{id}/delete/")
def test_attachments_are_deleted_with_their_message(server, talk):
    alice, bob = talk["alice"], talk["bob"]
    attachment = uploaded(alice)
    message = send(talk, attachment).json()
    assert alice.rest.delete(f"messages/{message['id']}/").status_code == 204
    assert_problem(content(bob, attachment), 404, "not_found")
    assert_problem(content(alice, attachment), 404, "not_found")
    assert eventually(lambda: files_of(server) == [])
    (deleted,) = bob.rest.history(talk, include_deleted=1)["messages"]
    assert deleted["attachments"] == []


def test_attachments_are_deleted_with_their_conversation(server, talk):
    attachment = uploaded(talk["alice"])
    send(talk, attachment)
    assert talk["alice"].rest.delete(f"conversations/{talk['id']}/").status_code == 204
    assert_problem(content(talk["alice"], attachment), 404, "not_found")
    assert eventually(lambda: files_of(server) == [])


@pytest.mark.proves("GET attachments/{id}/, DELETE attachments/{id}/delete/")
def test_an_attachment_that_is_not_sent_expires(own_server):
    server = own_server("--attachments-unattached-kept", "1s")
    alice, bob = Person(server, "alice"), Person(server, "bob")
    talk = {**alice.rest.create_group(bob), "alice": alice}
    kept = uploaded(alice)
    send(talk, kept)
    loose = uploaded(alice)
    expires = time.time() + 1
    server.stop()
    wait_until(expires)
    server.start()  # the janitor runs every minute, and at the start
    assert eventually(lambda: files_of(server) == [kept["id"]], within=90)
    assert_problem(content(alice, loose), 404, "not_found")
    assert content(alice, kept).content == files.PNG


def test_pending_uploads_of_a_user_are_limited(own_server):
    server = own_server("--limits-unattached-attachments", "2")
    alice, bob = Person(server, "alice"), Person(server, "bob")
    for _ in range(2):
        uploaded(alice)
    answer = upload(alice)
    assert_problem(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    uploaded(bob)
    assert eventually(lambda: len(files_of(server)) == 3)


# --- faults -------------------------------------------------------------------------------------------------------

def test_an_aborted_upload_leaves_no_file(server, talk):
    body, kind = files.multipart([("file", "cat.png", files.png_of(1 << 20))])
    with Wire(server) as connection:
        connection.send(f"POST /api/messaging/attachments/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
                        f"Authorization: Bearer {talk['alice'].token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                        + body[:500_000])
        assert eventually(lambda: len(files_of(server)) == 1), "the file is being written"
    assert eventually(lambda: files_of(server) == [])


@pytest.mark.proves("POST attachments/")
def test_answered_uploads_survive_a_kill_and_incomplete_ones_are_removed(server, talk):
    attachment = uploaded(talk["alice"])
    message = send(talk, attachment).json()
    body, kind = files.multipart([("file", "cat.png", files.png_of(1 << 20))])
    with Wire(server) as connection:
        connection.send(f"POST /api/messaging/attachments/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
                        f"Authorization: Bearer {talk['alice'].token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                        + body[:500_000])
        assert eventually(lambda: len(files_of(server)) == 2)
        server.kill()
    server.start()
    talk["bob"].rest.close()
    talk["bob"] = Person(server, "bob")
    assert content(talk["bob"], attachment).content == files.PNG
    assert talk["bob"].rest.get(f"messages/{message['id']}/").json()["attachments"][0]["id"] == attachment["id"]
    assert eventually(lambda: files_of(server) == [attachment["id"]])


def test_a_damaged_file_fails_its_own_download_only(server, talk):
    attachment, whole = uploaded(talk["alice"], content=files.png_of(300_000)), uploaded(talk["alice"])
    (path,) = stored(server).rglob(attachment["id"])
    with open(path, "r+b") as file:
        file.truncate(10)
    with pytest.raises(Exception):
        content(talk["alice"], attachment).raise_for_status()
    path.unlink()
    with pytest.raises(Exception):
        content(talk["alice"], attachment).raise_for_status()
    assert content(talk["alice"], whole).content == files.PNG


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what is freed")
@pytest.mark.proves("POST attachments/")
def test_concurrent_large_uploads_use_little_memory(server, talk):
    before, size, failures = server.memory(), 9 << 20, []

    def one(number):
        person = Person(server, f"u{number}")
        try:
            data = files.png_of(size, number)
            attachment = uploaded(person, content=data)
            assert content(person, attachment).content == data
        except Exception as error:  # checked by the test
            failures.append(repr(error))

    most = before
    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, server.memory())
        time.sleep(0.02)
    assert failures == []
    assert most - before < 64 << 20, f"{(most - before) >> 20} MiB for {16 * 9} MiB of uploads"


def test_concurrent_uploads_over_the_limit_are_rejected(own_server):
    server = own_server("--attachments-concurrent-uploads", "1")
    alice, bob = Person(server, "alice"), Person(server, "bob")
    body, kind = files.multipart([("file", "cat.png", files.png_of(100_000))])
    with Wire(server) as connection:
        connection.send(f"POST /api/messaging/attachments/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
                        f"Authorization: Bearer {alice.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:90_000])
        assert eventually(lambda: len(files_of(server)) == 1)
        answer = upload(bob)
        assert_problem(answer, 503, "overloaded")
        assert answer.headers["retry-after"]
        connection.send(body[90_000:])
        assert connection.answer().status == 201
    uploaded(bob)


@pytest.mark.proves("POST messages/")
def test_uploads_that_a_message_names_are_attached(talk):
    alice, bob = talk["alice"], talk["bob"]
    by_url, by_id, plain, foreign = uploaded(alice), uploaded(alice), uploaded(alice), uploaded(bob)
    fields = {"content": f"see https://example.org{by_url['file_url']}?x=1 and {foreign['id']}", "client_id": "one", "attachment_ids": [],
              "metadata": {"deep": [{"file": by_id["id"].upper()}], "hex": plain["id"].replace("-", ""), "none": NO_ID}}
    named = [by_url["id"], by_id["id"], plain["id"]]

    def ids(message):
        return [one["id"] for one in message["attachments"]]
    with alice.connect(talk) as a:
        message = send(talk, **fields).json()
        assert ids(message) == named and ids(a.wait_for("message")["data"]) == named
        assert ids(bob.rest.get(f"messages/{message['id']}/").json()) == named
        assert content(bob, by_id).content == files.PNG
        again = send(talk, **fields)
        assert again.status_code == 200 and ids(again.json()) == named, "a retry returns the first message"
        assert ids(alice.rest.send_message(talk, by_id["id"])) == [], "it belongs to a message already"
        assert alice.rest.get(f"attachments/{foreign['id']}/").status_code == 404
        many = [uploaded(alice)["id"] for _ in range(12)]
        a.send("message", content=" ".join(many))
        assert ids(a.wait_for(lambda frame: frame.get("data", {}).get("content", "").startswith(many[0]))["data"]) == many[:10], "the first 10"
        for number in range(5):  # in one batch of commits, the first message that names an upload has it
            a.send("message", content=f"{number} {many[10]}")
        frames = [a.wait_for(lambda frame: frame.get("data", {}).get("content", "").endswith(" " + many[10])) for _ in range(5)]
        assert [len(one["data"]["attachments"]) for one in frames] == [1, 0, 0, 0, 0]
