"""Direct conversations and task conversations, each of which exists once."""
import pytest

from client import MESSAGE_FIELDS, Person, assert_problem


@pytest.mark.proves("POST conversations/direct/")
def test_a_direct_conversation_is_created_or_found(people):
    alice, bob = people("alice", "bob")
    with bob.connect() as socket:
        first = alice.rest.post("conversations/direct/", json={"user_id": bob.id})
        assert first.status_code == 200, first.text
        assert first.json()["type"] == "direct" and first.json()["participants"] == [alice.id, bob.id]
        assert socket.wait_for("conversation_created")["data"]["id"] == first.json()["id"]
    again = bob.rest.post("conversations/direct/", json={"user_id": alice.id})
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"]
    also = bob.rest.post("conversations/", json={"participants": [alice.id]})
    assert also.status_code == 201 and also.json()["id"] == first.json()["id"]


@pytest.mark.proves("POST conversations/direct/")
def test_a_direct_conversation_with_oneself_is_rejected(people):
    alice = people("alice")
    assert_problem(alice.rest.post("conversations/direct/", json={"user_id": alice.id}), 400, field="user_id")
    assert_problem(alice.rest.post("conversations/direct/", json={}), 400, field="user_id")
    assert_problem(alice.rest.post("conversations/direct/", json={"user_id": "not ok"}), 400, field="user_id")


def test_an_integer_user_id_is_accepted_for_a_direct_conversation(people):
    alice = people("alice")
    answer = alice.rest.post("conversations/direct/", json={"user_id": 4711})
    assert answer.json()["participants"] == [alice.id, "4711"]


def test_a_direct_conversation_can_be_created_again_after_its_deletion(people):
    alice, bob = people("alice", "bob")
    first = alice.rest.post("conversations/direct/", json={"user_id": bob.id}).json()
    assert alice.rest.delete(f"conversations/{first['id']}/").status_code == 204
    second = bob.rest.post("conversations/direct/", json={"user_id": alice.id})
    assert second.status_code == 200 and second.json()["id"] != first["id"]
    assert second.json()["seq"] == 0 and second.json()["last_message"] is None


@pytest.fixture
def task(people):
    alice, bob, cho = people("alice", "bob", "cho")
    body = {"task_id": "task-" + alice.id, "requester_id": alice.id, "performer_id": bob.id}
    return alice, bob, cho, body


@pytest.mark.proves("POST conversations/task/, POST conversations/task/{task_id}/status/")
def test_a_task_has_one_conversation(task):
    alice, bob, cho, body = task
    first = bob.rest.post("conversations/task/", json={**body, "task_title": "Fix the roof"})
    assert first.status_code == 201, first.text
    made = first.json()
    assert made["type"] == "task" and made["title"] == "Task: Fix the roof"
    assert made["participants"] == [alice.id, bob.id] and made["metadata"] == body
    assert [one["role"] for one in made["members"]] == ["owner", "member"], "the requester is the owner"
    again = alice.rest.post("conversations/task/", json={**body, "task_title": "Another title"})
    assert again.status_code == 201, "201 for compatibility with the original"
    assert again.json()["id"] == made["id"] and again.json()["title"] == made["title"]
    assert_problem(cho.rest.post("conversations/task/", json=body), 403, "forbidden")
    squatting = {**body, "requester_id": cho.id}
    assert_problem(cho.rest.post("conversations/task/", json=squatting), 403, "forbidden")


@pytest.mark.proves("task_conversations")
def test_task_conversations_can_be_restricted_to_services(own_server):
    server = own_server("--task-conversations", "service")
    alice, bob = Person(server, "alice"), Person(server, "bob")
    backend = Person(server, "backend", scope="messaging:service")
    body = {"task_id": "7", "requester_id": "alice", "performer_id": "bob"}
    assert_problem(alice.rest.post("conversations/task/", json=body), 403, "forbidden")
    made = backend.rest.post("conversations/task/", json=body)
    assert made.status_code == 201
    assert bob.rest.post("conversations/task/7/status/", json={"status": "done"}).status_code == 201


@pytest.mark.proves("task_conversations")
def test_a_service_takes_over_a_task_conversation_that_another_user_created(task):
    alice, bob, cho, body = task
    squatted = cho.rest.post("conversations/task/", json={**body, "performer_id": cho.id, "requester_id": bob.id}).json()
    service = Person(alice.server, "backend", scope="messaging:service")
    made = service.rest.post("conversations/task/", json=body)
    assert made.status_code == 201 and made.json()["id"] != squatted["id"]
    assert made.json()["participants"] == [alice.id, bob.id]
    assert alice.rest.post(f"conversations/task/{body['task_id']}/status/", json={"status": "done"}).status_code == 201
    assert_problem(cho.rest.post(f"conversations/task/{body['task_id']}/status/", json={"status": "x"}), 404, "not_found")
    again = service.rest.post("conversations/task/", json=body)
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])


def test_a_task_conversation_has_a_default_title(task):
    alice, bob, _, body = task
    service = Person(alice.server, "backend", scope="messaging:service")
    answer = service.rest.post("conversations/task/", json=body)
    assert answer.status_code == 201 and answer.json()["title"] == "Task Discussion"
    assert bob.rest.get(f"conversations/{answer.json()['id']}/").status_code == 200


def test_a_numeric_task_id_stays_a_number(task):
    alice, _, _, body = task
    number = int(alice.id.split("-")[-1]) + 880000
    made = alice.rest.post("conversations/task/", json={**body, "task_id": number})
    assert made.json()["metadata"]["task_id"] == number
    answer = alice.rest.post(f"conversations/task/{number}/status/", json={"status": "done"})
    assert answer.status_code == 201


def test_invalid_fields_of_a_task_are_named(task):
    alice, bob, _, body = task
    for name in body:
        lacking = {key: value for key, value in body.items() if key != name}
        assert_problem(alice.rest.post("conversations/task/", json=lacking), 400, field=name)
    assert_problem(alice.rest.post("conversations/task/", json={**body, "performer_id": alice.id}),
                   400, field="performer_id")
    assert_problem(alice.rest.post("conversations/task/", json={**body, "task_title": "x" * 250}),
                   400, field="task_title")


@pytest.mark.proves("POST conversations/task/, POST conversations/task/{task_id}/status/")
def test_a_task_status_is_a_system_message_to_all_participants(task):
    alice, bob, cho, body = task
    made = alice.rest.post("conversations/task/", json=body).json()
    path = f"conversations/task/{body['task_id']}/status/"
    with alice.connect(made) as socket:
        answer = bob.rest.post(path, json={"status": "in_progress"})
        assert answer.status_code == 201, answer.text
        message = answer.json()
        assert set(message) == MESSAGE_FIELDS
        assert message["content"] == "Task status changed to: in_progress"
        assert message["content_type"] == "system" and message["sender_id"] == bob.id
        assert message["conversation_id"] == made["id"]
        assert socket.events(1)[0]["data"] == message
    service = Person(alice.server, "backend", scope="messaging:service")
    assert service.rest.post(path, json={"status": "done"}).json()["sender_id"] == "backend"
    assert_problem(cho.rest.post(path, json={"status": "x"}), 404, "not_found")
    assert_problem(alice.rest.post("conversations/task/none/status/", json={"status": "x"}), 404, "not_found")
    for bad in ({}, {"status": ""}, {"status": []}):
        assert_problem(alice.rest.post(path, json=bad), 400, field="status")
    assert_problem(bob.rest.patch(f"messages/{message['id']}/", json={"content": "forged"}), 403)


@pytest.mark.proves("POST conversations/{id}/update_title/")
def test_any_participant_of_a_task_may_set_the_title(task):
    alice, bob, _, body = task
    made = alice.rest.post("conversations/task/", json=body).json()
    answer = bob.rest.post(f"conversations/{made['id']}/update_title/", json={"title": "Roof"})
    assert answer.status_code == 200 and answer.json()["title"] == "Roof"
