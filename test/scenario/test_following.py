"""Nodes poll the store for changes, access and revocations that were not published on the bus."""
import threading
import time

import pytest

from client import Closed, Person
from deadline import eventually, patient
from postgres import Postgres
from relay import Relay
from server import wait_until


@pytest.fixture
def database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


def fill(database, conversations, user="bob"):
    """Inserts conversations of alice and that user, with the rows that the server would write."""
    database.ask(f"""
        INSERT INTO messaging_conversation (id, type, created_at, participant_count)
          SELECT gen_random_uuid(), 'group', now(), 2 FROM generate_series(1, {conversations});
        INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role)
          SELECT id, name, now(), 2 FROM messaging_conversation, (VALUES ('alice'), ('{user}')) AS names (name)
          WHERE id NOT IN (SELECT conversation_id FROM messaging_conversation_participant)""")


# Adds a message to each conversation, in one transaction.
ONE_MESSAGE_EACH = """
    BEGIN;
    UPDATE messaging_conversation SET seq = seq + 1, changed = pg_current_xact_id()::text::bigint, last_message_at = now() {where};
    INSERT INTO messaging_message (id, conversation_id, seq, sender_id, content, sent_at)
      SELECT gen_random_uuid(), id, seq, 'alice', 'written elsewhere', now() FROM messaging_conversation {where};
    SELECT pg_sleep({wait});
    COMMIT"""


def test_idle_conversations_cost_no_statements(database, own_server):
    """The cost of polling does not depend on the number of idle conversations."""
    own_server(DATABASE_URL=database.url).stop()  # creates the schema
    fill(database, 1000)
    node = own_server(DATABASE_URL=database.url)
    with Person(node, "bob").connect() as b:
        assert b.established["data"]["more"] is False and len(b.established["data"]["conversations"]) == 1000
        eventually(lambda: b.ask("ping")["type"] == "pong")

        def spent(seconds):
            before = node.metric("parley_store_statements_total")
            time.sleep(seconds)
            return node.metric("parley_store_statements_total") - before

        eventually(lambda: spent(2) < 100, within=60)  # all conversations are followed
        assert spent(10) < 150, "two logs, each polled every 2 s with a few statements"


def test_changes_over_several_pages_are_all_found(database, own_server):
    own_server(DATABASE_URL=database.url).stop()
    fill(database, 2500)
    node = own_server("--rate-limits", "off", DATABASE_URL=database.url)
    with Person(node, "bob").connect() as b:
        eventually(lambda: b.ask("ping")["type"] == "pong")
        database.ask(ONE_MESSAGE_EACH.format(where="", wait=0))
        received = set()
        deadline = time.monotonic() + patient(60)
        while len(received) < 2500 and time.monotonic() < deadline:
            frame = b.receive(30)
            if frame["type"] == "message":
                assert frame["seq"] == 1 and frame["conversation_id"] not in received
                received.add(frame["conversation_id"])
        assert len(received) == 2500


def test_a_change_that_is_committed_late_is_found(database, own_server):
    """Its transaction began before transactions that have been read already."""
    node = own_server(DATABASE_URL=database.url)
    alice, bob = Person(node, "alice"), Person(node, "bob")
    late, busy = alice.rest.create_group(bob), alice.rest.create_group(bob)
    with bob.connect(late) as b:
        late_one = threading.Thread(target=database.ask, args=(ONE_MESSAGE_EACH.format(where=f"WHERE id = '{late['id']}'", wait=6),))
        late_one.start()
        for number in range(12):
            alice.rest.send_message(busy, f"meanwhile {number}")
            time.sleep(0.4)
        late_one.join()
        assert b.wait_for("message", within=15)["data"]["content"] == "written elsewhere"


def closed_code(socket):
    with pytest.raises(Closed) as closed:
        while True:
            socket.receive(30)
    return closed.value.code


def test_log_positions_are_reset_after_a_fail_over(database, own_server):
    """A fail-over that loses transactions assigns their ids again. Nodes that had read beyond these ids must read them
    again."""
    standby = database.standby()
    relay = Relay(database.port)
    node = own_server("--drain-delay", "0", DATABASE_URL=relay.database_url)
    alice, bob, carol = Person(node, "alice"), Person(node, "bob"), Person(node, "carol")
    revoked = Person(node, "dora", jti="revoked-later")
    room, other = alice.rest.create_group(bob, carol), alice.rest.create_group(carol)
    standby.catch_up_with(database)
    assert standby.ask("SELECT count(*) FROM messaging_conversation") == "2"
    standby.stop_following()
    with bob.connect(room) as b, carol.connect(other) as c, revoked.connect() as r:
        database.ask("CREATE PROCEDURE spend() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..3000 LOOP "
                     "PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
        database.ask("CALL spend()")
        alice.rest.send_message(room, "lost")
        sent = time.time()
        assert b.wait_for("message")
        wait_until(sent + 3)  # the node polls the changes every 2 s
        database.kill()
        standby.promote()
        elsewhere = own_server("--drain-delay", "0", DATABASE_URL=standby.url)
        service, admin = Person(elsewhere, "backend", scope="messaging:service"), Person(elsewhere, "alice")
        assert service.rest.post("revocations/", json={"jti": "revoked-later"}).status_code == 201
        assert admin.rest.post(f"conversations/{room['id']}/remove_participant/", json={"user_id": "bob"}).is_success
        admin.rest.send_message(other, "on the new server")
        relay.target = standby.port
        assert closed_code(r) == 4001
        assert closed_code(b) == 4003
        assert c.wait_for("message", within=30)["data"]["content"] == "on the new server"
    relay.close()
    standby.close()
