"""Addresses to listen on: Unix sockets, inherited sockets, and the limit of descriptors."""
import os
import resource
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from client import Person
from deadline import eventually, patient, throughout
from server import BINARY, Server, environment, free_port, livez


# --- Unix sockets -------------------------------------------------------------------------------------

@pytest.fixture
def path(tmp_path):
    return tmp_path / "parley.sock"


@pytest.mark.proves("-b, --uds, --fd")
def test_a_unix_socket_is_removed_at_exit(own_server, path):
    server = own_server(listen=["--uds", str(path)], ready=False)
    eventually(lambda: livez(path) == 200)
    assert server.stop() == 0
    assert not path.exists()


def test_the_unix_socket_of_a_killed_server_is_replaced(own_server, path):
    first = own_server(listen=["--uds", str(path)], ready=False)
    eventually(lambda: livez(path) == 200)
    first.kill()
    assert path.exists()
    own_server(listen=["--uds", str(path)], ready=False)
    eventually(lambda: livez(path) == 200)


def test_the_unix_socket_of_a_running_server_is_not_taken(own_server, path):
    own_server(listen=["--uds", str(path)], ready=False)
    eventually(lambda: livez(path) == 200)
    second = own_server(listen=["--uds", str(path)], ready=False)
    assert second.wait(20) not in (0, None)
    assert str(path) in second.log and "in use" in second.log
    assert livez(path) == 200


def test_a_file_that_is_not_a_socket_is_not_removed(own_server, path):
    path.write_text("precious")
    server = own_server(listen=["--uds", str(path)], ready=False)
    assert server.wait(20) not in (0, None)
    assert "is not a socket" in server.log
    assert path.read_text() == "precious"


def test_a_draining_server_does_not_remove_the_unix_socket_of_its_successor(own_server, path):
    old = own_server("--drain-delay", 0, listen=["--uds", str(path)], ready=False)
    eventually(lambda: livez(path) == 200)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://localhost/livez").status_code == 200
        old.terminate()  # waits 2 s for the client to close its idle connection
        eventually(lambda: livez(path) is None)
        own_server(listen=["--uds", str(path)], ready=False)
        eventually(lambda: livez(path) == 200)
    assert old.wait() == 0
    assert livez(path) == 200


@pytest.mark.proves("P10 deploys")
def test_connections_accepted_while_the_server_stops_do_not_delay_its_exit(own_server, path):
    for _ in range(3):
        server = own_server("--drain-delay", 0, "--shards", 4, listen=["--uds", str(path)], ready=False)
        eventually(lambda: livez(path) == 200)
        accepted, stopped = [], threading.Event()

        def connect():
            while not stopped.is_set() and len(accepted) < 400:
                made = socket.socket(socket.AF_UNIX)
                try:
                    made.connect(str(path))
                except OSError:
                    return made.close()
                accepted.append(made)
        threads = [threading.Thread(target=connect) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(accepted) > 50)
        server.terminate()
        assert server.wait(within=8) == 0
        stopped.set()
        for thread in threads:
            thread.join()
        for each in accepted:
            each.close()


# --- inherited sockets --------------------------------------------------------------------------------

def listening(family=socket.AF_INET, address=("127.0.0.1", 0)):
    made = socket.socket(family)
    made.bind(address)
    made.listen(100)
    return made


def start_with(descriptor, tmp_path, *options, **variables):
    """Starts a server that inherits a listening socket as descriptor 3, blocking as its parent made it."""
    script = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(dict(v.replace('$$', str(os.getpid())).split('=') " \
             "for v in sys.argv[2].split())); os.execv(sys.argv[3], sys.argv[3:])"
    given = " ".join(f"{name}={value}" for name, value in variables.items())
    server = Server(tmp_path / "server", listen=list(options))
    server.command = [sys.executable, "-c", script, str(descriptor), given, *server.command]
    os.makedirs(server.directory, exist_ok=True)
    server.process = subprocess.Popen(server.command, cwd=server.directory, env=environment(), pass_fds=[descriptor],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    server.reader = threading.Thread(target=server._read_log, args=(server.process.stdout,), daemon=True)
    server.reader.start()
    return server


@pytest.mark.parametrize("options,variables", [(["--fd", "3"], {}), (["-b", "fd://3"], {}), ([], {"LISTEN_FDS": "1", "LISTEN_PID": "$$"})],
                         ids=["--fd", "-b fd://", "LISTEN_FDS"])
@pytest.mark.proves("-b, --uds, --fd")
def test_an_inherited_socket_serves_many_connections(tmp_path, options, variables):
    with listening() as passed:
        server = start_with(passed.fileno(), tmp_path, *options, **variables)
        server.port = passed.getsockname()[1]
    try:
        eventually(server.ready, within=20, describe=lambda: server.log)
        alice, bob = Person(server, "alice"), Person(server, "bob")
        room = alice.rest.create_group(bob)
        sockets = [bob.connect(room) for _ in range(8)]
        alice.rest.send_message(room, "hello")
        for one in sockets:
            assert one.wait_for("message")["data"]["content"] == "hello"
            one.close()
        assert server.process.poll() is None
    finally:
        server.close()


def test_listen_fds_of_another_process_is_ignored(tmp_path):
    port = free_port()
    with listening() as passed:
        server = start_with(passed.fileno(), tmp_path, "--port", str(port), LISTEN_FDS="1", LISTEN_PID="1")
        server.port = port
    try:
        eventually(server.ready, within=20, describe=lambda: server.log)
    finally:
        server.close()


def test_a_flag_overrides_listen_fds_with_a_note(tmp_path):
    port = free_port()
    with listening() as passed:
        server = start_with(passed.fileno(), tmp_path, "--port", str(port), LISTEN_FDS="1", LISTEN_PID="$$")
        server.port = port
    try:
        eventually(server.ready, within=20, describe=lambda: server.log)
        eventually(lambda: "LISTEN_FDS" in server.log and "overridden" in server.log)
    finally:
        server.close()


def test_an_inherited_unix_socket(tmp_path, path):
    with listening(socket.AF_UNIX, str(path)) as passed:
        server = start_with(passed.fileno(), tmp_path, "--fd", "3")
    try:
        eventually(lambda: livez(path) == 200, within=20, describe=lambda: server.log)
        assert all(livez(path) == 200 for _ in range(20))
    finally:
        server.close()


def test_a_descriptor_that_does_not_listen_fails_the_start(tmp_path):
    with socket.socket() as passed:
        server = start_with(passed.fileno(), tmp_path, "--fd", "3")
    assert server.wait(20) not in (0, None)
    assert "--fd 3 is not a listening socket" in server.log


def test_systemd_socket_activation(tmp_path):
    """systemd-socket-activate starts the server at the first connection, which the server then serves."""
    port = free_port()
    command = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "-E", "DJANGO_ENV=development", "-E", f"JWT_SECRET_KEY={'k' * 40}",
               BINARY, "serve", "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        def first():
            try:
                return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=patient(20)).status_code == 200
            except httpx.ConnectError:
                return False  # systemd-socket-activate does not listen yet
        eventually(first, within=20)
        assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=patient(5)).status_code == 200
    finally:
        process.terminate()
        log, _ = process.communicate(timeout=patient(40))
    assert process.returncode == 0, log.decode()


# --- the limit of descriptors -------------------------------------------------------------------------

def accepts(server):
    try:
        return httpx.get(f"{server.url}/livez", timeout=patient(1)).status_code == 200
    except httpx.TransportError:
        return False


def processor_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_accepting_pauses_without_descriptors_and_open_connections_are_served(own_server):
    server = own_server("--shards", 2)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        used = max(map(int, os.listdir(f"/proc/{server.process.pid}/fd"))) + 1
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 4, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        waiting = [socket.create_connection(("127.0.0.1", server.port), patient(10)) for _ in range(40)]
        try:
            eventually(lambda: "accept paused" in server.log)
            before, since = processor_seconds(server), time.monotonic()
            alice.rest.send_message(room, "hello")
            assert b.wait_for("message")["data"]["content"] == "hello"
            throughout(lambda: server.process.poll() is None, 1)
            assert processor_seconds(server) - before < (time.monotonic() - since) / 2, "it does not poll without a pause"
            assert server.log.count("accept paused") <= 2, "one line per shard"
        finally:
            for one in waiting:
                one.close()
        eventually(lambda: accepts(server), within=20)
        eventually(lambda: "accept resumed" in server.log)
        assert server.metric("parley_accept_pauses_total") >= 1
        throughout(lambda: accepts(server), 0.5)
        b.send_message("still here")
