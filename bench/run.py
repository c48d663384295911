"""The benchmarks of ./dev bench: each prints what it measured, with everything that was in the way.

Server and load generator get a core each. CPU is that of all threads of the server, as the kernel
counts it, while the load generator measures. Figures that are compared come from interleaved rounds.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import time
import uuid

from compare import compare
from asgi_proxy import django
from channel_layer import channel_layer
from commits import acks, commits
from flapping import flapping
from growth import growth
from nodes import nodes
from peer_run import peers
from rest import rest
from servers import Parley, Raw, fill, member, scratch, swarm, token
from storage import storage
from storm import storm
from tls_memory import tls_memory


def fanout(rounds=5, seconds=3):
    """One conversation, S subscribers, one message of 128 bytes under way at a time: CPU for each
    delivery, beside a raw epoll server that sends 128 bytes, and one that sends as much as Parley."""
    for size in 1000, 100:
        users = [f"user{i}" for i in range(size)]
        with scratch() as data, Parley(data) as parley:
            talk = parley.group(users)
            ours = [member(0, talk, user, i == 0) for i, user in enumerate(users)]
            bare = [member(0, sends=i == 0) for i in range(size)]
            frame = 0
            results = {"raw": [], "raw, as many bytes": [], "parley": []}
            for _ in range(rounds):
                report = swarm(parley, ours, seconds=seconds)
                results["parley"].append(report)
                frame = frame or round(report["bytes"] / report["delivered"]) - 4
                with Raw() as raw:
                    results["raw"].append(swarm(raw, bare, dialect="raw", seconds=seconds))
                with Raw(frame) as raw:
                    results["raw, as many bytes"].append(swarm(raw, bare, dialect="raw", seconds=seconds))
        micros = {name: [1e6 * r["cpu"] / r["delivered"] for r in reports] for name, reports in results.items()}
        print(f"fan-out S={size}, {rounds} rounds of {seconds} s, one message at a time")
        for name, reports in results.items():
            ratio = statistics.median(m / raw for m, raw in zip(micros[name], micros["raw"]))
            print(f"  {name:20} {statistics.median(micros[name]):6.2f} us CPU/delivery, x raw {ratio:.2f}"
                  f" ({min(micros[name]):.2f}-{max(micros[name]):.2f}),"
                  f" p50 {statistics.median(r['p50_ms'] for r in reports):.2f} ms,"
                  f" p99 {statistics.median(r['p99_ms'] for r in reports):.2f} ms,"
                  f" {statistics.median(r['bytes'] / r['delivered'] for r in reports):.0f} bytes/delivery")


def keepup(seconds=4):
    """S=1000: the most deliveries a second while p99 stays within 50 ms, by messages under way."""
    users = [f"user{i}" for i in range(1000)]
    with scratch() as data, Parley(data) as parley:
        talk = parley.group(users)
        members = [member(0, talk, user, i == 0) for i, user in enumerate(users)]
        for window in 1, 4, 16, 64, 128, 256:
            r = swarm(parley, members, window=window, seconds=seconds, sample=25)
            print(f"keep up, window {window:4}: {r['delivered'] / r['seconds']:12,.0f} deliveries/s,"
                  f" p99 {r['p99_ms']:.1f} ms, {1e6 * r['cpu'] / r['delivered']:.2f} us CPU/delivery", flush=True)


def send(rounds=3, seconds=4):
    """64 senders, each waiting for its ack: durable messages a second, ack latency."""
    users = [f"user{i}" for i in range(64)]
    for name, shards in ("64 conversations of one", 1), ("one conversation of 64", 1):
        with scratch() as data, Parley(data, shards=shards) as parley:
            if name.startswith("64"):
                talks = [parley.group([user]) for user in users]
                members = [member(i, talks[i], user, True) for i, user in enumerate(users)]
            else:
                talk = parley.group(users)
                members = [member(0, talk, user, True) for user in users]
            reports = [swarm(parley, members, pace="acked", seconds=seconds) for _ in range(rounds)]
        print(f"send, {name}: {statistics.median(r['acked'] / r['seconds'] for r in reports):,.0f} messages/s,"
              f" ack p50 {statistics.median(r['ack_p50_ms'] for r in reports):.2f} ms,"
              f" p99 {statistics.median(r['ack_p99_ms'] for r in reports):.2f} ms,"
              f" {statistics.median(1e6 * r['cpu'] / r['acked'] for r in reports):.1f} us CPU/message", flush=True)


def rooms(rounds=3, seconds=4, rate=0):
    """500 rooms of two, everyone sends and waits for the ack: every message committed first. rate: messages a second instead."""
    with scratch() as data, Parley(data) as parley:
        members = []
        for i in range(500):
            pair = [f"a{i}", f"b{i}"]
            talk = parley.group(pair)
            members += [member(i, talk, user, True) for user in pair]
        plan = {"pace": "rate", "rate": rate} if rate else {"pace": "acked"}
        reports = [swarm(parley, members, seconds=seconds, **plan) for _ in range(rounds)]
    threads = {name: statistics.median(1e6 * r["threads"].get(name, 0) / r["acked"] for r in reports) for name in reports[0]["threads"]}
    print(f"500 rooms of two: {statistics.median(r['acked'] / r['seconds'] for r in reports):,.0f} messages/s,"
          f" ack p99 {statistics.median(r['ack_p99_ms'] for r in reports):.1f} ms,"
          f" delivery p99 {statistics.median(r['p99_ms'] for r in reports):.1f} ms,"
          f" {statistics.median(1e6 * r['cpu'] / r['acked'] for r in reports):.1f} us CPU/message:",
          ", ".join(f"{name} {micros:.1f}" for name, micros in sorted(threads.items()) if micros >= 0.1), flush=True)


def slow(count=1000, seconds=15):
    """A conversation of 100 messages a second and 20 readers, without and with slow readers that take
    1 KiB a second through a small buffer: the readers' latency, the server's memory."""
    users = [f"user{i}" for i in range(20 + count)]
    for readers in (0, count, 0, count):
        with scratch() as data, Parley(data) as parley:
            talk = parley.group(users)
            members = [member(0, talk, user, i == 0, slow=i >= 20) for i, user in enumerate(users[:20 + readers])]
            r = swarm(parley, members, pace="rate", rate=100, seconds=seconds)
            before, after = r["seen"]["connected"]["rss"], r["seen"]["measured"]["rss"]
            print(f"{readers:5} slow readers: the others' p50 {r['p50_ms']:.2f} ms, p99 {r['p99_ms']:.2f} ms;"
                  f" RSS {before / 1e6:.1f} MB connected, {after / 1e6:.1f} MB after {r['sent']} messages,"
                  f" {r['lost_connections']} connections lost", flush=True)


def idle(count=10000, room=1000, users=1000):
    """Connections that do nothing, each listening to one conversation of `room` members: memory and connects a second.

    `idle` has 10 sockets for each user. `idle room=100 users=10000` has one, and presence goes to each connected member.
    """
    names = [f"user{i}" for i in range(users)]
    rooms = count // room
    with scratch() as data, Parley(data) as parley:
        first = [number * room % users for number in range(rooms)]
        talks = [parley.group((names * 2)[at:at + room]) for at in first]
        # Consecutive connections are in different rooms.
        members = [member(0, talks[i % rooms], names[(first[i % rooms] + i // rooms) % users]) for i in range(count)]
        r = swarm(parley, members, pace="rate", rate=0, hold=3, warm_up=0, seconds=0.2)
        start, connected, later = (r["seen"][line] for line in ("start", "connected", "measuring"))
        print(f"idle: {(later['rss'] - start['rss']) / count:,.0f} bytes RSS/connection,"
              f" {count / r['connect_seconds']:,.0f} connects/s,"
              f" {1e6 * (connected['cpu'] - start['cpu']) / count:.1f} us CPU/connect,"
              f" {start['rss'] / 1e6:.0f} MB RSS before")


def lists(messages=1_000_000, conversations=1000, rounds=200):
    """What lists and unread counts cost one who is in every conversation of a large store."""
    with scratch() as data:
        with Parley(data):
            pass  # makes the schema
        fill(pathlib.Path(data) / "parley.db", messages, conversations)
        with Parley(data) as server:
            first = str(uuid.UUID(int=1))
            for name, path in (
                    ("all conversations", "conversations/"),
                    ("50 conversations", "conversations/?limit=50"),
                    ("one conversation", f"conversations/{first}/"),
                    ("unread in all", "messages/unread_count/"),
                    ("unread in one", f"messages/unread_count/?conversation_id={first}"),
                    ("50 messages", f"conversations/{first}/messages/"),
                    ("50 changes", f"conversations/{first}/changes/?since_seq=10")):
                client = http.client.HTTPConnection("127.0.0.1", server.port)
                headers = {"Authorization": f"Bearer {token('reader')}"}
                times, size, cpu = [], 0, server.cpu()
                for _ in range(rounds):
                    began = time.perf_counter()
                    client.request("GET", f"/api/messaging/{path}", headers=headers)
                    size = len(client.getresponse().read())
                    times.append(time.perf_counter() - began)
                times.sort()
                print(f"{name:18} p50 {times[rounds // 2] * 1e3:8.3f} ms  p99 "
                      f"{times[rounds * 99 // 100] * 1e3:8.3f} ms  {(server.cpu() - cpu) / rounds * 1e6:8.0f} us "
                      f"CPU  {size:8} bytes", flush=True)
            print(f"RSS {server.rss() / 1e6:.1f} MB")


def uploads(count=32, at_once=16, size=9 << 20):
    """Files up and down, many at once: megabytes per second, CPU and the most memory that it took."""
    form = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x89PNG\r\n\x1a\n\0\0\0\rIHDR'
            + os.urandom(size) + b"\r\n--b--\r\n")

    def ask(server, method, path, body=None):
        client = http.client.HTTPConnection("127.0.0.1", server.port)
        client.request(method, path, body, {"Authorization": f"Bearer {token('u')}",
                                            "Content-Type": "multipart/form-data; boundary=b"})
        answer = client.getresponse()
        data = answer.read()
        assert answer.status in (200, 201), data
        return data

    with scratch() as data, Parley(data) as server, concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        paths = []
        for name, work in (("up", lambda _: paths.append(json.loads(
                               ask(server, "POST", "/api/messaging/attachments/", form))["file_url"])),
                           ("down", lambda i: ask(server, "GET", paths[i]))):
            before, cpu, began, most = server.rss(), server.cpu(), time.perf_counter(), 0
            running = [pool.submit(work, i) for i in range(count)]
            while not all(each.done() for each in running):
                most = max(most, server.rss())
                time.sleep(0.01)
            for each in running:
                each.result()
            took = time.perf_counter() - began
            total = count * size / 1e6
            print(f"{name:5} {count} files of {size / 1e6:.1f} MB, {at_once} at once: {total / took:7.1f} MB/s  "
                  f"{(server.cpu() - cpu) / total * 1e3:6.2f} ms CPU/MB  RSS {before / 1e6:.1f} -> "
                  f"{max(most, before) / 1e6:.1f} MB", flush=True)


def kill(times=20, seed=None):
    """kill -9 under load, again and again on one database; then every message acknowledged is looked
    for, and every one that was not is sent again under its client_id."""
    seed = seed or random.randrange(1 << 30)
    chance = random.Random(seed)
    users = [f"user{i}" for i in range(16)]
    with scratch() as data, tempfile.NamedTemporaryFile("r") as log:
        talks = []
        for _ in range(times):
            with Parley(data) as parley:
                talks = talks or [parley.group([user, "reader"]) for user in users]
                members = [member(i, talks[i], user, True) for i, user in enumerate(users)]
                after = chance.uniform(0.2, 1.0)

                def strike(line, parley=parley, after=after):
                    if line == "connected":
                        time.sleep(after)
                        parley.process.send_signal(signal.SIGKILL)

                swarm(parley, members, strike, pace="acked", window=8, warm_up=0, seconds=30, ack_log=log.name)
        sent, acked = {}, {}
        for line in log:
            verb, client_id, *rest = line.split()
            if verb == "sent":
                sent[client_id] = (int(rest[0]), rest[1])
            else:
                acked[client_id] = (rest[0], int(rest[1]))
        with Parley(data) as parley:
            found, holes = history(parley, talks)
            lost = [c for c, (ident, seq) in acked.items() if (ident, seq) not in found.get(c, [])]
            doubled = [c for c, rows in found.items() if len(rows) > 1]
            unacked = [c for c in sent if c not in acked]
            for client_id in unacked:
                room, content = sent[client_id]
                body = {"conversation_id": talks[room], "content": content, "client_id": client_id}
                answer = parley.call("POST", "messages/", users[room], body)
                if client_id in found and found[client_id] != [(answer["id"], answer["seq"])]:
                    doubled.append(client_id)
            again, holes_again = history(parley, talks)
            doubled += [c for c, rows in again.items() if len(rows) > 1]
            missing = [c for c in sent if c not in again]
    print(f"kill -9 x {times} (seed {seed}): {len(sent)} sent, {len(acked)} acknowledged, {len(lost)} of them lost,"
          f" {len(doubled)} doubled, {holes + holes_again} holes in seq; of {len(unacked)} not acknowledged"
          f" {sum(c in found for c in unacked)} were stored; sent again: {len(missing)} missing")
    if lost or doubled or holes or holes_again or missing:
        raise SystemExit(1)


def history(parley, talks):
    """client_id -> [(id, seq)], and how many seqs are missing."""
    found, holes = {}, 0
    for talk in talks:
        after = 0
        while True:
            page = parley.call("GET", f"conversations/{talk}/messages/?after_seq={after}&limit=100", "reader")
            for message in page["messages"]:
                holes += message["seq"] - after - 1
                after = message["seq"]
                found.setdefault(message["client_id"], []).append((message["id"], message["seq"]))
            if not page["has_more"]:
                break
    return found, holes


NAMES = {f.__name__: f for f in (fanout, keepup, send, acks, commits, rooms, slow, idle, lists, tls_memory, uploads, kill, nodes, storm, flapping, django, channel_layer, storage, rest)}

if __name__ == "__main__":
    chosen, options = sys.argv[1:] or ["help"], []
    if chosen[0] == "growth":
        raise SystemExit(growth(chosen[1:]))
    if chosen[0].lstrip("-") == "peers":
        raise SystemExit(peers(chosen[1:]))
    if chosen[0] == "compare" and len(chosen) == 2:
        raise SystemExit(compare(chosen[1]))
    if len(chosen) > 1 and chosen[1].startswith("-"):
        chosen, options = chosen[:1], chosen[1:]
    if chosen == ["all"]:
        chosen = list(NAMES)
    runs = []  # "storm users=500 conversations=20": a name, then sizes
    for word in chosen:
        key, equals, value = word.partition("=")
        if equals and runs:
            runs[-1][1][key] = int(value)
        elif word in NAMES:
            runs.append((word, {}))
        else:
            raise SystemExit("benchmarks: all, compare BINARY, " + ", ".join(NAMES))
    for name, sizes in runs:
        NAMES[name](*options, **sizes)
