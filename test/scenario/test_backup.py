"""parley backup and parley restore: online, consistent, and whole or absent after kill -9 at any moment."""
import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import httpx
import pytest

import files
from client import Closed, Person
from deadline import eventually, patient
from server import BINARY, environment, run

LOST = 1_000_000_000  # kRestoredSeqs


def backup(server, target, *options):
    return run("backup", str(target), "--data-dir", f"{server.directory}/data", *options, directory=server.directory)


def restore(source, data, *options):
    return run("restore", str(source), "--data-dir", str(data), *options, directory=os.path.dirname(data))


def succeeded(done):
    assert done.returncode == 0, done.stdout
    return done.stdout


def started(*arguments, directory):
    return subprocess.Popen([BINARY, *map(str, arguments)], cwd=directory, env=environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def serve_restored(own_server, source, directory):
    """Restores a backup into a new directory and starts a server there."""
    os.makedirs(directory)
    succeeded(restore(source, f"{directory}/data"))
    return own_server(directory=directory)


def rows(database, query):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def assert_consistent(database):
    """Every seq up to the head of a conversation is a message or a change, and every row has its conversation."""
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "PRAGMA foreign_key_check") == []
    holes = rows(database, """
        SELECT c.id, c.seq, n.count, n.last FROM messaging_conversation c LEFT JOIN (
          SELECT conversation_id, count(*) AS count, max(seq) AS last FROM (
            SELECT conversation_id, seq FROM messaging_message UNION SELECT conversation_id, seq FROM parley_change)
          GROUP BY conversation_id) n ON n.conversation_id = c.id
        WHERE c.seq <> coalesce(n.count, 0) OR c.seq <> coalesce(n.last, 0)""")
    assert holes == []


class Load:
    """Senders that keep messages in flight; `acked` has the client_id of every acknowledged message."""

    def __init__(self, people, talk):
        self.acked, self.going = set(), True
        self.threads = [threading.Thread(target=self.send, args=(person, talk)) for person in people]

    def send(self, person, talk):
        with contextlib.suppress(Closed), person.connect(talk) as socket:
            for number in range(1_000_000):
                if not self.going:
                    return
                socket.send("message", content="x" * 200, client_id=f"{person.id}-{number}")
                if number >= 8:
                    self.acked.add(socket.wait_for("ack")["data"]["client_id"])

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        eventually(lambda: len(self.acked) > 100, within=30)
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join(patient(30))
            assert not thread.is_alive()


@pytest.fixture
def talk(own_server):
    """A server with two people, a group, an attachment in a message, and some messages."""
    server = own_server()
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob)
    file = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()
    alice.rest.send_message(group, "see", attachment_ids=[file["id"]])
    for number in range(4):
        alice.rest.send_message(group, f"text {number}", client_id=f"c-{number}")
    return server, alice, bob, group


@pytest.mark.proves("backup, restore")
def test_a_backup_under_load_is_a_consistent_prefix_with_every_acknowledged_message(own_server, tmp_path):
    server = own_server()
    people = [Person(server, name) for name in ("alice", "bob", "carol")]
    group = people[0].rest.create_group(*people[1:])
    with Load(people, group) as load:
        for number in range(4):
            target = tmp_path / f"backup-{number}"
            acked = set(load.acked)
            succeeded(backup(server, target))
            assert_consistent(target / "parley.db")
            stored = {client_id for client_id, in rows(target / "parley.db", "SELECT client_id FROM messaging_message")}
            assert acked <= stored, f"lost {len(acked - stored)} of {len(acked)}"
            subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=target, check=True)
            manifest = json.loads((target / "manifest.json").read_text())
            assert manifest["messages"] == len(stored)
        behind = len(load.acked)
        eventually(lambda: len(load.acked) > behind)
    restored = serve_restored(own_server, target, tmp_path / "new")
    history = Person(restored, "bob").rest.everything_in(group)
    assert {message["client_id"] for message in history} == stored
    assert [message["seq"] for message in history] == list(range(1, len(stored) + 1))


@pytest.mark.proves("backup, restore")
def test_a_restored_store_has_the_history_attachments_links_and_revocations(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    Person(server, "backend", scope="messaging:service").rest.post("revocations/", json={"jti": "gone"})
    before = [bob.rest.everything_in(group), bob.rest.get("messages/unread_count/").json()]
    link = bob.rest.history(group)["messages"][-1]["attachments"][0]["file_url"]
    printed = succeeded(backup(server, tmp_path / "backup"))
    assert "1 conversations, 5 messages, 1 attachments; 2 files" in printed
    server.stop()
    restored = serve_restored(own_server, tmp_path / "backup", tmp_path / "new")
    alice, bob = Person(restored, "alice"), Person(restored, "bob")

    def plain(answers):
        """Without signatures, and without what is written in the background."""
        return [[{**message, "delivered_at": None, "attachments": [file["id"] for file in message["attachments"]]}
                 for message in answers[0]], answers[1]]
    assert plain([bob.rest.everything_in(group), bob.rest.get("messages/unread_count/").json()]) == plain(before)
    assert httpx.get(restored.url + link, timeout=patient(15)).content == files.PNG, "a link that was signed before"
    assert Person(restored, "mallory", jti="gone").rest.get("conversations/").status_code == 401
    repeat = alice.rest.post("messages/", json={"conversation_id": group["id"], "content": "text 2", "client_id": "c-2"})
    assert (repeat.status_code, repeat.json()["seq"]) == (200, 4), "a retry of a message from before the backup"
    again = alice.rest.post("attachments/", files={"file": ("b.png", files.PNG)})
    assert again.status_code == 201


@pytest.mark.proves("backup, restore")
def test_clients_that_saw_the_lost_history_are_reset_and_no_seq_is_assigned_twice(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    with bob.connect() as socket:
        cursor_of_backup = socket.established["data"]["cursor"]
    succeeded(backup(server, tmp_path / "backup"))
    lost = [alice.rest.send_message(group, f"lost {number}") for number in range(5)]
    assert lost[-1]["seq"] == 10
    with bob.connect() as socket:
        cursor = socket.established["data"]["cursor"]
    server.stop()

    restored = serve_restored(own_server, tmp_path / "backup", tmp_path / "new")
    alice, bob = Person(restored, "alice"), Person(restored, "bob")
    new = [alice.rest.send_message(group, f"new {number}") for number in range(8)]
    assert [message["seq"] for message in new] == [5 + LOST + number for number in range(1, 9)]
    for since, expected in (5, []), (7, []), (10, []), (3, [4, 5]):  # at the backup, ahead of it, behind it
        with bob.connect(group, query={"since": since}) as socket:
            frames = [socket.receive() for _ in range(len(expected) + 9)]
        frames = [frame for frame in frames if frame["type"] in ("message", "gap")]
        assert [frame["seq"] for frame in frames[:len(expected)]] == expected
        gap, *rest = frames[len(expected):]
        assert (gap["type"], gap["data"]) == ("gap", {"from": 6, "to": 5 + LOST, "reset": True})
        assert [frame["data"]["content"] for frame in rest] == [f"new {number}" for number in range(len(rest))]
    changes = bob.rest.get(f"conversations/{group['id']}/changes/", params={"since_seq": 9}).json()["events"]
    assert changes[0]["data"] == {"from": 6, "to": 5 + LOST, "reset": True}
    for old in cursor, cursor_of_backup:
        with bob.connect(query={"cursor": old}) as socket:
            assert socket.established["data"]["conversations"] == {group["id"]: 13 + LOST}


def test_a_store_can_be_restored_again_from_a_backup_of_a_restored_store(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    succeeded(backup(server, tmp_path / "first"))
    second = serve_restored(own_server, tmp_path / "first", tmp_path / "one")
    Person(second, "alice").rest.send_message(group, "between")
    succeeded(backup(second, tmp_path / "second"))
    third = serve_restored(own_server, tmp_path / "second", tmp_path / "two")
    bob = Person(third, "bob")
    with bob.connect(group, query={"since": 5}) as socket:
        frames = [socket.receive() for _ in range(3)]
    assert [frame.get("data", {}).get("from") for frame in frames] == [6, None, 7 + LOST]
    assert frames[1]["seq"] == 6 + LOST and frames[2]["data"]["to"] == 6 + 2 * LOST


def test_a_restored_store_is_another_store_than_its_original(own_server, talk, tmp_path):
    server, *_ = talk
    succeeded(backup(server, tmp_path / "backup"))
    (tmp_path / "new").mkdir()
    succeeded(restore(tmp_path / "backup", tmp_path / "new/data"))
    identity = "SELECT value FROM parley_meta WHERE key = 'store_id'"
    original = rows(f"{server.directory}/data/parley.db", identity)
    assert original == rows(tmp_path / "backup/parley.db", identity) != rows(tmp_path / "new/data/parley.db", identity)


def test_a_development_secret_moves_with_the_store(own_server, tmp_path):
    server = own_server(JWT_SECRET_KEY=None)
    succeeded(backup(server, tmp_path / "backup"))
    (tmp_path / "new").mkdir()
    succeeded(restore(tmp_path / "backup", tmp_path / "new/data"))
    secret = (tmp_path / "new/data/dev-secret").read_text()
    assert secret == open(f"{server.directory}/data/dev-secret").read() and len(secret) == 64


def test_only_the_owner_can_read_a_backup_and_a_restored_store(own_server, talk, tmp_path):
    server, *_ = talk
    succeeded(backup(server, tmp_path / "backup"))
    (tmp_path / "new").mkdir()
    succeeded(restore(tmp_path / "backup", tmp_path / "new/data"))
    for top in tmp_path / "backup", tmp_path / "new/data":
        for path in [top, *top.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_missing_or_damaged_file_is_reported_and_does_not_prevent_a_backup(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    attached = rows(f"{server.directory}/data/parley.db", "SELECT lower(hex(id)) FROM messaging_attachment")[0][0]
    path = next(path for path in (tmp_path / "server-0/data/attachments").rglob("*-*") if path.name.replace("-", "") == attached)
    path.write_bytes(b"something else")
    damaged = backup(server, tmp_path / "damaged")
    assert damaged.returncode == 3 and f"{path.name}: the file is damaged" in damaged.stdout, damaged.stdout
    path.unlink()
    missing = backup(server, tmp_path / "missing")
    assert missing.returncode == 3 and f"{path.name}: the file is missing" in missing.stdout
    succeeded(restore(tmp_path / "missing", tmp_path / "x", "--check"))


def test_files_that_are_deleted_during_the_backup_are_counted(talk, tmp_path):
    server, alice, bob, group = talk
    sent = []
    for number in range(30):
        file = alice.rest.post("attachments/", files={"file": ("a.png", files.png_of(400_000, number))}).json()
        sent.append(alice.rest.send_message(group, "see", attachment_ids=[file["id"]]))
    stored = tmp_path / "server-0/data/attachments"
    for attempt in range(20):  # until the backup is stopped before its last file
        target = tmp_path / f"backup-{attempt}"
        process = started("backup", target, "--data-dir", f"{server.directory}/data", directory=tmp_path)
        partial = tmp_path / f"backup-{attempt}.partial/attachments"
        eventually(lambda: partial.exists() or process.poll() is not None)
        process.send_signal(signal.SIGSTOP)
        if process.poll() is None and partial.exists() and len(list(partial.rglob("*-*"))) < 25:
            break
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=patient(30))
    for message in sent:
        assert alice.rest.delete(f"messages/{message['id']}/").status_code in (200, 204)
    eventually(lambda: len(list(stored.rglob("*-*"))) == 1, within=30)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=patient(30))
    assert process.returncode == 0 and b"attachments were deleted during the backup" in out, out
    assert json.loads((target / "manifest.json").read_text())["deleted_meanwhile"] >= 5
    succeeded(restore(target, tmp_path / "x", "--check"))


@pytest.mark.proves("backup, restore")
def test_a_killed_backup_leaves_no_backup_and_the_next_one_succeeds(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    for number in range(20):
        alice.rest.post("attachments/", files={"file": ("a.png", files.png_of(400_000, number))})
    target, dice = tmp_path / "backup", random.Random(7)
    whole = 0
    with Load([alice, bob], group):
        for _ in range(15):
            process = started("backup", target, "--data-dir", f"{server.directory}/data", directory=tmp_path)
            time.sleep(dice.uniform(0.0, 0.15))
            process.kill()
            process.communicate(timeout=patient(30))
            if target.exists():
                whole += 1
                assert "is intact" in succeeded(restore(target, tmp_path / "x", "--check"))
                shutil.rmtree(target)
        succeeded(backup(server, target))
        assert not (tmp_path / "backup.partial").exists()
    assert whole < 15, "no backup was killed before its end"
    assert_consistent(target / "parley.db")
    assert server.process.poll() is None


@pytest.mark.proves("backup, restore")
def test_a_backup_outlives_the_kill_of_its_server_and_works_without_one(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    with Load([alice, bob], group) as load:
        process = started("backup", tmp_path / "backup", "--data-dir", f"{server.directory}/data", directory=tmp_path)
        eventually(lambda: (tmp_path / "backup.partial").exists() or process.poll() is not None)
        server.kill()
    out, _ = process.communicate(timeout=patient(30))
    assert process.returncode == 0, out
    assert_consistent(tmp_path / "backup/parley.db")
    succeeded(backup(server, tmp_path / "after"))
    stored = {client_id for client_id, in rows(tmp_path / "after/parley.db", "SELECT client_id FROM messaging_message")}
    assert load.acked <= stored, "what was acknowledged before the kill"
    server.start()
    assert len(alice.rest.everything_in(group)) == len(stored)


@pytest.mark.proves("backup, restore")
def test_after_a_killed_restore_no_server_starts_until_a_restore_has_finished(own_server, talk, tmp_path):
    server, alice, bob, group = talk
    for number in range(20):
        alice.rest.post("attachments/", files={"file": ("a.png", files.png_of(400_000, number))})
    succeeded(backup(server, tmp_path / "backup"))
    data, dice = tmp_path / "new/data", random.Random(7)
    (tmp_path / "new").mkdir()
    cut = 0
    for number in range(15):
        process = started("restore", tmp_path / "backup", "--data-dir", data, directory=tmp_path)
        if number % 3:  # in the middle, however slow the start
            eventually(lambda: (data / "RESTORING").exists() or process.poll() is not None)
        time.sleep(dice.uniform(0.0, 0.12) if number % 3 == 0 else dice.uniform(0.0, 0.03))
        process.kill()
        process.communicate(timeout=patient(30))
        if (data / "RESTORING").exists():
            cut += 1
            refused = run("serve", "--port", "1", "--data-dir", str(data), directory=tmp_path)
            assert refused.returncode == 1 and "a restore did not finish" in refused.stdout, refused.stdout
        elif (data / "parley.db").exists():
            shutil.rmtree(data)
    assert cut > 0
    if not (data / "parley.db").exists() or (data / "RESTORING").exists():
        succeeded(restore(tmp_path / "backup", data))
    restored = own_server(directory=tmp_path / "new")
    assert len(Person(restored, "bob").rest.everything_in(group)) == 5
    assert len(list((data / "attachments").rglob("*-*"))) == 21


def change_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def replace_in_sums(backup, text, other):
    sums = backup / "SHA256SUMS"
    assert text in sums.read_text()
    sums.write_text(sums.read_text().replace(text, other))


def attachment_in(backup):
    return next((backup / "attachments").rglob("*-*"))


def link_to(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


DAMAGES = {
    "a bit of the database": (lambda b: change_byte(b / "parley.db"), "parley.db has the SHA-256"),
    "a truncated database": (lambda b: os.truncate(b / "parley.db", 8192), "parley.db has the SHA-256"),
    "no database": (lambda b: (b / "parley.db").unlink(), "parley.db: No such file"),
    "a bit of an attachment": (lambda b: change_byte(attachment_in(b)), "has the SHA-256"),
    "no attachment": (lambda b: attachment_in(b).unlink(), "No such file"),
    "no manifest": (lambda b: (b / "manifest.json").unlink(), "it has no manifest.json"),
    "a bit of the manifest": (lambda b: change_byte(b / "manifest.json"), "manifest.json"),
    "no sums": (lambda b: (b / "SHA256SUMS").unlink(), "SHA256SUMS: No such file"),
    "truncated sums": (lambda b: os.truncate(b / "SHA256SUMS", 100), "SHA256SUMS: the last line is cut off"),
    "a missing line of the sums": (lambda b: (b / "SHA256SUMS").write_text(
        "".join((b / "SHA256SUMS").read_text().splitlines(True)[1:])), "it lists 2 files instead of 3"),
    "a path outside": (lambda b: replace_in_sums(b, "  parley.db", "  ../parley.db"), "a file that no backup contains: ../parley.db"),
    "an absolute path": (lambda b: replace_in_sums(b, "  parley.db", "  /etc/passwd"), "a file that no backup contains: /etc/passwd"),
    "a path inside attachments": (lambda b: replace_in_sums(b, "  attachments/", "  attachments/../../"), "a file that no backup contains"),
    "a link in place of a file": (lambda b: link_to(b / "parley.db"), "parley.db is a symbolic link"),
    "a link in place of a folder": (lambda b: link_to(b / "attachments"), "is a symbolic link"),
    "a newer format": (lambda b: (b / "manifest.json").write_text(
        (b / "manifest.json").read_text().replace('"format":1', '"format":2')), "made by a newer Parley: format 2"),
    "a newer schema": (lambda b: (b / "manifest.json").write_text(
        re.sub('"schema":[0-9]+', '"schema":999', (b / "manifest.json").read_text())), "made by a newer Parley: "),
}


@pytest.mark.proves("backup, restore")
def test_a_damaged_or_newer_backup_is_refused_with_the_cause_and_leaves_the_target_empty(talk, tmp_path):
    server, *_ = talk
    succeeded(backup(server, tmp_path / "backup"))
    (tmp_path / "new").mkdir()
    for name, (damage, cause) in DAMAGES.items():
        shutil.copytree(tmp_path / "backup", tmp_path / "copy", symlinks=True)
        damage(tmp_path / "copy")
        for options in ["--check"], []:
            refused = restore(tmp_path / "copy", tmp_path / "new/data", *options)
            assert refused.returncode == 1 and cause in refused.stdout, f"{name}: {refused.stdout}"
        left = {path.name for path in (tmp_path / "new").rglob("*")} - {"data", "LOCK", "attachments"}
        assert left == set(), f"{name} left {left}"
        shutil.rmtree(tmp_path / "copy")
    succeeded(restore(tmp_path / "backup", tmp_path / "new/data"))


@pytest.mark.proves("backup, restore")
def test_restore_refuses_a_running_server_and_a_target_that_is_not_empty(own_server, talk, tmp_path):
    server, *_ = talk
    succeeded(backup(server, tmp_path / "backup"))
    running = restore(tmp_path / "backup", f"{server.directory}/data")
    assert running.returncode == 1 and "another Parley is using it" in running.stdout
    server.stop()
    full = restore(tmp_path / "backup", f"{server.directory}/data")
    assert full.returncode == 1 and "it is not empty" in full.stdout
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").write_text("dear")
    foreign = restore(tmp_path / "backup", tmp_path / "home")
    assert foreign.returncode == 1 and "it is not empty, it has letter" in foreign.stdout
    assert os.listdir(tmp_path / "home") == ["letter"]
    server.start()


def test_backup_and_restore_explain_wrong_calls(own_server, talk, tmp_path):
    server, *_ = talk
    for command in "backup", "restore":
        usage = run(command, directory=tmp_path)
        assert usage.returncode == 2 and f"usage: parley {command}" in usage.stdout
    nothing = run("backup", "folder", "--data-dir", "none", directory=tmp_path)
    assert nothing.returncode == 1 and "there is no store in the data directory none" in nothing.stdout
    succeeded(backup(server, tmp_path / "backup"))
    again = backup(server, tmp_path / "backup")
    assert again.returncode == 1 and "exists: give the name of a new folder" in again.stdout
    nowhere = backup(server, tmp_path / "no/backup")
    assert nowhere.returncode == 1 and "no does not exist" in nowhere.stdout
    none = restore(tmp_path / "nothing", tmp_path / "x")
    assert none.returncode == 1 and "there is no backup in" in none.stdout


def test_a_disk_without_room_fails_the_backup_and_the_restore_with_the_cause(own_server, talk, tmp_path):
    """The limit of the size of a file has the effect of a full disk, and needs no privileges."""
    server, alice, bob, group = talk
    file = alice.rest.post("attachments/", files={"file": ("a.png", files.png_of(3_000_000))})
    assert file.status_code == 201
    succeeded(backup(server, tmp_path / "whole"))

    def run_with_room(limit, *arguments):
        return subprocess.run([BINARY, *arguments], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=patient(30), preexec_fn=lambda: limit_files(limit))
    for limit in 50_000, 2_000_000:  # in the database, in an attachment
        full = run_with_room(limit, "backup", "full", "--data-dir", f"{server.directory}/data")
        assert full.returncode == 1 and ("File too large" in full.stdout or "cannot copy the database" in full.stdout), full.stdout
        assert not (tmp_path / "full").exists() and not (tmp_path / "full.partial").exists()
        refused = run_with_room(limit, "restore", "whole", "--data-dir", "new")
        assert refused.returncode == 1 and "File too large" in refused.stdout, refused.stdout
        assert not (tmp_path / "new/parley.db").exists() and not (tmp_path / "new/RESTORING").exists()
    succeeded(restore(tmp_path / "whole", tmp_path / "new"))


def limit_files(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
