"""`parley doctor` names each cause that is broken for real, and reports nothing for a system without a fault."""
import contextlib
import json
import os
import subprocess
import time

import pytest

from client import Person
from deadline import eventually, patient
from fake_clock import shifted
from postgres import Postgres
from proxies import WEBSOCKETS, Authority, BufferingProxy, Nginx
from redis_server import Redis
from server import BINARY, environment, free_port
from tokens import mint


@pytest.fixture
def token_file(tmp_path):
    def write(token):
        (tmp_path / "token").write_text(token)
        return tmp_path / "token"
    return write


@pytest.fixture
def memory_disk(tmp_path):
    """Mounts a file system of 64 MiB in memory; requires root, as ./dev test in a container has."""
    if os.geteuid() != 0:
        pytest.skip("mounting requires root")
    disk = tmp_path / "data"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def with_cache(redis):
    """The variables of a Redis whose cache has a database of its own."""
    return {"REDIS_URL": redis.url, "REDIS_CACHE_URL": redis.url.replace("/0", "/1")}


# --- a system without a fault

@pytest.mark.proves("doctor")
def test_a_healthy_system_has_no_finding_above_ok_and_keeps_nothing(doctor, own_server, closing, database, redis, tmp_path):
    redis.ask("FLUSHALL")
    shared = {"DATABASE_URL": database.url, **with_cache(redis)}
    nodes = [own_server("--websocket-ping-interval", "2s", **shared) for _ in range(2)]
    authority = Authority(tmp_path)
    proxy = closing(Nginx(nodes[0].address, certificate=authority.issue("good")))
    found = doctor(nodes[0].url, nodes[1].url, proxy.url, "--ca-file", authority.ca, **shared)
    if "disk_low" in found:
        pytest.skip("less than 1 GiB is free on this machine")
    assert not found, doctor.findings
    for probe in ("capacity", "secrets", "data", "postgres", "redis", "clocks", "nodes", "dns", "tcp", "http", "server_clock", "token",
                  "websocket", "idle", "round_trip"):
        assert doctor.verdict(probe) == {"ok"}, probe
    assert doctor.verdict("tls") == {"ok", "skipped"}
    assert Person(nodes[0], "parley-doctor").rest.get("conversations/").json() == []
    eventually(lambda: database.ask("SELECT count(*) FROM messaging_message") == "0")
    assert not os.path.exists(tmp_path / "data")
    assert "differ in compat.guide" not in nodes[0].log


def test_a_single_development_server_needs_no_arguments(own_server, doctor):
    server = own_server("--websocket-ping-interval", "1s", JWT_SECRET_KEY=None)
    done = subprocess.run([BINARY, "doctor", "--port", str(server.port), "--data-dir", f"{server.directory}/data"], text=True,
                          cwd=server.directory, env=environment(JWT_SECRET_KEY=None), capture_output=True, timeout=patient(60))
    assert done.returncode == 0, done.stdout
    assert "0 failed" in done.stdout
    assert "/dev/token" in done.stdout


def test_it_signs_nothing_and_probes_nothing_local_without_a_configuration(doctor, server, tmp_path):
    done = subprocess.run([BINARY, "doctor", "--json", "--only", "data,capacity,tcp,http", server.url], text=True, cwd=tmp_path,
                          env=environment(JWT_SECRET_KEY=None, DJANGO_ENV=None), capture_output=True, timeout=patient(60))
    assert [one["probe"] for one in json.loads(done.stdout)["findings"]] == ["tcp", "http"]
    assert os.listdir(tmp_path) == []


def test_invalid_arguments_exit_with_two(tmp_path):
    for arguments in (["--only", "nothing"], ["--url", "ftp://x"], ["--url", "http://u:p@x"], ["--token-file", "absent"], ["--what"]):
        done = subprocess.run([BINARY, "doctor", *arguments], cwd=tmp_path, env=environment(), capture_output=True, text=True)
        assert done.returncode == 2, done.stdout
        assert done.stderr.startswith("parley: ")


def test_no_server_at_the_configured_address_is_no_failure(tmp_path):
    done = subprocess.run([BINARY, "doctor", "--only", "capacity,tcp", "--port", str(free_port())], cwd=tmp_path, env=environment(),
                          capture_output=True, text=True)
    assert done.returncode == 0
    assert "give the URL" in done.stderr


# --- the way to the server

def test_a_name_that_does_not_exist(doctor):
    doctor("http://parley.invalid", "--only", "dns,tcp,http,round_trip", expect=["dns_failed"])
    assert doctor.verdict("tcp") == doctor.verdict("round_trip") == {"skipped"}


def test_a_closed_port(doctor):
    doctor(f"http://127.0.0.1:{free_port()}", "--only", "dns,tcp,http", expect=["tcp_refused"])


@pytest.mark.proves("doctor")
@pytest.mark.parametrize("days, start, address, code", [
    (-1, -60, "127.0.0.1", "tls_expired"), (60, 1, "127.0.0.1", "tls_not_yet_valid"), (3, -60, "127.0.0.1", "tls_expires_soon"),
    (30, -60, None, "tls_name_mismatch")])
def test_a_certificate_that_is_expired_or_for_another_name(doctor, server, closing, tmp_path, days, start, address, code):
    authority = Authority(tmp_path)
    proxy = closing(Nginx(server.address, certificate=authority.issue("leaf", days, address, start)))
    found = doctor(proxy.url, "--ca-file", authority.ca, "--only", "tls,http", expect=[code])
    assert doctor.verdict("http") == ({"ok"} if found[code]["verdict"] == "warning" else {"skipped"})


def test_a_certificate_of_an_unknown_authority(doctor, server, closing, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    proxy = closing(Nginx(server.address, certificate=Authority(tmp_path).issue("leaf")))
    doctor(proxy.url, "--ca-file", other.ca, "--only", "tls,http", expect=["tls_untrusted"])
    doctor(proxy.url, "--only", "tls", expect=["tls_untrusted"])


def test_https_to_a_plain_port(doctor, server):
    doctor(f"https://{server.address}", "--only", "tcp,tls", expect=["tls_failed"])


def test_a_configured_certificate_that_expires(doctor, tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("old", days=-1)
    doctor("--ssl-certfile", certificate, "--ssl-keyfile", key, "--only", "certificate", expect=["tls_expired"])
    doctor("--ssl-certfile", certificate, "--ssl-keyfile", authority.issue("new")[1], "--only", "certificate", expect=["certificate_unusable"])


def test_a_proxy_without_its_upstream(doctor, closing):
    proxy = closing(Nginx(f"127.0.0.1:{free_port()}"))
    doctor(proxy.url, "--only", "tcp,http,websocket", expect=["proxy_error"])


def test_another_server_at_the_url(doctor, closing):
    proxy = closing(Nginx(f"127.0.0.1:{free_port()}", settings="return 404;"))
    doctor(proxy.url, "--only", "http", expect=["not_parley"])


def test_a_host_that_is_not_allowed(doctor, own_server):
    server = own_server("--allowed-hosts", "chat.example")
    doctor(server.url, "--only", "http", expect=["bad_host"])


def test_a_node_that_cannot_use_its_store(doctor, own_server, closing):
    database = closing(Postgres().start())
    server = own_server(DATABASE_URL=database.url)
    database.kill()
    eventually(lambda: not server.ready(), within=30)
    assert "not_ready" in doctor(server.url, "--only", "http")


@pytest.mark.proves("doctor")
def test_a_proxy_that_does_not_forward_the_upgrade(doctor, server, closing):
    for settings in "", "proxy_http_version 1.1;":
        proxy = closing(Nginx(server.address, settings=settings))
        doctor(proxy.url, "--only", "http,token,websocket,idle", expect=["upgrade_not_forwarded"])
        assert doctor.verdict("idle") == {"skipped"}


def test_a_proxy_whose_idle_timeout_is_shorter_than_the_ping_interval(doctor, own_server, closing):
    server = own_server("--websocket-ping-interval", "3s")
    proxy = closing(Nginx(server.address, settings=WEBSOCKETS + "proxy_read_timeout 1s;"))
    found = doctor(proxy.url, "--only", "token,websocket,idle", expect=["proxy_idle_timeout"])
    assert "ping_interval is 3.0 s" in found["proxy_idle_timeout"]["cause"]
    proxy = closing(Nginx(server.address, settings=WEBSOCKETS + "proxy_read_timeout 10s;"))
    doctor(proxy.url, "--only", "token,websocket,idle", expect=[])


def test_a_proxy_that_buffers(doctor, server, closing):
    proxy = closing(BufferingProxy(server.port))
    doctor(proxy.url, "--only", "token,websocket", expect=["proxy_buffers"])


# --- tokens and clocks

@pytest.mark.proves("doctor")
@pytest.mark.parametrize("claims, code", [
    ({"ttl": -60}, "token_expired"), ({"iat": int(time.time()) + 3600}, "token_not_yet_valid"),
    ({"key": "another key, which is long enough for HS256 too"}, "token_key_wrong"), ({"token_type": "refresh"}, "token_refused")])
def test_a_token_that_the_server_refuses(doctor, server, token_file, claims, code):
    file = token_file(mint("alice", **claims))
    doctor(server.url, "--token-file", file, "--only", "token,round_trip", expect=[code])
    assert doctor.verdict("round_trip") == {"skipped"}


def test_another_key_in_this_configuration_than_on_the_server(doctor, server):
    doctor(server.url, "--only", "token", JWT_SECRET_KEY="x" * 40, expect=["token_key_wrong"])


def test_a_token_of_a_user_is_used_for_the_round_trip(doctor, server, people, token_file):
    ann = people("ann")
    doctor(server.url, "--token-file", token_file(ann.token), "--only", "token,round_trip", expect=[])
    assert doctor.verdict("round_trip") == {"ok"}
    assert ann.rest.get("conversations/").json() == []


@pytest.mark.proves("doctor")
@pytest.mark.parametrize("shift, code", [("+5", "clock_differs"), ("-3600", "clock_wrong")])
def test_a_clock_that_differs(doctor, server, database, redis, shift, code):
    doctor(server.url, "--only", "clocks,server_clock", DATABASE_URL=database.url, REDIS_URL=redis.url, **shifted(shift), expect=[code])
    assert len([one for one in doctor.findings if one["code"] == code]) == 3


# --- services

@pytest.mark.proves("doctor")
@pytest.mark.parametrize("settings, code", [
    (["fsync=off"], "postgres_fsync_off"), (["full_page_writes=off"], "postgres_fsync_off"),
    (["synchronous_commit=off"], "postgres_async_commit"),
    (["max_connections=8", "max_wal_senders=0", "superuser_reserved_connections=3"], "postgres_connections_short")])
def test_a_setting_of_postgresql(doctor, closing, settings, code):
    database = closing(Postgres(*settings).start())
    doctor("--only", "postgres", "--shards", 2, DATABASE_URL=database.url, expect=[code, "schema_pending"])


def test_a_standby_and_a_stopped_postgresql(doctor, closing):
    database = closing(Postgres().start())
    standby = closing(database.standby())
    assert "postgres_unsuitable" in doctor("--only", "postgres", DATABASE_URL=standby.url)
    database.pause()
    doctor("--only", "postgres", DATABASE_URL=database.url, expect=["postgres_unreachable"])
    standby.kill()
    doctor("--only", "postgres", DATABASE_URL=standby.url, expect=["postgres_unreachable"])


def test_store_without_fsync_and_a_data_directory_that_is_a_file(doctor, tmp_path):
    assert "fsync_off" in doctor("--only", "data", "--no-store-fsync")
    (tmp_path / "data").write_text("")
    doctor("--only", "data", expect=["data_dir_unusable"])


def test_a_read_only_and_a_full_data_directory(doctor, memory_disk):
    doctor("--only", "data", expect=["disk_low"])
    with contextlib.suppress(OSError), open(memory_disk / "filling", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()
    doctor("--only", "data", expect=["disk_full"])
    (memory_disk / "filling").unlink()
    subprocess.run(["mount", "-o", "remount,ro", memory_disk], check=True)
    assert "data_dir_unusable" in doctor("--only", "data")
    assert os.listdir(memory_disk) == []


@pytest.mark.proves("doctor")
def test_redis_that_evicts_or_is_nearly_full(doctor, closing):
    redis = closing(Redis("--maxmemory-policy", "allkeys-lru").start())
    doctor("--only", "redis", **with_cache(redis), expect=["redis_evicts"])
    used = next(line.split(":")[1] for line in redis.ask("INFO", "memory").splitlines() if line.startswith("used_memory:"))
    redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis.ask("CONFIG", "SET", "maxmemory", int(used))
    doctor("--only", "redis", **with_cache(redis), expect=["redis_memory_high"])


def test_redis_that_a_cache_shares(doctor, redis):
    redis.ask("FLUSHALL")
    redis.ask("ZADD", "asgi:group:chat", 1, "one")
    doctor("--only", "redis", **with_cache(redis), expect=[])
    doctor("--only", "redis", REDIS_URL=redis.url, REDIS_CACHE_URL=redis.url, expect=["redis_shared"])
    found = doctor("--only", "redis", REDIS_URL=redis.url, expect=["redis_shared"])
    assert "without cache.location" in found["redis_shared"]["cause"]
    redis.ask("SET", ":1:views.cache", 1)
    found = doctor("--only", "redis", **with_cache(redis), expect=["redis_shared"])
    assert ":1:views" in found["redis_shared"]["cause"]
    redis.ask("FLUSHALL")


def test_redis_that_is_paused_has_another_password_or_is_a_replica(doctor, closing):
    redis = closing(Redis().start())
    replica = closing(Redis("--replicaof", "127.0.0.1", str(redis.port)).start())
    doctor("--only", "redis", REDIS_URL=replica.url, expect=["redis_replica"])
    redis.pause()
    doctor("--only", "redis,nodes", REDIS_URL=redis.url, expect=["redis_unreachable"])
    redis.resume()
    redis.ask("CONFIG", "SET", "requirepass", "right")
    for url in redis.url, redis.url.replace("redis://", "redis://:wrong@"):
        found = doctor("--only", "redis", REDIS_URL=url, expect=["redis_refused"])
        assert "wrong@" not in found["redis_refused"]["cause"]
    right = {name: url.replace("redis://", "redis://:right@") for name, url in with_cache(redis).items()}
    doctor("--only", "redis", **right, expect=[])


def test_a_low_limit_of_open_files(doctor):
    doctor("--only", "capacity", before=["prlimit", "--nofile=256:256"], expect=["open_files_low"])
    doctor("--only", "capacity", "--limit-concurrency", 90_000_000, expect=["open_files_low", "memory_low"])


def test_a_secret_that_every_user_can_read(doctor, tmp_path):
    (tmp_path / "parley.toml").write_text('[auth]\nsecret_key = "' + "k" * 40 + '"\n')
    (tmp_path / "parley.toml").chmod(0o644)
    doctor("--only", "secrets", JWT_SECRET_KEY=None, expect=["secret_readable"])


# --- several nodes

@pytest.mark.proves("doctor")
def test_nodes_that_do_not_share_redis(doctor, own_server, database, redis):
    nodes = [own_server(DATABASE_URL=database.url, **more) for more in ({"REDIS_URL": redis.url}, {})]
    found = doctor(*(node.url for node in nodes), "--only", "token,round_trip", expect=["round_trip_slow"])
    assert "ms" in found["round_trip_slow"]["cause"]
    assert Person(nodes[0], "parley-doctor").rest.get("conversations/").json() == []


def test_nodes_that_do_not_share_the_store(doctor, own_server):
    nodes = [own_server() for _ in range(2)]
    doctor(*(node.url for node in nodes), "--only", "token,round_trip", expect=["nodes_differ_store"])
    assert Person(nodes[0], "parley-doctor").rest.get("conversations/").json() == []


def test_nodes_that_differ_in_compat_guide(doctor, own_server, database, redis):
    shared = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
    own_server("--compat-guide", "on", **shared)
    doctor("--only", "nodes", "--compat-guide", "on", **shared, expect=[])
    doctor("--only", "nodes", **shared, expect=["nodes_differ_compat"])


def test_systems_that_share_one_redis(doctor, own_server, redis):
    for _ in range(2):
        own_server(ready=False, REDIS_URL=redis.url)
    eventually(lambda: "nodes_differ_store" in doctor("--only", "nodes", REDIS_URL=redis.url), within=30)
