"""./dev bench peers and growth: the servers of our own that they measure against, and smoke runs."""
import asyncio
import contextlib
import pathlib
import socket
import subprocess
import sys

import pytest
import websockets

from deadline import eventually, patient
from server import BINARY, ROOT, environment, free_port

PROGRAM = pathlib.Path(BINARY).parent / "bench" / "raw_epoll_server"
pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="needs the programs of ./dev bench, which belong to the release build")

PADDING = 590
HEADERS = {"Host": "x", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


def connected(port):
    return socket.create_connection(("127.0.0.1", port), patient(15))


def listens(port):
    with contextlib.suppress(OSError), connected(port):
        return True
    return False


@pytest.fixture
def port():
    """The port of a raw WebSocket server that pads messages."""
    number = free_port()
    process = subprocess.Popen([PROGRAM, str(number), str(PADDING), "websocket"])
    eventually(lambda: listens(number), within=20)
    yield number
    process.kill()
    process.wait()


def upgrade(line="GET /room HTTP/1.1", **changed):
    """A request with other headers; None leaves one out."""
    headers = {**HEADERS, **changed}
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items() if value is not None), "", ""]).encode()


def everything(port, request):
    """What the server sends until it closes the connection."""
    received = b""
    with connected(port) as client:
        client.sendall(request)
        while piece := client.recv(65536):
            received += piece
    return received


def test_the_raw_websocket_server_answers_the_example_of_rfc_6455_with_its_accept_key(port):
    with connected(port) as client:
        client.sendall(upgrade())
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 101 ") and b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer


@pytest.mark.parametrize("request_", [
    upgrade("POST /room HTTP/1.1"), upgrade("GET /room HTTP/1.0"), upgrade(Upgrade="h2c"), upgrade(Connection="close"),
    upgrade(**{"Sec-WebSocket-Version": "8"}), upgrade(**{"Sec-WebSocket-Key": "short"}), upgrade(**{"Sec-WebSocket-Key": None})])
def test_the_raw_websocket_server_refuses_a_wrong_upgrade(port, request_):
    assert everything(port, request_).startswith(b"HTTP/1.1 400 ")


def test_the_raw_websocket_server_pads_messages_and_delivers_them_to_their_room_only(port):
    async def talk():
        def join(room):
            return websockets.connect(f"ws://127.0.0.1:{port}/{room}", compression=None)

        async with asyncio.timeout(patient(30)), join("a") as ann, join("a") as bob, join("b") as eve:
            await ann.send(["in ", "fragments"])
            await eve.send("elsewhere")
            received = [await one.recv() for one in (ann, bob, eve)]
            await (await ann.ping())
            return received

    received = asyncio.run(talk())
    assert [text.rstrip(" ") for text in received] == ["in fragments", "in fragments", "elsewhere"]
    assert {len(text) for text in received} == {PADDING}


@pytest.mark.parametrize(("frame", "code"), [
    (b"\x81\x02hi", 1002), (b"\x81\x82\0\0\0\0\xff\xff", 1007), (b"\x82\x82\0\0\0\0hi", 1003),
    (b"\x81\xff\0\0\0\0\0\x01\0\x01\0\0\0\0", 1009), (b"\x88\x82\0\0\0\0\x03\xe9", 1001)])
def test_the_raw_websocket_server_closes_after_a_wrong_frame_or_a_close(port, frame, code):
    head, _, frames = everything(port, upgrade() + frame).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and frames[0] == 0x88 and int.from_bytes(frames[2:4], "big") == code


def run(*words):
    return subprocess.run([sys.executable, pathlib.Path(ROOT, "bench", "run.py"), *words], text=True, capture_output=True, env=environment(),
                          timeout=patient(60))


def peers(*words):
    return run("peers", *words)


def test_peers_check_finds_that_the_raw_servers_and_parley_deliver():
    done = peers("check", "only=raw,raw_websocket,parley")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()] == [
        ["raw", "delivers to its room only"], ["raw_websocket", "delivers to its room only"],
        ["parley", "delivers to its room only, acknowledges, and refuses a bad token"]]


def test_a_peer_that_delivers_to_another_room_fails_the_check():
    program = """
import contextlib, peer_works, peers
class OneRoom(peers.RawServer):
    def rooms(self, groups):
        return ["/room"] * len(groups)
with contextlib.ExitStack() as stack:
    peer_works.check(OneRoom(stack, None))
"""
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, timeout=patient(60),
                          env=environment(PYTHONPATH=str(pathlib.Path(ROOT, "bench"))))
    assert done.returncode == 1 and "deliveries to another room" in done.stderr


def row_of(table, title):
    """The cells of a row, by the titles of the columns."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")]
    [row] = [row for row in rows if row[0] == title]
    return dict(zip(rows[0], row))


def test_a_quick_run_delivers_the_bytes_of_parley_through_the_raw_websocket_server():
    done = peers("quick", "only=raw,raw_websocket,parley", "part=fanout_1000")
    assert done.returncode == 0, done.stdout + done.stderr
    delivered = row_of(done.stdout, "bytes per delivery")
    assert float(delivered["raw epoll"]) == 132
    assert float(delivered["raw WebSocket"]) == pytest.approx(float(delivered["Parley"]), rel=0.02)
    ratios = row_of(done.stdout, "fan-out to 1,000: × raw WebSocket, with the bytes of Parley's event")
    assert ratios["raw WebSocket"] == "1.00" and float(ratios["Parley"]) > 0


def test_padding_sets_the_bytes_of_the_raw_websocket_server():
    done = peers("quick", "only=raw_websocket", "part=fanout_1000", "padding=300")
    assert done.returncode == 0, done.stdout + done.stderr
    assert row_of(done.stdout, "bytes per delivery")["raw WebSocket"] == "304"
    done = peers("quick", "padding=many")
    assert done.returncode == 1 and "padding: a number of bytes from 0 to 65536; not 'many'" in done.stderr


def test_growth_holds_idle_connections_to_six_nodes_from_one_generator_each():
    done = run("growth", "quick", "part=connections_nodes", "least=100", "most=100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("connections_nodes") and "connect_us" in done.stdout and "FAILED" not in done.stdout


def test_growth_measures_a_node_on_postgresql_and_redis():
    done = run("growth", "quick", "part=nodes", "most=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nodes_us" in done.stdout and "redis_us" in done.stdout and "FAILED" not in done.stdout
