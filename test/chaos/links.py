"""A wire between two processes that a test can cut, silence or stall in one direction or both, and slow down."""
import random
import socket
import threading
import time

from redis_server import unheard
from server import Server


class Loopback:
    """Where nodes are as a rule: on this machine, each behind wires of its own (network.py has another place)."""

    database_settings = redis_settings = ()

    def place(self, number):
        return self

    def admit(self, database):
        pass

    def link(self, port):
        """The way to a server of that port."""
        return Link(port)

    def door(self, server):
        """The clients' way to a node."""
        return Link(server.port)

    def serve(self, directory, *options, **variables):
        return Server(directory, *options, **variables)

    def close(self):
        pass


class Link:
    """Listens on a port of its own and passes everything on to a port. All settings hold for what passes from now on."""

    def __init__(self, port):
        self.target = port
        self.refusing = False  # new connections fail
        self.silent_up = self.silent_down = False  # bytes vanish: what a firewall that drops does
        self.delay = 0.0  # seconds that each piece waits, and as much again by chance
        self.lose_commit = None  # of PostgreSQL: "answer" or "commit", once
        self.before_loss = None  # called while a COMMIT is on its way that will be lost
        self.lost_commits = 0
        self.lose_publish = False  # of Redis: it answers as if all were well
        self.flows = {True: threading.Event(), False: threading.Event()}  # up, down: what is held back passes once it is set
        self.stall_at = None
        self.lock = threading.Lock()
        self.pairs = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.flow()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """All connections end, as when a machine restarts."""
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for each in pair:
                _shut(each)

    def partition(self, up=True, down=True):
        self.silent_up, self.silent_down = up, down

    def stall(self, up=True, down=True, at=None):
        """Nothing passes, and nothing is lost: until flow() it is held back, and then all of it arrives, late and in
        order, though whoever sent it may have given up long ago. So TCP does where a partition ends in time. With `at`
        it begins with the first piece from the client that has these bytes."""
        if at:
            self.stall_at = (at, up, down)
            return
        for stalled, flows in (up, self.flows[True]), (down, self.flows[False]):
            if stalled:
                flows.clear()

    def flow(self):
        self.stall_at = None
        for flows in self.flows.values():
            flows.set()

    def heal(self):
        self.flow()
        was_silent = self.silent_up or self.silent_down
        self.refusing = self.silent_up = self.silent_down = self.lose_publish = False
        self.lose_commit = self.before_loss = None
        self.delay = 0.0
        if was_silent:
            self.cut()  # their bytes are gone; TCP would have reset them by now

    def close(self):
        self.listener.close()
        self.flow()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for one in client, server:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs.add((client, server))
            state = {"answer_is_lost": False}
            for one, other, up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(one, other, up, (client, server), state), daemon=True).start()

    def _pump(self, one, other, up, pair, state):
        try:
            while data := one.recv(1 << 16):
                if self.delay:
                    time.sleep(self.delay + random.random() * self.delay)
                if (up and self.silent_up) or (not up and self.silent_down):
                    continue
                if up and self.stall_at and self.stall_at[0] in data:
                    _, stall_up, stall_down = self.stall_at
                    self.stall_at = None
                    self.stall(stall_up, stall_down)
                self.flows[up].wait()
                if up and self.lose_publish:
                    data = unheard(data)
                if up and self.lose_commit and b"COMMIT\0" in data:
                    kind, self.lose_commit = self.lose_commit, None
                    self.lost_commits += 1
                    if kind == "commit":
                        if self.before_loss:
                            self.before_loss()
                        break
                    state["answer_is_lost"] = True
                elif not up and state["answer_is_lost"]:
                    break
                other.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.pairs.discard(pair)
        for each in pair:
            _shut(each)


def _shut(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
