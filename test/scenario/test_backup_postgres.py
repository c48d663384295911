"""parley backup and parley restore with PostgreSQL, and from one store into the other."""
import pytest

import files
from client import Person
from deadline import eventually
from server import run
from test_backup import LOST, Load, assert_consistent, rows, succeeded


@pytest.fixture
def new_database(database):
    """Creates an empty database and returns its URL."""
    made = []

    def make():
        made.append(f"backup_{len(made)}_{id(made)}")
        database.ask(f"CREATE DATABASE {made[-1]}")
        return database.url.rsplit("/", 1)[0] + "/" + made[-1]

    return make


def backup(target, data, url):
    return run("backup", str(target), "--data-dir", str(data), directory=target.parent, DATABASE_URL=url)


def restore(source, data, url):
    return run("restore", str(source), "--data-dir", str(data), directory=source.parent, DATABASE_URL=url)


def talk_on(server):
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob, title="Tea \\ \t 'quoted' \N{TEACUP WITHOUT HANDLE}", metadata={"a b": [1, "x  y"]})
    file = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()
    alice.rest.send_message(group, "see", attachment_ids=[file["id"]], metadata={"n": 1, "t": "a\\b  c"})
    edited = alice.rest.send_message(group, "line\n\\N \\. \N{GRINNING FACE}", client_id="c-1")
    alice.rest.patch(f"messages/{edited['id']}/", json={"content": "after"})
    bob.rest.post("messages/mark_as_read/", json={"message_ids": [edited["id"]]})
    return group


def backup_with_read_mark(folder, name, data, url):
    """Read marks are written up to 2 s late."""
    target = folder / f"of-{name}-{len(list(folder.iterdir()))}"
    assert "1 conversations, 2 messages, 1 attachments" in succeeded(backup(target, data, url))
    return target if rows(target / "parley.db", "SELECT max(last_read_seq) FROM messaging_conversation_participant") == [(2,)] else None


def seen(server, group):
    bob = Person(server, "bob")
    messages = bob.rest.everything_in(group)
    for message in messages:
        message["delivered_at"] = message["read_at"] = None  # written in the background
        message["attachments"] = [(file["id"], bob.rest.get(f"attachments/{file['id']}/content/").content) for file in message["attachments"]]
    conversation = bob.rest.get(f"conversations/{group['id']}/").json()
    return messages, {name: conversation[name] for name in ("title", "metadata", "members", "unread_count", "created_at")}


@pytest.mark.proves("backup, restore")
def test_a_backup_of_either_store_can_be_restored_into_either_store(own_server, new_database, tmp_path):
    sources = {"postgresql": new_database(), "sqlite": None}
    for source, url in sources.items():
        server = own_server(DATABASE_URL=url)
        group = talk_on(server)
        before = seen(server, group)
        target = eventually(lambda: backup_with_read_mark(tmp_path, source, f"{server.directory}/data", url))
        assert_consistent(target / "parley.db")
        server.stop()
        for engine, new_url in {"postgresql": new_database(), "sqlite": None}.items():
            directory = tmp_path / f"{source}-to-{engine}"
            directory.mkdir()
            succeeded(restore(target, directory / "data", new_url))
            restored = own_server(directory=directory, DATABASE_URL=new_url)
            assert seen(restored, group) == before, f"{source} to {engine}"
            alice, bob = Person(restored, "alice"), Person(restored, "bob")
            repeat = alice.rest.post("messages/", json={"conversation_id": group["id"], "content": "line\n\\N \\. \N{GRINNING FACE}", "client_id": "c-1"})
            assert repeat.status_code == 200, repeat.text
            assert alice.rest.send_message(group, "next")["seq"] == 4 + LOST
            with bob.connect(group, query={"since": 3}) as socket:
                assert socket.receive()["data"] == {"from": 4, "to": 3 + LOST, "reset": True}
                assert socket.events(1)[0]["data"]["content"] == "next"


@pytest.mark.proves("backup, restore")
def test_a_backup_of_postgresql_under_load_has_every_acknowledged_message(own_server, new_database, tmp_path):
    url = new_database()
    server = own_server(DATABASE_URL=url)
    people = [Person(server, name) for name in ("alice", "bob")]
    group = people[0].rest.create_group(people[1])
    with Load(people, group) as load:
        acked = set(load.acked)
        succeeded(backup(tmp_path / "backup", f"{server.directory}/data", url))
    stored = {client_id for client_id, in rows(tmp_path / "backup/parley.db", "SELECT client_id FROM messaging_message")}
    assert acked <= stored
    assert_consistent(tmp_path / "backup/parley.db")


def test_a_database_with_rows_or_of_django_is_refused(own_server, database, new_database, tmp_path):
    url = new_database()
    server = own_server(DATABASE_URL=url)
    talk_on(server)
    succeeded(backup(tmp_path / "backup", f"{server.directory}/data", url))
    full = restore(tmp_path / "backup", tmp_path / "data", url)
    assert full.returncode == 1 and "it is not empty: messaging_conversation has rows" in full.stdout
    assert not list((tmp_path / "data/attachments").rglob("*-*")) and not (tmp_path / "data/RESTORING").exists()
    foreign = new_database()
    database.run("psql", "-X", "-q", foreign, "-c", "CREATE TABLE messaging_conversation (id uuid); CREATE TABLE messaging_message (id uuid)")
    refused = backup(tmp_path / "foreign", tmp_path / "data", foreign)
    assert refused.returncode == 1 and "pg_dump" in refused.stdout, refused.stdout
    assert not (tmp_path / "foreign").exists() and not (tmp_path / "foreign.partial").exists()
