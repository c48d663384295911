"""Hardening of the binary and its process."""
import os
import resource
import stat
import subprocess

import httpx
import pytest

from deadline import eventually, patient
from server import BINARY, environment, free_port, livez

SANITIZED = "asan" in BINARY or "tsan" in BINARY


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=patient(120)).stdout


@pytest.mark.skipif(SANITIZED, reason="a build for finding faults")
@pytest.mark.proves("hardened binary and process")
def test_the_binary_is_hardened():
    header, program, dynamic = output_of("readelf", "-hW", BINARY), output_of("readelf", "-lW", BINARY), output_of("readelf", "-dW", BINARY)
    assert "DYN (" in header, "position-independent"
    assert "GNU_RELRO" in program
    assert "RWE" not in next(line for line in program.splitlines() if "GNU_STACK" in line)
    assert "BIND_NOW" in dynamic or "NOW" in next(line for line in dynamic.splitlines() if "FLAGS_1" in line)
    symbols = output_of("nm", "-D", "--undefined-only", BINARY)
    assert "__stack_chk_fail" in symbols
    assert "_chk@" in symbols, "_FORTIFY_SOURCE"
    compiled = output_of("readelf", "--debug-dump=info", "--dwarf-depth=1", BINARY)
    producers = {line for line in compiled.splitlines() if "DW_AT_producer" in line and "GNU C++20" in line}
    assert producers
    for flag in "-fcf-protection=full", "-fstack-clash-protection", "-fstack-protector-strong":
        assert all(flag in line for line in producers), flag


def status_of(server, key):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(line.split()[1] for line in file if line.startswith(key + ":"))


@pytest.mark.proves("hardened binary and process")
def test_the_process_gains_no_privileges_and_dumps_no_core(own_server):
    server = own_server()
    assert status_of(server, "NoNewPrivs") == "1"
    with open(f"/proc/{server.process.pid}/limits") as file:
        limits = {line[:25].strip(): line[25:].split() for line in file}
    assert limits["Max core file size"][:2] == ["0", "0"]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert limits["Max open files"][:2] == [str(hard), str(hard)], "raised to the hard limit"


@pytest.mark.proves("hardened binary and process")
def test_a_world_readable_file_with_secrets_logs_a_warning(own_server, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(f'[auth]\nsecret_key = "{"k" * 40}"\n')
    file.chmod(0o644)
    server = own_server("--config", file, JWT_SECRET_KEY=None)
    assert any(" warning " in line and str(file) in line and "chmod" in line for line in server.log.splitlines())
    file.chmod(0o640)
    assert "chmod" not in own_server("--config", file, JWT_SECRET_KEY=None).log


@pytest.mark.parametrize("options,mode", [([], 0o660), (["--uds-mode", "0600"], 0o600)])
@pytest.mark.proves("-b, --uds, --fd")
def test_a_unix_socket_has_the_configured_mode(own_server, tmp_path, options, mode):
    path = tmp_path / "parley.sock"
    own_server(*options, listen=["--uds", str(path)], ready=False)
    eventually(lambda: livez(path) == 200)
    assert stat.S_IMODE(os.stat(path).st_mode) == mode


@pytest.mark.proves("--limit-concurrency, --backlog, --shards")
def test_connections_over_the_file_limit_are_answered_with_503(tmp_path, own_server):
    """The default limit of connections depends on the limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    port = free_port()
    server = own_server(port=port)
    # This server has a lower limit: 256 files leave room for 128 connections.
    command = ["prlimit", "--nofile=256:256", *server.command]
    assert server.stop() == 0
    process = subprocess.Popen(command, cwd=server.directory, env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(server.ready)
        clients = []
        statuses = set()
        for _ in range(140):
            client = httpx.Client(timeout=patient(10))
            clients.append(client)
            statuses.add(client.get(f"{server.url}/livez").status_code)
        assert statuses == {200, 503}
        for client in clients:
            client.close()
        eventually(lambda: httpx.get(f"{server.url}/livez").status_code == 200)
    finally:
        process.terminate()
        process.wait(patient(40))
    assert (soft, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
