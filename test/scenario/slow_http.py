"""Runs slowhttptest against a server while users chat, and compares the delivery times with and without: './dev slow-http'.

Each kind of attack opens CONNECTIONS connections: slow headers (slowloris), slow bodies, and slow reading. Exits with 1 if a
message is lost, or if slowhttptest finds the service unavailable."""
import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time

from websockets.asyncio.client import connect

from client import Person
from deadline import eventually
from server import Server

ATTACKS = {
    "slow headers": ["-H", "-i", "5", "-x", "24"],
    "slow bodies": ["-B", "-i", "5", "-s", "8192", "-x", "10"],
    "slow reading": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"],
}


class Pair:
    """Two users with one conversation and a socket each; both see each message."""

    def __init__(self, server, number):
        self.server = server
        self.people = [Person(server, f"{name}-{number}") for name in ("alice", "bob")]
        self.room = self.people[0].rest.create_group(self.people[1])["id"]
        self.delivered = []  # seconds

    async def chat(self, seconds, per_second):
        url = f"ws://{self.server.address}/ws/messaging/conversations/{self.room}/"
        options = {"compression": None, "proxy": None, "open_timeout": 20}
        async with connect(url, additional_headers={"Authorization": f"Bearer {self.people[0].token}"}, **options) as sender, \
                connect(url, additional_headers={"Authorization": f"Bearer {self.people[1].token}"}, **options) as receiver:
            count, pause = int(seconds * per_second), 1 / per_second
            reading = asyncio.create_task(self.read(receiver, count))
            drain = asyncio.create_task(self.read(sender, count, keep=False))
            for _ in range(count):
                await sender.send(json.dumps({"type": "message", "content": str(time.monotonic_ns())}))
                await asyncio.sleep(pause)
            await asyncio.wait_for(asyncio.gather(reading, drain), 30)

    async def read(self, socket, count, keep=True):
        while count:
            frame = json.loads(await socket.recv())
            if frame["type"] != "message":
                continue
            count -= 1
            if keep:
                self.delivered.append((time.monotonic_ns() - int(frame["data"]["content"])) / 1e9)


def chat(server, pairs, seconds, per_second):
    made = [Pair(server, f"{time.monotonic_ns()}-{number}") for number in range(pairs)]

    async def run():
        await asyncio.gather(*(pair.chat(seconds, per_second) for pair in made))
    asyncio.run(run())
    times = sorted(one for pair in made for one in pair.delivered)
    return {"messages": len(times), "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "max": times[-1]}


def attack(server, kind, options):
    path = "/api/messaging/messages/" if kind == "slow bodies" else "/docs"
    command = ["slowhttptest", "-c", str(options.connections), "-r", str(options.connections // 4), "-l", str(options.seconds + 4), "-p", "3",
               *ATTACKS[kind], "-u", f"{server.url}{path}"]
    if kind == "slow bodies":
        command += ["-t", "POST", "-f", "application/json"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def outcome(process):
    text, _ = process.communicate(timeout=120)
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    last = {name: plain.rpartition(f"{name}:")[2].split()[0] for name in ("connected", "closed", "error") if f"{name}:" in plain}
    available = re.findall(r"service available:\s*(\w+)", plain)
    return available, last


def line(name, figures):
    print(f"{name:14} {figures['messages']:6} messages  p50 {figures['p50'] * 1000:6.1f} ms  p99 {figures['p99'] * 1000:6.1f} ms  "
          f"max {figures['max'] * 1000:6.1f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--per-second", type=float, default=4)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="parley-slow-") as directory:
        server = Server(directory, "--rate-limits", "on", "--access-log", "off").start()
        try:
            chat(server, options.pairs, 3, options.per_second)  # warms up
            line("no attack", chat(server, options.pairs, options.seconds, options.per_second))
            for kind in ATTACKS:
                attacker = attack(server, kind, options)
                eventually(lambda: server.metric("parley_connections") >= options.connections / 2)
                held = server.metric("parley_connections")
                line(kind, chat(server, options.pairs, options.seconds, options.per_second))
                memory = server.memory() >> 20
                available, last = outcome(attacker)
                print(f"{'':14} {held:.0f} connections at the start, {memory} MiB; slowhttptest: {last}, service available: "
                      f"{available.count('YES')} of {len(available)} times", flush=True)
                failed |= not available or "NO" in available
        finally:
            server.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
