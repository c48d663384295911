"""Private Redis servers without persistence, which a test can kill, pause and restart empty."""
import os
import shutil
import signal
import subprocess
import tempfile

from deadline import eventually, patient
from server import free_port

PROGRAM = os.environ.get("PARLEY_REDIS_SERVER", "redis-server")  # ./dev redis6 sets it


class Redis:
    def __init__(self, *settings, sentinel=False, port=None, program=PROGRAM):
        self.directory = tempfile.mkdtemp(prefix="parley-redis-")
        self.port = port or free_port()
        self.settings = settings
        self.sentinel = sentinel
        self.program = program
        self.password = None
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_path(self):
        return f"{self.directory}/redis.sock"

    def start(self):
        self.log = open(f"{self.directory}/log", "ab")
        listen = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        kind = [f"{self.directory}/sentinel.conf", *listen, "--sentinel"] if self.sentinel else [
            *listen, "--unixsocket", self.socket_path, "--save", "", "--appendonly", "no", *self.settings]
        self.process = subprocess.Popen(
            [self.program, *kind],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        eventually(lambda: "PONG" in self.ask("PING", fails=True) or "NOAUTH" in self.ask("PING", fails=True), within=20,
                   describe=lambda: open(f"{self.directory}/log").read())
        return self

    @staticmethod
    def has_tls():
        """Whether the server under test can use TLS."""
        with open(shutil.which(PROGRAM), "rb") as program:
            return b"libssl" in program.read()

    def ask(self, *words, fails=False):
        """Returns the output of redis-cli."""
        login = ["-a", self.password, "--no-auth-warning"] if self.password else []
        done = subprocess.run(["redis-cli", "-s", self.socket_path, *login, *map(str, words)] if os.path.exists(self.socket_path) else
                              ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *login, *map(str, words)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=patient(20))
        assert fails or done.returncode == 0, done.stdout
        return done.stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait(patient(20))

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def heal(self):
        """Restarts or resumes the server after any fault."""
        if self.process.poll() is not None:
            self.start()
        self.resume()

    def subscribers(self, conversation):
        return int(self.ask("PUBSUB", "NUMSUB", f"parley:c:{conversation['id']}").split()[-1])

    def url_by(self, address):
        """Returns the URL of this server through that host and port, such as those of a relay."""
        return f"redis://{address}/0"

    def close(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class SentinelGroup:
    """A Redis master, its replica, and three Sentinels that monitor them."""

    name = "chat"

    def __init__(self):
        self.servers, self.sentinels = [], []

    @property
    def port(self):
        """The port of the first Sentinel."""
        return self.sentinels[0].port

    @property
    def url(self):
        return self.url_by(f"127.0.0.1:{self.port}")

    def url_by(self, address):
        """Returns the URL with that address in place of the first Sentinel's."""
        addresses = [address, *(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels[1:])]
        return "redis+sentinel://" + ",".join(addresses) + f"/{self.name}"

    def start(self):
        without_delay = ("--repl-diskless-sync-delay", "0")
        self.servers.append(Redis(*without_delay).start())
        self.servers.append(Redis(*without_delay, "--replicaof", "127.0.0.1", str(self.servers[0].port)).start())
        for _ in range(3):
            sentinel = Redis(sentinel=True)
            with open(f"{sentinel.directory}/sentinel.conf", "w") as conf:
                conf.write(f"sentinel monitor {self.name} 127.0.0.1 {self.servers[0].port} 2\n"
                           f"sentinel down-after-milliseconds {self.name} 1000\nsentinel failover-timeout {self.name} 5000\n")
            self.sentinels.append(sentinel.start())
        eventually(lambda: all("sentinels=3" in one.ask("INFO", "sentinel") for one in self.sentinels), within=30)
        eventually(self.is_whole, within=30)
        return self

    def master(self):
        """Returns the server that all Sentinels report as the master, or None."""
        reported = {sentinel.ask("SENTINEL", "get-master-addr-by-name", self.name).split()[-1] for sentinel in self.sentinels}
        return next((server for server in self.servers if {str(server.port)} == reported), None)

    def replica(self):
        master = self.master()
        return next(server for server in self.servers if server is not master)

    def is_whole(self):
        """Returns whether there is one master with a replica, and every Sentinel agrees."""
        master = self.master()
        if not master or "state=online" not in master.ask("INFO", "replication", fails=True):
            return False
        known = [sentinel.ask("SENTINEL", "replicas", self.name) for sentinel in self.sentinels]
        return all(f":{self.replica().port}" in replicas and "s_down" not in replicas and "disconnected" not in replicas for replicas in known)

    def heal(self):
        for server in self.servers:
            server.heal()
        eventually(self.is_whole, within=40)

    def close(self):
        for server in *self.sentinels, *self.servers:
            server.close()
