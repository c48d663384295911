"""Samples the memory and open files of nodes from /proc, each second."""
import os
import threading
from collections import defaultdict

ESTABLISHED = "01"


def _status(pid):
    with open(f"/proc/{pid}/status") as status:
        return dict(line.split(":", 1) for line in status)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def connections_of(pid, port):
    """Counts the process's sockets of clients that are still connected: established, on the port that it listens on. A socket
    that it has not closed after its client closed (CLOSE_WAIT) does not count."""
    inodes = set()
    with open(f"/proc/{pid}/net/tcp") as table:
        for line in list(table)[1:]:
            _, local, _, state, *rest = line.split()
            if state == ESTABLISHED and int(local.split(":")[1], 16) == port:
                inodes.add(f"socket:[{rest[5]}]")
    held = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            held += os.readlink(f"/proc/{pid}/fd/{fd}") in inodes
        except FileNotFoundError:
            pass  # closed meanwhile
    return held


class Sampler:
    """Samples each node once a second, and skips nodes that are killed or stopped."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.memory = defaultdict(int)  # number of the node: peak bytes
        self.files = defaultdict(int)
        self.idle = {}  # process: open files without clients at the first sample
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True, name="sampler")
        self.thread.start()

    def _run(self):
        while not self.ended.wait(1):
            self.sample()

    def sample(self):
        for number, node in enumerate(self.nodes):
            try:
                pid = node.server.process.pid
                status = _status(pid)
                if status["State"].split()[0] not in "TZ":
                    self.memory[number] = max(self.memory[number], int(status["VmRSS"].split()[0]) << 10)
                    self.files[number] = max(self.files[number], open_files(pid))
            except (FileNotFoundError, ProcessLookupError, KeyError):
                pass

    def own_files(self, node):
        """Returns the number of open files that are not client connections."""
        pid = node.server.process.pid
        return open_files(pid) - connections_of(pid, node.server.port)

    def begin(self):
        """Records the idle state of each process once, before it has load."""
        self.memory.clear()
        self.files.clear()
        for node in self.nodes:
            self.idle.setdefault(node.server.process.pid, self.own_files(node))
        self.begun = [node.server.process.pid for node in self.nodes]

    def held(self):
        """Returns (node, own files now, own files when idle) for nodes that have not restarted since begin()."""
        return [(number, self.own_files(node), self.idle[pid]) for number, (node, pid) in enumerate(zip(self.nodes, self.begun))
                if node.server.process.pid == pid]

    def close(self):
        self.ended.set()
        self.thread.join(10)
