"""parley healthcheck, which container images without curl run as their health check, and systemd's notifications."""
import contextlib
import os
import signal
import socket
import subprocess
import threading

import pytest

from conftest import named
from deadline import eventually, patient
from server import Server, free_port, run


def check(server, *options, **variables):
    return run("healthcheck", *options, directory=server.directory, **{**server.variables, **variables})


def test_healthcheck_succeeds_if_the_server_is_ready(server):
    for arguments in ["--port", server.port], ["-b", f"0.0.0.0:{server.port}"], ["--port", server.port, "--probe", "livez"]:
        ran = check(server, *map(str, arguments))
        assert (ran.returncode, ran.stdout) == (0, "ok\n")


def test_healthcheck_reads_the_same_environment_as_the_server(server):
    assert check(server, PORT=str(server.port), http_proxy="http://127.0.0.1:1").returncode == 0
    assert check(server, PORT=str(free_port())).returncode == 1


def test_healthcheck_works_for_other_host_names_in_production(own_server):
    server = own_server(DJANGO_ENV="production", ALLOWED_HOSTS="chat.example.com")
    assert check(server, "--port", str(server.port)).stdout == "ok\n"


def test_healthcheck_fails_during_a_drain_but_the_process_stays_alive(own_server):
    server = own_server("--drain-delay", "20s")
    alice = named(server, "alice")
    with alice.connect():
        server.terminate()
        eventually(lambda: not server.ready())
        ran = check(server, "--port", str(server.port))
        assert ran.returncode == 1 and f"127.0.0.1:{server.port}/readyz: HTTP 503" in ran.stdout, ran.stdout
        assert check(server, "--port", str(server.port), "--probe", "livez").returncode == 0
        server.terminate()  # a second signal ends the drain
        server.wait()


def test_healthcheck_asks_the_admin_port_and_the_unix_socket(own_server, tmp_path):
    admin, path = free_port(), str(tmp_path / "p.sock")
    server = own_server("--admin-port", admin, listen=["--uds", path], ready=False)
    eventually(lambda: check(server, "--uds", path, "--admin-port", str(admin)).returncode == 0)
    plain = own_server(listen=["--uds", path + "2"], ready=False)
    eventually(lambda: check(plain, "--uds", path + "2").returncode == 0)
    plain.stop()
    ran = check(plain, "--uds", path + "2")
    assert ran.returncode == 1 and path in ran.stdout


def test_healthcheck_works_over_tls(own_server, tmp_path):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=chat.example.com"], check=True, capture_output=True, timeout=patient(30))
    server = own_server("--ssl-keyfile", key, "--ssl-certfile", certificate, ready=False)
    eventually(lambda: check(server, "--port", str(server.port), "--ssl-keyfile", key, "--ssl-certfile", certificate).returncode == 0)


def test_healthcheck_gives_up_after_its_timeout(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = check(server, "--port", str(silent.getsockname()[1]), "--timeout", "200ms")
    assert ran.returncode == 1 and "imeout" in ran.stdout, ran.stdout


@pytest.mark.parametrize("arguments,text", [
    (["--probe", "metrics"], "--probe: 'metrics' is not one of readyz, livez"),
    (["--timeout", "soon"], "--timeout: "),
    (["--fd", "3"], "the server's port is not configured"),
    (["--port", "99999"], "port")])
def test_healthcheck_refuses_invalid_arguments_with_code_2(server, arguments, text):
    ran = check(server, *arguments)
    assert ran.returncode == 2 and text in ran.stdout, ran.stdout


@contextlib.contextmanager
def service_manager(address):
    """A socket like that of systemd, and the list of states that it received."""
    states = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)

        def receive():
            with contextlib.suppress(OSError):
                while state := receiver.recv(1000):
                    states.append(state.decode())

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        yield states
        with contextlib.suppress(OSError):
            receiver.shutdown(socket.SHUT_RD)
        thread.join(5)


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_service_manager_is_notified_of_start_reload_and_stop(own_server, tmp_path, abstract):
    name = f"parley-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with service_manager("\0" + name if abstract else name) as states:
        server = own_server(ready=False, NOTIFY_SOCKET="@" + name if abstract else name)
        eventually(lambda: states == ["READY=1"], describe=lambda: server.log)
        assert server.ready(), "READY=1 is sent when the server accepts connections"
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: states == ["READY=1", "RELOADING=1", "READY=1"])
        server.terminate()
        eventually(lambda: states[3:] == ["STOPPING=1"])
        assert server.wait() == 0


def test_a_missing_service_manager_does_not_stop_the_server(own_server, tmp_path):
    server = own_server(NOTIFY_SOCKET=str(tmp_path / "nobody"))
    eventually(lambda: "service manager not notified" in server.log)
    assert server.stop() == 0


def test_a_server_that_cannot_listen_is_never_announced_as_ready(tmp_path):
    with service_manager(str(tmp_path / "notify")) as states, socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(tmp_path / "server", port=taken.getsockname()[1], NOTIFY_SOCKET=str(tmp_path / "notify")).start(ready=False)
        assert server.wait() == 1
        assert "cannot listen" in server.log and states == []
