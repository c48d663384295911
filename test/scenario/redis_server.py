"""Redis servers of a test's own, real, without persistence, that can be killed, paused and started again empty."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from deadline import eventually, patient
from server import free_port


class Redis:
    def __init__(self, *settings, sentinel=False, port=None):
        self.directory = tempfile.mkdtemp(prefix="parley-redis-")
        self.port = port or free_port()
        self.settings = settings
        self.sentinel = sentinel
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
            ["redis-server", *kind],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        eventually(lambda: "PONG" in self.ask("PING", fails=True) or "NOAUTH" in self.ask("PING", fails=True), within=20,
                   describe=lambda: open(f"{self.directory}/log").read())
        return self

    def ask(self, *words, fails=False):
        """What redis-cli prints."""
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

    def subscribers(self, conversation):
        return int(self.ask("PUBSUB", "NUMSUB", f"parley:c:{conversation['id']}").split()[-1])

    def close(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Wire:
    """Between a node and its Redis, for faults that only the network has: it can lose what is published without
    anybody's noticing, and be cut."""

    def __init__(self, port):
        self.target = port
        self.losing = False
        self.cut = False
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.connections += [client, server]
            for one, other, forward in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(one, other, forward), daemon=True).start()

    def _pump(self, one, other, forward):
        try:
            while data := one.recv(65536):
                if forward and self.losing:
                    # Redis takes it and answers, and nobody listens there. (A command cut in two by the buffer would
                    # pass: tests lose few and small ones.)
                    data = data.replace(b"PUBLISH\r\n$45\r\nparley:c:", b"PUBLISH\r\n$45\r\nparley:x:")
                other.sendall(data)
        except OSError:
            pass
        for each in one, other:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def set_cut(self, cut):
        self.cut = cut
        if cut:
            for each in self.connections:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.connections = []

    def close(self):
        self.listener.close()
        self.set_cut(True)
