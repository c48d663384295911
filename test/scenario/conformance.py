"""Conformance cases of RFC 6455 (WebSocket) and RFC 7692 (permessage-deflate), run against /test/echo on the wire.

Cases have the numbers of the public Autobahn test suite, so results can be compared. Each case is what a client sends
and everything that the server must send back, to the end of the connection.

    ./dev conformance [PREFIX ...]      prints a line for each case; exit status 1 if any failed
"""
import random
import struct
import sys
import tempfile
import time
import zlib

from raw import Wire, WireSocket, request
from server import Server

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KIB, MIB = 1024, 1024 * 1024
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
CASES = {}  # number -> (meaning, function of a new peer, slow)


class Peer(WireSocket):
    """A client of the echo socket. Frames are buffered until `flush`, so that a case controls how they are split."""

    def __init__(self, server, extensions=""):
        Wire.__init__(self, server)
        lines = HANDSHAKE + ((f"Sec-WebSocket-Extensions: {extensions}",) if extensions else ())
        answer = self.send(request("GET", "/test/echo", *lines)).answer()
        assert answer.status == 101, answer.status
        self.extensions = answer.getheader("Sec-WebSocket-Extensions")
        self.queued = b""

    def put(self, opcode, payload=b"", **how):
        wire, self.queued = self.queued, b""
        sent = self.send
        pieces = []
        self.send = lambda data: pieces.append(data) or self  # buffers the bytes of the frame
        self.frame(opcode, payload, **how)
        self.send = sent
        self.queued = wire + b"".join(pieces)
        return self

    def flush(self, chop=0):
        data, self.queued = self.queued, b""
        if not chop:
            return self.send(data)
        for at in range(0, len(data), chop):
            self.send(data[at:at + chop])
        return self

    def expect(self, *frames):
        """Expects these frames, in this order, and then the close frame named last, or an answer to our own close frame."""
        wanted = list(frames)
        closes = wanted and isinstance(wanted[-1], int)
        code = wanted.pop() if closes else 1000
        for number, frame in enumerate(wanted):
            found = self.next_frame()
            assert found == frame, f"frame {number + 1}: wanted {shown(frame)}, got {shown(found)}"
        if not closes:
            self.put(CLOSE, struct.pack(">H", 1000)).flush()
        self.expect_close(code)

    def expect_close(self, code):
        found = self.next_frame()
        assert found is not None and found[0] == CLOSE, f"wanted close {code}, got {shown(found)}"
        got = struct.unpack(">H", found[1][:2])[0] if found[1] else 1005
        assert got == code, f"closed with {got}, not {code}"
        assert self.at_end(), "the server sent bytes after the close frame"


def shown(frame):
    if frame is None:
        return "the end"
    return f"{frame[0]}:{frame[1][:40]!r}{'...' if len(frame[1]) > 40 else ''} ({len(frame[1])} bytes)"


def add(number, meaning, run, slow=False, extensions=""):
    assert number not in CASES
    CASES[number] = (meaning, run, slow, extensions)


def close_frame(code=None, reason=b""):
    return b"" if code is None else struct.pack(">H", code) + reason


# --- 1: one frame of every size -------------------------------------------------------------------------------

def echo(opcode, payload, chop=0):
    return lambda peer: peer.put(opcode, payload).flush(chop).expect((opcode, payload))


for kind, (name, opcode) in enumerate((("text", TEXT), ("binary", BINARY)), 1):
    for number, (size, chop) in enumerate(((0, 0), (125, 0), (126, 0), (127, 0), (128, 0), (65535, 0), (65536, 0), (65536, 997)), 1):
        add(f"1.{kind}.{number}", f"{name} of {size} bytes{', chopped' * bool(chop)}", echo(opcode, b"*" * size, chop))

# --- 2: pings and pongs ---------------------------------------------------------------------------------------

for number, (payload, chop) in enumerate(((b"", 0), (b"Hello", 0), (b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 0), (b"\xfe" * 125, 0)), 1):
    add(f"2.{number}", f"ping of {len(payload)} bytes",
        lambda peer, payload=payload: peer.put(PING, payload).flush().expect((PONG, payload)))
add("2.5", "ping of 126 bytes", lambda peer: peer.put(PING, b"\xfe" * 126).flush().expect(1002))
add("2.6", "ping, octet by octet", lambda peer: peer.put(PING, b"\xfe" * 125).flush(1).expect((PONG, b"\xfe" * 125)))
add("2.7", "unsolicited pong", lambda peer: peer.put(PONG).flush().expect())
add("2.8", "unsolicited pong with payload", lambda peer: peer.put(PONG, b"unsolicited").flush().expect())
add("2.9", "unsolicited pong, then a ping", lambda peer: peer.put(PONG, b"x").put(PING, b"y").flush().expect((PONG, b"y")))


def ten_pings(chop):
    def run(peer):
        payloads = [f"payload-{number}".encode() for number in range(10)]
        for payload in payloads:
            peer.put(PING, payload)
        peer.flush(chop).expect(*((PONG, payload) for payload in payloads))
    return run


add("2.10", "ten pings", ten_pings(0))
add("2.11", "ten pings, octet by octet", ten_pings(1))

# --- 3: reserved bits, 4: reserved opcodes --------------------------------------------------------------------

add("3.1", "RSV 1", lambda peer: peer.put(TEXT, b"Hello", rsv=1).flush().expect(1002))
for number, (rsv, chop) in enumerate(((2, 0), (3, 997), (4, 1)), 2):
    add(f"3.{number}", f"a message, then RSV {rsv}", lambda peer, rsv=rsv, chop=chop:
        peer.put(TEXT, b"Hello").put(TEXT, b"Hello", rsv=rsv).put(PING).flush(chop).expect((TEXT, b"Hello"), 1002))
for number, (rsv, opcode, payload) in enumerate(((5, BINARY, b"\0\xff"), (6, PING, b"hello"), (7, CLOSE, b"")), 5):
    add(f"3.{number}", f"opcode {opcode} with RSV {rsv}", lambda peer, rsv=rsv, opcode=opcode, payload=payload:
        peer.put(opcode, payload, rsv=rsv).flush().expect(1002))
for section, first in ((1, 3), (2, 11)):
    for number in range(5):
        payload, before = (b"" if number in (0, 2) else b"reserved opcode"), number >= 2

        def reserved(peer, opcode=first + number, payload=payload, before=before, chop=number == 4):
            if before:
                peer.put(TEXT, b"Hello")
            peer.put(opcode, payload).put(PING).flush(int(chop)).expect(*([(TEXT, b"Hello")] if before else []), 1002)
        add(f"4.{section}.{number + 1}", f"opcode {first + number}", reserved)

# --- 5: fragments ---------------------------------------------------------------------------------------------

add("5.1", "a ping in fragments", lambda peer: peer.put(PING, b"a", fin=False).put(CONT, b"b").flush().expect(1002))
add("5.2", "a pong in fragments", lambda peer: peer.put(PONG, b"a", fin=False).put(CONT, b"b").flush().expect(1002))
for number, (chop, ping) in enumerate(((0, False), (997, False), (1, False), (0, True), (997, True), (1, True)), 3):
    def fragmented(peer, chop=chop, ping=ping):
        peer.put(TEXT, b"fragment1", fin=False)
        if ping:
            peer.put(PING, b"ping")
        peer.put(CONT, b"fragment2").flush(chop).expect(*([(PONG, b"ping")] if ping else []), (TEXT, b"fragment1fragment2"))
    add(f"5.{number}", "two fragments" + ", a ping between" * ping, fragmented)
for number, (fin, chop) in enumerate(((True, 0), (True, 997), (True, 1), (False, 0), (False, 997), (False, 1)), 9):
    add(f"5.{number}", f"a continuation of nothing, FIN {fin:d}", lambda peer, fin=fin, chop=chop:
        peer.put(CONT, b"non-continuation payload", fin=fin).put(TEXT, b"Hello").flush(chop).expect(1002))
add("5.15", "a fragmented message, then a continuation without a message", lambda peer:
    peer.put(TEXT, b"1", fin=False).put(CONT, b"2").put(CONT, b"3", fin=False).put(TEXT, b"4").flush().expect((TEXT, b"12"), 1002))
for number, fin in ((16, False), (17, True)):
    add(f"5.{number}", f"a continuation first, FIN {fin:d}", lambda peer, fin=fin: peer.put(CONT, b"1", fin=fin).put(TEXT, b"2", fin=False)
        .put(CONT, b"3").flush().expect(1002))
add("5.18", "a second message inside a first", lambda peer: peer.put(TEXT, b"1", fin=False).put(TEXT, b"2").flush().expect(1002))
for number, pause in ((19, 0.2), (20, 0)):
    def five(peer, pause=pause):
        peer.put(TEXT, b"1", fin=False).put(CONT, b"2", fin=False).put(PING, b"p1").flush()
        time.sleep(pause)
        peer.put(CONT, b"3", fin=False).put(CONT, b"4", fin=False).put(PING, b"p2").put(CONT, b"5").flush()
        peer.expect((PONG, b"p1"), (PONG, b"p2"), (TEXT, b"12345"))
    add(f"5.{number}", "five fragments with pings between", five)

# --- 6: UTF-8 -------------------------------------------------------------------------------------------------

KOSME = "κόσμε".encode()
add("6.1.1", "empty text", echo(TEXT, b""))
add("6.1.2", "three empty fragments", lambda peer: peer.put(TEXT, fin=False).put(CONT, fin=False).put(CONT).flush().expect((TEXT, b"")))
add("6.1.3", "only the second fragment has bytes", lambda peer:
    peer.put(TEXT, fin=False).put(CONT, b"middle", fin=False).put(CONT).flush().expect((TEXT, b"middle")))
VALID = "Hello-µ@ßöäüàá-UTF-8!!".encode()
add("6.2.1", "valid text", echo(TEXT, VALID))


def in_fragments(payload, size, code=None):
    def run(peer):
        pieces = [payload[at:at + size] for at in range(0, len(payload), size)]
        for number, piece in enumerate(pieces):
            peer.put(CONT if number else TEXT, piece, fin=number == len(pieces) - 1)
        peer.flush().expect(*([code] if code else [(TEXT, payload)]))
    return run


add("6.2.2", "two fragments, cut between characters", in_fragments(VALID, 12))
add("6.2.3", "a fragment for each octet", in_fragments(VALID, 1))
add("6.2.4", "a fragment for each octet of Greek", in_fragments(KOSME, 1))
INVALID = KOSME + b"\xed\xa0\x80edited"
add("6.3.1", "a surrogate", lambda peer: peer.put(TEXT, INVALID).flush().expect(1007))
add("6.3.2", "a surrogate, a fragment for each octet", in_fragments(INVALID, 1, 1007))


def fails_fast(first, second, whole_frame):
    """The first fragment makes the text invalid: the server must close before the rest is sent."""
    def run(peer):
        if whole_frame:
            peer.put(TEXT, first, fin=False).flush()
        else:
            head = bytes([0x81, 0x80 | len(first + second + b"rest"), 0, 0, 0, 0])
            peer.send(head + first)
            time.sleep(0.05)
            peer.send(second)
        peer.expect_close(1007)
    return run


OVER = KOSME + b"\xf4\x90\x80\x80"
add("6.4.1", "fails at the first invalid fragment", fails_fast(OVER, b"", True))
add("6.4.2", "fails at the fragment that no continuation can complete", fails_fast(KOSME + b"\xf4\x90", b"", True))
add("6.4.3", "fails in the middle of a frame", fails_fast(OVER, b"", False))
add("6.4.4", "fails at the first invalid octet", fails_fast(KOSME + b"\xf4", b"\x90", False))

GOOD = {
    "6.5.1": KOSME, "6.7.1": b"\0", "6.7.2": b"\xc2\x80", "6.7.3": b"\xe0\xa0\x80", "6.7.4": b"\xf0\x90\x80\x80",
    "6.9.1": b"\x7f", "6.9.2": b"\xdf\xbf", "6.9.3": b"\xef\xbf\xbf", "6.9.4": b"\xf4\x8f\xbf\xbf",
    "6.11.1": b"\xed\x9f\xbf", "6.11.2": b"\xee\x80\x80", "6.11.3": b"\xef\xbf\xbd", "6.11.4": b"\xf4\x8f\xbf\xbf",
    "6.22.1": b"\xef\xbf\xbe", "6.22.2": b"\xef\xbf\xbf",
    **{f"6.22.{3 + 2 * plane + last}": chr((plane + 1) * 0x10000 + 0xFFFE + last).encode() for plane in range(16) for last in range(2)},
    "6.23.1": b"\xef\xbf\xb9", "6.23.2": b"\xef\xbf\xba", "6.23.3": b"\xef\xbf\xbb", "6.23.4": b"\xef\xbf\xbc",
    "6.23.5": b"\xef\xbf\xbd", "6.23.6": b"\xef\xbf\xbe", "6.23.7": b"\xef\xbf\xbf"}
BAD = {
    **{f"6.6.{number}": KOSME[:cut] for number, cut in enumerate((1, 3, 5, 7, 9), 1)},
    "6.8.1": b"\xf8\x88\x80\x80\x80", "6.8.2": b"\xfc\x84\x80\x80\x80\x80", "6.10.1": b"\xf7\xbf\xbf\xbf", "6.10.2": b"\xfb\xbf\xbf\xbf\xbf",
    "6.10.3": b"\xfd\xbf\xbf\xbf\xbf\xbf", "6.11.5": b"\xf4\x90\x80\x80", "6.12.1": b"\x80", "6.12.2": b"\xbf",
    **{f"6.12.{number + 1}": b"\x80\xbf" * (number // 2) + b"\x80" * (number % 2) for number in range(2, 8)},
    "6.13.1": b" ".join(bytes([byte]) for byte in range(0xC0, 0xE0)), "6.13.2": b" ".join(bytes([byte]) for byte in range(0xE0, 0xF0)),
    "6.13.3": b" ".join(bytes([byte]) for byte in range(0xF0, 0xF8)), "6.13.4": b"\xf8 \xf9 \xfa \xfb", "6.13.5": b"\xfc ",
    "6.14.1": b"\xc0", "6.14.2": b"\xe0\x80", "6.14.3": b"\xf0\x80\x80", "6.14.4": b"\xf8\x80\x80\x80", "6.14.5": b"\xfc\x80\x80\x80\x80",
    "6.14.6": b"\xdf", "6.14.7": b"\xef\xbf", "6.14.8": b"\xf7\xbf\xbf", "6.14.9": b"\xfb\xbf\xbf\xbf", "6.14.10": b"\xfd\xbf\xbf\xbf\xbf",
    "6.15.1": b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc", "6.16.1": b"\xfe", "6.16.2": b"\xff", "6.16.3": b"\xfe\xfe\xff\xff",
    "6.17.1": b"\xc0\xaf", "6.17.2": b"\xe0\x80\xaf", "6.17.3": b"\xf0\x80\x80\xaf", "6.17.4": b"\xf8\x80\x80\x80\xaf",
    "6.17.5": b"\xfc\x80\x80\x80\x80\xaf", "6.18.1": b"\xc1\xbf", "6.18.2": b"\xe0\x9f\xbf", "6.18.3": b"\xf0\x8f\xbf\xbf",
    "6.18.4": b"\xf8\x87\xbf\xbf\xbf", "6.18.5": b"\xfc\x83\xbf\xbf\xbf\xbf", "6.19.1": b"\xc0\x80", "6.19.2": b"\xe0\x80\x80",
    "6.19.3": b"\xf0\x80\x80\x80", "6.19.4": b"\xf8\x80\x80\x80\x80", "6.19.5": b"\xfc\x80\x80\x80\x80\x80",
    **{f"6.20.{number}": b"\xed" + tail for number, tail in enumerate((b"\xa0\x80", b"\xad\xbf", b"\xae\x80", b"\xaf\xbf", b"\xb0\x80", b"\xbe\x80",
                                                                      b"\xbf\xbf"), 1)},
    **{f"6.21.{number}": b"\xed" + high + b"\xed" + low for number, (high, low) in enumerate(
        ((high, low) for high in (b"\xa0\x80", b"\xad\xbf", b"\xae\x80", b"\xaf\xbf") for low in (b"\xb0\x80", b"\xbf\xbf")), 1)}}
for number, payload in GOOD.items():
    add(number, f"valid: {payload.hex(' ')[:40]}", echo(TEXT, payload))
for number, payload in BAD.items():
    add(number, f"not UTF-8: {payload.hex(' ')[:40]}", lambda peer, payload=payload: peer.put(TEXT, payload).flush().expect(1007))

# --- 7: the end -----------------------------------------------------------------------------------------------

NORMAL = close_frame(1000)
add("7.1.1", "a message, then the close", lambda peer: peer.put(TEXT, b"Hello").put(CLOSE, NORMAL).flush().expect((TEXT, b"Hello"), 1000))
add("7.1.2", "two closes", lambda peer: peer.put(CLOSE, NORMAL).put(CLOSE, NORMAL).flush().expect(1000))
add("7.1.3", "a ping after the close", lambda peer: peer.put(CLOSE, NORMAL).put(PING, b"x").flush().expect(1000))
add("7.1.4", "a message after the close", lambda peer: peer.put(CLOSE, NORMAL).put(TEXT, b"x").flush().expect(1000))
add("7.1.5", "the close between two fragments", lambda peer:
    peer.put(TEXT, b"1", fin=False).put(CLOSE, NORMAL).put(CONT, b"2").flush().expect(1000))
add("7.1.6", "256 KiB, the close, a ping", lambda peer: peer.put(TEXT, b"B" * 256 * KIB).put(CLOSE, NORMAL).put(PING).flush()
    .expect((TEXT, b"B" * 256 * KIB), 1000))
for number, (payload, code) in enumerate(((b"", 1000), (b"a", 1002), (NORMAL, 1000), (close_frame(1000, b"Hello"), 1000),
                                          (close_frame(1000, b"*" * 123), 1000), (close_frame(1000, b"*" * 124), 1002)), 1):
    add(f"7.3.{number}", f"close of {len(payload)} bytes", lambda peer, payload=payload, code=code: peer.put(CLOSE, payload).flush().expect(code))
add("7.5.1", "close with a reason that is not UTF-8", lambda peer: peer.put(CLOSE, close_frame(1000, INVALID)).flush().expect(1007))
for number, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
    add(f"7.7.{number}", f"close with {code}", lambda peer, code=code: peer.put(CLOSE, close_frame(code)).flush().expect(code))
for number, code in enumerate((0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999), 1):
    add(f"7.9.{number}", f"close with {code}", lambda peer, code=code: peer.put(CLOSE, close_frame(code)).flush().expect(1002))
for number, code in enumerate((5000, 65535), 1):
    add(f"7.13.{number}", f"close with {code}", lambda peer, code=code: peer.put(CLOSE, close_frame(code)).flush().expect(1002))

# --- beyond the list: masking, lengths ------------------------------------------------------------------------

add("0.1", "a frame without a mask", lambda peer: peer.put(TEXT, b"Hello", masked=False).flush().expect(1002))
add("0.2", "a length of 126 in its long form", lambda peer: peer.send(b"\x82\xfe\x00\x05" + bytes(9)).expect(1002))
add("0.3", "a length of 65535 in its longest form", lambda peer: peer.send(b"\x82\xff" + struct.pack(">Q", 65535) + bytes(4)).expect(1002))
add("0.4", "a length with its highest bit set", lambda peer: peer.send(b"\x82\xff" + struct.pack(">Q", 1 << 63) + bytes(4)).expect(1002))
add("0.5", "a message, then one that fails", lambda peer: peer.put(TEXT, b"first").put(TEXT, b"\xff").flush().expect((TEXT, b"first"), 1007))
add("0.6", "RSV 1 on a continuation", lambda peer:
    peer.put(TEXT, b"a", fin=False).put(CONT, b"b", rsv=4).flush().expect(1002), extensions="permessage-deflate")
add("0.7", "RSV 1 on a ping", lambda peer: peer.put(PING, b"a", rsv=4).flush().expect(1002), extensions="permessage-deflate")
add("0.8", "17 MiB", lambda peer: peer.send(b"\x82\xff" + struct.pack(">Q", 17 * MIB) + bytes(4)).expect(1009))

# --- 9: large and many ----------------------------------------------------------------------------------------

for kind, opcode in ((1, TEXT), (2, BINARY)):
    for number, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
        add(f"9.{kind}.{number}", f"{size // KIB} KiB", lambda peer, opcode=opcode, size=size: echo(opcode, b"*" * size)(peer), slow=size > MIB)
for kind, opcode in ((3, TEXT), (4, BINARY)):
    for number, size in enumerate((64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB), 1):
        def pieces(peer, opcode=opcode, size=size):
            data, peer.queued = b"*" * 4 * MIB, b""
            frames = []
            for at in range(0, len(data), size):
                frames.append(Peer.put(peer, CONT if at else opcode, data[at:at + size], fin=at + size == len(data)).queued)
                peer.queued = b""
            peer.send(b"".join(frames)).expect((opcode, data))
        add(f"9.{kind}.{number}", f"4 MiB in fragments of {size} bytes", pieces, slow=True)
for kind, opcode in ((5, TEXT), (6, BINARY)):
    for number, chop in enumerate((64, 128, 256, 512, 1024, 2048), 1):
        add(f"9.{kind}.{number}", f"1 MiB, sent {chop} bytes at a time", lambda peer, opcode=opcode, chop=chop: echo(opcode, b"*" * MIB, chop)(peer),
            slow=chop < 2048)


def one_by_one(opcode, payloads, pack=lambda data: (data, 0), unpack=lambda data: data):
    def run(peer):
        for payload in payloads:
            wire, rsv = pack(payload)
            found = peer.put(opcode, wire, rsv=rsv).flush().next_frame()
            assert found is not None and (found[0], unpack(found[1])) == (opcode, payload), shown(found)
        peer.expect()
    return run


for kind, opcode in ((7, TEXT), (8, BINARY)):
    for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
        add(f"9.{kind}.{number}", f"1000 messages of {size} bytes", one_by_one(opcode, [b"*" * size] * 1000), slow=size not in (16, 4096))
add("10.1.1", "64 KiB in fragments of 1300 bytes", in_fragments(b"*" * 65536, 1300))

# --- 12, 13: permessage-deflate -------------------------------------------------------------------------------


class Deflate:
    """The client's side of permessage-deflate, with the parameters that the server accepted."""

    def __init__(self, extensions):
        words = {word.strip().partition("=")[0]: word.strip().partition("=")[2] for word in extensions.split(";")}
        self.client_bits, self.server_bits = (int(words.get(f"{side}_max_window_bits") or 15) for side in ("client", "server"))
        self.fresh_out, self.fresh_in = "client_no_context_takeover" in words, "server_no_context_takeover" in words
        self.out, self.into = self._out(), self._in()

    def _out(self):
        return zlib.compressobj(wbits=-self.client_bits)

    def _in(self):
        return zlib.decompressobj(wbits=-self.server_bits)

    def pack(self, data):
        if self.fresh_out:
            self.out = self._out()
        return (self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH))[:-4], 4

    def unpack(self, data):
        if self.fresh_in:
            self.into = self._in()
        return self.into.decompress(data + b"\0\0\xff\xff")


def compressed(opcode, payloads, fragments=0):
    def run(peer):
        deflate = Deflate(peer.extensions)
        if not fragments:
            return one_by_one(opcode, payloads, deflate.pack, deflate.unpack)(peer)
        for payload in payloads:
            wire, rsv = deflate.pack(payload)
            for at in range(0, len(wire), fragments):
                peer.put(CONT if at else opcode, wire[at:at + fragments], rsv=0 if at else rsv, fin=at + fragments >= len(wire))
            found = peer.flush().next_frame()
            assert (found[0], deflate.unpack(found[1])) == (opcode, payload), shown(found)
        peer.expect()
    return run


def material(kind, size, count):
    """Returns text that compresses well, text that does not, and random bytes."""
    chance = random.Random(size)
    words = [b"message", b"conversation", b"participant", b"seq", b"\xc3\xbc", b"{\"type\":", b"\n"]
    if kind == 1:
        return [b"*" * size] * count
    if kind in (2, 4):
        lines = [b" ".join(chance.choice(words) for _ in range(size // 4 + 1)) for _ in range(8)]
        return [lines[number % 8].decode()[:size].encode()[:size].decode(errors="ignore").encode() for number in range(count)]
    return [chance.randbytes(size) for _ in range(count)]


SIZES = (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)
OFFERS = ("permessage-deflate", "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=9",
          "permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
          "permessage-deflate; client_max_window_bits, permessage-deflate",
          "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate")
for kind in range(1, 6):
    opcode = TEXT if kind in (1, 2, 4) else BINARY
    for number, size in enumerate(SIZES, 1):
        count = max(20, min(1000, 4 * MIB // size))
        add(f"12.{kind}.{number}", f"{count} messages of {size} bytes, deflated", compressed(opcode, material(kind, size, count)),
            slow=size not in (16, 131072), extensions=OFFERS[0])
    for number, size in enumerate((8192, 16384, 32768, 65536, 131072), 11):
        add(f"12.{kind}.{number}", f"20 messages of {size} bytes, deflated, in fragments of 256 bytes",
            compressed(opcode, material(kind, size, 20), 256), slow=True, extensions=OFFERS[0])
for kind, offer in enumerate(OFFERS, 1):
    for number, size in enumerate(SIZES, 1):
        add(f"13.{kind}.{number}", f"{offer}: messages of {size} bytes", compressed(TEXT, material(2, size, max(20, min(500, 2 * MIB // size)))),
            slow=size not in (256, 131072), extensions=offer)


# --- running them ---------------------------------------------------------------------------------------------

def run(server, number):
    """Runs one case. Raises AssertionError if the server violates the protocol."""
    _, function, _, extensions = CASES[number]
    with Peer(server, extensions) as peer:
        function(peer)


def order(number):
    return [int(part) for part in number.split(".")]


def main(*prefixes):
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory, "--test-echo", "--ws-per-message-deflate").start()
        try:
            return walk(server, [prefix.rstrip(".") for prefix in prefixes])
        finally:
            server.close()


def walk(server, prefixes):
    asked, failed, began = 0, [], time.monotonic()
    for number in sorted(CASES, key=order):
        if prefixes and not any(f"{number}.".startswith(f"{prefix}.") for prefix in prefixes):
            continue
        asked += 1
        try:
            run(server, number)
            verdict = "ok"
        except (AssertionError, OSError) as error:
            verdict = f"FAILED: {error}"
            failed.append(number)
        print(f"{number:8} {verdict:8} {CASES[number][0]}", flush=True)
    print(f"conformance: {asked} of {len(CASES)} cases, {len(failed)} failed {failed or ''} in {time.monotonic() - began:.1f} s")
    return 1 if failed or not asked else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
