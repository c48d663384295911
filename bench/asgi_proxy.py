"""What the ASGI proxy of parley-django costs: latency and CPU of Django's servers between client and Parley."""
import contextlib
import http.client
import os
import pathlib
import statistics
import subprocess
import time

from websockets.sync.client import connect

from servers import ROOT, SECRET, Parley, Process, free_port, scratch, token

ENVIRONMENT = ROOT / "build" / "django-newest" / "bin"
COMMANDS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}", "--access-log", "/dev/null", "your_project.asgi:application"],
    "uvicorn": ["uvicorn", "your_project.asgi:application", "--port", "{port}", "--no-access-log", "--log-level", "warning"],
    "hypercorn": ["hypercorn", "your_project.asgi:application", "--bind", "127.0.0.1:{port}", "--workers", "0"],
}


class Django(Process):
    """The project of examples/django on one of the servers."""

    def __init__(self, kind, parley, folder):
        port = free_port()
        program, *arguments = [part.format(port=port) for part in COMMANDS[kind]]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}/clients/django/src", "PARLEY_URL": f"http://127.0.0.1:{parley.port}",
                       "SECRET_KEY": SECRET, "EXAMPLE_DATABASE": f"{folder}/db.sqlite3"}
        super().__init__([ENVIRONMENT / "python", ENVIRONMENT / program, *arguments], port, env=environment,
                         cwd=ROOT / "examples" / "django", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def requests(port, seconds):
    """Latencies of reads, one at a time on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers, took = {"Authorization": f"Bearer {token('ann')}"}, []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        connection.request("GET", "/api/messaging/conversations/?limit=5", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        took.append(time.perf_counter() - start)
    connection.close()
    return took


def round_trips(port, seconds):
    """Latencies of ping commands, one at a time on one socket."""
    took = []
    with connect(f"ws://127.0.0.1:{port}/ws/messaging/", additional_headers={"Authorization": f"Bearer {token('ann')}"},
                 compression=None, ping_interval=None, proxy=None) as socket:
        socket.recv()
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            socket.send('{"type":"ping"}')
            while "pong" not in socket.recv():
                pass
            took.append(time.perf_counter() - start)
    return took


def django(rounds=5, seconds=1):
    """A read and a WebSocket round trip, directly and through each server: latency, and CPU of the server in between."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    with scratch() as data, Parley(data) as parley, contextlib.ExitStack() as stack:
        parley.group(["ann", "bob"])
        servers = {kind: stack.enter_context(Django(kind, parley, pathlib.Path(data))) for kind in COMMANDS}
        for what, load in ("REST read", requests), ("WebSocket round trip", round_trips):
            seen = {name: [] for name in ("direct", *servers)}
            cpu = {name: [] for name in seen}
            for number in range(rounds + 1):  # the first one warms up
                for name in seen:
                    server = servers.get(name, parley)
                    before = server.cpu()
                    took = load(server.port, seconds)
                    if number:
                        cpu[name].append(1e6 * (server.cpu() - before) / len(took))
                        seen[name] += took
            print(f"{what}, {rounds} interleaved rounds of {seconds} s, one at a time")
            for name, took in seen.items():
                cuts = statistics.quantiles(took, n=100)
                print(f"  {name:10} p50 {1e3 * cuts[49]:6.3f} ms, p99 {1e3 * cuts[98]:6.3f} ms,"
                      f" {statistics.median(cpu[name]):6.0f} us CPU of {'Parley' if name == 'direct' else name}")
