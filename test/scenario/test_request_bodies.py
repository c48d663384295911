"""Request bodies: forms on the original's routes, exact numbers, unique keys."""
import uuid

import pytest

from client import NO_ID, assert_problem

JSON = {"Content-Type": "application/json"}


# --- forms --------------------------------------------------------------------------------------------------------

def as_urlencoded(rest, path, fields):
    return rest.post(path, data=fields)


def as_multipart(rest, path, fields):
    return rest.post(path, files=[(name, (None, value)) for name, values in fields.items()
                                  for value in (values if isinstance(values, list) else [values])])


@pytest.mark.parametrize("post", [as_urlencoded, as_multipart], ids=["urlencoded", "multipart"])
def test_routes_of_the_original_accept_forms(people, post):
    alice, bob, carol = people("alice", "bob", "carol")
    made = post(alice.rest, "conversations/", {"type": "group", "participants": [bob.id, carol.id], "title": "café & more", "metadata": '{"a": 1.10}'})
    assert made.status_code == 201, made.text
    talk = made.json()
    assert set(talk["participants"]) == {alice.id, bob.id, carol.id} and talk["title"] == "café & more" and talk["metadata"] == {"a": 1.1}
    one = post(alice.rest, "conversations/", {"type": "group", "participants": bob.id})
    assert set(one.json()["participants"]) == {alice.id, bob.id}, "a single value is a list of one"
    assert post(alice.rest, "conversations/direct/", {"user_id": bob.id}).status_code == 200
    task = post(alice.rest, "conversations/task/", {"task_id": f"7-{alice.id}", "requester_id": alice.id, "performer_id": bob.id, "task_title": "T"})
    assert task.status_code == 201 and task.json()["title"] == "Task: T"
    room = f"conversations/{talk['id']}/"
    assert post(alice.rest, room + "remove_participant/", {"user_id": carol.id}).status_code == 200
    assert post(alice.rest, room + "add_participant/", {"user_id": carol.id}).status_code == 200
    assert post(alice.rest, room + "update_title/", {"title": ["first", "last"]}).json()["title"] == "last", "the last value of a repeated scalar wins"
    sent = post(alice.rest, "messages/", {"conversation_id": talk["id"], "content": "two\nlines + 100%", "client_id": "c", "reply_to": "", "metadata": '{"n": 12345678901234567890123}'})
    assert sent.status_code == 201, sent.text
    assert sent.json()["content"] == "two\nlines + 100%" and sent.json()["client_id"] == "c"
    other = alice.rest.send_message(talk, "x")
    assert post(bob.rest, "messages/mark_as_read/", {"message_ids": [sent.json()["id"], other["id"]]}).json() == {"updated": 2}
    assert post(bob.rest, "messages/mark_as_read/", {"message_ids": other["id"]}).json() == {"updated": 0}
    for fields, field in (({"conversation_id": talk["id"]}, "content"), ({"content": "x"}, "conversation_id"),
                          ({"conversation_id": talk["id"], "content": "x", "metadata": "[1]"}, "metadata"),
                          ({"conversation_id": talk["id"], "content": "x", "metadata": "{"}, "metadata")):
        assert_problem(post(alice.rest, "messages/", fields), 400, "invalid_field", field=field)


def test_other_routes_accept_json_only(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    for path in "presence/", f"conversations/{talk['id']}/read/", f"conversations/{talk['id']}/set_role/", f"conversations/task/{uuid.uuid4()}/status/":
        assert_problem(alice.rest.post(path, data={"up_to_seq": "0"}), 415, "unsupported_media_type")
    assert_problem(alice.rest.post("messages/", content="x", headers={"Content-Type": "text/plain"}), 415)


def test_a_malformed_form_returns_400(people):
    rest = people("alice").rest
    encoded = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in b"content=%ff", b"content=%zz", b"content=a%00", b"%00=1", b"content=\xff":
        assert_problem(rest.post("messages/", content=body, headers=encoded), 400)
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    for body in b"", b"--b\r\n", b"--b\r\nContent-Disposition: form-data; name=content\r\n\r\n\xff\r\n--b--\r\n", b"--b\r\nContent-Disposition: form-data; name=content\r\n\r\nx":
        assert_problem(rest.post("messages/", content=body, headers=multipart), 400)
    assert rest.post("messages/", data={f"k{n}": "v" for n in range(20000)}).status_code == 400


# --- numbers ------------------------------------------------------------------------------------------------------

NUMBERS = ["123456789012345678901234567890", "-18446744073709551617", "9007199254740993", "0.1000000000000000055511151231257827021181583404541015625",
           "1.10", "1e-7", "18446744073709551615"]


def test_numbers_in_metadata_keep_every_digit_in_responses_and_frames(people):
    alice = people("alice")
    talk = alice.rest.create_group()
    metadata = '{"numbers":[%s],"text":"a  b\\u00e9 1.10"}' % ",".join(NUMBERS)
    spaced = metadata.replace(",", " ,\n ").replace('":', '" :\t')
    body = '{"conversation_id":"%s","content":"x","metadata": %s }' % (talk["id"], spaced)
    with alice.connect(talk["id"]) as socket:
        answer = alice.rest.post("messages/", content=body, headers=JSON)
        assert answer.status_code == 201 and f'"metadata":{metadata}' in answer.text, answer.text
        socket.send_text('{"type":"message","content":"y","metadata":%s}' % spaced)
        assert socket.wait_for(lambda frame: frame["type"] == "message" and frame["data"]["content"] == "y")
    assert alice.rest.get(f"conversations/{talk['id']}/messages/").text.count(f'"metadata":{metadata}') == 2
    patched = alice.rest.patch(f"conversations/{talk['id']}/", content='{"metadata":%s}' % spaced, headers=JSON)
    assert patched.status_code == 200 and f'"metadata":{metadata}' in patched.text, patched.text


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1e-99999", "0e99999"])
def test_a_number_that_no_store_can_keep_is_rejected(people, number):
    alice = people("alice")
    talk = alice.rest.create_group()
    answer = alice.rest.post("messages/", content='{"conversation_id":"%s","content":"x","metadata":{"n":%s}}' % (talk["id"], number), headers=JSON)
    assert answer.status_code == 400


def test_a_number_in_a_text_field_is_converted_in_rest_and_an_error_in_a_frame(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    answer = alice.rest.post("messages/", content='{"conversation_id":"%s","content":1.50,"client_id":7}' % talk["id"], headers=JSON)
    assert answer.status_code == 201 and answer.json()["content"] == "1.50" and answer.json()["client_id"] == "7"
    assert alice.rest.post(f"conversations/{talk['id']}/update_title/", json={"title": 2026}).json()["title"] == "2026"
    task = alice.rest.post("conversations/task/", content='{"task_id":%d,"requester_id":"%s","performer_id":"%s","task_title":42}'
                           % (abs(hash(alice.id)), alice.id, bob.id), headers=JSON)
    assert task.status_code == 201 and task.json()["title"] == "Task: 42" and task.json()["metadata"]["task_id"] == abs(hash(alice.id))
    for value in True, [1], {"a": 1}:
        assert_problem(alice.rest.post("messages/", json={"conversation_id": talk["id"], "content": value}), 400, "invalid_field", field="content")
    with alice.connect(talk["id"]) as socket:
        assert "content" in socket.ask("message", content=5)["data"]["fields"]
        assert "client_id" in socket.ask("message", content="x", client_id=5)["data"]["fields"]


def test_user_ids_of_unsigned_64_bits_are_accepted(people):
    alice = people("alice")
    made = alice.rest.post("conversations/", json={"type": "group", "participants": [18446744073709551615, 9007199254740993]})
    assert set(made.json()["participants"]) == {alice.id, "18446744073709551615", "9007199254740993"}
    assert_problem(alice.rest.post("conversations/", json={"type": "group", "participants": [18446744073709551616]}), 400, field="participants")


# --- keys ---------------------------------------------------------------------------------------------------------

def test_a_duplicate_key_is_rejected_and_named(people):
    alice = people("alice")
    talk = alice.rest.create_group()
    for body in ('{"conversation_id":"%s","content":"a","content":"b"}', '{"conversation_id":"%s","content":"a","c\\u006fntent":"b"}',
                 '{"conversation_id":"%s","content":"a","metadata":{"x":[{"content":1,"content":1}]}}'):
        problem = assert_problem(alice.rest.post("messages/", content=body % talk["id"], headers=JSON), 400, "bad_json")
        assert '"content"' in problem["detail"]
    with alice.connect(talk["id"]) as socket:
        socket.send_text('{"type":"message","content":"a","content":"b"}')
        error = socket.wait_for("error")
        assert error["data"]["code"] == "bad_json" and '"content"' in error["data"]["message"]
    assert alice.rest.history(talk)["messages"] == []


# --- queries ------------------------------------------------------------------------------------------------------

def test_booleans_and_empty_values_of_queries_have_one_meaning(people):
    alice = people("alice")
    talk = alice.rest.create_group()
    deleted = alice.rest.send_message(talk, "x")
    assert alice.rest.delete(f"messages/{deleted['id']}/").status_code == 204
    path = f"conversations/{talk['id']}/messages/"
    for yes in "1", "true", "True", "TRUE":
        assert len(alice.rest.get(path, params={"include_deleted": yes}).json()["messages"]) == 1, yes
    for no in "0", "false", "False", "":
        assert alice.rest.get(path, params={"include_deleted": no}).json()["messages"] == [], no
    assert_problem(alice.rest.get(path, params={"include_deleted": "2"}), 400, field="include_deleted")
    for empty in (f"{path}?limit=&before_id=&after_seq=", "conversations/?limit=&cursor=", f"conversations/{talk['id']}/participants/?limit=&cursor=",
                  f"conversations/{talk['id']}/changes/?since_seq=&limit=", "messages/unread_count/?conversation_id="):
        assert alice.rest.get(empty).status_code == 200, empty
    assert alice.rest.get(f"conversations/{NO_ID}/changes/?since_seq=").status_code == 404
