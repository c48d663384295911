"""Conversation lists and unread counts are reused until something that they show changes, and never longer."""
import concurrent.futures
import uuid

import pytest

import files
from client import Person
from deadline import eventually


def from_memory(server):
    return server.metric("parley_inbox_answers_total", source="memory")


def count(person):
    return person.rest.get("messages/unread_count/").json()["count"]


def listed(person, **query):
    answer = person.rest.get("conversations/", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(person):
    """The list as the store has it: each conversation is read by itself, which is never kept in memory."""
    details = [person.rest.get(f"conversations/{one['id']}/").json() for one in listed(person)]
    return [{name: value for name, value in detail.items() if name != "members"} for detail in details]


def warm(server, person):
    """Reads the list and the count until the server takes both from memory."""

    def reused():
        before = from_memory(server)
        listed(person), count(person)
        return from_memory(server) == before + 2

    eventually(reused)


@pytest.fixture
def talk(alone):
    """Two groups of ann, bob and cho; ann has sent two messages to the first one. All answers of bob and ann are in memory."""
    ann, bob, cho = (Person(alone, f"{name}-{uuid.uuid4()}") for name in ("ann", "bob", "cho"))
    first, second = (ann.rest.create_group(bob, cho, title=title) for title in ("first", "second"))
    sent = [ann.rest.send_message(first, f"message {i}") for i in range(2)]
    for person in ann, bob, cho:
        warm(alone, person)
    return ann, bob, cho, first, second, sent


def expect(person, unread, order=None):
    assert count(person) == unread == sum(one["unread_count"] for one in listed(person))
    eventually(lambda: listed(person) == stored(person))  # delivery times are written in the background
    if order:
        assert [one["id"] for one in listed(person)] == [one["id"] for one in order]


@pytest.mark.proves("inbox_answers_total, inbox_cache_bytes")
def test_unchanged_answers_are_served_from_memory(alone, talk):
    _, bob, _, first, second, _ = talk
    warm(alone, bob)
    assert count(bob) == 2
    assert [one["id"] for one in listed(bob)] == [first["id"], second["id"]]
    assert 0 < alone.metric("parley_inbox_cache_bytes") <= 9 << 20


def count_in(person, conversation):
    answer = person.rest.get("messages/unread_count/", params={"conversation_id": conversation["id"]})
    return answer.json()["count"] if answer.status_code == 200 else answer.status_code


def warm_count_in(server, person, conversation):
    def reused():
        before = from_memory(server)
        count = count_in(person, conversation)
        return (count,) if from_memory(server) > before else None

    return eventually(reused)[0]


def test_the_unread_count_of_one_conversation_is_kept_until_it_changes(alone, talk):
    ann, bob, cho, first, second, sent = talk
    assert [warm_count_in(alone, person, first) for person in (ann, bob, cho)] == [0, 2, 2]
    assert warm_count_in(alone, bob, second) == 0
    ann.rest.send_message(second, "news")
    assert [count_in(bob, first), count_in(bob, second)] == [2, 1]
    assert bob.rest.post(f"conversations/{first['id']}/read/", json={"up_to_seq": sent[0]["seq"]}).status_code == 200
    assert [count_in(bob, first), count_in(cho, first)] == [1, 2]
    warm_count_in(alone, cho, first)
    assert ann.rest.delete(f"messages/{sent[1]['id']}/").status_code < 300
    assert [count_in(bob, first), count_in(cho, first)] == [0, 1]


def test_a_removed_member_has_no_unread_count(alone, talk):
    ann, bob, cho, first, _, _ = talk
    for person in bob, cho:
        warm_count_in(alone, person, first)
    answer = ann.rest.post(f"conversations/{first['id']}/remove_participant/", json={"user_id": bob.id})
    assert answer.status_code < 300, answer.text
    assert [count_in(bob, first), count_in(cho, first)] == [404, 2]
    assert count_in(Person(alone, f"stranger-{uuid.uuid4()}"), first) == 404


def test_a_new_message_moves_its_conversation_to_the_top(talk):
    ann, bob, _, first, second, _ = talk
    ann.rest.send_message(second, "news")
    expect(bob, 3, [second, first])
    expect(ann, 0, [second, first])


def test_a_read_mark_counts_at_once(talk):
    _, bob, cho, first, _, sent = talk
    answer = bob.rest.post(f"conversations/{first['id']}/read/", json={"up_to_seq": sent[0]["seq"]})
    assert answer.status_code == 200, answer.text
    expect(bob, 1)
    assert bob.rest.post("messages/mark_as_read/", json={"message_ids": [sent[1]["id"]]}).status_code == 200
    expect(bob, 0)
    expect(cho, 2)


def test_an_edit_and_a_deletion_change_the_answers(talk):
    ann, bob, _, _, _, sent = talk
    assert ann.rest.patch(f"messages/{sent[1]['id']}/", json={"content": "changed"}).status_code == 200
    assert listed(bob)[0]["last_message"]["content"] == "changed"
    assert ann.rest.delete(f"messages/{sent[1]['id']}/").status_code < 300
    expect(bob, 1)
    assert listed(bob)[0]["last_message"]["id"] == sent[0]["id"]


def test_a_title_and_a_deleted_conversation_change_the_list(talk):
    ann, bob, _, first, second, _ = talk
    assert ann.rest.patch(f"conversations/{second['id']}/", json={"title": "renamed"}).status_code == 200
    assert listed(bob)[1]["title"] == "renamed"
    assert ann.rest.delete(f"conversations/{first['id']}/").status_code < 300
    expect(bob, 0, [second])


def test_a_removed_member_no_longer_lists_the_conversation(alone, talk):
    ann, bob, cho, first, second, _ = talk
    answer = ann.rest.post(f"conversations/{first['id']}/remove_participant/", json={"user_id": bob.id})
    assert answer.status_code < 300, answer.text
    expect(bob, 0, [second])
    expect(cho, 2, [first, second])
    warm(alone, bob)
    ann.rest.post(f"conversations/{first['id']}/add_participant/", json={"user_id": bob.id})
    assert {one["id"] for one in listed(bob)} == {first["id"], second["id"]}
    ann.rest.send_message(first, "welcome back")
    expect(bob, 1)


def test_a_new_conversation_is_listed_at_once(alone, talk):
    ann, bob, cho, first, second, _ = talk
    third = cho.rest.create_group(bob)
    expect(bob, 2, [third, first, second])
    warm(alone, bob)
    cho.rest.send_message(third, "hello")
    expect(bob, 3)
    expect(ann, 0, [first, second])


def test_deliveries_of_the_last_message_are_shown_and_stamped(alone, talk):
    ann, bob, _, first, _, _ = talk
    ann.rest.send_message(first, "delivered later")
    warm(alone, ann)
    assert listed(ann)[0]["last_message"]["delivered_at"] is None
    listed(bob)
    eventually(lambda: listed(ann)[0]["last_message"]["delivered_at"])


def test_lists_of_other_sizes_are_distinct(talk):
    _, bob, _, first, second, _ = talk
    for limit in 1, 2, 1:
        answer = bob.rest.get("conversations/", params={"limit": limit})
        assert [one["id"] for one in answer.json()] == [first["id"], second["id"]][:limit]
        assert ("link" in answer.headers) == (limit == 1)
        again = bob.rest.get("conversations/", params={"limit": limit})
        assert again.headers.get("link") == answer.headers.get("link")


def test_lists_with_attachments_are_not_kept(alone, talk):
    ann, bob, _, first, _, _ = talk
    body, kind = files.multipart([("file", "cat.png", files.PNG)])
    uploaded = ann.rest.post("attachments/", content=body, headers={"Content-Type": kind}).json()
    ann.rest.send_message(first, "look", attachment_ids=[uploaded["id"]])
    before = from_memory(alone)
    for person in ann, bob, ann, bob:
        assert listed(person)[0]["last_message"]["attachments"]
    assert from_memory(alone) == before


def test_a_count_includes_each_message_that_was_acknowledged_before(talk):
    """A reader and two senders at the same time: no count is older than the acknowledgements before its request."""
    ann, bob, cho, first, second, _ = talk
    acknowledged = {first["id"]: 0, second["id"]: 0}
    done = False

    def read():
        while not done:
            least = 2 + sum(acknowledged.values())
            assert count(bob) >= least
            assert sum(one["unread_count"] for one in listed(bob)) >= least

    def send(person, to):
        for i in range(100):
            person.rest.send_message(to, f"{i}")
            acknowledged[to["id"]] = i + 1

    with concurrent.futures.ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        try:
            for sender in [pool.submit(send, ann, first), pool.submit(send, cho, second)]:
                sender.result()
        finally:
            done = True
        reader.result()
    expect(bob, 202)


def test_nodes_that_share_a_database_keep_no_answer(database, own_server):
    one, two = (own_server("--drain-delay", "0", DATABASE_URL=database.url) for _ in range(2))
    ann, bob = Person(one, f"ann-{uuid.uuid4()}"), Person(two, f"bob-{uuid.uuid4()}")
    group = ann.rest.create_group(bob)
    for i in range(3):
        ann.rest.send_message(group, f"{i}")
        assert count(bob) == listed(bob)[0]["unread_count"] == i + 1
    assert one.metric("parley_inbox_answers_total") == two.metric("parley_inbox_answers_total") == 0
