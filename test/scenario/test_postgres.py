"""PostgreSQL as the store: the same guarantees as SQLite, and failures of the database and its connections."""
import contextlib
import threading
import time

import httpx
import pytest

from client import Person, assert_problem
from deadline import eventually, patient
from postgres import Postgres
from relay import Relay
from server import Server, run, wait_until


@pytest.fixture
def own_database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


@pytest.fixture
def talk(database, own_server, request):
    return Talk(own_server(DATABASE_URL=database.url))


class Talk:
    def __init__(self, server):
        self.server = server
        self.alice, self.bob = Person(server, "alice"), Person(server, "bob")
        self.room = self.alice.rest.create_group(self.bob)

    def post(self, content, **fields):
        return self.alice.rest.post("messages/", json={"conversation_id": self.room["id"], "content": content, **fields})

    def contents(self):
        return [message["content"] for message in self.bob.rest.everything_in(self.room)]


@pytest.mark.proves("PostgreSQL as the store")
def test_messages_on_postgresql_survive_a_kill(talk):
    with talk.alice.connect(talk.room) as a, talk.bob.connect(talk.room) as b:
        a.send_message("hello bob", client_id="a-1")
        assert b.wait_for("message")["data"]["content"] == "hello bob"
        b.send_message("hello alice", client_id="b-1")
        assert a.wait_for(lambda frame: frame.get("seq") == 2)["data"]["content"] == "hello alice"
    for number in range(50):
        assert talk.post(f"message {number}").status_code == 201
    talk.server.kill()
    talk.server.start()
    assert talk.contents() == ["hello bob", "hello alice"] + [f"message {number}" for number in range(50)]
    again = talk.post("hello bob", client_id="a-1")
    assert again.status_code == 200 and again.json()["seq"] == 1


@pytest.mark.proves("PostgreSQL as the store")
def test_metadata_times_and_text_are_stored_unchanged(talk):
    sent = talk.post("ü 猫 \U0001f600 'quoted' \\", metadata={"k": {"deep": [1, 2.5, None, "a: b", 'q" \\']}, "n": True}, client_id="c").json()
    read = talk.bob.rest.get(f"messages/{sent['id']}/").json()
    for name in "content", "metadata", "sent_at", "client_id", "seq", "sender_id":
        assert read[name] == sent[name]


@pytest.mark.proves("P8 the store is the source of truth")
@pytest.mark.proves("/livez, /readyz")
def test_a_killed_database_returns_503_and_the_node_recovers(own_database, own_server):
    talk = Talk(own_server(DATABASE_URL=own_database.url))
    acked = [f"before {number}" for number in range(20)]
    for content in acked:
        assert talk.post(content).status_code == 201
    own_database.kill()
    answer = talk.post("meanwhile", client_id="m")
    assert_problem(answer, 503, "store_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert_problem(talk.bob.rest.get("conversations/"), 503, "store_unavailable")
    assert eventually(lambda: not talk.server.ready())
    own_database.start()
    assert eventually(talk.server.ready, within=30), "without any write"
    assert eventually(lambda: talk.post("meanwhile", client_id="m").status_code in (200, 201), within=30)
    assert eventually(lambda: talk.bob.rest.get("conversations/").is_success, within=30), "every connection reconnects by itself"
    assert talk.contents() == acked + ["meanwhile"]


@pytest.mark.proves("P8 the store is the source of truth")
def test_an_unresponsive_database_returns_503_within_the_deadline(own_database, own_server):
    talk = Talk(own_server(DATABASE_URL=own_database.url))
    assert talk.post("before").status_code == 201
    own_database.pause()
    began = time.monotonic()
    waiting = threading.Thread(target=talk.post, args=("w",), kwargs={"client_id": "w"}, daemon=True)
    waiting.start()
    assert eventually(lambda: not talk.server.ready()), "readiness fails before any request has failed"
    assert_problem(talk.post("too late", client_id="late"), 503, "store_unavailable")
    assert waiting.is_alive() and time.monotonic() - began < patient(6), "later requests fail at once while earlier ones wait"
    answer = talk.alice.rest.post("messages/", json={"conversation_id": talk.room["id"], "content": "x", "client_id": "x"}, timeout=patient(60))
    assert answer.status_code == 503 and answer.json()["code"] in ("store_unavailable", "outcome_unknown")
    assert time.monotonic() - began < patient(40)
    own_database.resume()
    assert eventually(lambda: talk.post("x", client_id="x").status_code in (200, 201), within=40)
    waiting.join()
    assert talk.post("w", client_id="w").is_success
    assert set(talk.contents()) == {"before", "x", "w"} and len(talk.contents()) == 3


@pytest.mark.parametrize("lost, status", [("answer", 201), ("commit", 503)])
@pytest.mark.proves("P8 the store is the source of truth")
@pytest.mark.proves("PostgreSQL: a lost COMMIT")
def test_the_outcome_of_a_lost_commit_is_resolved(database, own_server, lost, status):
    relay = Relay(database.port)
    talk = Talk(own_server(DATABASE_URL=relay.database_url))
    assert talk.post("before").status_code == 201
    relay.lose_commit_of(b"the one", lost)
    answer = talk.post("the one", client_id="one")
    assert relay.lost_commits == 1
    assert answer.status_code == status, answer.text
    if status == 503:
        assert_problem(answer, 503, "store_unavailable")
    again = talk.post("the one", client_id="one")
    assert again.status_code == (200 if status == 201 else 201)
    assert talk.contents() == ["before", "the one"], "stored once in both cases"
    relay.close()


@pytest.mark.proves("PostgreSQL: commit lanes of home shards, pipelined batches, row locks")
def test_nodes_that_share_a_database_produce_one_order(database, own_server):
    servers = [own_server(DATABASE_URL=database.url) for _ in range(2)]
    alice, bob = Person(servers[0], "alice"), Person(servers[1], "bob")
    room = alice.rest.create_group(bob)
    failures = []

    def send(person, name):
        for number in range(60):
            answer = person.rest.post("messages/", json={"conversation_id": room["id"], "content": f"{name} {number}", "client_id": f"{name}-{number % 40}-{number}"})
            if answer.status_code != 201:
                failures.append(answer.text)

    senders = [threading.Thread(target=send, args=(Person(servers[number % 2], ("alice", "bob")[number % 2]), f"s{number}")) for number in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert failures == []
    for person in alice, bob:
        messages = person.rest.everything_in(room)
        assert [message["seq"] for message in messages] == list(range(1, 241))
        for sender in range(4):
            mine = [message["content"] for message in messages if message["content"].startswith(f"s{sender} ")]
            assert mine == [f"s{sender} {number}" for number in range(60)]


@pytest.mark.proves("PostgreSQL: commit lanes of home shards, pipelined batches, row locks")
def test_concurrent_retries_on_two_nodes_store_one_message(database, own_server):
    servers = [own_server(DATABASE_URL=database.url) for _ in range(2)]
    alice = [Person(server, "alice") for server in servers]
    room = alice[0].rest.create_group()
    for number in range(20):
        answers = []
        body = {"conversation_id": room["id"], "content": f"m {number}", "client_id": f"c-{number}"}
        both = [threading.Thread(target=lambda person=person: answers.append(person.rest.post("messages/", json=body))) for person in alice]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert sorted(answer.status_code for answer in answers) == [200, 201]
        assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(alice[1].rest.everything_in(room)) == 20


@pytest.mark.proves("attachments on several nodes")
def test_attachments_on_a_shared_database(talk):
    import files
    attachment = talk.alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()
    sent = talk.post("look", attachment_ids=[attachment["id"]])
    assert sent.status_code == 201
    assert talk.bob.rest.get(f"attachments/{attachment['id']}/content/").content == files.PNG
    assert talk.alice.rest.delete(f"messages/{sent.json()['id']}/").status_code == 204
    assert_problem(talk.bob.rest.get(f"attachments/{attachment['id']}/content/"), 404, "not_found")


def refused(directory, database, name="postgres"):
    """Starts a server on this database; returns why it ended."""
    done = run("serve", "--port", "0", "--data-dir", str(directory / "data"), directory=directory,
               DATABASE_URL=database.url.replace("/postgres", f"/{name}"))
    assert done.returncode != 0
    return done.stdout


@pytest.mark.proves("PostgreSQL as the store")
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_unsafe_database_settings_are_refused(tmp_path, setting):
    unsafe = Postgres(f"{setting}=off").start()
    try:
        assert f"{setting} is off" in refused(tmp_path, unsafe)
    finally:
        unsafe.close()


@pytest.mark.proves("PostgreSQL as the store")
def test_a_database_that_cannot_hold_messages_is_refused(tmp_path, own_database):
    own_database.ask("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    assert "its encoding is SQL_ASCII; UTF8 is required" in refused(tmp_path, own_database, "bytes")
    standby = own_database.standby()
    try:
        assert "it is read-only (a standby?)" in refused(tmp_path, standby)
    finally:
        standby.close()


@pytest.mark.proves("PostgreSQL as the store")
def test_tables_of_another_system_are_not_touched(tmp_path, own_database):
    own_database.ask("CREATE TABLE messaging_conversation (id uuid PRIMARY KEY); INSERT INTO messaging_conversation VALUES (gen_random_uuid())")
    done = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), directory=tmp_path, DATABASE_URL=own_database.url)
    assert done.returncode != 0 and "another system" in done.stdout
    assert own_database.ask("SELECT count(*) FROM messaging_conversation") == "1"
    assert own_database.ask("SELECT to_regclass('parley_meta') IS NULL") == "t"


@pytest.mark.proves("PostgreSQL as the store")
def test_nodes_that_start_together_on_an_empty_database_take_turns(own_database, own_server):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"
    with own_database.holding("SELECT pg_advisory_xact_lock(7891213)"):  # as a node that migrates
        nodes = [own_server(ready=False, DATABASE_URL=own_database.url) for _ in range(3)]
        eventually(lambda: own_database.ask(waiting) == "3")
    for node in nodes:
        eventually(node.ready)
    alice, bob = Person(nodes[0], "alice"), Person(nodes[2], "bob")
    room = alice.rest.create_group(bob)
    assert bob.rest.send_message(room, "hello")["seq"] == 1


@pytest.mark.proves("PostgreSQL as the store")
def test_database_passwords_are_not_logged(tmp_path, own_server, database):
    server = own_server("--log-level", "trace", DATABASE_URL=database.url.replace("parley@", "parley:s3cret-word@"))
    Talk(server)
    server.stop()
    assert "s3cret-word" not in server.log


@pytest.mark.proves("PostgreSQL: commit lanes of home shards, pipelined batches, row locks")
def test_a_locked_conversation_does_not_block_other_conversations(own_database, own_server):
    talk = Talk(own_server("--shards", "1", DATABASE_URL=own_database.url))
    others = [talk.alice.rest.create_group(talk.bob) for _ in range(20)]
    holder = threading.Thread(target=own_database.ask, args=(
        f"BEGIN; SELECT 1 FROM messaging_conversation WHERE id = '{talk.room['id']}' FOR UPDATE; SELECT pg_sleep(6); COMMIT",))
    holder.start()
    eventually(lambda: own_database.ask("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6)%' AND wait_event = 'PgSleep'") != "0")
    blocked = []
    sending = threading.Thread(target=lambda: blocked.append(talk.post("held", client_id="held")))
    sending.start()
    taken = 0
    while holder.is_alive():
        for room in others:
            assert talk.bob.rest.post("messages/", json={"conversation_id": room["id"], "content": "free"}).status_code == 201
            taken += 1
    sending.join()
    assert taken > 40, "other sends wait for a moment at most"
    assert_problem(blocked[0], 503, "store_unavailable")
    assert talk.server.ready(), "the store is available"
    assert talk.post("held", client_id="held").status_code == 201


@pytest.mark.proves("PostgreSQL: commit lanes of home shards, pipelined batches, row locks")
def test_two_nodes_send_to_many_conversations_without_deadlocks(own_database, own_server):
    """Batches lock rows in the same order, so they neither deadlock nor wait for each other's end."""
    nodes = [own_server(DATABASE_URL=own_database.url) for _ in range(2)]
    talk = Talk(nodes[0])
    rooms = [talk.alice.rest.create_group(talk.bob) for _ in range(12)]

    def send(person, order):
        for number in range(25):
            for room in order:
                sent = {"conversation_id": room["id"], "content": f"{person.id} {number}", "client_id": f"{person.id}-{number}"}
                assert person.rest.post("messages/", json=sent).is_success

    threads = [threading.Thread(target=send, args=(Person(node, name), order)) for node in nodes
               for name, order in (("alice", rooms), ("bob", rooms[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for room in rooms:
        seqs = [message["seq"] for message in talk.bob.rest.everything_in(room)]
        assert seqs == list(range(1, 51)), "each message once, though both nodes sent it"
    assert own_database.ask("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'") == "0"


# --- changes of two nodes to one conversation


def behind_each_other(database, room, *calls):
    """Starts these calls in order while a lock on the conversation's row delays them, then releases the lock."""
    threads = []
    with database.holding(f"SELECT 1 FROM messaging_conversation WHERE id = '{room['id']}' FOR UPDATE") as holder:
        for call in calls:
            threads.append(threading.Thread(target=call))
            threads[-1].start()
            holder.await_waiting(len(threads), within=1)
    for thread in threads:
        thread.join()


@pytest.fixture
def two_nodes(own_database, own_server):
    servers = [own_server(DATABASE_URL=own_database.url) for _ in range(2)]
    one, two = Person(servers[0], "alice"), Person(servers[1], "alice")
    return own_database, one, two, one.rest.create_group(Person(servers[0], "bob"), Person(servers[0], "carol"))


@pytest.mark.proves("P3 one order")
def test_a_message_deleted_and_edited_concurrently_on_two_nodes_stays_deleted(two_nodes):
    database, one, two, room = two_nodes
    for _ in range(4):
        message = one.rest.send_message(room, "a secret")
        behind_each_other(database, room, lambda: one.rest.delete(f"messages/{message['id']}/"),
                          lambda: two.rest.patch(f"messages/{message['id']}/", json={"content": "another secret"}))
        assert two.rest.get(f"messages/{message['id']}/").json()["deleted_at"]
        assert database.ask(f"SELECT content FROM messaging_message WHERE id = '{message['id']}'") == ""


@pytest.mark.proves("P3 one order")
def test_concurrent_removals_on_two_nodes_count_once(two_nodes):
    database, one, two, room = two_nodes
    for _ in range(4):
        behind_each_other(database, room, *(lambda person=person: remove(person, room, "bob") for person in (one, two)))
        now = one.rest.get(f"conversations/{room['id']}/").json()
        assert now["participant_count"] == len(now["participants"]) == 2
        assert one.rest.post(f"conversations/{room['id']}/add_participant/", json={"user_id": "bob"}).json()["participant_count"] == 3


def remove(person, room, user):
    return person.rest.post(f"conversations/{room['id']}/remove_participant/", json={"user_id": user})


@pytest.mark.proves("P8 the store is the source of truth")
@pytest.mark.proves("positions")
def test_delivery_marks_are_written_after_an_outage_of_the_database(own_database, own_server):
    talk = Talk(own_server(DATABASE_URL=own_database.url))
    with talk.bob.connect(talk.room) as bob:
        sent = talk.post("seen by bob").json()
        assert bob.wait_for("message")["data"]["id"] == sent["id"]
        own_database.kill()  # the mark would be written a second later
        killed = time.time()
        eventually(lambda: not talk.server.ready())
        wait_until(killed + 2.5)
        own_database.start()
        eventually(talk.server.ready, within=30)
        assert eventually(lambda: talk.alice.rest.get(f"messages/{sent['id']}/").json().get("delivered_at"), within=15)


@pytest.mark.proves("P8 the store is the source of truth")
def test_a_live_socket_waits_for_the_database_to_catch_up(own_database, own_server):
    talk = Talk(own_server(DATABASE_URL=own_database.url))
    for number in range(3):
        assert talk.post(f"message {number}").status_code == 201
    talk.server.kill()
    talk.server.start()  # the new process has no events in memory
    with talk.bob.connect(talk.room) as bob:
        own_database.kill()
        bob.send("resume", seqs={talk.room["id"]: 0}, ref="r")
        assert bob.ask("typing", is_typing=True)["type"] == "ack", "the socket stays open"
        eventually(lambda: not talk.server.ready())
        own_database.start()
        assert [frame["seq"] for frame in bob.events(3)] == [1, 2, 3]
        assert bob.wait_for("resumed")["data"]["conversations"] == {talk.room["id"]: 3}
        eventually(talk.server.ready, within=30)
        assert talk.post("live again").status_code == 201
        assert bob.events(1)[0]["seq"] == 4


def test_a_socket_can_have_16_pending_resumes(own_database, own_server):
    talk = Talk(own_server(DATABASE_URL=own_database.url))
    assert talk.post("message").status_code == 201
    talk.server.kill()
    talk.server.start()
    with talk.bob.connect(talk.room, patience=60) as bob:
        own_database.kill()
        for number in range(17):
            bob.send("resume", seqs={talk.room["id"]: 0}, ref=f"{number}")
        refused = bob.wait_for("error")
        assert refused["ref"] == "16" and refused["data"]["code"] == "rate_limited"
        own_database.start()
        assert [bob.wait_for("resumed")["ref"] for _ in range(16)] == [f"{number}" for number in range(16)]


def test_a_database_that_stops_answering_during_the_start_is_waited_for(own_database, tmp_path):
    relay = Relay(own_database.port)
    relay.stall(at=b"key = 'takeover'")  # after the schema is created
    server = Server(tmp_path, DATABASE_URL=relay.database_url)
    server.start(ready=False)
    eventually(lambda: "waiting for PostgreSQL" in server.log, within=30, describe=lambda: server.log)
    relay.flow()
    eventually(server.ready, within=30, describe=lambda: server.log)
    assert server.stop() == 0
    relay.close()


def test_shutdown_does_not_wait_for_an_unresponsive_database(own_database, own_server):
    server = own_server("--timeout-graceful-shutdown", "2", DATABASE_URL=own_database.url)
    talk = Talk(server)
    own_database.pause()

    def send():
        with contextlib.suppress(httpx.TransportError):  # the server closes its connection
            talk.post("on its way")

    threading.Thread(target=send, daemon=True).start()
    began = time.monotonic()
    assert eventually(lambda: not server.ready())
    assert server.stop() == 1
    assert time.monotonic() - began < patient(9) and "exit forced" in server.log


@pytest.mark.proves("P8 the store is the source of truth")
def test_a_commit_that_a_fail_over_may_have_lost_is_not_acknowledged(own_database, own_server):
    """The server that received the COMMIT is gone, and a standby that did not replicate it takes its place."""
    standby = own_database.standby()
    relay = Relay(own_database.port)
    talk = Talk(own_server("--shards", "1", DATABASE_URL=relay.database_url))
    assert talk.post("before").status_code == 201
    standby.catch_up_with(own_database)
    assert standby.ask("SELECT count(*) FROM messaging_message") == "1"
    standby.stop_following()
    relay.target = standby.port  # for new connections
    relay.lose_commit_of(b"the one", "answer")
    answers = []
    sending = threading.Thread(target=lambda: answers.append(talk.post("the one", client_id="one")))
    sending.start()
    eventually(lambda: own_database.ask("SELECT count(*) FROM messaging_message") == "2")
    own_database.kill()
    standby.promote()
    standby.ask("CREATE PROCEDURE spend() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..50 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    standby.ask("CALL spend()")  # the lost server had assigned these ids already
    sending.join()
    assert_problem(answers[0], 503, "outcome_unknown")
    eventually(talk.server.ready, within=30)
    assert talk.post("the one", client_id="one").status_code == 201
    assert talk.contents() == ["before", "the one"]
    assert talk.server.stop() == 0
    relay.close()
    standby.close()
