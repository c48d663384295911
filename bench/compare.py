"""Two builds of the server beside each other: the same work in interleaved rounds, medians, and the ratio of each pair.

CPU microseconds per delivery or message are those of all threads of the server. A ratio below 1 means that the present
build costs less (or, for messages a second, carries less).
"""
import contextlib
import pathlib
import statistics
import subprocess

from nodes import Cluster, Postgres, Redis, rooms_of_two
from servers import BUILD, SERVER_CORE, Parley, member, scratch, swarm


def fan_out(size):
    def run(server):
        users = [f"user{i}" for i in range(size)]
        talk = server.group(users)
        report = swarm(server, [member(0, talk, user, i == 0) for i, user in enumerate(users)], seconds=3)
        return {"us CPU/delivery": 1e6 * report["cpu"] / report["delivered"], "p50 ms": report["p50_ms"]}
    return run


def send(server):
    users = [f"user{i}" for i in range(64)]
    members = [member(i, server.group([user]), user, True) for i, user in enumerate(users)]
    return acked(swarm(server, members, pace="acked", seconds=4))


def rooms(server):
    members = []
    for i in range(500):
        pair = [f"a{i}", f"b{i}"]
        talk = server.group(pair)
        members += [member(i, talk, user, True) for user in pair]
    return acked(swarm(server, members, pace="acked", seconds=4))


def acked(report):
    return {"messages/s": report["acked"] / report["seconds"], "us CPU/message": 1e6 * report["cpu"] / report["acked"],
            "ack p50 ms": report["ack_p50_ms"]}


def two_nodes(server):
    report = swarm(server, rooms_of_two(server, "compare"), pace="acked", seconds=4)
    return {"messages/s": report["acked"] / report["seconds"], "us CPU/message": 1e6 * report["cpu"]["nodes"] / report["acked"],
            "statements/message": report["cpu"]["statements"] / report["acked"]}


EMBEDDED = {"fan-out S=1000": fan_out(1000), "fan-out S=100": fan_out(100), "64 senders": send, "500 rooms of two": rooms}


@contextlib.contextmanager
def databases():
    """A PostgreSQL and a Redis on the server's core, new for each measurement."""
    database, redis = Postgres().start(), Redis().start()
    try:
        for process in (database.process, redis.process):
            subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CORE, str(process.pid)], check=True, stdout=subprocess.DEVNULL)
        yield database, redis
    finally:
        database.close()
        redis.close()


def measure(name, binary):
    with scratch() as data:
        if name in EMBEDDED:
            with Parley(data, binary=binary) as server:
                return EMBEDDED[name](server)
        with databases() as (database, redis):
            if name == "64 senders, PostgreSQL":
                with Parley(data, binary=binary, DATABASE_URL=database.url) as server:
                    return send(server)
            with Cluster(2, database, redis, data, binary=binary) as cluster:
                return two_nodes(cluster)


def compare(before, rounds=5):
    """The build in build/release beside an earlier binary."""
    earlier, present = pathlib.Path(before).resolve(), BUILD / "parley"
    for name in [*EMBEDDED, "64 senders, PostgreSQL", "two nodes, rooms of two"]:
        pairs = []
        for _ in range(rounds):
            pairs.append((measure(name, earlier), measure(name, present)))
        print(f"{name}; {rounds} interleaved rounds, medians", flush=True)
        for figure in pairs[0][0]:
            old, new = ([pair[i][figure] for pair in pairs] for i in (0, 1))
            ratio = statistics.median(b / a for a, b in zip(old, new))
            print(f"  {figure:20} before {statistics.median(old):10,.2f}   now {statistics.median(new):10,.2f}   x {ratio:.3f}", flush=True)
