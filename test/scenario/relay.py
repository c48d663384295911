"""A TCP relay between two processes. A test can cut, silence or stall it in one direction or both, delay it, and drop
single messages of PostgreSQL and Redis."""
import random
import socket
import threading
import time


COMMIT = b"\0COMMIT\0"  # of a Bind message: an empty portal, and the name of the prepared statement


def without_subscribers(data):
    """Renames the channels of PUBLISH commands: Redis answers as usual, and no node receives the event. A command that is
    split between two reads passes unchanged, so tests lose few and small events."""
    return data.replace(b"PUBLISH\r\n$45\r\nparley:c:", b"PUBLISH\r\n$45\r\nparley:x:")


class Relay:
    """Listens on its own port and forwards to `target`, a port of this machine. Settings apply to later bytes and
    connections."""

    def __init__(self, port):
        self.target = port
        self.refuses = False  # new connections are closed at once
        self.silent_up = self.silent_down = False  # bytes vanish, as with a firewall that drops packets
        self.delay = 0.0  # seconds of delay for each piece, plus a random delay of up to the same length
        self.lose_commit = None  # PostgreSQL: drops one "answer" or "commit"
        self.commit_of = None  # drops only a COMMIT that follows these bytes on its connection; other transactions pass
        self.before_loss = None  # called while the COMMIT that will be lost is in flight
        self.lost_commits = 0
        self.lose_publish = False  # Redis: events are published to channels without subscribers
        self.rewrites = None  # (bytes, bytes): in each piece from the server, replaces the first by the second
        self.answers = None  # bytes that clients receive in place of each piece from the server
        self.flows = {True: threading.Event(), False: threading.Event()}  # up, down: held back while the event is not set
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
        """Closes all connections, as a restart of the machine does."""
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for each in pair:
                _shut(each)

    def partition(self, up=True, down=True):
        self.silent_up, self.silent_down = up, down

    def stall(self, up=True, down=True, at=None):
        """Holds back all bytes until flow(), then delivers them late and in order, although the sender may have timed out.
        TCP does the same when a partition ends in time. With `at`, the stall begins with the first piece from the client
        that contains these bytes."""
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
            self.cut()  # held-back bytes are lost; TCP would have reset these connections by now

    def lose_commit_of(self, written, kind):
        """Drops the COMMIT of the transaction that writes these bytes ("commit"), or the answer to it ("answer")."""
        self.commit_of, self.lose_commit = written, kind

    def refuse(self):
        """Closes all connections and accepts no new ones until heal()."""
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
            for each in client, server:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs.add((client, server))
            if self.refuses:  # refuse() was called in between
                self.cut()
            state = {"answer_is_lost": False, "wrote": False}
            for source, sink, up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, sink, up, (client, server), state), daemon=True).start()

    def _pump(self, source, sink, up, pair, state):
        try:
            while data := source.recv(1 << 16):
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
                if up and self.lose_commit and COMMIT in data and (state["wrote"] or not self.commit_of):
                    kind, self.lose_commit = self.lose_commit, None
                    self.lost_commits += 1
                    if kind == "commit":
                        if self.before_loss:
                            self.before_loss()
                        break
                    state["answer_is_lost"] = True
                elif not up and state["answer_is_lost"]:
                    break
                if not up and self.rewrites:
                    data = data.replace(*self.rewrites)
                if not up and self.answers is not None:
                    data = self.answers
                sink.sendall(data)
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
