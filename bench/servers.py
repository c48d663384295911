"""What the benchmarks are made of: servers on core 0, the load generator on core 1, and what the kernel says of both."""
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

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


def cpu_of(pid):
    """Seconds of CPU of all threads of a process."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) * 1e-9


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
    def __init__(self, pad=0):
        port = free_port()
        super().__init__([BUILD / "bench" / "raw_epoll_server", port, pad], port)


def member(room, conversation=None, user="u", sends=False, slow=False, port=0):
    """A line for the load generator; port: of another server than the plan's."""
    if conversation is None:
        return f"{room} {int(sends)} 0 /"
    path = f"/ws/messaging/conversations/{conversation}/"
    return f"{room} {int(sends)} {int(slow)} {path} {token(user)} {port}"


def swarm(server, members, on_line=lambda line: None, **plan):
    """Runs the load generator; its report, with the server's CPU and memory at each line it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".members") as file:
        file.write("\n".join(members) + "\n")
        file.flush()
        options = [f"{key}={value}" for key, value in {"port": server.port, **plan}.items()]
        command = ["taskset", "-c", CLIENT_CORE, BUILD / "bench" / "parley_bench", file.name, *options]
        seen = {"start": {"cpu": server.cpu(), "rss": server.rss()}}
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
            report = {}
            for line in process.stdout:
                if line.startswith("{"):
                    report = json.loads(line)
                else:
                    with contextlib.suppress(OSError, IndexError):  # it was killed
                        seen[line.strip()] = {"cpu": server.cpu(), "rss": server.rss()}
                    on_line(line.strip())
    if not report:
        raise SystemExit("the load generator failed")
    if "measured" in seen:
        report["cpu"] = seen["measured"]["cpu"] - seen["measuring"]["cpu"]
    return {**report, "seen": seen}


def scratch():
    return tempfile.TemporaryDirectory(prefix="parley-bench-")
