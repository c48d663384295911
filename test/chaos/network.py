"""A private network in which the kernel drops packets: each node has its own network namespace, and a cable to the namespace of
the databases and clients. TCP retransmits dropped packets, so bytes in flight at the start of a partition arrive after its
end. Needs root, unshare, nsenter, ip and nft; ./dev chaos --network restarts itself inside a private namespace, so the
machine's own network is not touched."""
import os
import subprocess
import sys

from server import Server

PRIVATE = "PARLEY_PRIVATE_NETWORK"


def run(*words, stdin=None):
    done = subprocess.run(list(map(str, words)), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}"


def start_in_private(arguments):
    """Restarts this program in a namespace with only a loopback interface. Does not return."""
    os.environ[PRIVATE] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *arguments])


class Network:
    database_settings = ("listen_addresses=*",)
    redis_settings = ("--bind", "0.0.0.0", "--protected-mode", "no")

    def __init__(self):
        assert os.environ.get(PRIVATE), "only in a private namespace: start_in_private"
        run("ip", "link", "set", "lo", "up")
        run("nft", "-f", "-", stdin="add table ip parley\n"
                                    "add chain ip parley up { type filter hook input priority 0; }\n"
                                    "add chain ip parley down { type filter hook output priority 0; }\n")
        self.wires = []
        self.machines = []

    def place(self, number):
        self.machines.append(Machine(self, number))
        return self.machines[-1]

    def allow_connections(self, database):
        """Allows connections to the database from all machines."""
        with open(f"{database.directory}/data/pg_hba.conf", "a") as rules:
            rules.write("host all all 10.77.0.0/16 trust\n")

    def apply(self):
        """Installs the rules of all wires at once."""
        rules = ["flush chain ip parley up", "flush chain ip parley down"]
        for wire in self.wires:
            rules += [f"add rule ip parley {chain} {match} {what} drop" for chain, match, what in wire.rules()]
        run("nft", "-f", "-", stdin="\n".join(rules) + "\n")

    def close(self):
        for machine in self.machines:
            machine.close()


class Machine:
    """A network namespace, held by a process that sleeps in it."""

    def __init__(self, network, number):
        self.network = network
        self.address, self.outside = f"10.77.{number}.2", f"10.77.{number}.1"
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo there; exec sleep 86400"], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"there\n"
        self.inside = ("nsenter", "--net=" + f"/proc/{self.holder.pid}/ns/net")
        run("ip", "link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0", "netns", self.holder.pid)
        run("ip", "addr", "add", f"{self.outside}/24", "dev", f"cable{number}")
        run("ip", "link", "set", f"cable{number}", "up")
        run(*self.inside, "ip", "link", "set", "lo", "up")
        run(*self.inside, "ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        run(*self.inside, "ip", "link", "set", "eth0", "up")

    def link(self, port):
        """Returns the link from the node to a server on that port."""
        return Wire(self.network, f"{self.outside}:{port}", f"ip saddr {self.address} tcp dport {port}",
                    f"ip daddr {self.address} tcp sport {port}")

    def client_link(self, server):
        """Returns the link from clients to the node."""
        return Wire(self.network, server.address, f"ip daddr {self.address} tcp dport {server.port}",
                    f"ip saddr {self.address} tcp sport {server.port}", chains=("down", "up"))

    def serve(self, directory, *options, **variables):
        return Guest(self, directory, *options, **variables)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Guest(Server):
    """A node in the namespace of a machine."""

    def __init__(self, machine, directory, *options, **variables):
        self.machine = machine
        super().__init__(directory, *options, **variables)
        self.command = [*machine.inside, *self.command]
        self.command[self.command.index("--host") + 1] = machine.address

    @property
    def address(self):
        return f"{self.machine.address}:{self.port}"


class Wire:
    """Like relay.Relay, but TCP retransmits everything that is dropped."""

    def __init__(self, network, address, up, down, chains=("up", "down")):
        self.network, self.address = network, address
        self.match = {"up": (chains[0], up), "down": (chains[1], down)}
        self.lost = {"up": 0, "down": 0}  # percent of packets
        network.wires.append(self)

    def rules(self):
        for way, lost in self.lost.items():
            if lost:
                yield *self.match[way], "" if lost == 100 else f"numgen random mod 100 < {lost}"

    def lose(self, up, down):
        self.lost = {"up": up, "down": down}
        self.network.apply()

    def partition(self, up=True, down=True):
        self.lose(100 * up, 100 * down)

    def stall(self, up=True, down=True, at=None):
        self.partition(up, down)  # the same here: dropped bytes are retransmitted

    def heal(self):
        self.lose(0, 0)

    def close(self):
        pass
