"""SIGHUP applies settings that can change at runtime; invalid settings leave the current ones in force."""
import signal
import socket
import ssl
import subprocess
import time
import uuid

import httpx
import pytest

from client import Rest, Socket, assert_closes_with
from deadline import eventually, patient
from test_algorithms import KEYS, another, public_pem
from test_tls import certificate, secure  # noqa: F401, fixtures
from tokens import mint

OLD_KEY, NEW_KEY = "old-" + "k" * 40, "new-" + "k" * 40


@pytest.fixture
def configured(own_server, tmp_path):
    """A server that reads its key and log level from a file; server.write(text) replaces the file."""
    file = tmp_path / "settings.toml"

    def write(text):
        file.write_text(text)
        file.chmod(0o600)
    write(f'log_level = "info"\n[auth]\nsecret_key = "{OLD_KEY}"\n')
    server = own_server("--config", file, JWT_SECRET_KEY=None)
    server.write = write
    server.hang_up = lambda: server.process.send_signal(signal.SIGHUP)
    return server


def status(server, key):
    return Rest(server, mint("ann", key=key)).get("conversations/").status_code


@pytest.mark.proves("signals")
def test_a_new_secret_key_closes_sockets_of_the_old_one(configured):
    assert (status(configured, OLD_KEY), status(configured, NEW_KEY)) == (200, 401)
    with Socket(configured, token=mint("ann", key=OLD_KEY)) as old:
        configured.write(f'[auth]\nsecret_key = "{NEW_KEY}"\n')
        configured.hang_up()
        assert_closes_with(old, 4001)
    assert (status(configured, OLD_KEY), status(configured, NEW_KEY)) == (401, 200)
    with Socket(configured, token=mint("ann", key=NEW_KEY)) as fresh:
        configured.hang_up()
        eventually(lambda: configured.log.count("reloaded") >= 2)
        assert fresh.ask("ping")["type"] == "pong", "this socket is not affected"


@pytest.mark.parametrize("broken", ["[auth]\nsecret_key = 7 7", '[auth]\nsecret_kez = "x"', '[auth]\nsecret_key = "ssh-rsa AAAA"'])
@pytest.mark.proves("signals")
def test_an_invalid_configuration_file_leaves_the_settings_unchanged(configured, broken):
    with Socket(configured, token=mint("ann", key=OLD_KEY)) as socket:
        configured.write(broken)
        configured.hang_up()
        eventually(lambda: "reload failed" in configured.log)
        assert " error " in next(line for line in configured.log.splitlines() if "reload failed" in line)
        assert socket.ask("ping")["type"] == "pong"
    assert status(configured, OLD_KEY) == 200


def test_sighup_changes_the_log_level(configured):
    httpx.get(f"{configured.url}/first")
    eventually(lambda: "path=/first" in configured.log)
    configured.write(f'log_level = "error"\n[auth]\nsecret_key = "{OLD_KEY}"\n')
    configured.hang_up()

    def is_quiet():
        path = f"/{uuid.uuid4().hex}"
        httpx.get(configured.url + path)
        time.sleep(0.2)
        return path not in configured.log
    eventually(is_quiet)


@pytest.mark.proves("signals")
def test_sockets_of_a_key_removed_from_a_key_set_are_closed(own_server, tmp_path):
    old, new = KEYS["ES256"], another(KEYS["ES256"])
    file = tmp_path / "key.pem"
    file.write_bytes(public_pem(old))
    server = own_server("--auth-algorithm", "ES256", "--auth-public-key", file, JWT_SECRET_KEY=None)
    with Socket(server, token=mint("ann", key=old, algorithm="ES256")) as socket:
        file.write_text("broken")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "reload failed" in server.log)
        assert socket.ask("ping")["type"] == "pong"
        file.write_bytes(public_pem(new))
        assert_closes_with(socket, 4001)


def make_certificate(key, certificate, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True, timeout=patient(30))


def served_name(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), patient(10)) as raw:
        with context.wrap_socket(raw) as wrapped:
            text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], timeout=patient(30),
                                  input=wrapped.getpeercert(binary_form=True), capture_output=True, check=True)
            return text.stdout.decode().split("CN = ")[1].strip()


@pytest.mark.parametrize("hang_up", [True, False], ids=["by SIGHUP", "by itself"])
@pytest.mark.proves("signals")
def test_a_new_certificate_is_served_and_open_connections_stay(secure, certificate, hang_up):  # noqa: F811
    key, chain = certificate
    assert served_name(secure) == "localhost"
    assert secure.https.get("/livez").status_code == 200  # on a connection that stays open
    make_certificate(key, chain, "renewed")
    if hang_up:
        secure.process.send_signal(signal.SIGHUP)
    eventually(lambda: served_name(secure) == "renewed")
    assert secure.https.get("/livez").status_code == 200
    chain.write_text("broken")
    if hang_up:
        secure.process.send_signal(signal.SIGHUP)
    eventually(lambda: "reload failed" in secure.log)
    assert served_name(secure) == "renewed"
