"""What Django's channel layer costs a node: CPU per message and latency without the layer, with it, and with processes of Django in the
groups."""
import contextlib
import json
import os
import statistics
import subprocess

from nodes import Redis
from servers import CLIENT_CORE, ROOT, SERVER_CORE, Parley, cpu_of, member, scratch, swarm

SIDE = ROOT / "test" / "scenario" / "django_side.py"
PYTHON = ROOT / "build" / "django-newest" / "bin" / "python"
CASES = {"no layer": ("off", 0), "layer, no Django": ("on", 0), "one Django process": ("on", 1)}
SECONDS = 4


@contextlib.contextmanager
def django_process(redis, groups):
    """A process of Django whose channel is in these groups. It receives continuously; its output is discarded."""
    given = {"backend": "core", "options": {"hosts": [redis.url], "capacity": 1500}, "groups": groups}
    side = subprocess.Popen(["taskset", "-c", CLIENT_CORE, PYTHON, SIDE, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if b"ready" not in side.stdout.readline():
            raise SystemExit("the process of Django does not start")
        with subprocess.Popen(["cat"], stdin=side.stdout, stdout=subprocess.DEVNULL):
            side.stdout.close()
            try:
                yield
            finally:
                side.kill()
    finally:
        side.wait()


def fan_out(size):
    """One conversation; one message is under way at a time."""
    def make(server):
        users = [f"user{i}" for i in range(size)]
        room = server.group(users)
        return [room], [member(0, room, user, i == 0) for i, user in enumerate(users)], {}
    return make, lambda report: report["delivered"] / size


def rooms(count):
    """Rooms of two users who send continuously."""
    def make(server):
        pairs = [[f"a{i}", f"b{i}"] for i in range(count)]
        made = [server.group(pair) for pair in pairs]
        return made, [member(i, room, user, True) for i, (room, pair) in enumerate(zip(made, pairs)) for user in pair], {"pace": "acked"}
    return make, lambda report: report["acked"]


def measure(load, layer, processes):
    make, messages = load
    with contextlib.ExitStack() as stack:
        redis = Redis().start()
        stack.callback(redis.close)
        subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CORE, str(redis.process.pid)], check=True, stdout=subprocess.DEVNULL)
        server = stack.enter_context(Parley(stack.enter_context(scratch()), REDIS_URL=redis.url, PARLEY_CHANNEL_LAYER_DJANGO=layer))
        groups, members, plan = make(server)
        for _ in range(processes):
            stack.enter_context(django_process(redis, [f"conversation_{room}" for room in groups]))
        used = {}
        report = swarm(server, members, lambda line: used.update({line: cpu_of(redis.process.pid)}), seconds=SECONDS, **plan)
        sent = messages(report)
        return {"us CPU/message": 1e6 * report["cpu"] / sent,
                "us CPU of Redis/message": 1e6 * (used["measured"] - used["measuring"]) / sent,
                "messages/s": sent / report["seconds"], "delivery p50 ms": report["p50_ms"]}


def channel_layer(rounds=5):
    """Interleaved rounds: fan-out to 100 and 1,000 readers, and 200 rooms of two. The last column compares the CPU with that without the
    layer, round by round."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    for name, load in ("fan-out S=100", fan_out(100)), ("fan-out S=1000", fan_out(1000)), ("200 rooms of two", rooms(200)):
        seen = {case: [] for case in CASES}
        for _ in range(rounds):
            for case, setting in CASES.items():
                seen[case].append(measure(load, *setting))
        print(f"{name}, {rounds} interleaved rounds of {SECONDS} s")
        for case, reports in seen.items():
            figures = ", ".join(f"{figure} {statistics.median(report[figure] for report in reports):.2f}" for figure in reports[0])
            more = [report["us CPU/message"] - base["us CPU/message"] for report, base in zip(reports, seen["no layer"])]
            print(f"  {case:20} {figures}, more than without {statistics.median(more):+.1f} us ({min(more):+.1f} to {max(more):+.1f})", flush=True)
