"""One, two and three nodes over a PostgreSQL (fsync on) and a Redis: what a message costs, and whom.

All servers share core 0, the load generator has core 1: throughput says what one core carries, CPU per
message and per delivery says what more nodes cost. Clients that wait for acks send in step with the commits of their
node, so a single node writes several frames at once: compare the CPU at an equal rate. Rounds of one, two and three nodes are
interleaved.
"""
import contextlib
from collections import Counter
import pathlib
import statistics
import subprocess
import sys
import urllib.request

from servers import SERVER_CORE, Parley, cpu_of, member, scratch, swarm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "scenario"))
from postgres import Postgres  # noqa: E402
from redis_server import Redis  # noqa: E402

ROOMS, LISTENERS, RATE = 200, 300, 4000


class Used(dict):
    """What was used up to a moment, or between two."""

    def __sub__(self, before):
        return Used({name: value - before[name] for name, value in self.items()})


class Cluster:
    """Nodes, and what they stand on; looks to the load generator like one server."""

    def __init__(self, count, database, redis, data, **options):
        self.database, self.redis = database, redis
        self.nodes = [Parley(f"{data}/{number}", DATABASE_URL=database.url, REDIS_URL=redis.url, **options) for number in range(count)]
        self.port = self.nodes[0].port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.__exit__()

    def cpu(self):
        """Seconds of the nodes and of what they stand on, with what the nodes say of themselves."""
        return Used({"nodes": sum(node.cpu() for node in self.nodes), "postgres": sum(map(cpu_of, self.database.processes())),
                     "redis": cpu_of(self.redis.process.pid), "statements": self.metric("parley_store_statements_total"),
                     "commits": self.metric("parley_commit_seconds_count"), "commands": self.metric("parley_bus_commands_total"),
                     "reads": self.metric("parley_catch_up_store_reads_total")})

    def threads(self):
        return sum((node.threads() for node in self.nodes), Counter())

    def rss(self):
        return sum(node.rss() for node in self.nodes)

    def metric(self, name):
        total = 0.0
        for node in self.nodes:
            with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/metrics", timeout=10) as answer:
                total += sum(float(line.split()[-1]) for line in answer.read().decode().splitlines() if line.split(" ")[0] == name)
        return total

    def at(self, number):
        return self.nodes[number % len(self.nodes)].port


def rooms_of_two(cluster, tag):
    """The two of a room are on different nodes, and both send."""
    members = []
    for i in range(ROOMS):
        pair = [f"a{tag}-{i}", f"b{tag}-{i}"]
        talk = cluster.nodes[0].group(pair)
        members += [member(i, talk, user, True, port=cluster.at(i + at)) for at, user in enumerate(pair)]
    return members


def one_conversation(cluster, tag):
    """Listeners over all nodes; one sends, a message at a time."""
    users = [f"u{tag}-{i}" for i in range(LISTENERS)]
    talk = cluster.nodes[0].group(users)
    return [member(0, talk, user, i == 0, port=cluster.at(i)) for i, user in enumerate(users)]


WORKLOADS = {
    f"{ROOMS} rooms of two, both send, each waits for its ack": (rooms_of_two, {"pace": "acked"}),
    f"{ROOMS} rooms of two, {RATE:,} messages/s": (rooms_of_two, {"pace": "rate", "rate": RATE}),
    f"one conversation of {LISTENERS}, one message at a time": (one_conversation, {"pace": "delivered"}),
}


def measure(cluster, members, plan, seconds):
    report = swarm(cluster, members, seconds=seconds, **plan)
    used = report["cpu"]
    messages = report["acked"] or 1
    return {"messages/s": report["acked"] / report["seconds"], "deliveries/s": report["delivered"] / report["seconds"],
            "ack p50": report["ack_p50_ms"], "ack p99": report["ack_p99_ms"], "p50": report["p50_ms"], "p99": report["p99_ms"],
            "nodes": 1e6 * used["nodes"] / messages, "postgres": 1e6 * used["postgres"] / messages, "redis": 1e6 * used["redis"] / messages,
            "delivery": 1e6 * used["nodes"] / (report["delivered"] or 1),
            "statements": used["statements"] / messages, "commits": used["commits"] / messages, "commands": used["commands"] / messages,
            "reads": used["reads"] / messages}


def nodes(rounds=3, seconds=5):
    """Messages over one, two and three nodes: throughput, latency, CPU, SQL statements and Redis commands for each."""
    with contextlib.ExitStack() as stack:
        database, redis = Postgres().start(), Redis().start()
        stack.callback(database.close)
        stack.callback(redis.close)
        for process in (database.process, redis.process):
            subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CORE, str(process.pid)], check=True, stdout=subprocess.DEVNULL)
        results = {}
        for turn in range(rounds):
            for count in 1, 2, 3:
                with scratch() as data, Cluster(count, database, redis, data) as cluster:
                    for name, (make, plan) in WORKLOADS.items():
                        members = make(cluster, f"{turn}-{count}-{len(name)}")
                        results.setdefault((name, count), []).append(measure(cluster, members, plan, seconds))
        for name in WORKLOADS:
            print(f"{name}; medians of {rounds} rounds of {seconds} s", flush=True)
            for count in 1, 2, 3:
                m = {key: statistics.median(one[key] for one in results[name, count]) for key in results[name, count][0]}
                print(f"  {count} node{'s' * (count > 1)}: {m['messages/s']:8,.0f} messages/s {m['deliveries/s']:9,.0f} deliveries/s,"
                      f" ack p50 {m['ack p50']:.2f} p99 {m['ack p99']:.2f} ms, delivery p50 {m['p50']:.2f} p99 {m['p99']:.2f} ms;"
                      f" CPU us/message: nodes {m['nodes']:.0f} postgres {m['postgres']:.0f} redis {m['redis']:.0f}"
                      f" (nodes {m['delivery']:.2f}/delivery);"
                      f" a message: {m['statements']:.2f} SQL statements, {m['commits']:.3f} commits, {m['commands']:.2f} Redis commands,"
                      f" {m['reads']:.3f} reads of what was not heard in order", flush=True)
