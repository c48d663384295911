"""Locks of other database clients, and values that the database rejects: which requests wait or fail, and that the node stays ready."""
import threading
import time

import pytest

from client import Person, assert_problem
from deadline import eventually, patient
from postgres import Postgres
from server import wait_until


@pytest.fixture
def database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


@pytest.fixture
def alice(database, own_server):
    return Person(own_server("--shards", "1", DATABASE_URL=database.url), "alice")


def send(person, room, content, **fields):
    return person.rest.post("messages/", timeout=patient(60), json={"conversation_id": room["id"], "content": content, **fields})


class Probes:
    """Polls the readiness of the node while the block lasts."""

    def __init__(self, server):
        self.server, self.ready, self.unready, self.over = server, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.over.wait(0.1):
            if self.server.ready(within=20):  # a slow response is not a failure
                self.ready += 1
            else:
                self.unready += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.mark.proves("PostgreSQL: locks of other clients, rejected values")
def test_a_foreign_key_to_a_conversation_in_an_open_transaction_delays_no_send(database, alice):
    """Django inserts a row with a foreign key and has not committed yet."""
    room = alice.rest.create_group()
    database.ask("CREATE TABLE app_note (conversation uuid REFERENCES messaging_conversation (id))")
    with database.holding(f"INSERT INTO app_note VALUES ('{room['id']}')"):
        for number in range(5):
            assert send(alice, room, f"m{number}").status_code == 201
        message = alice.rest.send_message(room, "edited later")
        assert alice.rest.patch(f"messages/{message['id']}/", json={"content": "edited"}).status_code == 200
        assert alice.rest.patch(f"conversations/{room['id']}/", json={"title": "new"}).status_code == 200


@pytest.mark.proves("PostgreSQL: locks of other clients, rejected values")
def test_a_locked_message_leaves_the_node_ready_and_delays_no_other_delivery_mark(database, alice):
    bob = Person(alice.server, "bob")
    rooms = [alice.rest.create_group(bob) for _ in range(4)]
    with bob.connect() as everywhere:
        sent = [alice.rest.send_message(room, "held") for room in rooms]
        with database.holding(f"SELECT 1 FROM messaging_message WHERE id = '{sent[0]['id']}' FOR UPDATE"), Probes(alice.server) as probes:
            for _ in rooms:
                everywhere.wait_for("message")
            for message in sent[1:]:
                assert eventually(lambda message=message: alice.rest.get(f"messages/{message['id']}/").json().get("delivered_at"), within=15)
            answer = alice.rest.patch(f"messages/{sent[0]['id']}/", json={"content": "changed"}, timeout=patient(30))
            assert_problem(answer, 503, "store_unavailable")
            for room in rooms:
                assert send(alice, room, "while it is held").status_code == 201
            asked = probes.ready
            eventually(lambda: probes.unready or probes.ready > asked + 10)
        assert probes.unready == 0
        assert eventually(lambda: alice.rest.get(f"messages/{sent[0]['id']}/").json().get("delivered_at"), within=15), "after the lock is released"


@pytest.mark.proves("positions")
def test_a_locked_participant_or_message_does_not_delay_other_read_marks(database, alice):
    readers = [Person(alice.server, name) for name in ("bob", "cho", "dan")]
    room = alice.rest.create_group(*readers)
    sent = [alice.rest.send_message(room, f"m{number}") for number in range(3)]

    def marks():
        return database.ask(f"SELECT string_agg(last_read_seq::text, ' ' ORDER BY user_id) FROM messaging_conversation_participant "
                            f"WHERE conversation_id = '{room['id']}' AND user_id <> '{alice.id}'")

    def is_read(message):
        return alice.rest.get(f"messages/{message['id']}/").json().get("read_at") is not None

    bob = readers[0]
    with database.holding(f"SELECT 1 FROM messaging_conversation_participant WHERE user_id = '{bob.id}' FOR UPDATE"), \
            database.holding(f"SELECT 1 FROM messaging_message WHERE id = '{sent[1]['id']}' FOR UPDATE"), Probes(alice.server) as probes:
        for reader in readers:
            assert reader.rest.post(f"conversations/{room['id']}/read/", json={"up_to_seq": 3}).json() == {"up_to_seq": 3}
        assert eventually(lambda: marks() == "0 3 3", within=15)
        assert eventually(lambda: is_read(sent[0]) and is_read(sent[2]), within=15)
        assert not is_read(sent[1])
        assert bob.rest.get("messages/unread_count/").json() == {"count": 0}, "readable before it is written"
    assert probes.unready == 0
    assert eventually(lambda: marks() == "3 3 3", within=15), "after the lock is released"
    assert eventually(lambda: is_read(sent[1]), within=15)


def test_a_locked_message_of_a_deleted_conversation_does_not_stop_the_janitor(database, alice):
    rooms = [alice.rest.create_group() for _ in range(3)]
    sent = [alice.rest.send_message(room, "going") for room in rooms]
    with database.holding(f"SELECT 1 FROM messaging_message WHERE id = '{sent[0]['id']}' FOR UPDATE"), Probes(alice.server) as probes:
        for room in rooms:
            assert alice.rest.delete(f"conversations/{room['id']}/").status_code == 204
        assert eventually(lambda: database.ask("SELECT count(*) FROM messaging_conversation") == "1", within=20)
        asked = probes.ready
        eventually(lambda: probes.unready or probes.ready > asked + 5)
    assert probes.unready == 0
    assert eventually(lambda: database.ask("SELECT count(*) FROM messaging_conversation") == "0", within=20)


def all_at_once(calls):
    answers, threads = [], []
    for call in calls:
        threads.append(threading.Thread(target=lambda call=call: answers.append(call())))
        threads[-1].start()
    return answers, threads


@pytest.mark.proves("PostgreSQL: locks of other clients, rejected values")
def test_sends_that_wait_for_a_table_lock_are_answered_within_seconds(database, alice):
    rooms = [alice.rest.create_group() for _ in range(60)]
    for table in "messaging_conversation", "messaging_message":
        with database.holding(f"LOCK TABLE {table} IN EXCLUSIVE MODE"), Probes(alice.server) as probes:
            began = time.monotonic()
            answers, threads = all_at_once([lambda room=room: send(alice, room, "held", client_id=table) for room in rooms])
            assert eventually(lambda answers=answers: len(answers) == 60, within=10), f"{len(answers)} are answered"
            assert time.monotonic() - began < patient(7)
            for answer in answers:
                assert_problem(answer, 503, "store_unavailable")
        for thread in threads:
            thread.join()
        assert probes.unready == 0, table
        assert eventually(lambda: send(alice, rooms[0], "held", client_id=table).is_success, within=10)
        for room in rooms:
            assert send(alice, room, "held", client_id=table).is_success


def test_a_short_table_lock_fails_no_send(database, alice):
    rooms = [alice.rest.create_group() for _ in range(20)]
    with database.holding("LOCK TABLE messaging_conversation IN EXCLUSIVE MODE"):
        locked = time.time()
        answers, threads = all_at_once([lambda room=room: send(alice, room, "held") for room in rooms])
        wait_until(locked + 1)
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 20


def test_twenty_locked_conversations_do_not_block_others(database, alice):
    held, free = ([alice.rest.create_group() for _ in range(20)] for _ in range(2))
    ids = ", ".join(f"'{room['id']}'" for room in held)
    with database.holding(f"SELECT 1 FROM messaging_conversation WHERE id IN ({ids}) FOR UPDATE"), Probes(alice.server) as probes:
        stuck, threads = all_at_once([lambda room=room: send(alice, room, "held") for room in held])
        for _ in range(5):
            for room in free:
                assert send(alice, room, "free").status_code == 201
        assert alice.server.log.count("55P03") <= len(held), "no send to an unlocked conversation waits for a locked one"
        for thread in threads:
            thread.join()
        assert {answer.status_code for answer in stuck} == {503}
    assert probes.unready == 0
    for room in held:
        assert send(alice, room, "again").status_code == 201
        assert len(alice.rest.everything_in(room)) == 1


@pytest.mark.proves("PostgreSQL: locks of other clients, rejected values")
def test_a_value_that_the_database_rejects_is_a_client_error(database, alice):
    room = alice.rest.create_group()
    database.ask("ALTER TABLE messaging_message ADD CONSTRAINT refused CHECK (content NOT LIKE 'refused%')")
    with Probes(alice.server) as probes:
        answers, threads = all_at_once([lambda number=number: send(alice, room, f"{'refused' if number % 10 == 0 else 'taken'} {number}")
                                        for number in range(40)])
        for thread in threads:
            thread.join()
        asked = probes.ready
        eventually(lambda: probes.unready or probes.ready > asked + 8)
    assert probes.unready == 0
    assert sorted(answer.status_code for answer in answers) == [201] * 36 + [400] * 4
    for answer in answers:
        if answer.status_code != 201:
            assert_problem(answer, 400, "bad_request")
    assert len(alice.rest.everything_in(room)) == 36
