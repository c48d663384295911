"""The Debian package in a bare Debian 12, without systemd and with one. The tests of the machine run in order."""
import glob
import os
import pathlib
import re
import resource
import subprocess
import time

import httpx
import pytest

from client import Person, assert_closes_with
from deadline import eventually, patient
from machine import ROOT, Machine, Root
from server import KEY, free_port

NEXT = "99.0"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", pathlib.Path(ROOT, "docs/deployment.md").read_text(), re.M | re.S)
INSTALL, *START = next(text for kind, text in BLOCKS if kind == "sh" and text.startswith("apt-get")).splitlines()


def package(version):
    (path,) = glob.glob(f"{ROOT}/build/package/parley_{version}_*.deb")
    return path


class Service:
    """What the clients of scenarios need to know of a server."""

    def __init__(self, port):
        self.port, self.address, self.url = port, f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"

    def ready(self):
        try:
            return httpx.get(f"{self.url}/readyz", timeout=patient(2)).status_code == 200
        except httpx.TransportError:
            return False


def chat(service, text):
    """Sends a message from one client to another; returns the conversation."""
    alice, bob = Person(service, "alice"), Person(service, "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        a.send_message(text)
        assert b.wait_for("message")["data"]["content"] == text
    return talk


@pytest.fixture(scope="module")
def version():
    ran = subprocess.run([f"{ROOT}/build/release/parley", "--version"], capture_output=True, text=True, check=True)
    return ran.stdout.split()[1]


def test_lintian_finds_nothing(version):
    ran = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package(version)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=patient(120))
    assert ran.returncode == 0, ran.stdout


def test_a_bare_root_without_systemd_installs_serves_removes_and_purges(version):
    root = Root()
    try:
        printed = root.install(package(version), INSTALL)
        assert "set auth.secret_key in /etc/parley/parley.toml" in printed
        assert root.run("parley", "--version").split() == ["parley", version]
        assert root.run("stat", "-c", "%U %G %a", "/etc/parley/parley.toml").split() == ["root", "parley", "640"]
        checked = root.run("parley", "config", "check", "--config", "/etc/parley/parley.toml", check=False)
        assert checked.returncode == 2 and "production requires a JWT key" in checked.stdout
        root.run("install", "-d", "-o", "parley", "/var/lib/parley")  # which systemd's StateDirectory makes
        service = Service(port := free_port())
        process = subprocess.Popen(root.command("setpriv", "--reuid", "parley", "--regid", "parley", "--clear-groups", "env", f"JWT_SECRET_KEY={KEY}",
                                                "parley", "serve", "--config", "/etc/parley/parley.toml", "--port", str(port)))
        try:
            eventually(service.ready)
            chat(service, "from a bare root")
        finally:
            process.terminate()
            assert process.wait(patient(40)) == 0
        root.run("apt-get", "-q", "remove", "-y", "parley")
        assert not os.path.exists(root.file("/usr/bin/parley")) and os.path.exists(root.file("/etc/parley/parley.toml"))
        assert "the messages in /var/lib/parley are kept" in root.run("apt-get", "-q", "purge", "-y", "parley")
        assert not os.path.exists(root.file("/etc/parley")) and os.listdir(root.file("/var/lib/parley"))
    finally:
        root.close()


@pytest.fixture(scope="module")
def machine(version):
    machine = Machine()
    machine.install(package(version), INSTALL)
    subprocess.run(["cp", package(NEXT), machine.file("/root/next.deb")], check=True)
    machine.boot()
    try:
        yield machine
    finally:
        machine.close()


@pytest.fixture
def service():
    return Service(8000)


def shown(machine, name):
    return machine.run("systemctl", "show", "-P", name, "parley").strip()


def test_the_units_are_valid(machine):
    assert machine.run("systemd-analyze", "verify", "--man=no", "parley.service", "parley.socket").strip() == ""


def test_the_service_is_hardened(machine):
    report = machine.run("systemd-analyze", "security", "--no-pager", "--threshold=20", "parley.service")
    print(report.splitlines()[-1])


def test_without_a_key_the_service_fails_once_and_names_the_cause(machine):
    assert machine.run("systemctl", "start", "parley", check=False).returncode != 0
    assert (shown(machine, "ActiveState"), shown(machine, "ExecMainStatus"), shown(machine, "NRestarts")) == ("failed", "2", "0")
    assert "production requires a JWT key" in machine.run("journalctl", "--no-pager", "-u", "parley")
    machine.run("systemctl", "reset-failed", "parley")


def test_a_started_service_is_ready_when_systemctl_returns(machine, service):
    began = time.monotonic()
    printed = machine.shell(f"export JWT_SECRET_KEY='{KEY}'\n" + "\n".join(START))
    assert printed.splitlines()[-1] == "ok" and KEY in machine.read("/etc/parley/parley.toml")
    with machine.network():
        talk = chat(service, "the first message")
        print(f"{time.monotonic() - began:.2f} s from the documented commands to the first message")
        machine.talk = talk
    pid = shown(machine, "MainPID")
    state = machine.run("cat", f"/proc/{pid}/status")
    for line in r"NoNewPrivs:\s1", r"Seccomp:\s2", r"CapEff:\s0+$", r"CapBnd:\s0+$", r"Uid:\s[1-9]":
        assert re.search(line, state, flags=re.M), f"{line} in {state}"
    # Without CAP_SYS_RESOURCE, systemd cannot raise the limit of this machine.
    files = int(machine.run("grep", "open files", f"/proc/{pid}/limits").split()[3])
    assert files >= min(1048576, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert machine.run("stat", "-c", "%U %a", "/var/lib/parley").split() == ["parley", "700"]
    assert "Operation not permitted" not in machine.run("journalctl", "--no-pager", "-u", "parley")


def test_a_reload_takes_a_new_key_without_a_restart(machine, service):
    pid = shown(machine, "MainPID")
    settings = machine.read("/etc/parley/parley.toml")
    machine.write("/etc/parley/parley.toml", settings.replace(KEY, "another key, with at least 32 bytes in it"))
    machine.run("systemctl", "reload", "parley")
    with machine.network():
        alice = Person(service, "alice")  # the token is signed with the first key
        eventually(lambda: alice.rest.get("conversations/").status_code == 401)
    machine.write("/etc/parley/parley.toml", settings)
    machine.run("systemctl", "reload", "parley")
    with machine.network():
        eventually(lambda: alice.rest.get("conversations/").status_code == 200)
    assert shown(machine, "MainPID") == pid


def test_a_killed_service_is_restarted(machine, service):
    machine.run("systemctl", "kill", "-s", "KILL", "parley")
    eventually(lambda: shown(machine, "NRestarts") == "1" and shown(machine, "ActiveState") == "active", within=30)
    with machine.network():
        chat(service, "after a kill")


def test_an_upgrade_drains_clients_and_keeps_messages_and_settings(machine, service):
    with machine.network():
        alice = Person(service, "alice")
        with alice.connect(machine.talk) as socket:
            upgrade = subprocess.Popen(machine.command("dpkg", "-i", "/root/next.deb"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert_closes_with(socket, 1012, reconnect=True)
        printed, _ = upgrade.communicate(timeout=patient(60))
        assert upgrade.returncode == 0, printed
        assert [message["content"] for message in alice.rest.everything_in(machine.talk)] == ["the first message"]
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "parley") == NEXT
    assert KEY in machine.read("/etc/parley/parley.toml")
    assert shown(machine, "ActiveState") == "active"


def test_with_socket_activation_connections_wait_during_a_restart(machine, service):
    settings = machine.read("/etc/parley/parley.toml")
    machine.write("/etc/parley/parley.toml", settings.replace('host = "127.0.0.1"\nport = 8000', "fd = 3"))
    machine.run("systemctl", "disable", "--now", "parley.service")
    machine.run("systemctl", "enable", "--now", "parley.socket")
    assert shown(machine, "ActiveState") == "inactive"
    with machine.network():
        chat(service, "which starts the service")
        pid = shown(machine, "MainPID")
        restart = subprocess.Popen(machine.command("systemctl", "restart", "parley"))
        answers = []
        while restart.poll() is None or not answers:
            answers.append(httpx.get(f"{service.url}/livez", timeout=patient(30)).status_code)
        assert restart.returncode == 0 and set(answers) == {200}
        chat(service, "after the restart")
    assert shown(machine, "MainPID") != pid


def test_the_documented_capability_allows_a_privileged_port(machine):
    (text,) = [text for kind, text in BLOCKS if kind == "ini"]
    machine.run("systemctl", "disable", "--now", "parley.socket", "parley.service")
    settings = machine.read("/etc/parley/parley.toml")
    machine.write("/etc/parley/parley.toml", settings.replace("fd = 3", "port = 80"))
    assert machine.run("systemctl", "start", "parley", check=False).returncode != 0
    machine.run("mkdir", "/etc/systemd/system/parley.service.d")
    machine.write("/etc/systemd/system/parley.service.d/override.conf", text)
    machine.shell("systemctl daemon-reload; systemctl reset-failed; systemctl restart parley")
    with machine.network():
        chat(Service(80), "on port 80")


def test_removing_stops_the_service_and_purging_keeps_the_messages(machine, service):
    machine.run("dpkg", "--remove", "parley")
    with machine.network():
        assert not service.ready()
    assert shown(machine, "LoadState") == "not-found"
    assert os.path.exists(machine.file("/etc/parley/parley.toml"))
    printed = machine.run("dpkg", "--purge", "parley")
    assert "the messages in /var/lib/parley are kept" in printed
    assert not os.path.exists(machine.file("/etc/parley")) and not os.path.exists(machine.file("/etc/default/parley"))
    assert not glob.glob(machine.file("/etc/systemd/system/*/parley.*"))
    assert os.listdir(machine.file("/var/lib/parley"))
