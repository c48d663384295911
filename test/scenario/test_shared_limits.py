"""Rate limits that the nodes of one Redis share (docs/adr/0016-shared-rate-limits.md)."""
import threading
import time

import pytest
from websockets.exceptions import InvalidStatus

from client import Person
from deadline import eventually
from redis_server import Redis

BURST = 40  # tokens; refilled at one per second, so that a test sees the burst and little else


@pytest.fixture
def own_redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def nodes(database, own_redis, own_server):
    def make(count, *options):
        limits = ["--rate-limits", "on", "--rate-limit-sends-per-second", 1, "--rate-limit-sends-burst", BURST]
        made = [own_server("--drain-delay", "0", *limits, *options, DATABASE_URL=database.url, REDIS_URL=own_redis.url)
                for _ in range(count)]
        eventually(lambda: all("bus is up" in node.log for node in made))
        introduce(made)
        return made

    return make


def introduce(servers):
    """Waits until each node counts what the other nodes admit: they have announced their store to each other."""
    name = f"introduction-{time.monotonic_ns()}"
    for server in servers:
        known = [one.metric("parley_rate_limit_shared_total", direction="in") for one in servers]
        person = Person(server, f"{name}-{server.port}")
        room = person.rest.create_group()

        def all_others_know():
            person.rest.post("messages/", json={"conversation_id": room["id"], "content": "hello"})
            return all(one is server or one.metric("parley_rate_limit_shared_total", direction="in") > before
                       for one, before in zip(servers, known))
        eventually(all_others_know, within=20)


class Sender:
    """One user on several nodes, with a REST client on each."""

    def __init__(self, name, servers):
        self.people = [Person(server, f"{name}-{time.monotonic_ns()}") for server in servers[:1]]
        self.people += [Person(server, self.people[0].id) for server in servers[1:]]
        self.room = self.people[0].rest.create_group()

    def send(self, node):
        return self.people[node].rest.post("messages/", json={"conversation_id": self.room["id"], "content": "hello"})

    def admitted(self, node, count):
        """Sends `count` messages to one node as fast as it answers; returns the number that it admitted."""
        return sum(self.send(node).status_code == 201 for _ in range(count))


@pytest.mark.proves("--rate-limits")
def test_what_a_user_sends_to_one_node_is_missing_on_the_others(nodes):
    servers = nodes(3)
    alice, bob = Sender("alice", servers), Sender("bob", servers)
    assert BURST <= alice.admitted(0, BURST + 20) < BURST + 15
    for node in 1, 2:
        answer = eventually(lambda: (answer := alice.send(node)).status_code == 429 and answer)
        assert answer.json()["code"] == "rate_limited" and int(answer.headers["Retry-After"]) >= 1
    assert all(bob.admitted(node, 5) == 5 for node in range(3)), "other users are not affected"


def test_a_user_of_three_nodes_has_one_budget(nodes):
    servers = nodes(3)
    alice = Sender("alice", servers)
    since, admitted = time.monotonic(), 0
    for number in range(150):
        admitted += alice.send(number % 3).status_code == 201
        time.sleep(0.02)
    took = time.monotonic() - since
    assert BURST <= admitted <= BURST + took + 2 * BURST / 20 + 20, f"{admitted} in {took:.1f} s"


def test_a_burst_on_every_node_at_the_same_time_is_paid_back(nodes):
    servers = nodes(3)
    alice = Sender("alice", servers)
    admitted = [0] * 3

    def burst(node):
        admitted[node] = alice.admitted(node, BURST)
    threads = [threading.Thread(target=burst, args=(node,)) for node in range(3)]
    since = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) <= 3 * BURST

    def every_node_waits_for_the_debt():
        debt = sum(admitted) - BURST - (time.monotonic() - since) - 3 * BURST / 20 - 3
        answers = [alice.send(node) for node in range(3)]
        return all(answer.status_code == 429 and int(answer.headers["Retry-After"]) >= debt for answer in answers)
    eventually(every_node_waits_for_the_debt)


def test_sockets_share_the_budget_with_rest(nodes):
    one, two = nodes(2)
    alice = Sender("alice", [one, two])
    assert alice.admitted(0, BURST + 10) >= BURST
    eventually(lambda: alice.send(1).status_code == 429)
    with alice.people[1].connect(alice.room) as socket:
        refused = socket.ask("message", content="hello")
        assert refused["type"] == "error" and refused["data"]["code"] == "rate_limited" and refused["data"]["retry_after_ms"] > 0


def test_without_redis_each_node_has_its_own_budget_until_redis_returns(nodes, own_redis):
    servers = nodes(3)
    own_redis.kill()
    eventually(lambda: all("bus is down" in server.log for server in servers))
    alice = Sender("alice", servers)
    assert all(BURST <= alice.admitted(node, BURST + 20) < BURST + 15 for node in range(3))
    own_redis.start()
    eventually(lambda: all(server.log.count("bus is up") >= 2 for server in servers), within=20)
    introduce(servers)
    bob = Sender("bob", servers)
    assert bob.admitted(0, BURST) == BURST
    eventually(lambda: bob.send(1).status_code == 429 and bob.send(2).status_code == 429)
    # The outage leaves no debt: a node's own consumption has been refilled at the rate of one per second.
    assert int(alice.send(0).headers.get("Retry-After", 1)) <= 2


def test_sends_do_not_wait_for_a_redis_that_does_not_answer(nodes, own_redis):
    servers = nodes(2)
    alice = Sender("alice", servers)
    with alice.people[0].connect(alice.room) as socket:
        own_redis.pause()
        try:
            for number in range(BURST // 2):
                socket.send_message(f"message {number}")
            assert alice.admitted(1, BURST // 2) == BURST // 2
            assert "bus is down" not in servers[0].log, "Redis is still considered reachable"
        finally:
            own_redis.resume()


def test_nodes_that_do_not_share_have_separate_budgets(nodes, database, own_redis, own_server):
    shared = nodes(2)
    alone = own_server("--drain-delay", "0", "--rate-limits", "on", "--rate-limit-sends-per-second", 1, "--rate-limit-sends-burst", BURST,
                       "--rate-limit-shared", "off", DATABASE_URL=database.url, REDIS_URL=own_redis.url)
    alice = Sender("alice", [*shared, alone])
    assert alice.admitted(0, BURST + 5) >= BURST
    eventually(lambda: alice.send(1).status_code == 429)
    assert alice.admitted(2, BURST + 5) >= BURST
    assert alone.metric("parley_rate_limit_shared_total") == 0


def test_opening_sockets_shares_a_budget_per_address(nodes):
    one, two = nodes(2, "--rate-limit-address-connects-per-second", 1, "--rate-limit-address-connects-burst", 10)
    alice = [Person(server, "alice") for server in (one, two)]
    headers = {"X-Forwarded-For": "198.51.100.7"}
    for _ in range(10):
        alice[0].connect(headers=headers).close()

    def refused():
        try:
            alice[1].connect(headers=headers).close()
        except InvalidStatus as refusal:
            return refusal.response.status_code == 429
    assert eventually(refused)
    alice[1].connect(headers={"X-Forwarded-For": "198.51.100.8"}).close()
