"""Pages of history are reused until the conversation changes, and never longer."""
import concurrent.futures
import uuid

import pytest

import files
from client import NO_ID, Person, assert_problem
from deadline import eventually


def page_of(person, talk):
    return person.rest.history(talk)["messages"]


def from_memory(server):
    return server.metric("parley_history_pages_total", source="memory")


def read_until_reused(server, person, talk):
    """Reads the page until the server takes it from memory: deliveries are stamped in the background, which changes the page once."""

    def reused():
        before = from_memory(server)
        page = page_of(person, talk)
        return page if from_memory(server) > before else None

    return eventually(reused)


def everything(person, talk):
    """The page as the store has it: pages after a seq are not kept in memory."""
    return [message for message in reversed(person.rest.everything_in(talk)) if not message["deleted_at"]]


def wait_for_deliveries(sender, talk):
    """The sender's own reading delivers nothing."""
    eventually(lambda: all(message["delivered_at"] for message in everything(sender, talk)))


@pytest.fixture
def talk(alone):
    """A group of ann, bob and cho with three messages, whose newest page is in memory for ann and bob."""
    ann, bob, cho = (Person(alone, f"{name}-{uuid.uuid4()}") for name in ("ann", "bob", "cho"))
    group = ann.rest.create_group(bob, cho)
    sent = [ann.rest.send_message(group, f"message {i}") for i in range(3)]
    page_of(bob, group)
    wait_for_deliveries(ann, group)  # reading again before would stamp again, in the background of the test
    for person in bob, ann:
        read_until_reused(alone, person, group)
    return ann, bob, cho, group, sent


def changes_the_page(alone, talk, change):
    """Both readers have the page in memory; after the change both get the page of the store."""
    ann, bob, _, group, _ = talk
    before = page_of(ann, group)
    answer = change()
    assert answer is None or answer.status_code < 300, answer.text
    assert page_of(ann, group) == everything(ann, group) != before
    assert page_of(bob, group) == everything(bob, group)
    assert read_until_reused(alone, ann, group) == everything(ann, group)


@pytest.mark.proves("history_pages_total, history_cache_bytes")
def test_an_unchanged_page_is_served_from_memory(alone, talk):
    ann, bob, _, group, sent = talk
    before = from_memory(alone)
    assert [message["id"] for message in page_of(ann, group)] == [message["id"] for message in reversed(sent)]
    assert page_of(bob, group) == page_of(ann, group)
    assert from_memory(alone) == before + 3
    assert 0 < alone.metric("parley_history_cache_bytes") <= 18 << 20


def test_a_new_message_is_on_the_next_page(alone, talk):
    ann, _, _, group, _ = talk
    changes_the_page(alone, talk, lambda: ann.rest.send_message(group, "news") and None)


def test_a_reply_is_on_the_next_page(alone, talk):
    _, bob, _, group, sent = talk
    changes_the_page(alone, talk, lambda: bob.rest.send_message(group, "yes", reply_to=sent[0]["id"]) and None)


def test_an_edit_is_on_the_next_page(alone, talk):
    ann, _, _, _, sent = talk
    changes_the_page(alone, talk, lambda: ann.rest.patch(f"messages/{sent[0]['id']}/", json={"content": "changed"}))


def test_a_deleted_message_is_not_on_the_next_page(alone, talk):
    ann, _, _, group, sent = talk
    changes_the_page(alone, talk, lambda: ann.rest.delete(f"messages/{sent[1]['id']}/"))
    assert len(page_of(ann, group)) == 2


def test_a_read_mark_is_shown_when_the_messages_are_stamped(talk):
    ann, bob, _, group, sent = talk
    assert not any(message["read_at"] for message in page_of(ann, group))
    answer = bob.rest.post(f"conversations/{group['id']}/read/", json={"up_to_seq": sent[1]["seq"]})
    assert answer.status_code == 200, answer.text
    eventually(lambda: [bool(message["read_at"]) for message in page_of(ann, group)] == [False, True, True])


def test_a_delivery_is_shown_when_the_messages_are_stamped(alone, talk):
    ann, bob, _, group, _ = talk
    ann.rest.send_message(group, "delivered later")
    read_until_reused(alone, ann, group)
    assert page_of(ann, group)[0]["delivered_at"] is None
    page_of(bob, group)
    eventually(lambda: page_of(ann, group)[0]["delivered_at"])


def test_a_delivery_of_a_page_from_memory_is_stamped(alone, talk):
    ann, bob, _, group, _ = talk
    sent = ann.rest.send_message(group, "read from memory")
    seen = bob.rest.history(group)["messages"][0]
    assert seen["id"] == sent["id"]
    eventually(lambda: page_of(ann, group)[0]["delivered_at"])


def test_a_member_who_leaves_gets_404_at_once(alone, talk):
    ann, bob, _, group, _ = talk
    answer = bob.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": bob.id})
    assert answer.status_code < 300, answer.text
    assert_problem(bob.rest.get(f"conversations/{group['id']}/messages/"), 404, "not_found")
    assert len(read_until_reused(alone, ann, group)) == 3


def test_a_removed_member_gets_404_at_once(alone, talk):
    ann, bob, cho, group, _ = talk
    answer = ann.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": bob.id})
    assert answer.status_code < 300, answer.text
    read_until_reused(alone, ann, group)
    assert_problem(bob.rest.get(f"conversations/{group['id']}/messages/"), 404, "not_found")
    assert page_of(cho, group) == page_of(ann, group)


def test_a_page_in_memory_is_not_served_to_others(alone, talk):
    ann, _, _, group, _ = talk
    read_until_reused(alone, ann, group)
    stranger = Person(alone, f"stranger-{uuid.uuid4()}")
    assert_problem(stranger.rest.get(f"conversations/{group['id']}/messages/"), 404, "not_found")
    assert_problem(ann.rest.get(f"conversations/{NO_ID}/messages/"), 404, "not_found")


def test_a_deleted_conversation_has_no_page(talk):
    ann, bob, _, group, _ = talk
    assert ann.rest.delete(f"conversations/{group['id']}/").status_code < 300
    for person in ann, bob:
        assert_problem(person.rest.get(f"conversations/{group['id']}/messages/"), 404, "not_found")


def test_pages_with_attachments_are_signed_for_each_reader(alone, talk):
    ann, bob, _, group, _ = talk
    body, kind = files.multipart([("file", "cat.png", files.PNG)])
    uploaded = ann.rest.post("attachments/", content=body, headers={"Content-Type": kind}).json()
    ann.rest.send_message(group, "look", attachment_ids=[uploaded["id"]])
    before = from_memory(alone)
    links = [page_of(person, group)[0]["attachments"][0]["file_url"] for person in (ann, bob, ann, bob)]
    assert len({links[0], links[1]}) == 2
    assert from_memory(alone) == before


def test_pages_of_other_sizes_are_distinct(alone, talk):
    ann, _, _, group, _ = talk
    for limit in 1, 2, 1, 3, 2:
        page = ann.rest.history(group, limit=limit)
        assert len(page["messages"]) == limit and page["has_more"] == (limit < 3)
    assert len(ann.rest.history(group, include_deleted="true")["messages"]) == 3


def older(person, group, before):
    return person.rest.history(group, before_id=before["id"])["messages"]


def read_older_until_reused(server, person, group, before):
    def reused():
        count = from_memory(server)
        page = older(person, group, before)
        return (page,) if from_memory(server) > count else None

    return eventually(reused)[0]


def test_an_older_page_is_served_from_memory_until_the_conversation_changes(alone, talk):
    ann, bob, _, group, sent = talk
    page = read_older_until_reused(alone, ann, group, sent[2])
    assert [message["id"] for message in page] == [sent[1]["id"], sent[0]["id"]]
    assert read_older_until_reused(alone, bob, group, sent[2]) == page
    assert ann.rest.patch(f"messages/{sent[0]['id']}/", json={"content": "changed"}).status_code == 200
    assert [message["content"] for message in older(bob, group, sent[2])] == ["message 1", "changed"]
    read_older_until_reused(alone, ann, group, sent[2])
    assert ann.rest.delete(f"messages/{sent[1]['id']}/").status_code < 300
    assert [message["content"] for message in older(bob, group, sent[2])] == ["changed"]
    bob.rest.post(f"conversations/{group['id']}/read/", json={"up_to_seq": sent[0]["seq"]})
    eventually(lambda: older(ann, group, sent[2])[0]["read_at"])


def test_older_pages_are_kept_by_the_message_that_they_end_before(alone, talk):
    ann, _, _, group, sent = talk
    for before in sent[2], sent[1], sent[0], sent[1], sent[2]:
        page = read_older_until_reused(alone, ann, group, before)
        assert [message["id"] for message in page] == [one["id"] for one in reversed(sent) if one["seq"] < before["seq"]]
        assert page == [message for message in everything(ann, group) if message["seq"] < before["seq"]]


def test_an_older_page_in_memory_is_served_to_members_only(alone, talk):
    ann, bob, _, group, sent = talk
    read_older_until_reused(alone, bob, group, sent[2])
    path = f"conversations/{group['id']}/messages/?before_id={sent[2]['id']}"
    assert_problem(Person(alone, f"stranger-{uuid.uuid4()}").rest.get(path), 404, "not_found")
    answer = ann.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": bob.id})
    assert answer.status_code < 300, answer.text
    read_older_until_reused(alone, ann, group, sent[2])
    assert_problem(bob.rest.get(path), 404, "not_found")


def test_a_delivery_of_an_older_page_from_memory_is_stamped(alone):
    ann, bob, cho = (Person(alone, f"{name}-{uuid.uuid4()}") for name in ("ann", "bob", "cho"))
    group = ann.rest.create_group(bob, cho)
    first, last = ann.rest.send_message(group, "first"), ann.rest.send_message(group, "last")
    page = read_older_until_reused(alone, ann, group, last)
    assert [message["delivered_at"] for message in page] == [None], "ann's own reading delivers nothing"
    assert older(bob, group, last)[0]["id"] == first["id"]
    eventually(lambda: older(ann, group, last)[0]["delivered_at"])


def test_a_reader_sees_each_message_that_was_acknowledged_before(alone, talk):
    """Readers and a sender at the same time: no page is older than the last acknowledgement before its request."""
    ann, bob, cho, group, _ = talk
    acknowledged = 0
    done = False

    def read(person):
        while not done:
            least = acknowledged
            assert page_of(person, group)[0]["seq"] >= least

    with concurrent.futures.ThreadPoolExecutor() as pool:
        readers = [pool.submit(read, person) for person in (bob, cho)]
        try:
            for i in range(150):
                acknowledged = ann.rest.send_message(group, f"{i}")["seq"]
        finally:
            done = True
        for reader in readers:
            reader.result()
    assert page_of(ann, group) == everything(ann, group)[:50]


def test_nodes_that_share_a_database_keep_no_page(database, redis, own_server):
    one, two = (own_server("--drain-delay", "0", DATABASE_URL=database.url, REDIS_URL=redis.url) for _ in range(2))
    ann, bob = Person(one, f"ann-{uuid.uuid4()}"), Person(two, f"bob-{uuid.uuid4()}")
    group = ann.rest.create_group(bob)
    for i in range(5):
        sent = (ann if i % 2 else bob).rest.send_message(group, f"{i}")
        assert page_of(ann, group)[0]["id"] == page_of(bob, group)[0]["id"] == sent["id"]
    assert one.metric("parley_history_pages_total") == two.metric("parley_history_pages_total") == 0
