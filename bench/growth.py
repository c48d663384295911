"""./dev bench growth: what an operation costs as the amounts grow by steps of 10. A cost that stays flat has no term in what grows.

    ./dev bench growth [part=connections,connections_nodes,conversations,participants,history,nodes] [least=N] [most=N] [quick] [seconds=N]

Rows are written straight into the store of a server that is not running. Each size has a server of its own. Results are merged into
docs/performance.json, and docs/performance.md is written from it; `quick` ends two steps earlier and writes nothing."""
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import resource
import sqlite3
import subprocess
import time
import uuid

import peer_report
from peer_run import RESULTS, chosen, commit, merge
from servers import SERVER_CORE, Parley, connected, end_servers_on_sigterm, member, scratch, swarm, token

MEMBERS = 10  # of the conversation in which messages are sent
NODES = 6  # of connections_nodes: a process has at most as many connections as file descriptors
SAMPLES = 200


def rest(server, user, path, count=SAMPLES):
    """CPU µs of the server per request, one request at a time on one connection."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {token(user)}"}
    for number in range(count + 20):  # the first 20 warm up
        if number == 20:
            before = server.cpu()
        client.request("GET", f"/api/messaging/{path}", headers=headers)
        answer = client.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"GET {path}: {answer.status} {text[:200]}")
    return 1e6 * (server.cpu() - before) / count


def sending(server, members, seconds, size=MEMBERS):
    """One message under way at a time in a conversation of `size` connected members: CPU µs of the server per message."""
    report = swarm(server, members, seconds=seconds, warm_up=0.5)
    if not report["delivered"]:
        raise SystemExit("no message was delivered")
    return report, 1e6 * report["cpu"] / (report["delivered"] / size)


def room_of(conversation, users):
    return [member(0, conversation, user, place == 0) for place, user in enumerate(users)]


# --- the store

def fill(data, conversations=0, participants=0, messages=0):
    """Conversations of two users and one message each, a conversation with `participants`, and one with `messages`. Returns the ids of the last two."""
    now = int(time.time() * 1e6) - 10**9
    large, long = (uuid.UUID(int=(1 << 100) + number) for number in (1, 2))
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    # An id of 16 bytes that grows with the number.
    conversation, message = "CAST(printf('%016d', i) AS BLOB)", "CAST(printf('m%015d', i) AS BLOB)"
    with contextlib.closing(sqlite3.connect(f"{data}/parley.db")) as store, store:
        store.execute("PRAGMA synchronous=OFF")
        if conversations:
            store.execute(f"{numbers} INSERT INTO messaging_conversation (id, type, created_at, last_message_at, seq, changed, participant_count)"
                          f" SELECT {conversation}, 'group', ? + i, ? + i, 1, ? + i, 2 FROM n", (conversations, now, now, now))
            for half in 0, 1:  # each user is in 20 conversations
                store.execute(f"{numbers} INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role)"
                              f" SELECT {conversation}, 'u' || {half} || '-' || (i / 20), ? + {half}, 0 FROM n", (conversations, now))
            store.execute(f"{numbers} INSERT INTO messaging_message (conversation_id, seq, id, sender_id, content, sent_at)"
                          f" SELECT {conversation}, 1, {message}, 'u0-' || (i / 20), ?, ? + i FROM n", (conversations, "x" * 128, now))
        for one, users, seqs in (large, participants, 0), (long, MEMBERS, messages):
            store.execute("INSERT INTO messaging_conversation (id, type, created_at, last_message_at, seq, changed, participant_count)"
                          " VALUES (?, 'group', ?, ?, ?, ?, ?)", (one.bytes, now, now + seqs, seqs, now, users))
            store.execute(f"{numbers} INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role)"
                          " SELECT ?, 'user' || (i - 1), ? + i, 0 FROM n WHERE i <= ?", (max(users, 1), one.bytes, now, users))
        if messages:
            store.execute(f"{numbers} INSERT INTO messaging_message (conversation_id, seq, id, sender_id, content, sent_at)"
                          f" SELECT ?, i, CAST(printf('h%015d', i) AS BLOB), 'user0', ?, ? + i FROM n", (messages, long.bytes, "x" * 128, now))
    return str(large), str(long)


@contextlib.contextmanager
def filled(**amounts):
    """A server on a filled store, and what fill() returns."""
    with scratch() as data:
        with Parley(data):
            pass  # makes the schema
        ids = fill(data, **amounts)
        began = time.monotonic()
        with Parley(data) as server:
            server.start_s = time.monotonic() - began
            yield server, *ids


# --- the parts

def connections(count, seconds):
    """`count` idle WebSockets in conversations of 20, beside a conversation of 10 in which messages are sent."""
    users = [f"user{number}" for number in range(MEMBERS)]
    with filled() as (server, _, _):
        before = server.rss()
        members = room_of(server.group(users), users)
        for number in range((count + 19) // 20):
            idlers = [f"idle{number}-{place}" for place in range(min(20, count - 20 * number))]
            members += [member(1, conversation, user) for conversation in [server.group(idlers)] for user in idlers]
        report, per_message = sending(server, members, seconds)
        return {"send_us": per_message, "connect_us": 1e6 * (report["seen"]["connected"]["cpu"] - report["seen"]["start"]["cpu"]) / len(members),
                "bytes_each": (report["seen"]["connected"]["rss"] - before) / len(members)}


def connections_nodes(count, seconds):
    """As connections(), with the connections on six nodes, and one load generator for each of them."""
    from nodes import measure
    with cluster_of(NODES) as cluster, concurrent.futures.ThreadPoolExecutor(8) as pool:
        before = cluster.rss()
        idlers = [[f"idle{number}-{place}" for place in range(min(20, count - 20 * number))] for number in range((count + 19) // 20)]
        by_port = {}
        for number, (users, conversation) in enumerate(zip(idlers, pool.map(cluster.nodes[0].group, idlers))):
            by_port.setdefault(cluster.at(number), []).extend(member(number, conversation, user) for user in users)
        users = [f"user{number}" for number in range(MEMBERS)]
        conversation = cluster.nodes[0].group(users)
        start = cluster.cpu()
        with connected(by_port):
            cpu = (cluster.cpu() - start)["nodes"]
            memory = cluster.rss() - before
            time.sleep(2 * seconds)  # what follows a connect is over
            start = cluster.cpu()
            time.sleep(seconds)
            idle = (cluster.cpu() - start)["nodes"]
            one = measure(cluster, [member(0, conversation, user, place == 0, port=cluster.at(place)) for place, user in enumerate(users)],
                          {"pace": "acked"}, seconds)
        return {"send_us": one["nodes"], "idle_ms": 1e3 * idle / seconds, "postgres_us": one["postgres"], "redis_us": one["redis"], "connect_us": 1e6 * cpu / count,
                "bytes_each": memory / count}


def conversations(count, seconds):
    users = [f"user{number}" for number in range(MEMBERS)]
    with filled(conversations=count) as (server, _, long):
        start = server.rss()
        middle = uuid.UUID(bytes=f"{max(count // 2, 1):016d}".encode())
        owner = f"u0-{max(count // 2, 1) // 20}"
        found = {"list_20_us": rest(server, owner, "conversations/?limit=20"), "unread_us": rest(server, owner, "messages/unread_count/"),
                 "newest_page_us": rest(server, owner, f"conversations/{middle}/messages/?limit=50")}
        _, found["send_us"] = sending(server, room_of(long, users), seconds)
        return {**found, "start_s": server.start_s, "memory_mb": start / 1e6}


def participants(count, seconds):
    """One conversation of `count` participants, of which 10 are connected."""
    connected = min(MEMBERS, count)
    with filled(participants=count) as (server, large, _):
        _, per_message = sending(server, room_of(large, [f"user{number}" for number in range(connected)]), seconds, size=connected)
        return {"send_us": per_message, "newest_page_us": rest(server, "user0", f"conversations/{large}/messages/?limit=50"),
                "memory_mb": server.rss() / 1e6}


def history(count, seconds):
    """One conversation of `count` messages."""
    users = [f"user{number}" for number in range(MEMBERS)]
    with filled(messages=count) as (server, _, long):
        found = {"newest_page_us": rest(server, "user0", f"conversations/{long}/messages/?limit=50"),
                 "middle_page_us": rest(server, "user0", f"conversations/{long}/messages/?limit=50&after_seq={count // 2}"),
                 "oldest_page_us": rest(server, "user0", f"conversations/{long}/messages/?limit=50&after_seq=0")}
        _, found["send_us"] = sending(server, room_of(long, users), seconds)
        return {**found, "start_s": server.start_s}


@contextlib.contextmanager
def cluster_of(count):
    """Nodes on one PostgreSQL and one Redis, all on one core."""
    from nodes import Cluster, Postgres, Redis
    with contextlib.ExitStack() as stack:
        database, redis = Postgres().start(), Redis().start()
        stack.callback(database.close)
        stack.callback(redis.close)
        for process in database.process, redis.process:
            subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CORE, str(process.pid)], check=True, stdout=subprocess.DEVNULL)
        yield stack.enter_context(Cluster(count, database, redis, stack.enter_context(scratch())))


def nodes(count, seconds):
    """200 conversations of two on different nodes, CPU of everything."""
    from nodes import measure, rooms_of_two
    with cluster_of(count) as cluster:
        one = measure(cluster, rooms_of_two(cluster, str(count)), {"pace": "acked"}, seconds)
        return {"messages_per_s": one["messages/s"], "nodes_us": one["nodes"], "postgres_us": one["postgres"], "redis_us": one["redis"],
                "ack_p50_ms": one["ack p50"]}


def descriptor_limit():
    """Connections that one server accepts: its limit of file descriptors without a reserve for its files and for REST."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 1000 * 1000 - 1000


PARTS = {
    "connections": (connections, [10, 100, 1_000, 10_000]),
    "connections_nodes": (connections_nodes, [10, 100, 1_000, 10_000, 100_000]),
    "conversations": (conversations, [10, 100, 1_000, 10_000, 100_000, 1_000_000]),
    "participants": (participants, [10, 100, 1_000, 10_000, 100_000]),
    "history": (history, [10_000, 100_000, 1_000_000, 10_000_000]),
    "nodes": (nodes, [1, 2, 3]),
}


def growth(words):
    end_servers_on_sigterm()
    options = dict(word.partition("=")[::2] for word in words)
    unknown = set(options) - {"part", "least", "most", "quick", "seconds"}
    if unknown:
        raise SystemExit(f"unknown options: {', '.join(sorted(unknown))}\n{__doc__}")
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    quick, seconds = "quick" in options, float(options.get("seconds") or (0.5 if "quick" in options else 1.5))
    failed = False
    for name in chosen(options.get("part"), PARTS, "parts"):
        work, amounts = PARTS[name]
        if name == "connections":
            amounts = [*amounts, descriptor_limit()] if 10_000 < descriptor_limit() < 100_000 else amounts
        amounts = amounts[:-2] if quick and name != "nodes" else amounts
        for amount in amounts:
            if not int(options.get("least") or 0) <= amount <= int(options.get("most") or amount):
                continue
            if name == "connections_nodes" and amount > NODES * descriptor_limit():
                print(f"{name:14} {amount:12,}  is left out: {NODES} nodes accept {descriptor_limit():,} connections each", flush=True)
                continue
            began = time.monotonic()
            try:
                row = work(amount, seconds)
            except SystemExit as reason:
                print(f"{name:14} {amount:12,}  FAILED: {reason}", flush=True)
                failed = True
                continue
            if not quick:
                merge_growth(RESULTS, {name: {"date": datetime.date.today().isoformat(), "commit": commit(), "seconds": seconds,
                                              "rows": [{"amount": amount, **row}]}})
            print(f"{name:14} {amount:12,}  " + ", ".join(f"{key} {value:,.2f}" for key, value in row.items())
                  + f"  ({time.monotonic() - began:.1f} s)", flush=True)
    if not quick:
        peer_report.write(RESULTS)
    return failed


def merge_growth(file: pathlib.Path, found):
    """Rows of the same amount are replaced; the others are kept, so that sizes can be measured one by one."""
    results = json.loads(file.read_text())
    for name, one in found.items():
        before = results.setdefault("growth", {}).get(name, {"rows": []})["rows"]
        rows = {row["amount"]: row for row in [*before, *one["rows"]]}
        results["growth"][name] = {**one, "rows": [rows[amount] for amount in sorted(rows)]}
    file.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    merge(file, {})
