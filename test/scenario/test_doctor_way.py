"""`parley doctor` on the way to a server: names, addresses and HTTP. Each test breaks one thing, which the command names."""
import contextlib
import os
import socket

import pytest

from deadline import eventually
from proxies import Authority, Nginx
from server import free_port


def in_place(directory, **files):
    """Returns a command that runs another with these texts as /etc/hosts, /etc/resolv.conf and so on, for it alone."""
    if os.geteuid() != 0:
        pytest.skip("mounting requires root")
    mounts = ""
    for name, text in {"nsswitch": "hosts: files dns\n", **files}.items():
        (directory / name).write_text(text)
        mounts += f"mount --bind {directory}/{name} /etc/{name}{'' if name == 'hosts' else '.conf'} && "
    return ["unshare", "--mount", "sh", "-c", f'{mounts}exec "$@"', "sh"]


# --- names and addresses

def test_a_name_server_that_does_not_answer(doctor, tmp_path):
    before = in_place(tmp_path, resolv="nameserver 127.83.0.1\noptions timeout:30\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.83.0.1", 53))
        found = doctor("https://chat.example.com", "--only", "dns,tcp,http", before=before, expect=["probe_timeout"])
    assert found["probe_timeout"]["probe"] == "dns" and "10 s" in found["probe_timeout"]["cause"]
    assert doctor.verdict("tcp") == doctor.verdict("http") == {"skipped"}


def test_a_name_with_an_address_at_which_the_server_does_not_listen(doctor, own_server, tmp_path):
    server = own_server("--allowed-hosts", "chat.example")
    before = in_place(tmp_path, hosts="127.0.0.1 chat.example\n2001:db8::1 chat.example\n")
    found = doctor(f"http://chat.example:{server.port}", "--only", "dns,tcp,http", before=before, expect=["tcp_partial"])
    assert found["tcp_partial"]["cause"].startswith(f"2001:db8::1 port {server.port}: ")
    assert doctor.verdict("http") == {"ok"}


def test_an_address_that_does_not_answer(doctor):
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # the kernel drops the packets of further clients, as a firewall does
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        doctor(f"http://127.0.0.1:{full.getsockname()[1]}", "--only", "tcp,http", expect=["tcp_timeout"])
    assert doctor.verdict("http") == {"skipped"}


# --- HTTP

@pytest.mark.parametrize("other", ["postgresql", "redis", "tls"])
def test_a_port_that_does_not_speak_http(doctor, own_server, database, redis, tmp_path, other):
    if other == "tls":
        certificate, key = Authority(tmp_path).issue("leaf")
        port = free_port()
        own_server("--ssl-certfile", certificate, "--ssl-keyfile", key, port=port, ready=False)
        eventually(lambda: set(doctor(f"http://127.0.0.1:{port}", "--only", "tcp")) == set())
    else:
        port = {"postgresql": database, "redis": redis}[other].port
    doctor(f"http://127.0.0.1:{port}", "--only", "tcp,http", expect=["http_failed"])


def test_production_behind_a_proxy_that_hides_https(doctor, own_server, closing, tmp_path):
    authority = Authority(tmp_path)
    server = own_server("--drain-delay", 0, DJANGO_ENV="production")
    plain = closing(Nginx(server.address))  # replaces X-Forwarded-Proto by its own scheme
    for upstream, expect in (server.address, []), (f"127.0.0.1:{plain.port}", ["https_required"]):
        proxy = closing(Nginx(upstream, certificate=authority.issue("leaf")))
        doctor(proxy.url, "--ca-file", authority.ca, "--only", "tls,http", expect=expect)
    doctor(plain.url, "--only", "http", expect=["https_required"])
    doctor("--port", server.port, "--only", "tcp,http", DJANGO_ENV="production", expect=[])
