"""What Django's channel layer costs a node: CPU per delivery and per message, without the layer, with it, and with a process of
Django in the group."""
import contextlib
import json
import os
import statistics
import subprocess

from compare import fan_out, rooms
from nodes import Redis
from servers import CLIENT_CORE, ROOT, Parley, scratch

SIDE = ROOT / "test" / "scenario" / "django_side.py"
PYTHON = ROOT / "build" / "django-newest" / "bin" / "python"


class ParleyWithDjango(Parley):
    """Each group that the load makes gets a process of Django, if `listens`."""

    def __init__(self, *arguments, redis, listens, **variables):
        super().__init__(*arguments, REDIS_URL=redis.url, **variables)
        self.redis, self.listens, self.sides = redis, listens, contextlib.ExitStack()

    def group(self, users):
        group = super().group(users)
        if self.listens:
            given = {"backend": "core", "options": {"hosts": [self.redis.url], "capacity": 1500}, "groups": [f"conversation_{group}"]}
            side = subprocess.Popen(["taskset", "-c", CLIENT_CORE, PYTHON, SIDE, json.dumps(given)], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
            side.stdout.readline()
            self.sides.callback(side.kill)
            # What it receives is read by nobody: it is discarded, so that the process continues to receive.
            self.sides.enter_context(subprocess.Popen(["cat"], stdin=side.stdout, stdout=subprocess.DEVNULL))
        return group


def channel_layer(rounds=3):
    """Interleaved rounds: fan-out to 100 and 1,000 readers, and 500 rooms of two (without Django's process)."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    cases = {"no layer": ("off", False), "layer, no Django": ("on", False), "one Django process": ("on", True)}
    for load, name, chosen in ((fan_out(100), "fan-out S=100", cases), (fan_out(1000), "fan-out S=1000", cases),
                               (rooms, "500 rooms of two", list(cases)[:2])):
        seen = {case: {} for case in chosen}
        for _ in range(rounds):
            for case in seen:
                django, listens = cases[case]
                with scratch() as data, contextlib.ExitStack() as stack:
                    redis = Redis().start()
                    stack.callback(redis.close)
                    server = stack.enter_context(ParleyWithDjango(data, redis=redis, listens=listens,
                                                                  PARLEY_CHANNEL_LAYER_DJANGO=django))
                    stack.callback(server.sides.close)
                    for figure, value in load(server).items():
                        seen[case].setdefault(figure, []).append(value)
        print(f"{name}, {rounds} interleaved rounds")
        for case, figures in seen.items():
            print(f"  {case:20}", ", ".join(f"{figure} {statistics.median(values):.2f}" for figure, values in figures.items()))
