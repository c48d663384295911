"""What goes wrong in the database, or is done to it by its other clients. As in faults.py."""
import threading
import time

import httpx

from deadline import eventually, patient


def f6b_the_database_crashes_while_another_client_writes(rig, random, longer, swarm):
    """While a COMMIT is on its way all backends are killed; the ids of what was lost are then given to another client, whose
    transactions are committed."""
    rig.database.ask("CREATE OR REPLACE PROCEDURE spend() LANGUAGE plpgsql AS "
                     "$$ BEGIN FOR i IN 1..50 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    for _ in range(max(2, int(2 * longer))):
        link, crashed = random.choice(rig.nodes).database, threading.Event()

        def crash(crashed=crashed):
            rig.database.crash()
            rig.database.ask("CALL spend()")
            crashed.set()

        link.before_loss, link.lose_commit = crash, "commit"
        eventually(crashed.is_set, within=20, describe=lambda: "nobody sends")
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
    """Longer than a write waits, all but one."""
    rooms = ", ".join(f"'{room}'" for room in list(swarm.users)[1:])
    with rig.database.holding(f"SELECT 1 FROM messaging_conversation WHERE id IN ({rooms}) FOR UPDATE"):
        _all_stay_ready(rig, 5 * longer)


def _all_stay_ready(rig, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for node in rig.nodes:
            answer = httpx.get(f"{node.server.url}/readyz", timeout=patient(20))  # a slow answer is not a refusal
            assert answer.status_code == 200, f"a lock of another client's makes a node unready: {answer.text}"
        time.sleep(0.2)
