"""`parley doctor` on a machine, a disk, a PostgreSQL and a Redis with one fault each, which it names."""
import pathlib
import subprocess
import tempfile

import pytest

from deadline import SANITIZED
from relay import Relay
from server import ROOT, run


@pytest.fixture(scope="module")
def faulty_disk(tmp_path_factory):
    if SANITIZED:
        pytest.skip("a sanitizer wants to be loaded first")
    library = str(tmp_path_factory.mktemp("shim") / "faulty_disk.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, f"{ROOT}/test/scenario/faulty_disk.c"], check=True)
    return library


@pytest.fixture
def relay(closing):
    return lambda port: closing(Relay(port))


# --- the machine

def test_an_accept_queue_that_the_kernel_limits(doctor):
    limit = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())
    found = doctor("--only", "capacity", "--backlog", limit + 1, "--limit-concurrency", 100, expect=["backlog_capped"])
    assert f"somaxconn is {limit}" in found["backlog_capped"]["cause"]
    doctor("--only", "capacity", "--backlog", limit, expect=[])


@pytest.mark.parametrize("fault, code", [({"FAULTY_DISK_FLUSH_MILLIS": "60"}, "fsync_slow"), ({"FAULTY_DISK_IS_NFS": "1"}, "network_file_system")])
def test_a_disk_that_is_slow_or_remote(doctor, faulty_disk, fault, code):
    doctor("--only", "data", LD_PRELOAD=faulty_disk, **fault)
    [found] = [one for one in doctor.findings if one["code"] not in ("disk_low", "fsync_slow") or one["code"] == code]
    assert found["code"] == code and str(doctor.directory) in found["cause"]


def test_a_slow_disk_is_no_fault_without_flushes(doctor, faulty_disk):
    found = doctor("--only", "data", "--no-store-fsync", LD_PRELOAD=faulty_disk, FAULTY_DISK_FLUSH_MILLIS="60")
    assert set(found) - {"disk_low"} == {"fsync_off"}


def test_a_data_directory_in_memory_is_a_fault_in_production(doctor):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        data = ["--only", "data", "--data-dir", memory]
        assert "volatile_file_system" in doctor(*data, DJANGO_ENV="production")
        assert "volatile_file_system" not in doctor(*data)


def test_a_doctor_that_runs_out_of_open_files(doctor, redis):
    found = doctor("--only", "redis,dns", before=["prlimit", "--nofile=4:4"], REDIS_URL=redis.url, expect=["probe_error"])
    assert "Too many open files" in found["probe_error"]["cause"]


# --- services

@pytest.mark.parametrize("probe, variable, code, more", [
    ("postgres", "DATABASE_URL", "postgres_slow", ["schema_pending"]), ("redis", "REDIS_URL", "redis_slow", [])])
def test_a_service_that_is_far_away(doctor, relay, database, redis, probe, variable, code, more):
    far = relay(database.port if probe == "postgres" else redis.port)
    far.delay = 0.012  # seconds, at least, in each direction
    url = far.database_url if probe == "postgres" else far.redis_url
    assert code in doctor("--only", probe, expect=more + [code], **{variable: url, "REDIS_CACHE_URL": "redis://127.0.0.1:1/1"})


def test_a_database_of_a_newer_version(doctor, database, tmp_path):
    doctor("--only", "postgres", DATABASE_URL=database.url, expect=["schema_pending"])
    run("migrate", directory=tmp_path, DATABASE_URL=database.url)
    doctor("--only", "postgres", DATABASE_URL=database.url, expect=[])
    database.ask("UPDATE parley_meta SET value = '99' WHERE key = 'schema_version'")
    found = doctor("--only", "postgres", DATABASE_URL=database.url, expect=["schema_unusable"])
    assert "newer Parley (schema 99" in found["schema_unusable"]["cause"]


def test_redis_of_a_version_without_access_control(doctor, redis, relay):
    older = relay(redis.port)
    version = redis.ask("INFO", "server").partition("redis_version:")[2][:2]
    older.rewrites = (f"redis_version:{version}".encode(), b"redis_version:5.")
    doctor("--only", "redis", REDIS_URL=older.redis_url, REDIS_CACHE_URL="redis://127.0.0.1:1/1", expect=["redis_too_old"])
