"""The metrics of /metrics: those that are documented, and the figures of Redis servers."""
import time

import httpx
import pytest

from conftest import named
from deadline import SANITIZED, eventually, patient, throughout
from metrics import documented, scrape, values
from redis_server import Redis
from test_failing_fsync import shim  # noqa: F401, fixture
from test_tls import certificate, secure  # noqa: F401, fixtures

# Section 8 of the product's contract, without webhook_queue.
PROMISED = {
    "connections": (), "connections_closed_total": ("code",), "messages_total": ("verb",), "frames_bytes_total": ("direction",),
    "delivery_seconds": (), "commit_seconds": (), "commit_batch_messages": (), "outbox_bytes": (), "dropped_total": ("reason",),
    "catch_ups_total": (), "resumes_total": ("result",), "bus_lag_seconds": (), "bus_reconnects_total": (),
    "channel_layer_over_capacity_total": (), "redis_memory_bytes": (), "redis_clients": (), "redis_commands_total": (),
    "http_request_seconds": ("route", "status"), "rate_limited_total": ("verb",), "store_pool_waits_total": (), "log_dropped_total": (),
    "build_info": ()}
REDIS_FIGURES = ("redis_memory_bytes", "redis_max_memory_bytes", "redis_clients", "redis_commands_total", "redis_evicted_keys_total")


@pytest.fixture
def own_redis():
    made = []

    def make(*settings):
        made.append(Redis(*settings).start())
        return made[-1]

    yield make
    for server in made:
        server.close()


def host(redis):
    return f"127.0.0.1:{redis.port}"


@pytest.mark.proves("/metrics and the table of docs/operations.md agree")
def test_each_metric_is_documented_with_its_type_and_labels(own_server, own_redis):
    server = own_server(REDIS_URL=own_redis().url)
    alice, bob = named(server, "alice", "bob")
    alice.rest.send_message(alice.rest.create_group(bob), "hello")
    eventually(lambda: scrape(server)["redis_clients"].samples, within=15)
    found, listed = scrape(server), documented()
    assert found.keys() == listed.keys()
    for name, family in found.items():
        kind, labels = listed[name]
        assert family.type == kind, name
        assert family.labels == labels if family.samples else kind in ("gauge", "counter"), name
    without_samples = {name for name, family in found.items() if not family.samples}
    assert without_samples == {"tls_certificate_expiry_timestamp_seconds"}, "only TLS is not configured here"
    for name, labels in PROMISED.items():
        assert set(labels) <= listed[name][1], name


@pytest.mark.proves("redis_memory_bytes, redis_clients, redis_commands_total by host")
def test_redis_figures_are_those_of_the_server_and_name_it_without_its_password(own_server, own_redis):
    redis = own_redis("--maxmemory", "123mb")
    redis.ask("ACL", "SETUSER", "parley", "on", ">pass@word", "~*", "&*", "+@all")
    server = own_server(REDIS_URL=f"redis://parley:pass%40word@{host(redis)}/3")
    eventually(lambda: all(values(server, name) for name in REDIS_FIGURES), within=15)
    assert all(values(server, name).keys() == {host(redis)} for name in REDIS_FIGURES)
    assert values(server, "redis_max_memory_bytes") == {host(redis): 123 << 20}
    assert values(server, "redis_evicted_keys_total") == {host(redis): 0}
    used = int(next(line for line in redis.ask("INFO", "memory").splitlines() if line.startswith("used_memory:")).split(":")[1])
    assert used / 2 < values(server, "redis_memory_bytes")[host(redis)] < used * 2
    eventually(lambda: values(server, "redis_clients")[host(redis)] >= 3, within=15)  # the bus and the channel layer
    before = values(server, "redis_commands_total")[host(redis)]
    for _ in range(5):
        redis.ask("ECHO", "counted")
    eventually(lambda: values(server, "redis_commands_total")[host(redis)] >= before + 5, within=15)
    assert "pass" not in httpx.get(f"{server.url}/metrics").text


@pytest.mark.parametrize("backend", ["core", "pubsub"])
def test_each_host_of_the_channel_layer_has_redis_figures(own_server, own_redis, backend):
    bus, first, second = own_redis(), own_redis(), own_redis()
    server = own_server("--channel-layer-backend", backend, REDIS_URL=bus.url, PARLEY_CHANNEL_LAYER_HOSTS=f"{first.url},{second.url}")
    eventually(lambda: values(server, "redis_memory_bytes").keys() == {host(one) for one in (bus, first, second)}, within=15)
    second.kill()
    eventually(lambda: values(server, "redis_memory_bytes").keys() == {host(bus), host(first)})
    second.start()
    eventually(lambda: host(second) in values(server, "redis_memory_bytes"), within=15)


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_redis_figures_are_absent_while_redis_is_down(own_server, own_redis, fault):
    redis = own_redis()
    server = own_server(REDIS_URL=redis.url)
    eventually(lambda: values(server, "redis_clients") and server.metric("parley_bus_up") == 1, within=15)
    getattr(redis, fault)()
    eventually(lambda: not any(scrape(server)[name].samples for name in REDIS_FIGURES), within=30)
    assert server.metric("parley_bus_up") == 0 and scrape(server)["bus_up"].samples
    redis.heal()
    eventually(lambda: values(server, "redis_clients") and server.metric("parley_bus_up") == 1, within=15)


def test_without_redis_there_are_no_redis_figures(server):
    throughout(lambda: not any(scrape(server)[name].samples for name in REDIS_FIGURES + ("bus_up",)), 0.3)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be loaded first")
def test_readiness_and_failed_commits_are_metrics(own_server, shim, tmp_path):  # noqa: F811
    switch = tmp_path / "the disk fails"
    server = own_server(LD_PRELOAD=shim, FAILING_FSYNC=str(switch))
    alice, bob = named(server, "alice", "bob")
    message = {"conversation_id": alice.rest.create_group(bob)["id"], "content": "hello"}
    assert server.metric("parley_ready") == 1 and server.metric("parley_store_commit_failures_total") == 0
    switch.touch()
    assert alice.rest.post("messages/", json=message).status_code == 503
    assert server.metric("parley_store_commit_failures_total") >= 1
    eventually(lambda: server.metric("parley_ready") == 0, within=30)
    switch.unlink()
    eventually(lambda: server.metric("parley_ready") == 1, within=30)  # a write follows, on a disk that may be busy


def test_the_expiry_of_the_certificate_is_a_metric(secure):  # noqa: F811
    text = secure.https.get("/metrics").text
    name = "parley_tls_certificate_expiry_timestamp_seconds "
    expiry = float(next(line for line in text.splitlines() if line.startswith(name)).removeprefix(name))
    assert time.time() < expiry < time.time() + 4 * 86400


def test_metrics_of_the_process(own_server):
    server = own_server()
    assert abs(server.metric("parley_process_resident_memory_bytes") - server.memory("VmRSS")) < 32 << 20
    assert abs(server.metric("parley_process_start_time_seconds") - time.time()) < patient(60)
    before = server.metric("parley_process_cpu_seconds_total")
    eventually(lambda: server.metric("parley_process_cpu_seconds_total") > before)
    with open(f"/proc/{server.process.pid}/limits") as limits:
        files = next(line for line in limits if line.startswith("Max open files")).split()[3]
    assert server.metric("parley_process_max_fds") == int(files)
