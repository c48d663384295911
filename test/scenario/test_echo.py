"""The echo socket, which conformance suites use, and permessage-deflate."""
import os
import zlib

import pytest
from raw import Wire, WireSocket, request
from server import Server
from tokens import mint
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

MIB = 1024 * 1024
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("echo"), "--test-echo", "--ws-per-message-deflate")
    yield server.start()
    server.close()


class EchoWire(WireSocket):
    def __init__(self, server, extensions=""):
        Wire.__init__(self, server)
        lines = HANDSHAKE + ((f"Sec-WebSocket-Extensions: {extensions}",) if extensions else ())
        answer = self.send(request("GET", "/test/echo", *lines)).answer()
        assert answer.status == 101
        self.extensions = answer.getheader("Sec-WebSocket-Extensions")


def deflated(data, window=15, flush=zlib.Z_SYNC_FLUSH):
    packer = zlib.compressobj(wbits=-window)
    out = packer.compress(data) + packer.flush(flush)
    return out[:-4] if flush == zlib.Z_SYNC_FLUSH else out + b"\0"


def inflated(data, window=15):
    return zlib.decompressobj(wbits=-window).decompress(data + b"\0\0\xff\xff")


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 16 * MIB])
@pytest.mark.proves("permessage-deflate, --test-echo")
def test_the_echo_socket_returns_text_as_text_and_binary_as_binary(echo, size, compression):
    with connect(f"ws://{echo.address}/test/echo", compression=compression,
                 max_size=17 * MIB) as socket:
        socket.send("x" * size)
        assert socket.recv() == "x" * size
        data = os.urandom(size)
        socket.send(data)
        assert socket.recv() == data


def test_the_echo_socket_is_off_by_default(server):
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{server.address}/test/echo")
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize("offers, answer", [
    ("permessage-deflate", ""),
    ("permessage-deflate; client_max_window_bits", ""),
    ("permessage-deflate; client_max_window_bits=8", ""),
    ("PerMessage-Deflate; Server_Max_Window_Bits=\"10\"", "; server_max_window_bits=10"),
    ("permessage-deflate; server_max_window_bits=8, permessage-deflate", ""),
    ("permessage-deflate; server_max_window_bits=8", None),
    ("permessage-deflate; server_max_window_bits", None),
    ("permessage-deflate; server_max_window_bits=16", None),
    ("permessage-deflate; server_max_window_bits=09", None),
    ("permessage-deflate; server_no_context_takeover=1", None),
    ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
    ("permessage-deflate; unheard_of", None),
    ("permessage-bzip2", None),
])
@pytest.mark.proves("permessage-deflate, --test-echo")
def test_deflate_parameters_are_negotiated(echo, offers, answer):
    base = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    with EchoWire(echo, offers) as wire:
        assert wire.extensions == (None if answer is None else base + answer)


@pytest.mark.parametrize("window", range(9, 16))
def test_the_negotiated_deflate_window_is_used(echo, window):
    data = os.urandom(40_000) * 2  # a larger window would match the repetition
    with EchoWire(echo, f"permessage-deflate; server_max_window_bits={window}") as wire:
        _, answer = wire.frame(2, deflated(data), rsv=4).next_frame()
        assert inflated(answer, window) == data


@pytest.mark.proves("permessage-deflate, --test-echo")
def test_a_decompression_bomb_closes_with_1009_and_uses_bounded_memory(echo):
    with EchoWire(echo, "permessage-deflate") as wire:
        assert wire.frame(2, deflated(bytes(1024 * MIB)), rsv=4).close_code() == 1009
    with open(f"/proc/{echo.process.pid}/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 512 * 1024


@pytest.mark.parametrize("payload, code", [
    (b"\xff\xff\xff", 1007),                       # not DEFLATE
    (deflated(b"something longer" * 9)[:-5], 1007),  # truncated
    (deflated(b"\xc3("), 1007),                    # not UTF-8 when inflated
])
def test_an_invalid_compressed_message_closes_with_its_code(echo, payload, code):
    with EchoWire(echo, "permessage-deflate") as wire:
        assert wire.frame(1, payload, rsv=4).close_code() == code


def test_compressed_messages_with_a_final_block_or_fragments_are_inflated(echo):
    with EchoWire(echo, "permessage-deflate") as wire:
        _, answer = wire.frame(1, deflated(b"final", flush=zlib.Z_FINISH), rsv=4).next_frame()
        assert inflated(answer) == b"final"
        whole = deflated(b"in pieces" * 100)
        wire.frame(1, whole[:3], rsv=4, fin=False).frame(9, b"ping")
        assert wire.next_frame() == (10, b"ping")
        wire.frame(0, b"", fin=False).frame(0, whole[3:])
        assert inflated(wire.next_frame()[1]) == b"in pieces" * 100


@pytest.mark.parametrize("opcode, rsv, extensions", [
    (1, 4, ""), (9, 4, "permessage-deflate"), (1, 2, "permessage-deflate"),
    (1, 1, "permessage-deflate"), (8, 4, "permessage-deflate")])
def test_reserved_bits_close_with_1002(echo, opcode, rsv, extensions):
    with EchoWire(echo, extensions) as wire:
        assert wire.frame(opcode, rsv=rsv).close_code() == 1002


def test_a_compressed_bit_on_a_continuation_frame_closes_with_1002(echo):
    with EchoWire(echo, "permessage-deflate") as wire:
        wire.frame(1, deflated(b"a")[:1], rsv=4, fin=False)
        assert wire.frame(0, deflated(b"a")[1:], rsv=4).close_code() == 1002


@pytest.mark.proves("permessage-deflate, --test-echo")
def test_messages_before_a_protocol_error_are_echoed_before_the_close(echo):
    with EchoWire(echo) as wire:
        wire.frame(1, b"one").frame(9, b"two").frame(1, b"\xce\xba", fin=False).frame(0, b"\xf4\x90")
        assert wire.next_frame() == (1, b"one")
        assert wire.next_frame() == (10, b"two")
        assert wire.close_code() == 1007
        assert wire.at_end()


def test_invalid_utf8_closes_before_the_frame_ends(echo):
    with EchoWire(echo) as wire:
        wire.send(bytes([0x81, 0xFE, 0x10, 0x00, 0, 0, 0, 0]) + b"good, then \xff")
        assert wire.close_code() == 1007


def test_sessions_use_deflate_when_it_is_enabled(echo):
    headers = {"Authorization": f"Bearer {mint('anna')}"}
    factory = ClientPerMessageDeflateFactory()
    with connect(f"ws://{echo.address}/ws/messaging", additional_headers=headers,
                 compression=None, extensions=[factory]) as socket:
        assert [extension.name for extension in socket.protocol.extensions] == ["permessage-deflate"]
        socket.send('{"type":"ping","ref":"' + "r" * 30 + '"}')
        assert any('"pong"' in socket.recv(timeout=15) for _ in range(5))


def test_sessions_do_not_use_deflate_by_default(server):
    headers = {"Authorization": f"Bearer {mint('anna')}"}
    with connect(f"ws://{server.address}/ws/messaging", additional_headers=headers) as socket:
        assert socket.protocol.extensions == []
