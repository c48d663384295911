"""SIGHUP applies settings that can change at runtime; invalid settings leave the current ones in force."""
import os
import signal
import socket
import ssl
import subprocess
import time
import uuid

import httpx
import pytest

from client import Rest, Socket, assert_closes_with
from deadline import eventually, patient, throughout
from server import Server
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
    server.write, server.file = write, file
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


@pytest.mark.proves("signals")
def test_a_directory_in_place_of_the_configuration_file_leaves_the_settings_unchanged(configured):
    configured.file.unlink()
    configured.file.mkdir()
    configured.hang_up()
    eventually(lambda: "settings.toml: Is a directory" in configured.log)
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


@pytest.fixture
def certbot(tmp_path):
    """Files as certbot keeps them: links in `live` to numbered files in `archive`. renew(name) writes a new version."""
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir(), archive.mkdir()
    versions = iter(range(1, 100))

    def renew(name):
        version = next(versions)
        files = archive / f"privkey{version}.pem", archive / f"fullchain{version}.pem"
        make_certificate(*files, name)
        for file in files:
            os.utime(file, (1_700_000_000, 1_700_000_000))  # as after a restore that keeps times
        for link, target in zip(("privkey.pem", "fullchain.pem"), files):
            fresh = live / f"{link}.new"
            fresh.symlink_to(os.path.relpath(target, live))
            fresh.rename(live / link)
    renew.key, renew.chain, renew.archive = live / "privkey.pem", live / "fullchain.pem", archive
    renew("first")
    return renew


@pytest.fixture
def renewed_server(certbot, tmp_path):
    server = Server(tmp_path / "server", "--ssl-keyfile", certbot.key, "--ssl-certfile", certbot.chain)
    server.start(ready=False)
    eventually(lambda: answers_over_tls(server), within=20, describe=lambda: server.log)
    yield server
    server.close()


def answers_over_tls(server):
    try:
        return served_name(server)
    except OSError:
        return None


@pytest.mark.proves("signals")
def test_a_certificate_behind_a_replaced_symbolic_link_is_served(certbot, renewed_server):
    assert served_name(renewed_server) == "first"
    for name in "second", "third":
        certbot(name)
        eventually(lambda: served_name(renewed_server) == name)


def test_a_certificate_of_another_key_is_not_served_until_its_key_arrives(certbot, renewed_server, tmp_path):
    key, chain = tmp_path / "other-key.pem", tmp_path / "other-chain.pem"
    make_certificate(key, chain, "other")
    certbot.chain.unlink()
    certbot.chain.symlink_to(chain)
    eventually(lambda: "does not match the private key" in renewed_server.log)
    # The error is logged once, not at each attempt.
    throughout(lambda: served_name(renewed_server) == "first" and renewed_server.log.count("does not match the private key") == 1, 2.5)
    certbot.key.unlink()
    certbot.key.symlink_to(key)
    eventually(lambda: served_name(renewed_server) == "other")


def test_a_half_written_certificate_is_not_served_until_it_is_complete(certbot, renewed_server, tmp_path):
    key, chain = tmp_path / "new-key.pem", tmp_path / "new-chain.pem"
    make_certificate(key, chain, "complete")
    text = chain.read_text()
    certbot.key.unlink()
    certbot.key.symlink_to(key)
    certbot.chain.unlink()
    half = len(text) // 2
    certbot.chain.write_text(text[:half] + "\n" * (len(text) - half))
    eventually(lambda: "reload failed" in renewed_server.log)
    assert served_name(renewed_server) == "first"
    moment = os.stat(certbot.chain)
    with open(certbot.chain, "r+") as file:  # the same file, size and, below, time
        file.write(text)
    os.utime(certbot.chain, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    eventually(lambda: served_name(renewed_server) == "complete")


def test_a_missing_certificate_leaves_the_current_one_in_use(certbot, renewed_server):
    certbot.chain.unlink()
    eventually(lambda: "reload failed" in renewed_server.log)
    assert served_name(renewed_server) == "first"
    certbot("again")
    eventually(lambda: served_name(renewed_server) == "again")
