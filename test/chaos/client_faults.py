"""Faults caused by clients and backends: removals, revocations, duplicate sends, unusual resumes. See faults.py."""
import threading
import time

import jwt

from boundaries import resume_on_all_nodes
from client import Person, Socket
from deadline import eventually
from end_checks import ALLOWED_AFTER_REMOVAL
from server import wait_until


def f21_members_are_removed(rig, random, longer, swarm):
    """Removes the last member of each conversation, while one node is partitioned from Redis."""
    partitioned = random.choice(rig.nodes)
    partitioned.redis.partition()
    for conversation, people in swarm.users.items():
        admin = Person(random.choice([node for node in rig.nodes if node is not partitioned]).server, people[0].id)
        answer = admin.rest.post(f"conversations/{conversation}/remove_participant/", json={"user_id": people[-1].id})
        assert answer.is_success, answer.text
        swarm.removals.append((people[-1].id, conversation, time.monotonic()))
        time.sleep(0.3)
    _check_access_ended(rig, swarm, 4003)


def f21b_tokens_are_revoked(rig, random, longer, swarm):
    """Revokes one token, or all tokens of the user, for the last member of each conversation, while one node is partitioned from
    Redis."""
    partitioned = random.choice(rig.nodes)
    partitioned.redis.partition()
    backend = Person(random.choice([node for node in rig.nodes if node is not partitioned]).server, "backend", scope="messaging:service")
    revoked = [client for client in swarm.clients if client.user in [people[-1].id for people in swarm.users.values()]]
    for number, client in enumerate(revoked):
        jti = jwt.decode(client.token, options={"verify_signature": False})["jti"]
        answer = backend.rest.post("revocations/", json={"jti": jti} if number % 2 else {"user_id": client.user})
        assert answer.is_success, answer.text
        swarm.removals.append((client.user, client.conversation, time.monotonic()))
        time.sleep(0.3)
    _check_access_ended(rig, swarm, 4001)


def _check_access_ended(rig, swarm, code):
    """Checks that sockets of removed and revoked users close, and that no node accepts them after the allowed time."""
    users = [user for user, *_ in swarm.removals]
    clients = [client for client in swarm.clients if client.user in users]
    eventually(lambda: all(client.finished for client in clients), within=15, describe=lambda: "a user without access keeps a socket")
    wait_until(time.time() + max(when for *_, when in swarm.removals) + ALLOWED_AFTER_REMOVAL - time.monotonic())
    for node in rig.nodes:
        for client in clients:
            with Socket(node.server, client.conversation, token=client.token, query={"since": 0}) as again:
                frame = again.receive()
                assert frame["type"] == "disconnect" and frame["data"]["code"] == code, (client.user, node.address, frame)


def f22_everything_is_sent_twice(rig, random, longer, swarm):
    """Beside what the swarm does anyway: each message of one more user goes to every node at the same time."""
    for conversation, people in swarm.users.items():
        for number in range(int(8 * longer)):
            client_id = f"{people[0].id}-everywhere-{number}"
            threads = [threading.Thread(target=swarm.send, args=(Person(node.server, people[0].id), conversation, client_id))
                       for node in rig.nodes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def f23_clients_resume_from_any_point(rig, random, longer, swarm):
    """At the head, around it, and where nothing can be, on all nodes while others send."""
    for _ in range(max(1, int(longer))):
        conversation, foreign = random.sample(sorted(swarm.users), 2)
        resume_on_all_nodes(rig, swarm, conversation, foreign)
