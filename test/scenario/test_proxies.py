"""nginx and HAProxy with the configurations of deploy/, in front of two nodes in production."""
import contextlib
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from client import Closed, Person, Rest, Socket
from conftest import watch
from deadline import eventually, patient, throughout
from files import png_of
from server import ROOT, Server, free_port

NAME = "chat.example.com"
FILES = {"nginx": "deploy/nginx/parley.conf", "haproxy": "deploy/haproxy/haproxy.cfg"}
# What /etc/nginx/nginx.conf has around the files of conf.d.
NGINX = """
daemon off; user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/parley.conf;
}}
"""


def shipped(kind):
    return pathlib.Path(ROOT, FILES[kind]).read_text()


class Proxy:
    """A proxy with the shipped configuration: only ports, paths and the nodes are replaced."""

    def __init__(self, kind, nodes, folder, change=lambda text: text):
        self.folder, self.port, self.plain_port = str(folder), free_port(), free_port()
        self.address, self.clients = f"127.0.0.1:{self.port}", set()
        self.url = f"https://{self.address}"
        text = change(self._on_free_ports(kind, shipped(kind), nodes))
        pathlib.Path(folder, "parley.conf").write_text(text)
        self._make_certificate()
        if kind == "nginx":
            pathlib.Path(folder, "nginx.conf").write_text(NGINX.format(folder=folder))
            command = ["nginx", "-p", self.folder, "-c", f"{folder}/nginx.conf"]
        else:
            command = ["haproxy", "-W", "-f", f"{folder}/parley.conf"]
        program = shutil.which(command[0], path="/usr/sbin:/usr/bin")
        assert program, f"{kind} is not installed: './dev test' installs it"
        self.output = open(f"{folder}/output", "w+")
        self.process = subprocess.Popen([program, *command[1:]], stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        eventually(self._listens, describe=self.log)

    def _on_free_ports(self, kind, text, nodes):
        def replace(pattern, by):
            nonlocal text
            text, count = re.subn(pattern, by, text, flags=re.M)
            assert count, f"{pattern} is not in {FILES[kind]}"

        if kind == "nginx":
            replace(r"^ +listen \[::\].*\n", "")
            replace(r"listen 80;", f"listen 127.0.0.1:{self.plain_port};")
            replace(r"listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;")
            replace(r"/etc/nginx/certs/", f"{self.folder}/")
            replace(r"/var/log/nginx/", f"{self.folder}/")
            replace(r"^( +server )web:8000(.*)$", "\n".join(rf"\g<1>{node.address}\g<2>" for node in nodes))
        else:
            replace(r"bind :80$", f"bind 127.0.0.1:{self.plain_port}")
            replace(r"bind :443 ", f"bind 127.0.0.1:{self.port} ")
            replace(r"/etc/haproxy/certs/", f"{self.folder}/")
            replace(r"^( +server )node1 web:8000(.*)$", "\n".join(rf"\g<1>node{number} {node.address}\g<2>" for number, node in enumerate(nodes)))
        return text

    def _make_certificate(self):
        key, chain = f"{self.folder}/privkey.pem", f"{self.folder}/fullchain.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", chain,
                        "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"], check=True, capture_output=True, timeout=patient(30))
        pathlib.Path(self.folder, "parley.pem").write_text(pathlib.Path(chain).read_text() + pathlib.Path(key).read_text())
        self.trust = ssl.create_default_context(cafile=chain)

    def _listens(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        """Everything that it printed, and its log files."""
        self.output.flush()
        return "".join(path.read_text() for path in pathlib.Path(self.folder).glob("*.log")) + pathlib.Path(self.output.name).read_text()

    def raw(self, stalls=False):
        """A TLS connection whose certificate is checked."""
        plain = socket.socket()
        if stalls:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", self.port))
        return self.trust.wrap_socket(plain, server_hostname=NAME)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.output.close()


class Secure(Socket):
    """A WebSocket of a browser's page, over TLS."""

    def __init__(self, proxy, person, conversation, stalls=False):
        self.raw = proxy.raw(stalls) if stalls else None
        self.patience, self.conversation, self.kept = 15, conversation, []
        try:
            self._open(proxy, person)
        except InvalidStatus as refused:
            # Under load, HAProxy 2.6 sometimes does not see a request that follows the TLS handshake at once. Clients retry.
            if refused.response.status_code != 408:
                raise
            self.raw = proxy.raw(stalls) if stalls else None
            self._open(proxy, person)
        assert self.receive()["type"] == "connection_established"

    def _open(self, proxy, person):
        stalls, conversation = self.raw is not None, self.conversation
        self.connection = connect(
            f"ws://{NAME}/ws/messaging/conversations/{conversation['id']}/?token={person.token}", sock=self.raw or proxy.raw(), max_size=None,
            origin=f"https://{NAME}", compression=None, ping_interval=None, proxy=None, max_queue=1 if stalls else None, open_timeout=patient(15),
            close_timeout=patient(5), legacy=True)


class Visitor(Person):
    """A person who only knows the proxy."""

    def __init__(self, proxy, user):
        super().__init__(proxy, user)
        self.rest = Rest(proxy, self.token, {"Host": NAME})

    def join(self, conversation, **options):
        return Secure(self.server, self, conversation, **options)


@pytest.fixture(scope="module")
def start_nodes(database, redis, tmp_path_factory):
    shared, started = tmp_path_factory.mktemp("attachments"), []

    def start(*options):
        node = Server(tmp_path_factory.mktemp("node"), "--attachments-directory", shared, "--rate-limits", "off", *options, DJANGO_ENV="production", ALLOWED_HOSTS=NAME,
                      DATABASE_URL=database.url, REDIS_URL=redis.url)
        started.append(node)
        return node.start()

    yield start
    for node in started:
        node.close()


@pytest.fixture(scope="module")
def nodes(start_nodes):
    made = [start_nodes("--drain-delay", "2s"), start_nodes("--drain-delay", "2s")]
    eventually(lambda: all("bus is up" in node.log for node in made))
    return made


@pytest.fixture(scope="module", params=FILES)
def proxy(request, nodes, tmp_path_factory):
    proxy = Proxy(request.param, nodes, tmp_path_factory.mktemp(request.param))
    proxy.kind = request.param
    yield proxy
    proxy.close()


@pytest.fixture
def alice_and_bob(proxy, nodes, request):
    for node in nodes:
        watch(request.node, node)
    visitors = Visitor(proxy, f"alice-{proxy.kind}"), Visitor(proxy, f"bob-{proxy.kind}")
    yield visitors
    for visitor in visitors:
        visitor.rest.close()


def test_two_browsers_chat_over_tls(proxy, alice_and_bob):
    alice, bob = alice_and_bob
    talk = alice.rest.create_group(bob)
    with alice.join(talk) as a, bob.join(talk) as b:
        for number in range(20):
            a.send_message(f"{number}")
            b.send_message(f"{number} too")
        for reader in a, b:
            assert [event["seq"] for event in reader.events(40)] == list(range(1, 41))
    assert len(alice.rest.everything_in(talk)) == 40
    eventually(lambda: f"/ws/messaging/conversations/{talk['id']}/" in proxy.log())
    assert "token=" not in proxy.log() and alice.token not in proxy.log()


def test_plain_http_is_redirected_and_cannot_claim_https(proxy, alice_and_bob):
    alice, _ = alice_and_bob
    answer = httpx.get(f"http://127.0.0.1:{proxy.plain_port}/api/messaging/conversations/?limit=1", timeout=patient(10),
                       headers={"Host": NAME, "Authorization": f"Bearer {alice.token}", "X-Forwarded-Proto": "https"})
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://{NAME}/api/messaging/conversations/?limit=1"
    answer = alice.rest.get("conversations/", headers={"X-Forwarded-Proto": "http", "Forwarded": "proto=http"})
    assert answer.status_code == 200, "the proxy replaces the client's X-Forwarded-Proto"


def test_pages_of_other_sites_cannot_open_sockets(proxy, alice_and_bob):
    alice, bob = alice_and_bob
    talk = alice.rest.create_group(bob)
    answer = alice.rest.get(f"https://{proxy.address}/ws/messaging/conversations/{talk['id']}/", headers={
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_probes_and_metrics_are_not_public(proxy, alice_and_bob):
    alice, _ = alice_and_bob
    for path in "livez", "readyz", "metrics":
        assert alice.rest.get(f"https://{proxy.address}/{path}").status_code == 404


def test_an_upload_of_10_mib_passes_and_a_larger_one_is_refused(proxy, alice_and_bob):
    alice, bob = alice_and_bob
    talk, file = alice.rest.create_group(bob), png_of(10 * 1024 * 1024)
    answer = alice.rest.post("attachments/", files={"file": ("big.png", file)})
    assert answer.status_code == 201, answer.text
    alice.rest.send_message(talk, "look", attachment_ids=[answer.json()["id"]])
    (message,) = bob.rest.everything_in(talk)
    url = message["attachments"][0]["file_url"]
    got = bob.rest.get(proxy.url + url)
    assert got.status_code == 200 and got.content == file
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # the refusal can reset the connection
        assert alice.rest.post("attachments/", files={"file": ("huge.png", png_of(12 * 1024 * 1024))}).status_code == 413


def test_a_slow_reader_delays_no_other_and_misses_nothing(proxy, alice_and_bob):
    alice, bob = alice_and_bob
    talk = alice.rest.create_group(bob)
    sent, text = 1500, "x" * 8000
    with bob.join(talk, stalls=True) as slow, bob.join(talk) as quick, alice.join(talk) as a:
        for number in range(sent):
            a.send("message", content=f"{number} {text}")
            if number % 100 == 99:
                assert quick.events(100)[-1]["seq"] == number + 1
        seqs = []
        try:
            while len(seqs) < sent:
                frame = slow.receive()
                if frame["type"] == "message":
                    seqs.append(frame["seq"])
        except Closed as closed:
            raise AssertionError(f"closed with {closed} after {len(seqs)} messages") from closed
    assert seqs == list(range(1, sent + 1))


def test_the_timeouts_are_longer_than_parleys_pings():
    for kind in FILES:
        found = [int(seconds) for seconds in re.findall(r"(?:read_timeout|send_timeout|timeout (?:client|server|tunnel)) +(\d+)s", shipped(kind))]
        assert len(found) >= 2 and min(found) > 25 + 20, "ping_interval and ping_timeout"


class SilentNode:
    """A node that is ready, and closes the connection of each other request without a response."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address, self.requests = f"127.0.0.1:{self.listener.getsockname()[1]}", []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                if not data.startswith(b"GET /readyz"):
                    return self.requests.append(data.split(b" ")[0])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("kind", FILES)
def test_a_post_without_a_response_is_not_sent_to_another_node(kind, tmp_path):
    nodes = [SilentNode(), SilentNode()]
    proxy = Proxy(kind, nodes, tmp_path)
    try:
        with proxy.raw() as client:
            client.sendall(f"POST /api/messaging/messages/ HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            assert client.recv(65536).startswith(b"HTTP/1.1 502 ")
        assert [request for node in nodes for request in node.requests] == [b"POST"]
    finally:
        proxy.close()
        for node in nodes:
            node.listener.close()


@pytest.mark.parametrize("kind", FILES)
def test_an_idle_socket_stays_open_by_the_pings(kind, start_nodes, tmp_path):
    """With both intervals divided by 25."""
    node = start_nodes("--ping-interval", "1s")
    proxy = Proxy(kind, [node], tmp_path, lambda text: text.replace("75s", "3s"))
    try:
        alice = Visitor(proxy, f"idle-{kind}")
        talk = alice.rest.create_group()
        with alice.join(talk) as idle:
            throughout(lambda: not idle.connection.protocol.close_rcvd, 5)
            assert idle.send_message("still here")["seq"] == 1
    finally:
        proxy.close()


def test_a_drained_node_costs_clients_one_reconnect_and_no_request(proxy, nodes, start_nodes, alice_and_bob):
    """The last test of a proxy, since it replaces a node."""
    alice, bob = alice_and_bob
    talk = alice.rest.create_group(bob)
    statuses, stop = [], threading.Event()

    def keep_sending():
        while not stop.is_set():
            try:
                statuses.append(alice.rest.post("messages/", json={"conversation_id": talk["id"], "content": f"{len(statuses)}"}).status_code)
            except httpx.HTTPError as error:
                statuses.append(repr(error))
            stop.wait(0.02)

    readers = [bob.join(talk) for _ in range(4)]
    thread = threading.Thread(target=keep_sending)
    thread.start()
    try:
        eventually(lambda: len(statuses) > 10)
        nodes[0].terminate()
        assert nodes[0].wait() == 0
        with bob.join(talk) as again:
            again.wait_for("message")
        nodes[0].start()
        stop.set()
        thread.join()
        codes = [code_of(reader) for reader in readers]
        assert set(codes) == {1012, None}, "the sockets of the other node stay open"
    finally:
        stop.set()
        thread.join()
        for reader in readers:
            reader.close()
    assert set(statuses) == {201}
    assert len(alice.rest.everything_in(talk)) == len(statuses)


def code_of(reader):
    """The code that the server closed the socket with; None if it is open, and no frames arrive any longer."""
    try:
        while True:
            reader.receive(within=0.5)
    except AssertionError:  # no frame
        return None
    except Closed as closed:
        return closed.code
