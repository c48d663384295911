"""Options, environment variables, configuration files and signals of the binary."""
import os
import signal
import subprocess

import httpx
import pytest

from client import Closed, Person, assert_closes_with
from deadline import eventually, patient
from server import KEY, Server, environment, free_port, run

LONG_KEY = "k" * 32


def refuses(tmp_path, *arguments, **variables):
    """Starts a server that must refuse to start; returns its output."""
    ended = run("serve", *arguments, directory=tmp_path, **variables)
    assert ended.returncode == 2, ended.stdout
    return ended.stdout


@pytest.mark.proves("unknown keys, all errors at once, exit 2")
def test_an_unknown_option_is_rejected_by_name(tmp_path):
    assert "--no-such-option" in refuses(tmp_path, "--no-such-option", "1")
    assert "PARLEY_NO_SUCH_OPTION" in refuses(tmp_path, PARLEY_NO_SUCH_OPTION="1")
    (tmp_path / "parley.toml").write_text("no_such_option = 1\n")
    assert "no_such_option" in refuses(tmp_path)


@pytest.mark.proves("unknown keys, all errors at once, exit 2")
def test_all_configuration_errors_are_reported_at_once(tmp_path):
    (tmp_path / "parley.toml").write_text(
        'no_such_option = 1\nport = "many"\n\n[websocket]\nping_interval = "soon"\n\n[nonsense]\nx = 1\n')
    output = refuses(tmp_path, "--shards", "some", "--also-unknown", PARLEY_BACKLOG="long", PARLEY_ODD="1")
    for name in "no_such_option", "port", "ping_interval", "nonsense", "shards", "--also-unknown", "BACKLOG", "PARLEY_ODD":
        assert name in output, output


def test_a_configuration_file_that_is_not_toml_is_rejected(tmp_path):
    (tmp_path / "parley.toml").write_text("port = = 1\n")
    assert "parley.toml" in refuses(tmp_path)


def test_a_named_configuration_file_that_does_not_exist_is_an_error(tmp_path):
    assert "absent.toml" in refuses(tmp_path, "--config", "absent.toml")


@pytest.mark.proves("file, environment, flags, and their order")
def test_flags_override_the_environment_and_the_environment_overrides_the_file(own_server, tmp_path):
    in_file, in_environment, in_flag = free_port(), free_port(), free_port()
    for flags, variables, port in (
            ([], {}, in_file),
            ([], {"PARLEY_PORT": str(in_environment)}, in_environment),
            (["--port", str(in_flag)], {"PARLEY_PORT": str(in_environment)}, in_flag)):
        directory = tmp_path / str(port)
        directory.mkdir()
        (directory / "parley.toml").write_text(f"port = {in_file}\n")
        server = own_server(directory=directory, port=port, listen=flags, **variables)
        assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        assert server.stop() == 0


@pytest.mark.parametrize("flags", [
    ["-b", "127.0.0.1", "-p", "PORT"], ["-b", "127.0.0.1:PORT"], ["--bind", "127.0.0.1:PORT"],
    ["--host", "127.0.0.1", "--port", "PORT"], ["--host=127.0.0.1", "--port=PORT"],
    ["-b", "127.0.0.1", "-p", "PORT", "your_project.asgi:application"]], ids=" ".join)
@pytest.mark.proves("flags of Daphne, Uvicorn, Hypercorn")
def test_flags_of_python_asgi_servers_are_accepted(own_server, flags):
    port = free_port()
    server = own_server(port=port, listen=[flag.replace("PORT", str(port)) for flag in flags])
    assert httpx.get(f"{server.url}/livez").status_code == 200


@pytest.mark.proves("names of Django deployments")
def test_environment_variables_of_django_deployments_are_accepted(own_server):
    port = free_port()
    server = own_server(port=port, listen=[], PORT=str(port), JWT_SECRET_KEY=None,
                        SECRET_KEY=KEY)
    assert Person(server, "alice").rest.get("conversations/").status_code == 200


@pytest.mark.proves("Kubernetes service links")
def test_environment_variables_of_kubernetes_service_links_are_ignored(own_server):
    own_server(PARLEY_PORT="tcp://10.0.0.1:8000", PARLEY_PORT_8000_TCP="tcp://10.0.0.1:8000",
               PARLEY_SERVICE_HOST="10.0.0.1", PARLEY_SERVICE_PORT="8000")


def test_variables_of_the_django_package_are_ignored(tmp_path):
    ended = run("config", "check", directory=tmp_path, PARLEY_URL="http://127.0.0.1:8001", PARLEY_BIN="/opt/parley",
                PARLEY_CA_FILE="/etc/ca.pem")
    assert (ended.returncode, ended.stdout) == (0, "ok\n")


@pytest.mark.parametrize("key", [None, "", "short", "k" * 31])
@pytest.mark.proves("production: no key, short key")
def test_production_refuses_to_start_with_a_weak_key(tmp_path, key):
    output = refuses(tmp_path, "--port", str(free_port()), DJANGO_ENV="production", JWT_SECRET_KEY=key)
    assert "JWT_SECRET_KEY" in output or "secret_key" in output
    assert not key or len(key) < 10 or key not in output


@pytest.mark.proves("production: fsync off")
def test_production_refuses_to_start_with_fsync_off(tmp_path):
    assert "fsync" in refuses(tmp_path, "--store-fsync", "off", "--port", str(free_port()),
                              DJANGO_ENV="production", JWT_SECRET_KEY=LONG_KEY)


@pytest.mark.proves("parley serve")
def test_production_starts_with_a_strong_key(own_server):
    server = own_server("--drain-delay", "0", DJANGO_ENV="production")
    alice = Person(server, "alice")
    assert alice.rest.get("conversations/").status_code == 200
    with alice.connect():
        pass
    assert server.stop() == 0


@pytest.mark.proves("/metrics")
def test_metrics_are_not_public_in_production(own_server):
    server = own_server("--drain-delay", "0", DJANGO_ENV="production")
    assert httpx.get(f"{server.url}/metrics").status_code in (401, 403, 404)
    service = Person(server, "backend", scope="messaging:service")
    answer = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {service.token}"})
    assert answer.status_code == 200


@pytest.mark.proves("/metrics")
def test_metrics_are_served_on_the_admin_port_in_production(tmp_path):
    """For any Host: Prometheus uses the address."""
    port = free_port()
    server = Server(tmp_path, "--admin-port", port, "--drain-delay", "0", DJANGO_ENV="production", ALLOWED_HOSTS="chat.example.com")
    server.start(ready=False)
    try:
        answer = eventually(lambda: metrics_at(port, "10.1.2.3:9100"))
        assert answer.status_code == 200 and "parley_build_info" in answer.text
        refused = httpx.get(f"{server.url}/metrics", headers={"Host": "10.1.2.3:9100"})
        assert refused.status_code in (400, 404)
    finally:
        server.close()


def metrics_at(port, host):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": host})
    except httpx.TransportError:
        return None


@pytest.mark.proves("--admin-host")
def test_the_admin_port_serves_neither_sockets_nor_the_api(tmp_path):
    """The admin port binds to loopback unless --admin-host is given."""
    port = free_port()
    server = Server(tmp_path, "--admin-port", port, listen=["--host", "0.0.0.0", "--port", "0"])
    server.start(ready=False)
    try:
        assert eventually(lambda: metrics_at(port, "localhost")).status_code == 200
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        admin = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{admin}/ws/messaging/", headers=upgrade).status_code == 404
        assert httpx.get(f"{admin}/api/messaging/conversations/").status_code == 404
        assert httpx.post(f"{admin}/dev/token", json={"user_id": "a"}).status_code == 404
        with open("/proc/net/tcp") as sockets:
            bound = [line.split()[1] for line in sockets if f":{port:04X} 00000000:0000 0A" in line]
        assert bound and all(address == f"0100007F:{port:04X}" for address in bound)
    finally:
        server.close()


@pytest.mark.parametrize("given", [{"JWT_SECRET_KEY": LONG_KEY}, {"REDIS_URL": "redis://127.0.0.1:1/0"},
                                   {"DATABASE_URL": "postgres://127.0.0.1:1/x"}], ids=lambda given: next(iter(given)))
@pytest.mark.proves("development beyond loopback, POST /dev/token")
def test_development_mode_refuses_a_configured_server_on_the_network(tmp_path, given):
    variables = {"JWT_SECRET_KEY": None, **given}
    output = refuses(tmp_path, "--host", "0.0.0.0", "--port", "0", DJANGO_ENV=None, **variables)
    assert "DJANGO_ENV" in output and "0.0.0.0" in output


def test_development_mode_on_the_network_starts_when_the_environment_is_set(own_server):
    port = free_port()
    for name, value in ("DJANGO_ENV", "development"), ("DJANGO_ENV", "test"), ("PARLEY_ENV", "development"):
        server = own_server(port=port, listen=["--host", "0.0.0.0", "--port", str(port)],
                            **{"DJANGO_ENV": None, name: value})
        assert server.stop() == 0


def test_an_insecure_django_key_is_refused_in_production(tmp_path):
    output = refuses(tmp_path, "--port", "0", DJANGO_ENV="production", JWT_SECRET_KEY=None,
                   SECRET_KEY="django-insecure-" + LONG_KEY)
    assert "django-insecure-" in output and LONG_KEY not in output


@pytest.mark.proves("flags of Daphne, Uvicorn, Hypercorn")
def test_a_daphne_endpoint_sets_the_address(own_server):
    port = free_port()
    server = own_server(port=port, listen=["-e", f"tcp:port={port}:interface=127.0.0.1", "my_project.asgi:application"])
    assert httpx.get(f"{server.url}/livez").status_code == 200


@pytest.mark.parametrize("line", [
    "--workers 2 --loop uvloop --lifespan off --http h11 --ws websockets --interface asgi3 --no-server-header app.asgi:application",
    "-w 2 -k uvloop --keep-alive 75 --root-path /x --access-logfile - --error-logfile - my_project.asgi:application",
    "--access-logfile - --error-log - --user 1000 --group 1000 --umask 7 --read-timeout 5 my_project.asgi:application",
    "-v 2 --websocket_timeout 86400 --http-timeout 60 --application-close-timeout 10 --access-log - your_project.asgi:application",
    "--access-log your_project.asgi:application --proxy-headers --ping-interval 20 --ping-timeout 30 -t 60 -s daphne",
    "--access-log /var/log/access.log --timeout-keep-alive 5 --limit-max-requests 1000 --reload --backlog 100 x:y"])
@pytest.mark.proves("flags of Daphne, Uvicorn, Hypercorn")
def test_command_lines_of_python_asgi_servers_start_the_server(own_server, line):
    port = free_port()
    server = own_server(port=port, listen=["--host", "127.0.0.1", "--port", str(port), *line.split()])
    assert httpx.get(f"{server.url}/livez").status_code == 200
    assert server.stop() == 0
    assert server.log.count("is ignored") >= 1, server.log


@pytest.mark.proves("signals")
def test_sighup_and_user_signals_do_not_end_the_process(own_server):
    server = own_server()
    for number in signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2:
        server.process.send_signal(number)
        eventually(lambda: f"signal={int(number)}" in server.log)
        assert server.ready()
    assert server.stop() == 0


@pytest.mark.proves("port taken, data directory unusable or in use")
def test_a_port_in_use_is_reported_and_fails_the_start(tmp_path, server):
    ended = run("serve", "--host", "127.0.0.1", "--port", str(server.port), "--data-dir", "data",
                directory=tmp_path)
    assert ended.returncode not in (0, None)
    assert str(server.port) in ended.stdout


@pytest.mark.proves("port taken, data directory unusable or in use")
def test_a_data_directory_without_write_permission_is_reported_and_fails_the_start(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    ended = run("serve", "--host", "127.0.0.1", "--port", str(free_port()), "--data-dir",
                str(tmp_path / "file" / "data"), directory=tmp_path)
    assert ended.returncode > 0
    assert str(tmp_path / "file") in ended.stdout


@pytest.mark.proves("--rate-limits")
@pytest.mark.proves("rate_limited_total{verb}")
def test_sends_over_the_rate_limit_return_429(own_server):
    server = own_server("--rate-limits", "on", "--rate-limit-sends-per-second", "1",
                        "--rate-limit-sends-burst", "3")
    alice, bob = Person(server, "alice"), Person(server, "bob")
    talk = bob.rest.create_group(alice)
    answers = [alice.rest.post("messages/", json={"conversation_id": talk["id"], "content": "x"}) for _ in range(6)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:3] == [201] * 3
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert limited.json()["code"] == "rate_limited"
    assert int(limited.headers["retry-after"]) >= 1
    with alice.connect(talk) as a:
        refused = [answer for answer in (a.ask("message", content="x") for _ in range(5)) if answer["type"] == "error"]
        assert refused and refused[0]["data"]["code"] == "rate_limited"
        assert refused[0]["data"]["retry_after_ms"] > 0
    assert bob.rest.send_message(talk, "other users can send")
    assert server.metric("parley_rate_limited_total", verb="send") == statuses.count(429) + len(refused)


@pytest.mark.proves("4009")
def test_a_socket_that_keeps_sending_over_the_limit_is_closed_with_4009(own_server):
    server = own_server("--rate-limits", "on", "--rate-limit-sends-per-second", "1",
                        "--rate-limit-sends-burst", "3")
    alice, bob = Person(server, "alice"), Person(server, "bob")
    talk = bob.rest.create_group(alice)
    with alice.connect(talk) as a:
        for number in range(3):
            a.send_message(f"{number}")
        refused = a.ask("message", content="one too many")
        assert refused["type"] == "error"
        assert refused["data"]["code"] == "rate_limited"
        assert refused["data"]["retry_after_ms"] > 0
        try:
            for _ in range(400):
                a.send("message", content="on and on")
        except Closed:
            pass  # the server has closed the socket
        assert_closes_with(a, 4009, reconnect=True)
    assert [message["content"] for message in alice.rest.everything_in(talk)][:3] == ["0", "1", "2"]


@pytest.mark.proves("access log, X-Request-ID")
def test_requests_are_served_while_the_log_pipe_is_full(tmp_path):
    """Standard error is a full pipe: requests are answered, and log lines are dropped and counted."""
    server = Server(tmp_path)
    os.makedirs(server.directory, exist_ok=True)
    read, write = os.pipe()
    process = subprocess.Popen(server.command, cwd=server.directory, env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=write)
    os.close(write)
    try:
        server.process = process
        eventually(server.ready, within=20)
        with httpx.Client(timeout=patient(10)) as client:
            for _ in range(200):
                assert client.get(f"{server.url}/nowhere/" + "x" * 2000).status_code == 404
            for _ in range(20_000):
                if server.metric("parley_log_dropped_total"):
                    break
                for _ in range(50):
                    assert client.get(f"{server.url}/nowhere/" + "x" * 2000).status_code == 404
            assert server.metric("parley_log_dropped_total") > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(patient(40)) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(read)
