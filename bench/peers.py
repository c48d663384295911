"""The servers that ./dev bench peers compares, each behind one interface: rooms of users, a port, CPU and memory of all its processes.

A peer is a folder in bench/peers/ with its server, configuration, pinned versions and README, and a line in PEERS. Peers are installed
into build/peers/NAME; one that cannot be installed here is left out of the comparison with the reason."""
import contextlib
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys

from servers import BUILD, ROOT, SECRET, SERVER_CORE, Parley, Process, Raw, cpu_of, free_port, member, scratch, swarm, token

sys.path.insert(0, str(ROOT / "test" / "scenario"))

FOLDERS = ROOT / "bench" / "peers"
INSTALLED = ROOT / "build" / "peers"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class NotHere(Exception):
    """The peer cannot be installed or started on this machine; the text says why."""


class Server:
    """A running peer. `processes`: pids, in the order of start; CPU and memory are those of all of them."""

    dialect = "parley"

    def __init__(self, stack, data):
        self.stack, self.data, self.port = stack, data, 0

    def pids(self):
        return [self.process.process.pid]

    def cpu(self):
        return sum(map(cpu_of, self.pids()))

    def rss(self):
        return sum(map(memory_of, self.pids()))

    def run(self, command, **options):
        """Starts a server that takes its port as `{port}`."""
        self.port = free_port()
        self.process = self.stack.enter_context(Process([str(part).format(port=self.port) for part in command], self.port, **options))

    def members(self, groups, sends):
        """Lines for the load generator: a room for each group of users; sends(room, place in the group) selects the senders."""
        return [self.member(room, name, user, sends(room, place))
                for room, (name, group) in enumerate(zip(self.rooms(groups), groups)) for place, user in enumerate(group)]

    def rooms(self, groups):
        return [f"/room-{number}-{len(groups)}" for number in range(len(groups))]

    def member(self, room, name, user, sends):
        return f"{room} {int(sends)} 0 {name} {token(user)} 0"


def memory_of(pid):
    """The proportional set size: memory that processes share counts once."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


class RawServer(Server):
    dialect = "raw"

    def __init__(self, stack, data):
        super().__init__(stack, data)
        self.process = stack.enter_context(self.program())
        self.port = self.process.port

    def program(self):
        return Raw()

    def member(self, room, name, user, sends):
        return f"{room} {int(sends)} 0 {name}"


class RawWebSocketServer(RawServer):
    """`padding`: bytes of a delivered message; None: as many as Parley's event has."""

    padding = None

    def program(self):
        return Raw(parley_event_bytes() if self.padding is None else self.padding, websocket=True)


@functools.cache
def parley_event_bytes():
    """Bytes of Parley's event of one message of the load generator, without the frame's header of 4 bytes."""
    with scratch() as data, Parley(data) as parley:
        users = [f"user{number}" for number in range(500)]  # the sender's ack hardly counts
        conversation = parley.group(users)
        report = swarm(parley, [member(0, conversation, user, place == 0) for place, user in enumerate(users)], seconds=0.2, warm_up=0.1)
    return round(report["bytes"] / report["delivered"]) - 4


class ParleyServer(Server):
    def __init__(self, stack, data):
        super().__init__(stack, data)
        self.process = stack.enter_context(Parley(data))
        self.port = self.process.port

    def rooms(self, groups):
        return [f"/ws/messaging/conversations/{self.process.group(group)}/" for group in groups]


class NodeServer(Server):
    """server.js of the folder, on the Node.js on the path. NODE_ENV as for production."""

    folder = None

    def __init__(self, stack, data):
        super().__init__(stack, data)
        self.run([shutil.which("node"), INSTALLED / self.folder / "server.js", "{port}"],
                 env={**os.environ, "JWT_SECRET_KEY": SECRET, "NODE_ENV": "production"}, **QUIET)


class WsServer(NodeServer):
    folder = "ws"


class SocketIoServer(NodeServer):
    folder, dialect = "socketio", "socketio"


class CentrifugoServer(Server):
    dialect = "centrifugo"

    def __init__(self, stack, data):
        super().__init__(stack, data)
        variables = {"CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY": SECRET, "CENTRIFUGO_HTTP_SERVER_ADDRESS": "127.0.0.1"}
        self.run([INSTALLED / "centrifugo" / "centrifugo", "-c", FOLDERS / "centrifugo" / "config.json", "--http_server.port", "{port}"],
                 env={**os.environ, **variables}, **QUIET)

    def rooms(self, groups):
        return [f"room-{number}-{len(groups)}" for number in range(len(groups))]


class GuideServer(Server):
    """The guide's stack: the application server, its own Redis, and PostgreSQL, all on one core."""

    dialect = "guide"
    command = "uvicorn", "asgi:application", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "error"

    def __init__(self, stack, data):
        from old_system import PROJECT
        from postgres import Postgres
        from redis_server import Redis
        super().__init__(stack, data)
        self.database, self.redis = Postgres().start(), Redis().start()
        stack.callback(self.database.close)
        stack.callback(self.redis.close)
        for process in self.database.process, self.redis.process:
            subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CORE, str(process.pid)], check=True, stdout=subprocess.DEVNULL)
        self.users = 0
        python = ROOT / "build" / "django-newest" / "bin"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{FOLDERS / 'guide'}:{PROJECT}", "OLD_USERS": "bigint",
                       "OLD_PORT": str(self.database.port), "REDIS_URL": self.redis.url, "JWT_SECRET_KEY": SECRET,
                       "DJANGO_SETTINGS_MODULE": "guide_settings"}
        subprocess.run([python / "python", "-m", "django", "migrate", "-v", "0"], env=environment, cwd=PROJECT, check=True)
        self.run([python / self.command[0], *self.command[1:]], env=environment, cwd=FOLDERS / "guide", **QUIET)

    def pids(self):
        return [self.process.process.pid, self.redis.process.pid, *self.database.processes()]

    def members(self, groups, sends):
        """Makes the conversations in the guide's tables. A user is a number, new for each call."""
        total, first = sum(map(len, groups)), self.users
        self.users += total
        numbers, numbered = iter(range(first + 1, first + total + 1)), []
        for group in groups:
            numbered.append([str(next(numbers)) for _ in group])
        rooms = self.conversations(numbered, first, total)
        return [f"{room} {int(sends(room, place))} 0 {rooms[room]} {token(user)} 0"
                for room, group in enumerate(numbered) for place, user in enumerate(group)]

    def conversations(self, groups, first, total):
        self.database.ask(f"""INSERT INTO accounts_numbereduser (id, password, is_superuser, username, first_name, last_name, email, is_staff,
            is_active, date_joined) SELECT n, '', false, 'user' || n, '', '', '', false, true, now()
            FROM generate_series({first + 1}, {first + total}) AS n""")
        names = self.database.ask(f"""INSERT INTO messaging_conversation (id, type, created_at, metadata)
            SELECT md5('{first}-' || n)::uuid, 'group', now(), '{{}}' FROM generate_series(0, {len(groups) - 1}) AS n RETURNING id""").split()
        rows = ",".join(f"(gen_random_uuid(),'{name}',{user},now(),false)" for name, group in zip(names, groups) for user in group)
        self.database.ask("INSERT INTO messaging_conversation_participant (id, conversation_id, user_id, joined_at, is_admin) VALUES " + rows)
        return [f"/ws/messaging/conversations/{name}/" for name in names]


class DaphneServer(GuideServer):
    command = "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", "asgi:application"


# --- installing

def nothing():
    """The peer is built or installed by ./dev."""


def centrifugo_program():
    wanted = (FOLDERS / "centrifugo" / "module.txt").read_text().strip()
    stamp = INSTALLED / "centrifugo" / "module.txt"
    if stamp.exists() and stamp.read_text().strip() == wanted:
        return
    if not shutil.which("go"):
        raise NotHere("it is compiled by Go 1.26 or newer, which is not on the path")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(stamp.parent), "GOFLAGS": "-modcacherw"}
    if subprocess.run(["go", "install", "-ldflags=-s -w", wanted], env=environment, check=False).returncode:
        raise NotHere(f"go install {wanted} failed")
    stamp.write_text(wanted)


def node_packages(name):
    def install():
        source, place = FOLDERS / name, INSTALLED / name
        if not shutil.which("node") or not shutil.which("npm"):
            raise NotHere("node and npm are not on the path")
        place.mkdir(parents=True, exist_ok=True)
        lock = (source / "package-lock.json").read_text()
        fresh = not (place / "installed.json").exists() or (place / "installed.json").read_text() != lock
        for file in "package.json", "package-lock.json", ".npmrc", "server.js":
            shutil.copy(source / file, place)
        if fresh and subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=place, check=False).returncode:
            raise NotHere("npm ci failed")
        (place / "installed.json").write_text(lock)
    return install


class Peer:
    def __init__(self, title, server, install=nothing, idle=10_000, stores=False):
        self.title, self.server, self.install, self.idle, self.stores = title, server, install, idle, stores

    @contextlib.contextmanager
    def start(self, data):
        with contextlib.ExitStack() as stack:
            yield self.server(stack, data)


# `idle`: connections of the idle work. `stores`: every message is committed before its delivery.
PEERS = {
    "raw": Peer("raw epoll", RawServer),
    "raw_websocket": Peer("raw WebSocket", RawWebSocketServer),
    "parley": Peer("Parley", ParleyServer, stores=True),
    "centrifugo": Peer("Centrifugo", CentrifugoServer, centrifugo_program),
    "ws": Peer("Node ws", WsServer, node_packages("ws")),
    "socketio": Peer("Socket.IO", SocketIoServer, node_packages("socketio")),
    "guide": Peer("the guide's stack", GuideServer, idle=1_000, stores=True),
    "guide_daphne": Peer("the guide's stack, Daphne", DaphneServer, idle=1_000, stores=True),
}


def installed(names):
    """The named peers that are ready, and why the others are not."""
    ready, missing = {}, {}
    for name in names:
        try:
            PEERS[name].install()
            ready[name] = PEERS[name]
        except NotHere as reason:
            missing[name] = str(reason)
    return ready, missing


def versions():
    """The version of each peer, by its lock files."""
    found = {"parley": subprocess.run([BUILD / "parley", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1],
             "centrifugo": (FOLDERS / "centrifugo" / "module.txt").read_text().strip().partition("@v")[2]}
    for name, package in ("ws", "ws"), ("socketio", "socket.io"):
        found[name] = json.loads((FOLDERS / name / "package.json").read_text())["dependencies"][package]
    if shutil.which("node"):
        found["node"] = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip().lstrip("v")
    pins = dict(line.split("==") for line in (ROOT / "test" / "django" / "newest.txt").read_text().splitlines() if "==" in line)
    found["guide"] = ", ".join(f"{name} {pins[name]}" for name in ("Django", "channels", "channels_redis", "uvicorn", "daphne"))
    return found
