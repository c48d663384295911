"""What goes wrong: functions of (rig, random, longer, swarm). Each leaves the mending to Rig.heal, and takes some seconds,
`longer` times as many where a run has the time."""
import glob
import signal
import threading
import time

from client import Person
from deadline import eventually


def clocks_that_jump():
    """Variables of nodes whose wall clock follows Node.set_clock; none where libfaketime is not installed."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        return {}
    return {"LD_PRELOAD": libraries[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}


def nothing(rig, random, longer, swarm):
    time.sleep(3 * longer)


def f1_a_node_is_killed(rig, random, longer, swarm):
    for _ in range(max(2, int(2 * longer))):
        node = random.choice(rig.nodes)
        node.server.kill()
        time.sleep(random.uniform(0.5, 2))
        node.server.start()
        time.sleep(random.uniform(0.5, 1.5))


def f2_all_nodes_are_killed(rig, random, longer, swarm):
    for node in rig.nodes:
        node.server.process.kill()
    for node in rig.nodes:
        node.server.wait()
        node.server.start(ready=False)
    time.sleep(2 * longer)


def f3_redis_is_killed(rig, random, longer, swarm):
    rig.redis.kill()
    time.sleep(3 * longer)
    rig.redis.start()
    time.sleep(2)


def f4_redis_is_paused(rig, random, longer, swarm):
    rig.redis.pause()
    time.sleep(8 * longer)
    rig.redis.resume()
    time.sleep(2)


def f4b_redis_is_flushed_and_its_clients_thrown_out(rig, random, longer, swarm):
    for _ in range(int(3 * longer)):
        rig.redis.ask("FLUSHALL")
        rig.redis.ask("CLIENT", "KILL", "TYPE", random.choice(["pubsub", "normal"]), fails=True)
        time.sleep(1)


def f6_the_database_is_killed(rig, random, longer, swarm):
    rig.database.kill()
    time.sleep(2 * longer)
    rig.database.start()
    time.sleep(3)


def f7_the_database_is_paused(rig, random, longer, swarm):
    rig.database.pause()
    time.sleep(8 * longer)
    rig.database.resume()
    time.sleep(2)


def f8_commits_and_their_answers_are_lost(rig, random, longer, swarm):
    for _ in range(int(4 * longer)):
        for kind in "answer", "commit":
            random.choice(rig.nodes).database.lose_commit = kind
            time.sleep(0.7)


def f9_a_node_is_parted_from_redis(rig, random, longer, swarm):
    node = random.choice(rig.nodes)
    up, down = random.choice([(True, True), (True, False), (False, True)])
    node.redis.partition(up, down)
    time.sleep(8 * longer)
    node.redis.heal()
    time.sleep(2)


def f9b_a_node_is_parted_from_the_database(rig, random, longer, swarm):
    node = random.choice(rig.nodes)
    up, down = random.choice([(True, True), (True, False), (False, True)])
    node.database.partition(up, down)
    time.sleep(7 * longer)
    node.database.heal()
    time.sleep(2)


def f10_the_network_is_slow(rig, random, longer, swarm):
    for node in rig.nodes:
        node.redis.delay = random.uniform(0.05, 0.3)
        node.database.delay = random.uniform(0.005, 0.03)
    time.sleep(6 * longer)


def f13_clocks_jump(rig, random, longer, swarm):
    """Of nodes that run under libfaketime: Rig(**clocks_that_jump())."""
    for seconds in 3600, -3600, 86400, -86400:
        random.choice(rig.nodes).set_clock(seconds)
        time.sleep(1.5 * longer)


def f14_a_node_is_stopped(rig, random, longer, swarm):
    node = random.choice(rig.nodes)
    node.server.process.send_signal(signal.SIGSTOP)
    time.sleep(8 * longer)
    node.server.process.send_signal(signal.SIGCONT)
    time.sleep(3)


def f21_members_are_removed(rig, random, longer, swarm):
    """The last of each conversation, while its node may not hear of it over Redis."""
    parted = random.choice(rig.nodes)
    parted.redis.partition()
    for conversation, people in swarm.users.items():
        admin = Person(random.choice([node for node in rig.nodes if node is not parted]).server, people[0].id)
        answer = admin.rest.post(f"conversations/{conversation}/remove_participant/", json={"user_id": people[-1].id})
        assert answer.is_success, answer.text
        swarm.removals.append((people[-1].id, conversation, time.monotonic()))
        time.sleep(0.3)
    eventually(lambda: all(client.out for client in swarm.clients if client.user in [user for user, *_ in swarm.removals]), within=15)
    time.sleep(2)


def f22_everything_is_sent_twice(rig, random, longer, swarm):
    """Beside what the swarm does anyway: each message of one more user goes to every node at the same time."""
    for conversation, people in swarm.users.items():
        for number in range(int(8 * longer)):
            client_id = f"{people[0].id}-everywhere-{number}"
            fields = {"user": people[0].id, "conversation": conversation, "client_id": client_id}

            def send(node):
                swarm.history.note("invoke", **fields)
                answer = Person(node.server, people[0].id).rest.post(
                    "messages/", json={"conversation_id": conversation, "content": client_id, "client_id": client_id})
                if answer.is_success:
                    swarm.history.note("ok", **fields, seq=answer.json()["seq"], id=answer.json()["id"])
                else:
                    swarm.history.note("info", **fields)

            threads = [threading.Thread(target=send, args=(node,)) for node in rig.nodes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def f24_nodes_are_restarted_one_by_one(rig, random, longer, swarm):
    for node in rig.nodes:
        assert node.server.stop() == 0, node.server.log[-2000:]
        node.server.start()
        time.sleep(0.5 * longer)


def several_at_once(rig, random, longer, swarm):
    """Whatever comes, one on top of the other."""
    for _ in range(int(3 * longer)):
        node = random.choice(rig.nodes)
        what = random.choice(["kill node", "stop node", "kill redis", "pause redis", "kill database", "part redis", "part database", "lose"])
        swarm.history.note("fault", name=what)
        if what == "kill node":
            node.server.kill()
        elif what == "stop node":
            node.server.process.send_signal(signal.SIGSTOP)
        elif what == "kill redis" and rig.redis.process.poll() is None:
            rig.redis.kill()
        elif what == "pause redis" and rig.redis.process.poll() is None:
            rig.redis.pause()
        elif what == "kill database" and rig.database.process.poll() is None:
            rig.database.kill()
        elif what == "part redis":
            node.redis.partition()
        elif what == "part database":
            node.database.partition()
        elif what == "lose":
            node.database.lose_commit = random.choice(["answer", "commit"])
        time.sleep(random.uniform(0.5, 2))
    for node in rig.nodes:
        if node.server.process.poll() is None:
            node.server.process.send_signal(signal.SIGCONT)
    rig.heal()
    time.sleep(2)


ALL = [fault for name, fault in sorted(globals().items()) if name.startswith("f") and callable(fault) and name[1].isdigit()]
