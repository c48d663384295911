"""All users come back at once to a node that has just started: a user socket each, every conversation resumed.

PostgreSQL (fsync on) and the server share core 0, the load generator has core 1. The node knows none of the
conversations when the first client comes.
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from servers import BUILD, CLIENT_CORE, SERVER_CORE, Parley, cpu_of, scratch, token

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "scenario"))
from postgres import Postgres  # noqa: E402

COUNTED = {"statements": "parley_store_statements_total", "waited": "parley_store_pool_waits_total",
           "refused": "parley_store_reads_refused_total", "expired": "parley_store_reads_expired_total",
           "catch-up reads": "parley_catch_up_store_reads_total"}


def storm(users=5000, conversations=100, members=10, messages=3, shards=1, seconds=120):
    """Time until all are established and resumed, and what that took; users and conversations of each by flags."""
    with scratch() as data, contextlib.ExitStack() as stack:
        database = Postgres().start()
        stack.callback(database.close)
        with Parley(f"{data}/first", DATABASE_URL=database.url):
            pass  # makes the schema
        rooms = fill(database, users, conversations, members, messages)
        subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CORE, str(database.process.pid)], check=True, stdout=subprocess.DEVNULL)
        with Parley(f"{data}/second", shards=shards, DATABASE_URL=database.url) as parley:
            before, cpu, rss, began = counters(parley), parley.cpu(), parley.rss(), time.monotonic()
            store = sum(map(cpu_of, database.processes()))
            report = run(parley, users, seconds)
            used = {name: value - before[name] for name, value in counters(parley).items()}
            print(f"storm of {users:,} user sockets x {conversations} conversations ({rooms:,} rooms of {members}), {shards} shard(s):"
                  f" {report['resumed']:,} resumed; all established after {report['established_seconds']:.1f} s,"
                  f" all resumed after {report['resumed_seconds']:.1f} s; {report['disconnects']:,} disconnects"
                  f" ({report['immediate']:,} with a delay of 0), {report['refused']:,} connections refused;"
                  f" {used['statements']:,.0f} statements ({used['statements'] / users:.1f} a socket), reads: {used['waited']:,.0f} waited,"
                  f" {used['refused']:,.0f} refused, {used['expired']:,.0f} expired, {used['catch-up reads']:,.0f} for catch-up;"
                  f" CPU s: node {parley.cpu() - cpu:.1f}, PostgreSQL {sum(map(cpu_of, database.processes())) - store:.1f};"
                  f" RSS {rss / 1e6:.0f} -> {parley.rss() / 1e6:.0f} MB; {time.monotonic() - began:.1f} s in all", flush=True)
            if report["resumed"] != users or report["immediate"]:
                raise SystemExit(1)


def counters(parley):
    text = parley.metrics()
    return {name: sum(float(line.split()[-1]) for line in text if line.split("{")[0].split(" ")[0] == metric)
            for name, metric in COUNTED.items()}


def fill(database, users, conversations, members, messages):
    """Inserts rows as the server would: each user is in `conversations` conversations of `members` members."""
    rooms = users * conversations // members
    each = f"generate_series(0, {rooms - 1}) AS r"
    database.ask(f"""
        INSERT INTO messaging_conversation (id, type, created_at, last_message_at, seq, participant_count)
        SELECT md5(r::text)::uuid, 'group', now(), now() + r * interval '1 microsecond', {messages}, {members} FROM {each};
        INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role)
        SELECT md5(r::text)::uuid, 'user' || (r + k * 7919 % {users}) % {users}, now() + k * interval '1 microsecond', 0
        FROM {each}, generate_series(0, {members - 1}) AS k ON CONFLICT DO NOTHING;
        INSERT INTO messaging_message (id, conversation_id, seq, sender_id, content, sent_at)
        SELECT md5(r || '-' || s)::uuid, md5(r::text)::uuid, s, 'user' || r % {users}, 'what was said', now()
        FROM {each}, generate_series(1, {messages}) AS s;
        ANALYZE;""")
    return rooms


def run(parley, users, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".members") as file:
        for number in range(users):
            file.write(f"0 0 0 /ws/messaging/ {token(f'user{number}')} 0\n")
        file.flush()
        done = subprocess.run(["taskset", "-c", CLIENT_CORE, BUILD / "bench" / "parley_bench", file.name, f"port={parley.port}", "storm=1",
                               f"seconds={seconds}"], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)
