"""COMMITs with an unknown outcome, on a database that crashes or whose standby is unavailable."""
import contextlib
import threading
import time

import httpx
import pytest

from client import Person, assert_problem
from deadline import eventually, patient
from postgres import Postgres
from relay import Relay

SPEND_IDS = "CREATE PROCEDURE spend() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..50 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


@pytest.fixture
def lazy_database():
    """A database that does not flush in the background, so that a crash loses everything that was not committed."""
    postgres = Postgres("wal_writer_delay=10s", "autovacuum=off").start()
    yield postgres
    postgres.close()


@pytest.mark.proves("PostgreSQL: a lost COMMIT")
def test_a_commit_lost_in_a_crash_is_never_acknowledged(lazy_database, own_server):
    """After the crash the server assigns the lost transaction's id to another client, which commits."""
    relay = Relay(lazy_database.port)
    server = own_server("--shards", "1", DATABASE_URL=relay.database_url)
    alice = Person(server, "alice")
    room = alice.rest.create_group()
    lazy_database.ask(SPEND_IDS)
    send = {"conversation_id": room["id"], "content": "lost", "client_id": "one"}

    def crash():
        lazy_database.crash()
        lazy_database.ask("CALL spend()")

    relay.before_loss = crash
    relay.lose_commit_of(b"lost", "commit")
    answer = alice.rest.post("messages/", json=send, timeout=patient(40))
    assert relay.lost_commits == 1
    stored = lazy_database.ask("SELECT count(*) FROM messaging_message")
    assert (answer.status_code, stored) == (503, "0"), answer.text
    assert_problem(answer, 503, "store_unavailable")
    eventually(server.ready, within=30)
    assert alice.rest.post("messages/", json=send).status_code == 201
    assert [message["content"] for message in alice.rest.everything_in(room)] == ["lost"]
    relay.close()


@pytest.mark.long(30)
@pytest.mark.proves("PostgreSQL: a lost COMMIT")
def test_an_unavailable_standby_blocks_one_connection_of_each_lane(own_server):
    """COMMIT waits for the standby: the lane accepts no new batch until its outcome is known."""
    database = Postgres("max_connections=20").start()
    try:
        server = own_server("--shards", "1", DATABASE_URL=database.url)
        alice = Person(server, "alice")
        room = alice.rest.create_group()
        alice.rest.send_message(room, "first")
        database.ask("ALTER SYSTEM SET synchronous_standby_names = 'away'")
        database.ask("SELECT pg_reload_conf()")
        answers = []

        def send(name):
            with contextlib.suppress(httpx.TransportError):
                answers.append(alice.rest.post("messages/", timeout=patient(60), json={
                    "conversation_id": room["id"], "content": name, "client_id": name}))

        most, end, number, senders = 0, time.monotonic() + 25, 0, []
        while time.monotonic() < end:
            senders.append(threading.Thread(target=send, args=(f"m{number}",)))
            senders[-1].start()
            number += 1
            most = max(most, int(database.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'parley'")))
            time.sleep(0.5)
        lanes, readers = 1 + 2, 1 + 2
        assert most <= readers + 2 * lanes, "each lane has one connection that waits for the standby and one that asks for the outcome"
        assert not server.ready()
        database.ask("ALTER SYSTEM SET synchronous_standby_names = ''")
        database.ask("SELECT pg_reload_conf()")
        eventually(server.ready, within=30)
        for sender in senders:
            sender.join()
        assert [answer.status_code for answer in answers].count(503) >= 20, "while the standby was unavailable; later ones may be stored"
        for name in range(number):
            again = {"conversation_id": room["id"], "content": f"m{name}", "client_id": f"m{name}"}
            answer = alice.rest.post("messages/", json=again)
            assert answer.is_success, answer.text
        assert sorted(message["content"] for message in alice.rest.everything_in(room)) == \
            sorted(["first", *(f"m{name}" for name in range(number))])
    finally:
        database.close()


@pytest.mark.parametrize("operator, ours", [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply"), ("remote_write", "remote_write")])
def test_synchronous_commit_is_never_lowered(own_server, operator, ours):
    database = Postgres(f"synchronous_commit={operator}", "log_min_duration_statement=0").start()
    try:
        server = own_server("--shards", "1", DATABASE_URL=database.url)
        database.ask("CREATE TABLE seen (setting text)")
        database.ask("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
                     "$$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$")
        database.ask("CREATE TRIGGER note AFTER INSERT ON messaging_message FOR EACH ROW EXECUTE FUNCTION note()")
        alice = Person(server, "alice")
        room = alice.rest.create_group()
        alice.rest.send_message(room, "hello")
        assert database.ask("SELECT setting FROM seen") == ours
    finally:
        database.close()
