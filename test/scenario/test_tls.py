"""TLS in parley itself: with a certificate, https and wss need no proxy."""
import asyncio
import contextlib
import json
import socket
import ssl
import struct
import subprocess
import time

import httpx
import pytest
# The synchronous client reads in a second thread; Python 3.11 does not lock a TLS connection against this, and requests are lost.
from websockets.asyncio.client import connect

from deadline import eventually, patient
from raw import WireSocket
from server import Server
from tokens import mint


@pytest.fixture
def certificate(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True, timeout=patient(30))
    return key, certificate


@pytest.fixture
def secure(tmp_path, certificate, request):
    options = getattr(request, "param", [])
    server = Server(tmp_path / "server", "--ssl-keyfile", certificate[0], "--ssl-certfile", certificate[1], *options)
    server.start(ready=False)
    trust = ssl.create_default_context(cafile=certificate[1])
    with httpx.Client(base_url=f"https://127.0.0.1:{server.port}", verify=trust, timeout=patient(10),
                      headers={"Authorization": f"Bearer {mint('alice')}"}) as https:

        def answers():
            try:
                return https.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, within=20, describe=lambda: server.log)
        server.https, server.trust, server.certificate = https, trust, certificate[1]
        yield server
    server.close()


@pytest.mark.proves("TLS (--ssl-keyfile, --ssl-certfile)")
def test_rest_and_sockets_work_over_tls(secure):
    made = secure.https.post("/api/messaging/conversations/", json={"type": "group", "participants": ["bob"]})
    assert made.status_code == 201
    talk = made.json()["id"]
    where = f"wss://127.0.0.1:{secure.port}/ws/messaging/conversations/{talk}/?token={mint('bob')}"
    content = "x" * 20_000  # more than one TLS record

    async def chat():
        async with connect(where, ssl=secure.trust, proxy=None, compression=None, open_timeout=patient(10)) as bob:
            async def received():
                return json.loads(await asyncio.wait_for(bob.recv(), patient(10)))

            assert (await received())["type"] == "connection_established"
            for number in range(1, 51):
                sent = secure.https.post("/api/messaging/messages/",
                                         json={"conversation_id": talk, "content": f"{number}{content}"})
                assert sent.status_code == 201
            for number in range(1, 51):
                frame = await received()
                assert (frame["type"], frame["seq"]) == ("message", number)
                assert frame["data"]["content"] == f"{number}{content}"
            await bob.send(json.dumps({"type": "message", "content": content, "ref": "1"}))
            assert {(await received())["type"] for _ in range(2)} == {"ack", "message"}

    asyncio.run(chat())


def test_a_plain_http_client_on_a_tls_port_is_rejected_and_others_are_not_affected(secure):
    with socket.create_connection(("127.0.0.1", secure.port), patient(10)) as plain:
        plain.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert b"200" not in plain.recv(100)
        except ConnectionResetError:
            pass  # rejected by a closed connection
    assert secure.https.get("/livez").status_code == 200


def test_an_incomplete_tls_handshake_times_out(secure):
    """10 s for the first byte, and 10 s for the handshake, even if bytes keep arriving."""
    silent, half = (socket.create_connection(("127.0.0.1", secure.port), patient(40)) for _ in range(2))
    with silent, half:
        half.sendall(bytes.fromhex("160301020001"))  # the beginning of a ClientHello
        since = time.monotonic()
        assert silent.recv(1) == b"" and half.recv(1) == b""
        assert time.monotonic() - since > 5
    assert secure.https.get("/livez").status_code == 200


@pytest.mark.parametrize("secure", [["--websocket-slow-reader-timeout", "1s"]], indirect=True)
def test_a_slow_reader_over_tls_receives_the_close_frame(secure):
    """The close frame follows the frame in progress, even if TLS buffers a partial record."""
    talk = secure.https.post("/api/messaging/conversations/", json={"type": "group", "participants": ["bob"]}).json()["id"]
    for round in range(3):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(patient(30))
        raw.connect(("127.0.0.1", secure.port))
        slow = WireSocket.over(secure.trust.wrap_socket(raw, server_hostname="localhost"),
                               f"/ws/messaging/conversations/{talk}/", mint("bob"))
        for number in range(300):
            sent = secure.https.post("/api/messaging/messages/", json={
                "conversation_id": talk, "content": f"{number}" + "x" * (20_000 + 37 * round + number)})
            assert sent.status_code == 201

        def closed():
            text = secure.https.get("/metrics").text
            return f'parley_connections_closed_total{{code="4008"}} {round + 1}' in text
        eventually(closed, within=30)
        assert slow.close_code() == 4008
        raw.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_ends_tls_and_resets_the_connection_does_not_block_its_shard(secure, version):
    """The response is not written yet when the client's close_notify, and then its reset, arrive."""
    context = ssl.create_default_context(cafile=secure.certificate)
    context.minimum_version = context.maximum_version = version
    for _ in range(4):  # more connections than shards
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close resets
        raw.settimeout(patient(10))
        raw.connect(("127.0.0.1", secure.port))
        wrapped = context.wrap_socket(raw, server_hostname="localhost")
        wrapped.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        time.sleep(0.2)
        wrapped.setblocking(False)
        with contextlib.suppress(ssl.SSLError):
            wrapped.unwrap()  # sends close_notify
        time.sleep(0.2)
        wrapped.close()
    time.sleep(0.2)
    for _ in range(8):
        with httpx.Client(verify=secure.trust, timeout=patient(5)) as fresh:
            assert fresh.get(f"https://127.0.0.1:{secure.port}/livez").status_code == 200


def test_tls_1_2_accepts_aead_suites_only(secure):
    def handshake(ciphers):
        context = ssl.create_default_context(cafile=secure.certificate)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with socket.create_connection(("127.0.0.1", secure.port), patient(10)) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as wrapped:
                return wrapped.cipher()[0]

    assert handshake("ECDHE+AESGCM").endswith(("GCM-SHA256", "GCM-SHA384"))
    for weak in "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA":
        with pytest.raises(ssl.SSLError):
            handshake(weak)


def request_over(secure, context, session=None):
    """Sends a request on a new connection; returns what was negotiated."""
    with socket.create_connection(("127.0.0.1", secure.port), patient(10)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as wrapped:
            wrapped.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wrapped.recv(100).startswith(b"HTTP/1.1 200 ")
            return {"version": wrapped.version(), "protocol": wrapped.selected_alpn_protocol(), "session": wrapped.session,
                    "resumed": wrapped.session_reused}


def handshake(secure, change=lambda context: None):
    context = ssl.create_default_context(cafile=secure.certificate)
    change(context)
    return request_over(secure, context)


def only(version):
    def change(context):
        context.set_ciphers("ALL:@SECLEVEL=0")  # otherwise OpenSSL does not offer TLS 1.0 and 1.1
        context.minimum_version = context.maximum_version = version
    return change


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_1_0_and_1_1_are_refused(secure, version):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(secure, only(version))
    assert secure.https.get("/livez").status_code == 200


@pytest.mark.parametrize("version,name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
@pytest.mark.proves("TLS (--ssl-keyfile, --ssl-certfile)")
def test_tls_1_2_and_1_3_are_accepted(secure, version, name):
    assert handshake(secure, only(version))["version"] == name


@pytest.mark.parametrize("offered,chosen", [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), ([], None)])
def test_alpn_selects_http_1_1(secure, offered, chosen):
    assert handshake(secure, lambda context: offered and context.set_alpn_protocols(offered))["protocol"] == chosen


def test_alpn_without_http_1_1_is_refused(secure):
    with pytest.raises(ssl.SSLError):
        handshake(secure, lambda context: context.set_alpn_protocols(["h2"]))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_can_resume_its_tls_session(secure, version):
    context = ssl.create_default_context(cafile=secure.certificate)
    context.minimum_version = context.maximum_version = version
    first = request_over(secure, context)
    assert not first["resumed"]
    assert request_over(secure, context, first["session"])["resumed"]


def test_https_responses_have_hsts(secure):
    assert secure.https.get("/livez").headers["strict-transport-security"].startswith("max-age=")
    assert secure.https.get("/nowhere").headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.proves("TLS (--ssl-keyfile, --ssl-certfile)")
def test_an_invalid_certificate_fails_the_start(tmp_path, certificate):
    (tmp_path / "broken.pem").write_text("no certificate")
    server = Server(tmp_path / "server", "--ssl-keyfile", certificate[0], "--ssl-certfile", tmp_path / "broken.pem")
    server.start(ready=False)
    assert server.wait(20) not in (0, None)
    assert "broken.pem" in server.log
