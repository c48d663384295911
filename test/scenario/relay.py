"""A TCP relay between two processes. A test can cut it, silence or stall it in one direction or both, slow it down, and lose
single messages of PostgreSQL and Redis."""
import random
import socket
import threading
import time


def without_subscribers(data):
    """Renames the channels of PUBLISH commands: Redis answers as usual, and no node receives the event. A command that is
    split between two reads passes unchanged, so tests lose few and small events."""
    return data.replace(b"PUBLISH\r\n$45\r\nparley:c:", b"PUBLISH\r\n$45\r\nparley:x:")


class Relay:
    """Listens on a port of its own and forwards to `target`, a port of this machine. Settings apply to bytes and connections
    from now on."""

    def __init__(self, port):
        self.target = port
        self.refuses = False  # new connections are closed at once
        self.silent_up = self.silent_down = False  # bytes vanish: what a firewall that drops does
        self.delay = 0.0  # seconds that each piece waits, and as much again by chance
        self.lose_commit = None  # of PostgreSQL: "answer" or "commit", once
        self.commit_of = None  # only a COMMIT that follows these bytes on its connection: others are of upkeep, say
        self.before_loss = None  # called while a COMMIT is on its way that will be lost
        self.lost_commits = 0
        self.lose_publish = False  # of Redis: events are published to channels without subscribers
        self.answers = None  # bytes that clients receive in place of each piece from the server
        self.flows = {True: threading.Event(), False: threading.Event()}  # up, down: what is held back passes once it is set
        self.stall_at = None
        self.lock = threading.Lock()
        self.pairs = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.database_url = f"postgres://parley@{self.address}/postgres"
        self.redis_url = f"redis://{self.address}/0"
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
        self.refuses = self.silent_up = self.silent_down = self.lose_publish = False
        self.lose_commit = self.commit_of = self.before_loss = self.answers = None
        self.delay = 0.0
        if was_silent:
            self.cut()  # their bytes are gone; TCP would have reset them by now

    def lose_commit_of(self, written, kind):
        """Loses the COMMIT of the transaction that writes these bytes ("commit"), or the answer to it ("answer")."""
        self.commit_of, self.lose_commit = written, kind

    def refuse(self):
        """Ends all connections and accepts no new ones until heal()."""
        self.refuses = True
        self.cut()

    def close(self):
        _shut(self.listener)  # ends accept()
        self.listener.close()
        self.flow()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuses:
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
            if self.refuses:  # refuse() came in between
                self.cut()
            state = {"answer_is_lost": False, "wrote": False}
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
                    data = without_subscribers(data)
                if up and self.commit_of and self.commit_of in data:
                    state["wrote"] = True
                if up and self.lose_commit and b"COMMIT\0" in data and (state["wrote"] or not self.commit_of):
                    kind, self.lose_commit = self.lose_commit, None
                    self.lost_commits += 1
                    if kind == "commit":
                        if self.before_loss:
                            self.before_loss()
                        break
                    state["answer_is_lost"] = True
                elif not up and state["answer_is_lost"]:
                    break
                if not up and self.answers is not None:
                    data = self.answers
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
