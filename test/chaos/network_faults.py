"""Faults of links: from a node to the database and to Redis, and from clients to a node. See faults.py."""
import time

from client import Person
from deadline import eventually
from relay import COMMIT


def f8_commits_and_their_answers_are_lost(rig, random, longer, swarm):
    for _ in range(int(4 * longer)):
        for kind in "answer", "commit":
            random.choice(rig.nodes).database.lose_commit = kind
            time.sleep(0.7)


def f4c_the_last_published_event_is_lost(rig, random, longer, swarm):
    """Redis accepts an event but delivers it to no node, and no later event reveals the loss."""
    swarm.pause_sending()
    node = random.choice(rig.nodes)
    node.redis.lose_publish = True
    sent = []
    for conversation, people in swarm.users.items():
        person = Person(node.server, people[0].id)
        sent.append((conversation, swarm.send(person, conversation, f"{person.id}-last-event")))
    eventually(lambda: swarm.have_received(sent), within=15, describe=lambda: "a lost event was not found in the store")
    node.redis.lose_publish = False
    swarm.sending_paused = False


DIRECTIONS = (True, True), (True, False), (False, True)  # (up, down)


def f9_a_node_is_partitioned_from_redis(rig, random, longer, swarm):
    _partition(random.choice(rig.nodes).redis, random, 8 * longer)


def f9b_a_node_is_partitioned_from_the_database(rig, random, longer, swarm):
    _partition(random.choice(rig.nodes).database, random, 7 * longer)


def _partition(link, random, seconds):
    link.partition(*random.choice(DIRECTIONS))
    time.sleep(seconds)
    link.heal()
    time.sleep(2)


def f9c_the_database_link_stalls(rig, random, longer, swarm):
    """Holds bytes back for longer than both ends wait, and then delivers them, including COMMITs that the node has given up."""
    _stall(random.choice(rig.nodes).database, random, random.choice([None, COMMIT]), longer)


def f9c_the_redis_link_stalls(rig, random, longer, swarm):
    """Holds bytes back, and then delivers all events of that time, including old announcements of presence."""
    _stall(random.choice(rig.nodes).redis, random, None, longer)


def _stall(link, random, at, longer):
    link.stall(*random.choice(DIRECTIONS), at)
    time.sleep(7.5 * longer)
    link.flow()
    time.sleep(2)


def packets_are_lost(rig, random, longer, swarm):
    """F10 with dropped packets: TCP retransmits them, each time later."""
    for node in rig.nodes:
        for wire in node.database, node.redis, node.client_link:
            wire.lose(random.randint(3, 20), random.randint(3, 20))
    time.sleep(8 * longer)


def f9d_clients_are_partitioned_from_a_node(rig, random, longer, swarm):
    """Includes F15: the connection is silent, without FIN or RST. The node closes it, and the clients reconnect elsewhere."""
    node = random.choice(rig.nodes)
    eventually(lambda: node.server.metric("parley_websockets") > 0)
    node.client_link.partition(*random.choice(DIRECTIONS))
    if node.client_link.address != node.server.address:  # otherwise the test itself is partitioned from the node
        eventually(lambda: node.server.metric("parley_websockets") == 0, within=12, describe=lambda: "the node keeps connections of clients that are unreachable")
    eventually(lambda: all(client.socket is not None or client.finished for client in swarm.clients), within=15,
               describe=lambda: "clients do not reconnect elsewhere")
    time.sleep(2 * longer)


def f10_the_network_is_slow(rig, random, longer, swarm):
    for node in rig.nodes:
        node.redis.delay = random.uniform(0.05, 0.3)
        node.database.delay = random.uniform(0.005, 0.03)
    time.sleep(6 * longer)
