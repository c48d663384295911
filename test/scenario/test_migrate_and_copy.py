"""The commands `parley migrate` and `parley copy`."""
import os

import pytest

from client import Person
from deadline import eventually
from files import PNG
from postgres import Postgres
from server import run


@pytest.fixture
def database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


@pytest.mark.proves("migrate")
def test_migrate_prints_its_plan_and_applies_it(tmp_path, database):
    for variables in {}, {"DATABASE_URL": database.url}:
        where = ["--data-dir", str(tmp_path / "data")]
        planned = run("migrate", "--dry-run", *where, directory=tmp_path, **variables)
        assert planned.returncode == 0 and "no schema; would be upgraded to schema 13" in planned.stdout
        again = run("migrate", "--dry-run", *where, directory=tmp_path, **variables)
        assert again.stdout == planned.stdout, "the dry run changes nothing"
        done = run("migrate", *where, directory=tmp_path, **variables)
        assert done.returncode == 0 and done.stdout.endswith("upgrading to schema 13\ndone\n"), done.stdout
        after = run("migrate", *where, directory=tmp_path, **variables)
        assert after.returncode == 0 and "schema 13 is up to date" in after.stdout


@pytest.mark.proves("migrate")
def test_migrate_rejects_a_newer_schema_a_missing_database_and_unknown_options(tmp_path, database):
    run("migrate", directory=tmp_path, DATABASE_URL=database.url)
    database.ask("UPDATE parley_meta SET value = '99' WHERE key = 'schema_version'")
    for arguments in ("migrate",), ("migrate", "--dry-run"):
        newer = run(*arguments, directory=tmp_path, DATABASE_URL=database.url)
        assert newer.returncode == 1 and "newer Parley (schema 99" in newer.stdout
    unreachable = run("migrate", directory=tmp_path, DATABASE_URL="postgres://nobody:secret@127.0.0.1:1/none")
    assert unreachable.returncode == 1 and "cannot use the PostgreSQL database" in unreachable.stdout and "secret" not in unreachable.stdout
    wrong = run("migrate", "--colour", "red", directory=tmp_path)
    assert wrong.returncode == 2 and "--colour" in wrong.stdout


@pytest.mark.proves("copy")
def test_copy_moves_a_store_to_postgresql_without_changes_for_clients(own_server, database, tmp_path):
    links = ("--attachments-url-ttl", "30d")  # signed links stay equal for a week
    old = own_server(*links)
    alice, bob = Person(old, "alice"), Person(old, "bob")
    room = alice.rest.create_group(bob, title="Tea \\ \t 'quoted' \N{TEACUP WITHOUT HANDLE}")
    upload = alice.rest.post("attachments/", files={"file": ("cat.png", PNG, "image/png")}).json()
    for number in range(300):
        alice.rest.send_message(room, f"line\n{number}\t\\N \\. \N{GRINNING FACE}", client_id=f"c-{number}", metadata={"n": number, "t": "a\\b"})
    picture = alice.rest.send_message(room, "a cat", attachment_ids=[upload["id"]])
    edited = alice.rest.send_message(room, "before")
    alice.rest.patch(f"messages/{edited['id']}/", json={"content": "after"})
    bob.rest.post("messages/mark_as_read/", json={"message_ids": [edited["id"]]})
    service = Person(old, "backend", scope="messaging:service")
    service.rest.post("revocations/", json={"jti": "gone"})
    direct = alice.rest.post("conversations/", json={"type": "direct", "participants": ["bob"]}).json()

    def seen(person):
        return [person.rest.get("conversations/").json(), person.rest.everything_in(room),
                person.rest.get(f"conversations/{room['id']}/changes/", params={"limit": 100, "since_seq": 250}).json(),
                person.rest.get("messages/unread_count/").json()]

    def is_written():  # written in the background
        return all(one["delivered_at"] and one["read_at"] for one in alice.rest.everything_in(room))
    seen(bob)
    eventually(is_written)
    before = [seen(alice), seen(bob)]
    data = f"{old.directory}/data"
    busy = run("copy", "--data-dir", data, directory=tmp_path, DATABASE_URL=database.url)
    assert busy.returncode == 1 and "another Parley is using it" in busy.stdout
    old.stop()
    copied = run("copy", "--data-dir", data, directory=tmp_path, DATABASE_URL=database.url)
    assert copied.returncode == 0, copied.stdout
    assert "messaging_message: 302 rows" in copied.stdout and f"{data}/attachments" in copied.stdout
    again = run("copy", "--data-dir", data, directory=tmp_path, DATABASE_URL=database.url)
    assert again.returncode == 1 and "it is not empty: messaging_conversation has rows" in again.stdout

    new = own_server(*links, "--attachments-directory", f"{data}/attachments", DATABASE_URL=database.url)
    alice, bob = Person(new, "alice"), Person(new, "bob")
    assert [seen(alice), seen(bob)] == before
    assert bob.rest.get(f"attachments/{picture['attachments'][0]['id']}/content/").content == PNG
    repeat = alice.rest.post("messages/", json={
        "conversation_id": room["id"], "content": "line\n7\t\\N \\. \N{GRINNING FACE}", "client_id": "c-7", "metadata": {"n": 7, "t": "a\\b"}})
    assert repeat.status_code == 200 and repeat.json()["seq"] == 8, "the retry of an earlier message is recognized"
    assert alice.rest.post("conversations/", json={"type": "direct", "participants": ["bob"]}).json()["id"] == direct["id"]
    with bob.connect(room, query={"since": 300}) as b:
        assert [frame["seq"] for frame in b.events(2)] == [301, 302]
    refused = Person(new, "mallory", jti="gone").rest.get("conversations/")
    assert refused.status_code == 401
    assert Person(new, "backend", scope="messaging:service").rest.post("revocations/", json={"jti": "next"}).status_code == 201


@pytest.mark.proves("copy")
def test_copy_reports_a_missing_store_or_database(tmp_path, database):
    nowhere = run("copy", directory=tmp_path)
    assert nowhere.returncode == 2 and "DATABASE_URL" in nowhere.stdout
    nothing = run("copy", "--data-dir", str(tmp_path / "none"), directory=tmp_path, DATABASE_URL=database.url)
    assert nothing.returncode == 1 and "there is no store" in nothing.stdout
    assert not os.path.exists(tmp_path / "none")
