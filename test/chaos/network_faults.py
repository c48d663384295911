"""What goes wrong on the wires: a node's to the database and to Redis, and its clients' to it. As in faults.py."""
import time

from client import Person
from deadline import eventually


def f8_commits_and_their_answers_are_lost(rig, random, longer, swarm):
    for _ in range(int(4 * longer)):
        for kind in "answer", "commit":
            random.choice(rig.nodes).database.lose_commit = kind
            time.sleep(0.7)


def f4c_the_last_word_is_lost_on_its_way(rig, random, longer, swarm):
    """Redis takes what a node publishes, and nobody hears it; nothing comes after it that would tell."""
    swarm.hush()
    node = random.choice(rig.nodes)
    node.redis.lose_publish = True
    said = []
    for conversation, people in swarm.users.items():
        person = Person(node.server, people[0].id)
        said.append((conversation, swarm.say(person, conversation, f"{person.id}-last-word")))
    eventually(lambda: swarm.have_heard(said), within=15, describe=lambda: "what was lost on the way is not found in the store")
    node.redis.lose_publish = False
    swarm.hushed = False


WAYS = (True, True), (True, False), (False, True)  # up and down


def f9_a_node_is_parted_from_redis(rig, random, longer, swarm):
    _part(random.choice(rig.nodes).redis, random, 8 * longer)


def f9b_a_node_is_parted_from_the_database(rig, random, longer, swarm):
    _part(random.choice(rig.nodes).database, random, 7 * longer)


def _part(link, random, seconds):
    link.partition(*random.choice(WAYS))
    time.sleep(seconds)
    link.heal()
    time.sleep(2)


def f9c_the_wire_to_the_database_stalls(rig, random, longer, swarm):
    """Longer than both ends wait, and then what was said arrives: COMMITs too, whoever has given up on them."""
    _stall(random.choice(rig.nodes).database, random, random.choice([None, b"COMMIT\0"]), longer)


def f9c_the_wire_to_redis_stalls(rig, random, longer, swarm):
    """And then all that was published meanwhile arrives, who was online then included."""
    _stall(random.choice(rig.nodes).redis, random, None, longer)


def _stall(link, random, at, longer):
    link.stall(*random.choice(WAYS), at)
    time.sleep(7.5 * longer)
    link.flow()
    time.sleep(2)


def packets_are_lost(rig, random, longer, swarm):
    """F10 where packets are real: TCP sends them again, later each time."""
    for node in rig.nodes:
        for wire in node.database, node.redis, node.door:
            wire.lose(random.randint(3, 20), random.randint(3, 20))
    time.sleep(8 * longer)


def f9d_clients_are_parted_from_a_node(rig, random, longer, swarm):
    """F15 as well: no FIN, no RST, just silence. The node lets go of them, and they go elsewhere."""
    node = random.choice(rig.nodes)
    eventually(lambda: node.server.metric("parley_websockets") > 0)
    node.door.partition(*random.choice(WAYS))
    if node.door.address != node.server.address:  # else we are parted from it ourselves
        eventually(lambda: node.server.metric("parley_websockets") == 0, within=12, describe=lambda: "the node holds on to who is gone")
    eventually(lambda: all(client.socket is not None or client.out for client in swarm.clients), within=15,
               describe=lambda: "clients do not get in elsewhere")
    time.sleep(2 * longer)


def f10_the_network_is_slow(rig, random, longer, swarm):
    for node in rig.nodes:
        node.redis.delay = random.uniform(0.05, 0.3)
        node.database.delay = random.uniform(0.005, 0.03)
    time.sleep(6 * longer)
