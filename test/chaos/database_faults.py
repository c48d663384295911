"""Faults of the database, and locks of its other clients. See faults.py."""
import threading
import time

import httpx

from deadline import eventually, patient


def f6b_the_database_crashes_while_another_client_writes(rig, random, longer, swarm):
    """Kills all backends while a COMMIT is in flight; PostgreSQL then assigns the ids of the lost transactions to another
    client, which commits."""
    rig.database.ask("CREATE OR REPLACE PROCEDURE spend() LANGUAGE plpgsql AS "
                     "$$ BEGIN FOR i IN 1..50 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    for _ in range(max(2, int(2 * longer))):
        link, crashed = random.choice(rig.nodes).database, threading.Event()

        def crash(crashed=crashed):
            rig.database.crash()
            rig.database.ask("CALL spend()")
            crashed.set()

        link.before_loss, link.lose_commit = crash, "commit"
        eventually(crashed.is_set, within=20, describe=lambda: "no client sends")
        link.before_loss = None
        time.sleep(3)


f6b_the_database_crashes_while_another_client_writes.rig = {"database": ("wal_writer_delay=10s", "autovacuum=off")}


def f30_a_table_is_locked(rig, random, longer, swarm):
    for table in "messaging_conversation", "messaging_message":
        with rig.database.holding(f"LOCK TABLE {table} IN EXCLUSIVE MODE"):
            _all_stay_ready(rig, 2.5 * longer)
        time.sleep(1)


def f31_messages_are_locked(rig, random, longer, swarm):
    room = random.choice(list(swarm.users))
    newest = f"SELECT 1 FROM messaging_message WHERE conversation_id = '{room}' ORDER BY seq DESC LIMIT 5 FOR UPDATE"
    for _ in range(max(1, int(longer))):
        with rig.database.holding(newest):
            _all_stay_ready(rig, 4)


def f32_conversations_are_locked(rig, random, longer, swarm):
    """Locks all conversations but one for longer than a write waits."""
    rooms = ", ".join(f"'{room}'" for room in list(swarm.users)[1:])
    with rig.database.holding(f"SELECT 1 FROM messaging_conversation WHERE id IN ({rooms}) FOR UPDATE"):
        _all_stay_ready(rig, 5 * longer)


def _all_stay_ready(rig, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for node in rig.nodes:
            answer = httpx.get(f"{node.server.url}/readyz", timeout=patient(20))  # a slow response is not a failure
            assert answer.status_code == 200, f"a lock of another client makes a node unready: {answer.text}"
        time.sleep(0.2)
