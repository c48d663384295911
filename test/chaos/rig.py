"""Three nodes over one PostgreSQL and one Redis, with a link of their own to each, and runs of clients under a fault."""
import os
import random
import shutil
import signal
import tempfile
import time

from client import Person
from deadline import eventually
from history import History
from judge import Judge
from links import Loopback
from postgres import Postgres
from redis_server import Redis, SentinelGroup
from resources import Sampler
from swarm import Swarm

# Short times, so that a fault and the recovery take seconds.
OPTIONS = ("--drain-delay", "1", "--ping-interval", "2", "--ping-timeout", "3", "--timeout-graceful-shutdown", "10")


class Node:
    def __init__(self, rig, number):
        place = rig.network.place(number)
        self.database, self.redis = place.link(rig.database.port), place.link(rig.redis.port)
        self.clock = f"{rig.directory}/clock-{number}"
        self.set_clock(0)
        self.server = place.serve(f"{rig.directory}/node-{number}", *OPTIONS,
                                  DATABASE_URL=f"postgres://parley@{self.database.address}/postgres",
                                  REDIS_URL=rig.redis.url_by(self.redis.address),
                                  FAKETIME_TIMESTAMP_FILE=self.clock, **rig.variables)
        if rig.binary:
            self.server.command[0] = rig.binary
        self.client_link = place.client_link(self.server)  # the link from clients

    @property
    def address(self):
        return self.server.address

    def set_clock(self, ahead):
        """Sets the offset of the clock in seconds, for nodes under libfaketime."""
        with open(self.clock, "w") as clock:
            clock.write(f"{ahead:+d}s\n")

    def heal(self):
        self.set_clock(0)
        for link in self.database, self.redis, self.client_link:
            link.heal()

    def close(self):
        self.server.close()
        for link in self.database, self.redis, self.client_link:
            link.close()


class Rig:
    def __init__(self, count=3, sentinels=False, network=None, database=(), standby=False, binary=None, **variables):
        """`binary`: another one than BINARY, which the nodes run at first."""
        self.binary = binary
        self.directory = tempfile.mkdtemp(prefix="parley-chaos-")
        self.variables = variables
        self.network = network or Loopback()
        self.database = Postgres(*self.network.database_settings, *database)
        self.network.allow_connections(self.database)
        self.database.start()
        self.standby = self.database.standby() if standby else None
        self.databases = [self.database, *([self.standby] if standby else [])]
        self.redis = (SentinelGroup() if sentinels else Redis(*self.network.redis_settings)).start()
        self.nodes = [Node(self, number) for number in range(count)]
        for node in self.nodes:
            node.server.start()
        self.resources = Sampler(self.nodes)

    def heal(self):
        """Repairs everything that a fault has left broken."""
        if self.database.process.poll() is not None:
            self.database.start()
        self.database.resume()
        self.redis.heal()
        for node in self.nodes:
            node.heal()
            if node.server.process.poll() is not None:
                node.server.start(ready=False)
        for node in self.nodes:
            eventually(node.server.ready, within=40, describe=lambda: node.server.log[-3000:])

    def move_to(self, database):
        """Moves all nodes to that database; the previous one is gone."""
        self.database = database
        for node in self.nodes:
            node.database.target = database.port
            node.database.cut()

    def endpoints(self):
        return [node.address for node in self.nodes]

    def proxied_endpoints(self):
        return [node.client_link.address for node in self.nodes]

    def play(self, fault, seed, conversations=3, members=4, pause=0.25, endpoints=None, longer=1.0):
        """Runs clients while fault(rig, random, longer, swarm) happens, repairs everything, and returns the verdict. In each
        conversation one more client, which only reads, leaves for good before or during the fault."""
        self.heal()
        self.resources.begin()
        number = random.Random(f"{seed}")
        name = f"{fault.__name__[:12]}-{seed}-{time.time_ns() % 10 ** 9}"
        history = History()
        swarm = Swarm(endpoints or self.proxied_endpoints, history, seed, pause)
        for room in range(conversations):
            people = [Person(self.nodes[0].server, f"{name}-{room}-{member}") for member in range(members)]
            leaver = Person(self.nodes[0].server, f"{name}-{room}-leaver")
            conversation = people[0].rest.create_group(*people[1:], leaver)["id"]
            swarm.users[conversation] = people
            for at, person in enumerate(people):
                swarm.add(person.id, conversation, sends=at < members - 1)
            swarm.add(leaver.id, conversation, sends=False, stays=number.uniform(0, 4))
        swarm.start()
        path = f"{os.environ.get('PARLEY_CHAOS_HISTORIES', tempfile.gettempdir())}/parley-{name}.jsonl"
        try:
            verdict = self._verdict(fault, number, longer, swarm)
        except AssertionError as failure:
            history.write(path)
            raise AssertionError(f"{failure}\nhistory: {path}") from failure
        finally:
            swarm.stop()
        verdict.swarm, verdict.history = swarm, history
        if verdict.anomalies:
            verdict.path = path
            history.write(path)
        return verdict

    def _verdict(self, fault, number, longer, swarm):
        eventually(lambda: all(client.socket for client in swarm.clients), within=20)
        swarm.begin_leaving()
        time.sleep(0.5)
        swarm.history.note("fault", name=fault.__name__)
        fault(self, number, longer, swarm)
        swarm.finish_leaving()
        swarm.history.note("fault", name="healing")
        self.heal()
        swarm.stop_sending()
        eventually(lambda: swarm.sent_all, within=30, describe=lambda: "sends are never acked")
        return Judge(self, swarm.history, swarm, swarm.users).verdict()

    def close(self):
        self.resources.close()
        for node in self.nodes:
            node.server.process.send_signal(signal.SIGCONT)
            node.server.terminate()  # all at the same time
        for node in self.nodes:
            node.close()
        self.redis.close()
        for database in self.databases:
            database.close()
        self.network.close()
        shutil.rmtree(self.directory, ignore_errors=True)
