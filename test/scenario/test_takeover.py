"""`parley migrate` takes over a database that the guide's Django system made, while that system continues to write."""
import secrets
import subprocess
import threading

import pytest

from deadline import eventually
from old_system import OldSystem, fill
from postgres import Postgres
from server import BINARY, environment, run

ADDED = "SELECT count(*) FROM pg_class WHERE relname LIKE 'parley%'"


@pytest.fixture
def database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


@pytest.fixture(params=["bigint", "uuid"])
def old(database, request):
    system = OldSystem(database, request.param).migrate()
    yield system
    system.close()


@pytest.fixture
def numbered(database):
    system = OldSystem(database, "bigint").migrate()
    yield system
    system.close()


def migrate(database, directory, *options, code=0):
    done = run("migrate", *options, directory=directory, DATABASE_URL=database.url)
    assert done.returncode == code, done.stdout
    return done.stdout


def schema(database):
    tables = ("messaging_conversation", "messaging_conversation_participant", "messaging_message", "messaging_attachment")
    return [database.ask(f"SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns "
                         f"WHERE table_name = '{table}' ORDER BY 1") for table in tables] + [
        database.ask("SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'messaging%' ORDER BY 1"),
        database.ask("SELECT relname FROM pg_class WHERE relname LIKE '%parley%' ORDER BY 1"),
        database.ask("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'parley%'"),
        database.ask("SELECT proname FROM pg_proc WHERE proname LIKE 'parley%'")]


LONG_TASK = """
user = User.objects.create(username="task-{id}"[:100])
room = Conversation.objects.create(type="task", metadata={{"task_id": "{id}"}})
ConversationParticipant.objects.create(conversation=room, user=user)
Message.objects.create(conversation=room, sender=user, content="hello")
out = str(room.id)
"""
DENSE = """SELECT count(*) FROM (SELECT conversation_id, array_agg(seq ORDER BY seq) AS seqs, array_agg(seq ORDER BY sent_at, id) AS by_time
           FROM messaging_message GROUP BY conversation_id) m JOIN messaging_conversation c ON c.id = m.conversation_id
           WHERE seqs <> by_time OR seqs <> ARRAY(SELECT generate_series(1, c.seq))"""


@pytest.mark.proves("migrate")
def test_migrate_takes_over_the_tables_and_rollback_restores_them(old, database, tmp_path):
    rows = fill(old)
    before = schema(database)
    planned = migrate(database, tmp_path, "--dry-run")
    assert "tables of another system; would be taken over" in planned and f"messaging_message: {rows} rows" in planned, planned
    assert "add column messaging_message.seq bigint" in planned
    assert schema(database) == before, "the dry run changes nothing"

    done = migrate(database, tmp_path)
    assert f"{rows} messages numbered" in done and "taken over" in done, done
    assert database.ask(DENSE) == "0", "seqs are dense and in the order of (sent_at, id)"
    assert database.ask("SELECT count(*) FROM messaging_conversation_participant WHERE role <> is_admin::int") == "0"
    assert database.ask("""SELECT count(*) FROM messaging_conversation_participant p WHERE last_read_seq <> coalesce(
        CASE WHEN last_read_at IS NOT NULL
             THEN (SELECT max(seq) FROM messaging_message m WHERE m.conversation_id = p.conversation_id AND sent_at <= last_read_at)
             ELSE (SELECT max(seq) FROM messaging_message m WHERE m.conversation_id = p.conversation_id AND read_at IS NOT NULL
                   AND sender_id <> user_id) END, 0)""") == "0"
    assert database.ask("SELECT count(*) FROM messaging_conversation_participant WHERE last_read_seq > 0") != "0"
    assert database.ask("""SELECT count(*) FROM messaging_conversation c WHERE participant_count <>
        (SELECT count(*) FROM messaging_conversation_participant p WHERE p.conversation_id = c.id)""") == "0"
    assert database.ask("SELECT count(*) FROM messaging_conversation WHERE type = 'direct' AND direct_key IS NULL") == (
        database.ask("""SELECT count(*) - count(DISTINCT pair) FROM (SELECT array_agg(user_id ORDER BY user_id) AS pair
                        FROM messaging_conversation_participant JOIN messaging_conversation c ON c.id = conversation_id
                        WHERE type = 'direct' GROUP BY c.id) pairs"""))
    assert database.ask("SELECT sum(attachment_count) FROM messaging_message") == "20"
    assert database.ask("SELECT count(*) FROM messaging_attachment WHERE conversation_id IS NULL") == "0"
    again = migrate(database, tmp_path)
    assert "is up to date" in again

    assert "drop column messaging_message.seq" in migrate(database, tmp_path, "--rollback", "--dry-run")
    assert migrate(database, tmp_path, "--rollback").endswith("done\n")
    assert schema(database) == before, "nothing is left"
    assert old.value("Message.objects.count()") == rows
    refused = migrate(database, tmp_path, "--rollback", code=1)
    assert "it was not taken over, so there is nothing to roll back" in refused
    migrate(database, tmp_path)
    assert database.ask(DENSE) == "0"


@pytest.mark.proves("migrate")
def test_serve_refuses_a_foreign_database_until_migrate_has_taken_it_over(numbered, database, own_server, tmp_path):
    server = own_server(ready=False, DATABASE_URL=database.url)
    assert server.wait() == 1
    assert "has the messaging tables of another system" in server.log and "'parley migrate' takes it over" in server.log
    assert database.ask(ADDED) == "0", "serve changes nothing"


@pytest.mark.proves("migrate")
def test_migrate_names_each_difference_of_the_schema(numbered, database, tmp_path):
    database.ask("ALTER TABLE messaging_message ADD tenant int NOT NULL DEFAULT 1; ALTER TABLE messaging_message ALTER tenant DROP DEFAULT")
    database.ask("ALTER TABLE messaging_conversation ADD seq int, ADD note text")
    database.ask("ALTER TABLE messaging_conversation_participant DROP COLUMN last_read_at")
    database.ask("ALTER TABLE messaging_attachment ALTER file_size TYPE numeric")
    database.ask("ALTER TABLE messaging_message ALTER read_at SET NOT NULL")
    for options in ("--dry-run",), ():
        refused = migrate(database, tmp_path, *options, code=1)
        for difference in ("column messaging_message.tenant is unknown, and NOT NULL without a default",
                           "column messaging_conversation.seq exists already",
                           "column messaging_conversation_participant.last_read_at is missing",
                           "column messaging_attachment.file_size is numeric, not integer or bigint",
                           "column messaging_message.read_at is NOT NULL; it must accept NULL"):
            assert difference in refused, refused
        assert "note" not in refused, "a nullable column of the project's own is not a difference"
    assert database.ask(ADDED) == "0", "nothing was changed"


@pytest.mark.proves("migrate")
def test_migrate_refuses_user_ids_that_no_token_can_name(numbered, database, tmp_path):
    fill(numbered, rooms=6, messages=5)
    for table, column in (("conversation_participant", "user_id"), ("message", "sender_id"), ("attachment", "uploaded_by_id")):
        key = database.ask(f"SELECT conname FROM pg_constraint WHERE conrelid = 'messaging_{table}'::regclass AND contype = 'f' "
                           f"AND confrelid = 'accounts_numbereduser'::regclass")
        database.ask(f"ALTER TABLE messaging_{table} DROP CONSTRAINT {key}")
        database.ask(f"ALTER TABLE messaging_{table} ALTER COLUMN {column} TYPE varchar(36)")
    migrate(database, tmp_path, "--dry-run")
    database.ask("UPDATE messaging_conversation_participant SET user_id = 'A1B2C3D4-0000-4000-8000-00000000000A' "
                 "WHERE id = (SELECT id FROM messaging_conversation_participant LIMIT 1)")
    assert "user_id has 1 UUIDs with upper-case letters" in migrate(database, tmp_path, code=1)
    assert database.ask(ADDED) == "0"


@pytest.mark.proves("migrate")
def test_a_task_id_that_no_index_can_hold_is_left_out(numbered, database, tmp_path, own_server):
    numbered.run(LONG_TASK.format(id=secrets.token_hex(4000)))
    migrate(database, tmp_path)
    own_server(DATABASE_URL=database.url)
    room = numbered.run(LONG_TASK.format(id=secrets.token_hex(4000)))
    eventually(lambda: database.ask("SELECT count(*) FROM parley_inbox") == "0")
    assert database.ask(f"SELECT seq FROM messaging_message WHERE conversation_id = '{room}'") == "1"
    assert database.ask("SELECT count(*) FROM messaging_conversation WHERE task_id IS NULL") == "2"


@pytest.mark.proves("migrate")
def test_two_migrations_at_once_are_refused(numbered, database, tmp_path):
    with database.holding("SELECT pg_advisory_lock(7891214)"):
        assert "another 'parley migrate' is at work on it" in migrate(database, tmp_path, code=1)


def start_migration(database, directory):
    return subprocess.Popen([BINARY, "migrate"], cwd=directory, env=environment(DATABASE_URL=database.url), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.proves("migrate")
def test_a_killed_takeover_continues_while_the_old_system_writes(numbered, database, tmp_path, own_server):
    rows = fill(numbered, rooms=150, messages=250)
    stop = threading.Event()
    written = []

    def write():
        while not stop.is_set():
            written.append(numbered.run(
                "room = Conversation.objects.order_by('?').first(); user = room.participants.first()\n"
                "m = Message.objects.create(conversation=room, sender=user, content='live'); room.last_message_at = m.sent_at; room.save()\n"
                "out = str(m.id)"))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for phase in ("adding columns", "building indexes", "index parley_message_seq", "index parley_participant_joined", "filling columns"):
            migration = start_migration(database, tmp_path)
            assert any(phase in line for line in iter(migration.stdout.readline, "")), "the takeover ended"
            if phase == "filling columns":
                eventually(lambda: database.ask("SELECT count(seq) > 0 FROM messaging_message") == "t")
            migration.kill()
            migration.wait()
            refused = own_server(ready=False, DATABASE_URL=database.url)
            assert refused.wait() == 1 and "its takeover is not complete: run 'parley migrate' again" in refused.log
        assert 0 < int(database.ask("SELECT count(seq) FROM messaging_message")) < rows, "killed in the middle"
        eventually(lambda: run("migrate", directory=tmp_path, DATABASE_URL=database.url).returncode == 0, within=60)
    finally:
        stop.set()
        writer.join()
    assert len(written) > 5
    assert int(database.ask("SELECT count(seq) FROM messaging_message")) >= rows
    assert database.ask("""SELECT count(*) FROM (SELECT conversation_id, count(*) AS n, max(seq) AS top FROM messaging_message
                           WHERE seq IS NOT NULL GROUP BY 1) m JOIN messaging_conversation c ON c.id = conversation_id
                           WHERE n <> top OR top <> c.seq""") == "0"
    late = database.ask("SELECT count(*) FROM messaging_message WHERE seq IS NULL")
    assert late == database.ask("SELECT count(*) FROM parley_inbox WHERE kind = 0"), "each message without a seq waits in the inbox"
