"""Three nodes over one PostgreSQL and one Redis, with a wire of their own to each, and what a run of clients comes to."""
import json
import os
import random
import shutil
import tempfile
import time

from checker import check
from client import Person
from deadline import eventually
from history import History
from links import Link
from postgres import Postgres
from redis_server import Redis
from server import Server
from swarm import Swarm

# Short, so that a fault and its end fit into seconds.
OPTIONS = ("--drain-delay", "1", "--ping-interval", "2", "--ping-timeout", "3", "--timeout-graceful-shutdown", "10")
CATCH_UP = 15  # seconds after the last fault in which everybody has everything: ten, and a reconnect


class Node:
    def __init__(self, rig, number):
        self.database, self.redis = Link(rig.database.port), Link(rig.redis.port)
        self.clock = f"{rig.directory}/clock-{number}"
        self.set_clock(0)
        self.server = Server(f"{rig.directory}/node-{number}", *OPTIONS,
                             DATABASE_URL=f"postgres://parley@127.0.0.1:{self.database.port}/postgres",
                             REDIS_URL=f"redis://127.0.0.1:{self.redis.port}/0",
                             FAKETIME_TIMESTAMP_FILE=self.clock, **rig.variables)
        self.open = True  # clients try it

    @property
    def address(self):
        return self.server.address

    def set_clock(self, ahead):
        """Seconds; for nodes that run under libfaketime."""
        with open(self.clock, "w") as clock:
            clock.write(f"{ahead:+d}s\n")

    def heal(self):
        self.set_clock(0)
        self.database.heal()
        self.redis.heal()

    def close(self):
        self.server.close()
        self.database.close()
        self.redis.close()


class Rig:
    def __init__(self, count=3, **variables):
        self.directory = tempfile.mkdtemp(prefix="parley-chaos-")
        self.variables = variables
        self.database, self.redis = Postgres().start(), Redis().start()
        self.nodes = [Node(self, number) for number in range(count)]
        for node in self.nodes:
            node.server.start()
        self.peak_memory = 0

    def heal(self):
        """Everything works again, whatever a fault has left."""
        if self.database.process.poll() is not None:
            self.database.start()
        self.database.resume()
        if self.redis.process.poll() is not None:
            self.redis.start()
        self.redis.resume()
        for node in self.nodes:
            node.heal()
            if node.server.process.poll() is not None:
                node.server.start(ready=False)
        for node in self.nodes:
            eventually(node.server.ready, within=40, describe=lambda: node.server.log[-3000:])

    def doors(self):
        return [node.address for node in self.nodes]

    def measure(self):
        for node in self.nodes:
            if node.server.process.poll() is None:
                self.peak_memory = max(self.peak_memory, node.server.memory())

    def play(self, fault, seed, conversations=3, members=4, pause=0.25, doors=None, longer=1.0, watch=None):
        """Clients talk while fault(rig, random, longer) happens; then everything heals, and the verdict is given."""
        self.heal()
        number = random.Random(f"{seed}")
        name = f"{fault.__name__[:12]}-{seed}-{time.time_ns() % 10 ** 9}"
        history = History()
        swarm = Swarm(doors or self.doors, history, seed, pause)
        users = {}
        for room in range(conversations):
            people = [Person(self.nodes[0].server, f"{name}-{room}-{member}") for member in range(members)]
            conversation = people[0].rest.create_group(*people[1:])["id"]
            users[conversation] = people
            for at, person in enumerate(people):
                swarm.add(person.id, conversation, sends=at < members - 1)
        removals = []
        swarm.removals = removals
        swarm.users = users
        if watch:
            watch(swarm)
        swarm.start()
        eventually(lambda: all(client.socket for client in swarm.clients), within=20)
        time.sleep(0.5)
        history.note("fault", name=fault.__name__)
        fault(self, number, longer, swarm)
        history.note("fault", name="healing")
        self.heal()
        swarm.stop_sending()
        eventually(lambda: swarm.sent_all, within=30, describe=lambda: "sends are never acked")
        verdict = self._judge(history, swarm, users, removals)
        verdict.swarm, verdict.history = swarm, history
        swarm.stop()
        if verdict.anomalies:
            kept = os.environ.get("PARLEY_CHAOS_HISTORIES", tempfile.gettempdir())
            verdict.path = f"{kept}/parley-{name}.jsonl"
            history.write(verdict.path)
        return verdict

    def _judge(self, history, swarm, users, removals):
        inside = [client for client in swarm.clients if not client.out]

        def heads():
            return {line.split("|")[0]: int(line.split("|")[1]) for line in self.database.ask(
                "SELECT id, seq FROM messaging_conversation WHERE id IN (" + ", ".join(f"'{id}'" for id in users) + ")").splitlines()}

        def everybody_has_everything():
            now = heads()
            return all(client.socket is not None and client.last_seq == now[client.conversation] for client in inside)

        try:
            eventually(everybody_has_everything, within=CATCH_UP)
        except AssertionError:
            pass  # the checker says who and where
        self.measure()
        rows = [json.loads(line) for line in self.database.ask(
            "SELECT json_build_array(conversation_id, seq, id, sender_id, client_id, content) FROM messaging_message WHERE conversation_id IN ("
            + ", ".join(f"'{id}'" for id in users) + ")").splitlines()]
        changed = {line for line in self.database.ask(
            "SELECT conversation_id || ' ' || seq FROM parley_change WHERE conversation_id IN (" + ", ".join(f"'{id}'" for id in users) + ")").splitlines()}
        rows = [tuple(row) for row in rows]
        reads = []
        for node in self.nodes:
            read = {}
            for conversation, people in users.items():
                reader = Person(node.server, people[0].id)
                read[conversation] = [(m["seq"], m["id"]) for m in reader.rest.everything_in({"id": conversation})]
            reads.append(read)
        last = [(client.user, client.conversation, client.last_seq) for client in inside]
        return check(history.events, rows, heads(), last, reads, removals, changed)

    def close(self):
        for node in self.nodes:
            try:
                node.server.process.send_signal(18)  # SIGCONT: it may be stopped
            except (OSError, AttributeError):
                pass
            node.close()
        self.redis.close()
        self.database.close()
        shutil.rmtree(self.directory, ignore_errors=True)
