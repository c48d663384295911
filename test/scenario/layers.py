"""Processes on both sides of Django's channel layer: Parley's part of a node, and a real channels_redis of a given version."""
import fcntl
import filecmp
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import uuid

from deadline import eventually, patient
from server import SANITIZER_REPORTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(os.environ.get("PARLEY_BINARY", ROOT / "build/release/parley")).parent / "parley_layer_probe"
VERSIONS = ("4.0.0", "4.1.0", "4.2.1", "4.3.0")
NEWEST = VERSIONS[-1]


def python_of(version):
    """The interpreter of an environment with that version, which is made if it is not there."""
    place, pins = ROOT / f"build/layer-{version}", ROOT / f"test/django/layer-{version}.txt"
    place.parent.mkdir(exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "pins").exists() or not filecmp.cmp(pins, place / "pins", shallow=False):
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", pins], check=True)
            shutil.copy(pins, place / "pins")
    return place / "bin/python"


class Process:
    """Speaks JSON, a line each way at a time: commands, their replies, and events, which come by themselves."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.replies, self.events, self.log = queue.Queue(), queue.Queue(), []
        self.heard = ""  # events that only show that messages pass
        for stream, take in (self.process.stdout, self._take), (self.process.stderr, self.log.append):
            threading.Thread(target=lambda s=stream, t=take: [t(line) for line in s], daemon=True).start()

    def _take(self, line):
        if "knock-" in line:
            self.heard += line
        elif line.startswith(('{"event"', '{"consumer"')):
            self.events.put(json.loads(line))
        else:
            self.replies.put(json.loads(line))

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def _next(self, lines, within):
        try:
            return lines.get(timeout=patient(within))
        except queue.Empty:
            raise AssertionError("nothing came; the log:\n" + "".join(self.log[-40:])) from None

    def next(self, within=20):
        return self._next(self.events, within)

    def ask(self, **command):
        self.tell(**command)
        return self._next(self.replies, 20)

    def taken(self):
        """The events so far."""
        events = []
        while not self.events.empty():
            events.append(self.events.get())
        return events

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(patient(20))
        assert code == 0, "".join(self.log[-40:])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(patient(20))


class Node(Process):
    """Parley's side."""

    def end(self):
        """Stops, unless it is killed already, and has nothing to complain about."""
        if self.process.poll() is None:
            self.stop()
        assert not any(report in line for line in self.log for report in SANITIZER_REPORTS), "".join(self.log)

    def __init__(self, hosts, directory, backend="core", **options):
        words = [PROBE, "--backend", backend, "--directory", directory]
        for host in hosts:
            words += ["--host", host]
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                words += ["--" + name.replace("_", "-"), one]
        super().__init__(*words)

    def event(self, within=20):
        """The next event, as a socket would receive it."""
        return self.next(within)["event"]

    def metric(self, name, **labels):
        text = self.ask(do="metrics")["metrics"]
        wanted = f"parley_channel_layer_{name}" + ("{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else "")
        return next(float(row.split()[-1]) for row in text.splitlines() if row.rsplit(" ", 1)[0] == wanted)

    def reaches(self, name, value, **labels):
        eventually(lambda: self.metric(name, **labels) >= value, within=20,
                   describe=lambda: f"{name} is {self.metric(name, **labels)}\n" + "".join(self.log[-20:]))

    def publish(self, conversation, kind, data, **more):
        self.tell(do="publish", conversation=conversation, event={"type": kind, "conversation_id": conversation, **more, "data": data})


class Django(Process):
    """A Django process with consumers."""

    def __init__(self, version, hosts, backend="core", consumers=1, **config):
        setup = {"class": backend, "config": {"hosts": hosts, **config}, "consumers": consumers}
        super().__init__(python_of(version), ROOT / "test/django/layer_client.py", json.dumps(setup))
        self.channels = self._next(self.replies, 60)["ready"]

    def do(self, what, fails=False, **command):
        """Waits until it is done."""
        reply = self.ask(do=what, **command)
        assert reply["done"] or fails, reply
        return reply

    def join(self, conversation):
        self.do("join", group=f"conversation_{conversation}")

    def send(self, conversation, message, **more):
        return self.do("send", group=f"conversation_{conversation}", message=message, **more)

    def frame(self, within=20):
        """What the next consumer sends to its client."""
        line = self.next(within)
        assert "client" in line, line
        return line["client"]


def message(content, **more):
    return {"id": str(uuid.uuid4()), "content": content, "sender_id": "7", "content_type": "text", **more}
