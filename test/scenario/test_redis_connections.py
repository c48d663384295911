"""Connections to Redis: passwords and users, a Unix socket, TLS, and Sentinels with a fail-over."""
import subprocess

import pytest

from client import Person
from deadline import eventually, throughout
from redis_server import Redis, SentinelGroup
from relay import Relay
from server import free_port, run


@pytest.fixture
def redis_with():
    made = []

    def make(*settings, **options):
        server = Redis(*settings, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


@pytest.fixture
def exchange_events(database, own_server):
    """Checks that two nodes exchange events over that URL."""

    def check(url, **variables):
        one, two = (own_server(DATABASE_URL=database.url, REDIS_URL=url, **variables) for _ in range(2))
        eventually(lambda: "bus is up" in one.log and "bus is up" in two.log, describe=lambda: one.log)
        alice, bob = Person(one, "alice"), Person(two, "bob")
        room = alice.rest.create_group(bob)
        with bob.connect(room) as b:
            alice.rest.send_message(room, "hello")
            assert b.wait_for("message")["data"]["content"] == "hello"
        assert two.metric("parley_bus_losses_found_total") == 0
        assert two.metric("parley_bus_lag_seconds_count") == 1
        assert one.metric("parley_redis_memory_bytes") > 0 and one.metric("parley_redis_clients") >= 1
        for secret in "secret", "pass%40word":
            assert secret not in one.log
        return one, two

    return check


@pytest.mark.proves("bus_lag_seconds, bus_losses_found_total, bus_unreadable_total, bus_dropped_total")
def test_redis_with_a_password_and_a_database(redis_with, exchange_events):
    redis = redis_with("--requirepass", "secret word")
    redis.password = "secret word"
    redis.start()
    exchange_events(f"redis://:secret%20word@127.0.0.1:{redis.port}/5")


@pytest.mark.proves("nodes over Redis")
def test_redis_with_a_user_with_minimal_permissions(redis_with, exchange_events):
    redis = redis_with().start()
    redis.ask("ACL", "SETUSER", "parley", "on", ">pass@word", "resetchannels", "&parley:*", "-@all", "+subscribe", "+unsubscribe", "+publish", "+ping",
              "+info", "+client|setname", "+select")
    redis.ask("ACL", "SETUSER", "default", "off")
    exchange_events(f"redis://parley:pass%40word@127.0.0.1:{redis.port}")


@pytest.mark.proves("nodes over Redis")
def test_redis_over_a_unix_socket(redis_with, exchange_events):
    redis = redis_with().start()
    exchange_events(f"unix://{redis.socket_path}?db=2")


@pytest.mark.proves("nodes over Redis")
def test_redis_over_tls_verifies_the_certificate(redis_with, exchange_events, own_server, database, tmp_path):
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", "key.pem",
            "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    port = free_port()
    if not Redis.has_tls():
        pytest.skip("this Redis server was built without TLS")
    redis = redis_with("--tls-port", str(port), "--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"),
                       "--tls-auth-clients", "no").start()
    assert redis
    exchange_events(f"rediss://localhost:{port}?ssl_ca_certs={tmp_path}/cert.pem")
    exchange_events(f"rediss://127.0.0.1:{port}?ssl_cert_reqs=none")
    for unverified in f"rediss://localhost:{port}", f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/cert.pem":
        node = own_server(DATABASE_URL=database.url, REDIS_URL=unverified)
        eventually(lambda: "TLS handshake failed" in node.log)
        assert "bus is up" not in node.log and node.ready(), "the node works without Redis"


@pytest.fixture
def group():
    made = SentinelGroup().start()
    yield made
    made.close()


@pytest.mark.proves("P7 Redis is disposable")
@pytest.mark.proves("nodes over Redis")
def test_sentinels_follow_a_fail_over(group, exchange_events):
    master, replica = group.master(), group.replica()
    one, two = exchange_events(group.url)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        master.pause()  # unresponsive, like a partitioned master
        for number in range(5):
            alice.rest.send_message(room, f"meanwhile {number}")
        # Sentinel closes the connections of the replica that it promotes.
        eventually(lambda: "role:master" in replica.ask("INFO", "replication", fails=True), within=40)
        eventually(lambda: replica.subscribers(room) == 1, within=20)
        alice.rest.send_message(room, "over the new master")
        assert [b.wait_for("message", within=20)["seq"] for _ in range(6)] == [1, 2, 3, 4, 5, 6]
        # The old master is back as a replica, and nodes must not use it.
        master.resume()
        alice.rest.send_message(room, "and still")
        assert b.wait_for("message")["seq"] == 7


def test_a_redis_that_becomes_a_replica_is_not_used(redis_with, exchange_events):
    """A replica accepts PUBLISH, but delivers only to subscribers of the same replica."""
    redis, master = redis_with().start(), redis_with().start()
    one, two = exchange_events(redis.url)
    alice, bob = Person(one, "alice"), Person(two, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        redis.ask("REPLICAOF", "127.0.0.1", master.port)
        eventually(lambda: all("is a replica" in node.log and "bus is down" in node.log for node in (one, two)), within=30)
        published = one.metric("parley_bus_published_total")
        alice.rest.send_message(room, "over the store")
        assert b.wait_for("message")["data"]["content"] == "over the store"
        assert one.metric("parley_bus_published_total") == published
        assert one.ready() and two.ready()
        ups = [node.log.count("bus is up") for node in (one, two)]
        redis.ask("REPLICAOF", "NO", "ONE")
        eventually(lambda: [node.log.count("bus is up") for node in (one, two)] > ups, within=20)
        eventually(lambda: redis.subscribers(room) == 1, within=15)
        alice.rest.send_message(room, "over the bus")
        assert b.wait_for(lambda frame: frame.get("seq") == 2)["data"]["content"] == "over the bus"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*0\r\n", b"*3\r\n:1\r\n:2\r\n:3\r\n",
    b"*1\r\n" * 100_000, b"*2147483647\r\n", b"*3\r\n$7\r\nmessage\r\n$12\r\nparley:nodes\r\n:7\r\n", b"$2147483647\r\n", b"\0" * 1000,
], ids=["http", "status", "integer", "nil", "empty", "integers", "nested", "huge-array", "no-text", "huge-text", "zeros"])
def test_a_redis_with_invalid_responses_does_not_affect_the_node(redis_with, own_server, database, answer):
    """The node keeps serving whatever Redis sends, and uses Redis again once its responses are valid."""
    redis = redis_with().start()
    relay = Relay(redis.port)
    node = own_server(DATABASE_URL=database.url, REDIS_URL=relay.redis_url)
    eventually(lambda: node.log.count("bus is up") == 1)
    alice, bob = Person(node, "alice"), Person(node, "bob")
    room = alice.rest.create_group(bob)
    memory = node.memory()
    with bob.connect(room) as b:
        relay.answers = answer
        for number in range(20):
            alice.rest.send_message(room, f"message {number}")
        assert [frame["seq"] for frame in b.events(20)] == list(range(1, 21))
        eventually(lambda: "bus is down" in node.log, within=20, describe=lambda: node.log)
        throughout(node.ready, 1)
        assert node.memory() - memory < 100e6
        relay.answers = None
        eventually(lambda: node.log.count("bus is up") > node.log.count("bus is down"), within=30, describe=lambda: node.log)
        eventually(lambda: redis.subscribers(room) == 1, within=15)
    relay.close()


def test_an_unexpected_error_is_counted_and_the_connection_retried(own_server, database):
    """A path that is too long for a socket address raises another exception than a failed connection."""
    node = own_server(DATABASE_URL=database.url, REDIS_URL="unix:///tmp/" + "x" * 200, PARLEY_CHANNEL_LAYER_DJANGO="off")
    eventually(lambda: "redis connection failed unexpectedly" in node.log)
    eventually(lambda: node.metric("parley_bus_failures_total") >= 4, describe=lambda: node.log)
    assert node.log.count("redis connection failed unexpectedly") == 2, "logged once for each connection, not for each attempt"
    assert node.ready()


def test_an_invalid_redis_url_is_reported_at_the_start(tmp_path):
    done = run("serve", "--redis-url", "redis://:secret@host:99999", directory=tmp_path)
    assert done.returncode == 2
    assert "--redis-url: redis.url" in done.stdout and "port" in done.stdout and "secret" not in done.stdout


@pytest.mark.proves("P7 Redis is disposable")
@pytest.mark.proves("bus_lag_seconds, bus_losses_found_total, bus_unreadable_total, bus_dropped_total")
def test_an_unavailable_redis_does_not_affect_the_node(own_server, database):
    node = own_server(DATABASE_URL=database.url, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", PARLEY_CHANNEL_LAYER_DJANGO="off")
    eventually(lambda: "redis connection failed" in node.log)
    alice, bob = Person(node, "alice"), Person(node, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        alice.rest.send_message(room, "hello")
        assert b.wait_for("message")
    assert node.log.count("redis connection failed") <= 2, "logged once for each connection, not for each attempt"
    assert node.metric("parley_bus_dropped_total") == 0, "events that are not published are not counted as dropped"
