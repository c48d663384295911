"""What the benchmarks are made of: servers on core 0, the load generator on core 1, and what the kernel says of both."""
import base64
import collections
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
SECRET = "a-secret-for-benchmarks-of-32-bytes-or-more"
SERVER_CORE, CLIENT_CORE = ("0", "1") if os.cpu_count() > 1 else ("0", "0")


def token(user):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    now = int(time.time())
    claims = {"token_type": "access", "user_id": user, "iat": now, "exp": now + 7200, "jti": user}
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(SECRET.encode(), signed, hashlib.sha256))).decode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def threads_of(pid):
    """Seconds of CPU of the threads of a process, by name."""
    seconds = collections.Counter()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        seconds[(task / "comm").read_text().strip()] += int((task / "schedstat").read_text().split()[0]) * 1e-9
    return seconds


def cpu_of(pid):
    """Seconds of CPU of all threads of a process."""
    return sum(threads_of(pid).values())


class Process:
    """A server on core 0, ended with the block that it was made for."""

    def __init__(self, command, port, **extra):
        self.port = port
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *map(str, command)], **extra)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if self.process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {self.process.returncode}")
            time.sleep(0.05)
        raise SystemExit(f"{command[0]} does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu(self):
        return cpu_of(self.process.pid)

    def threads(self):
        return threads_of(self.process.pid)

    def rss(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


class Parley(Process):
    def __init__(self, data_dir, *options, shards=1, binary=BUILD / "parley", **variables):
        port = free_port()
        command = [binary, "serve", "--port", port, "--data-dir", data_dir, "--shards", shards,
                   "--access-log", "off", "--log-level", "warning", *options]
        environment = {**os.environ, "JWT_SECRET_KEY": SECRET, **variables}
        super().__init__(command, port, env=environment, stdout=subprocess.DEVNULL)

    def call(self, method, path, user, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {token(user)}", "Content-Type": "application/json"}
        connection.request(method, "/api/messaging/" + path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/metrics")
        return [line for line in connection.getresponse().read().decode().splitlines() if not line.startswith("#")]

    def group(self, users):
        body = {"type": "group", "participants": users[1:], "title": "bench"}
        return self.call("POST", "conversations/", users[0], body)["id"]


class Raw(Process):
    """`pad`: the least bytes of a delivered message. `websocket`: with the checks of RFC 6455."""

    def __init__(self, pad=0, websocket=False):
        port = free_port()
        super().__init__([BUILD / "bench" / "raw_epoll_server", port, pad, *(["websocket"] if websocket else [])], port)


def member(room, conversation=None, user="u", sends=False, slow=False, port=0):
    """A line for the load generator; port: of another server than the plan's."""
    if conversation is None:
        return f"{room} {int(sends)} 0 /"
    path = f"/ws/messaging/conversations/{conversation}/"
    return f"{room} {int(sends)} {int(slow)} {path} {token(user)} {port}"


def usage(server):
    """CPU and memory at this moment; by thread if the server names its threads."""
    return {"cpu": server.cpu(), "rss": server.rss(), "threads": server.threads() if hasattr(server, "threads") else collections.Counter()}


def swarm(server, members, on_line=lambda line: None, **plan):
    """Runs the load generator; its report, with the server's CPU and memory at each line it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".members") as file:
        file.write("\n".join(members) + "\n")
        file.flush()
        options = [f"{key}={value}" for key, value in {"port": server.port, **plan}.items()]
        command = ["taskset", "-c", CLIENT_CORE, BUILD / "bench" / "parley_bench", file.name, *options]
        seen = {"start": usage(server)}
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
            report = {}
            for line in process.stdout:
                if line.startswith("{"):
                    report = json.loads(line)
                else:
                    with contextlib.suppress(OSError, IndexError):  # it was killed
                        seen[line.strip()] = usage(server)
                    on_line(line.strip())
    if not report:
        raise SystemExit("the load generator failed")
    if "measured" in seen:
        report["cpu"] = seen["measured"]["cpu"] - seen["measuring"]["cpu"]
        report["threads"] = dict(seen["measured"]["threads"] - seen["measuring"]["threads"])
    return {**report, "seen": seen}


@contextlib.contextmanager
def connected(by_port):
    """Holds idle connections while the block runs: the members of each port are those of a load generator of its own, as the limit of
    file descriptors bounds the connections of a process."""
    with contextlib.ExitStack() as stack:
        generators = []
        for port, members in by_port.items():
            file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".members"))
            file.write("\n".join(members) + "\n")
            file.flush()
            command = ["taskset", "-c", CLIENT_CORE, BUILD / "bench" / "parley_bench", file.name, f"port={port}", "pace=rate", "rate=0",
                       "hold=3600", "warm_up=0", "seconds=0"]
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
            generators.append(process)
            stack.callback(process.wait)
            stack.callback(process.kill)
        for process in generators:
            if process.stdout.readline().strip() != "connected":
                raise SystemExit("the load generator could not connect")
        yield


def end_servers_on_sigterm():
    """A benchmark that is terminated ends its servers, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def scratch():
    return tempfile.TemporaryDirectory(prefix="parley-bench-")


def fill(file, messages, conversations, content="what was said " * 7):
    """Rows as the server would have written them: `reader` has read half of each conversation."""
    each, now = messages // conversations, int(time.time() * 1e6)
    with contextlib.closing(sqlite3.connect(file)) as store, store:
        for n in range(1, conversations + 1):
            talk = uuid.UUID(int=n).bytes
            store.execute(
                "INSERT INTO messaging_conversation (id, type, created_at, last_message_at, seq, changed, "
                "participant_count) VALUES (?, 'group', ?, ?, ?, ?, 2)", (talk, now, now + n, each, now + n))
            store.executemany(
                "INSERT INTO messaging_conversation_participant (conversation_id, user_id, joined_at, role, "
                "last_read_seq) VALUES (?, ?, ?, ?, ?)",
                [(talk, "writer", now, 2, 0), (talk, "reader", now + 1, 0, each // 2)])
            store.executemany(
                "INSERT INTO messaging_message (conversation_id, seq, id, sender_id, content, sent_at) "
                "VALUES (?, ?, ?, 'writer', ?, ?)",
                [(talk, seq, uuid.UUID(int=(n << 64) + seq).bytes, content, now + seq)
                 for seq in range(1, each + 1)])
