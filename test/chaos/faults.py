"""Faults: functions of (rig, random, longer, swarm). Rig.heal repairs the damage. Each takes some seconds, multiplied by
`longer` in long runs. An attribute `rig` names the options of the rig that a fault needs."""
import signal
import time

from client_faults import (  # noqa: F401
    f21_members_are_removed,
    f21b_tokens_are_revoked,
    f22_everything_is_sent_twice,
    f23_clients_resume_from_any_point,
)
from database_faults import (  # noqa: F401
    f6b_the_database_crashes_while_another_client_writes,
    f30_a_table_is_locked,
    f31_messages_are_locked,
    f32_conversations_are_locked,
)
from deadline import eventually
from fake_clock import preloaded
from fail_over import f33_a_standby_that_lags_takes_over  # noqa: F401
from network_faults import (  # noqa: F401
    f4c_the_last_published_event_is_lost,
    f10_the_network_is_slow,
    f8_commits_and_their_answers_are_lost,
    f9_a_node_is_partitioned_from_redis,
    f9b_a_node_is_partitioned_from_the_database,
    f9c_the_redis_link_stalls,
    f9c_the_database_link_stalls,
    f9d_clients_are_partitioned_from_a_node,
    packets_are_lost,
)


def clocks_that_jump():
    """Returns the environment of nodes whose wall clock follows Node.set_clock."""
    return {**preloaded(), "FAKETIME_NO_CACHE": "1"}


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


def f4b_redis_is_flushed_and_its_clients_disconnected(rig, random, longer, swarm):
    for _ in range(int(3 * longer)):
        rig.redis.ask("FLUSHALL")
        rig.redis.ask("CLIENT", "KILL", "TYPE", random.choice(["pubsub", "normal"]), fails=True)
        time.sleep(1)


def f5_sentinels_promote_a_replica_that_lags(rig, random, longer, swarm):
    """Needs nodes that use Sentinels. Writes to the old master after the replica was paused are lost or delayed."""
    master, replica = rig.redis.master(), rig.redis.replica()
    replica.pause()
    time.sleep(0.7 * longer)
    random.choice([master.pause, master.kill])()
    replica.resume()
    eventually(lambda: rig.redis.master() is replica, within=40)
    time.sleep(1)


f5_sentinels_promote_a_replica_that_lags.rig = {"sentinels": True}


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


def f13_clocks_jump(rig, random, longer, swarm):
    """Needs nodes that run under libfaketime: Rig(**clocks_that_jump())."""
    for seconds in 3600, -3600, 86400, -86400:
        random.choice(rig.nodes).set_clock(seconds)
        time.sleep(1.5 * longer)


def f14_a_node_is_stopped(rig, random, longer, swarm):
    node = random.choice(rig.nodes)
    node.server.process.send_signal(signal.SIGSTOP)
    time.sleep(8 * longer)
    node.server.process.send_signal(signal.SIGCONT)
    time.sleep(3)


def f24_nodes_are_restarted_one_by_one(rig, random, longer, swarm):
    for node in rig.nodes:
        assert node.server.stop() == 0, node.server.log[-2000:]
        node.server.start()
        time.sleep(0.5 * longer)


def several_at_once(rig, random, longer, swarm):
    """Starts random faults one after the other without waiting for recovery."""
    for _ in range(int(3 * longer)):
        node = random.choice(rig.nodes)
        kind = random.choice(["kill node", "stop node", "kill redis", "pause redis", "kill database", "partition redis", "partition database", "lose",
                              "stall redis", "stall database", "partition clients"])
        swarm.history.note("fault", name=kind)
        if kind == "kill node":
            node.server.kill()
        elif kind == "stop node":
            node.server.process.send_signal(signal.SIGSTOP)
        elif kind == "kill redis" and rig.redis.process.poll() is None:
            rig.redis.kill()
        elif kind == "pause redis" and rig.redis.process.poll() is None:
            rig.redis.pause()
        elif kind == "kill database" and rig.database.process.poll() is None:
            rig.database.kill()
        elif kind == "partition redis":
            node.redis.partition()
        elif kind == "partition database":
            node.database.partition()
        elif kind == "stall redis":
            node.redis.stall(random.random() < 0.7, random.random() < 0.7)
        elif kind == "stall database":
            node.database.stall(random.random() < 0.7, random.random() < 0.7)
        elif kind == "partition clients":
            node.client_link.partition()
        elif kind == "lose":
            node.database.lose_commit = random.choice(["answer", "commit"])
        time.sleep(random.uniform(0.5, 2))
    for node in rig.nodes:
        if node.server.process.poll() is None:
            node.server.process.send_signal(signal.SIGCONT)
    rig.heal()
    time.sleep(2)


ALL = [fault for name, fault in sorted(globals().items()) if name.startswith("f") and callable(fault) and name[1].isdigit()]
# Faults for network.py, which drops packets in the kernel.
ON_A_NETWORK = [f1_a_node_is_killed, f9_a_node_is_partitioned_from_redis, f9b_a_node_is_partitioned_from_the_database,
                f9d_clients_are_partitioned_from_a_node, f14_a_node_is_stopped, packets_are_lost]
