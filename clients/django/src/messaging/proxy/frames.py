"""WebSocket frames (RFC 6455) as a client sends and receives them."""

from __future__ import annotations

import os
import struct
from typing import Iterator, NamedTuple, Optional, Union

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
LONGEST_MESSAGE = 16 * 1024 * 1024  # bytes of one message from Parley
NO_STATUS, ABNORMAL = 1005, 1006  # codes that stand for a missing close frame's code; never sent


class ProtocolError(Exception):
    """The peer violates RFC 6455."""


class Text(NamedTuple):
    text: str


class Binary(NamedTuple):
    data: bytes


class Ping(NamedTuple):
    data: bytes


class Close(NamedTuple):
    code: int  # NO_STATUS for a close frame without a code
    reason: str


Event = Union[Text, Binary, Ping, Close]


def encode(opcode: int, payload: bytes) -> bytes:
    """One whole message in one masked frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, size)
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def encode_close(code: int, reason: str = "") -> bytes:
    if code in (NO_STATUS, ABNORMAL):
        return encode(CLOSE, b"")
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return encode(CLOSE, struct.pack("!H", code) + text)


def _masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")


class Decoder:
    """Makes events of what Parley sends. A message is held until it is whole, up to LONGEST_MESSAGE."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._message: Optional[bytearray] = None
        self._opcode = TEXT

    def feed(self, data: bytes) -> Iterator[Event]:
        """Raises ProtocolError."""
        self._data += data
        while True:
            event = self._next()
            if event is None:
                return
            if event is not _NOTHING:
                yield event

    def _next(self) -> Optional[Event]:
        data = self._data
        if len(data) < 2:
            return None
        first, size, start = data[0], data[1], 2
        if first & 0x70 or size & 0x80:
            raise ProtocolError("A frame uses an extension or a mask.")
        if size == 126:
            start = 4
            size = int.from_bytes(data[2:4], "big") if len(data) >= 4 else 0
        elif size == 127:
            start = 10
            size = int.from_bytes(data[2:10], "big") if len(data) >= 10 else 0
        if len(data) < start:
            return None
        if size + len(self._message or b"") > LONGEST_MESSAGE:
            raise ProtocolError("A message is too long.")
        if len(data) < start + size:
            return None
        payload = bytes(data[start:start + size])
        del data[:start + size]
        return self._event(first & 0x0F, bool(first & 0x80), payload)

    def _event(self, opcode: int, final: bool, payload: bytes) -> Event:
        if opcode >= CLOSE:
            return _control(opcode, final, payload)
        if (opcode == CONTINUATION) != (self._message is not None) or opcode > BINARY:
            raise ProtocolError("A frame is out of order.")
        if opcode != CONTINUATION:
            self._opcode = opcode
            if final:
                return _message(opcode, payload)
            self._message = bytearray()
        message = self._message if self._message is not None else bytearray()
        message += payload
        if not final:
            return _NOTHING
        self._message = None
        return _message(self._opcode, bytes(message))


_NOTHING = Ping(b"a fragment or a pong, which no reader has to see")


def _message(opcode: int, payload: bytes) -> Event:
    if opcode == BINARY:
        return Binary(payload)
    try:
        return Text(payload.decode())
    except UnicodeDecodeError:
        raise ProtocolError("A text message is not UTF-8.") from None


def _control(opcode: int, final: bool, payload: bytes) -> Event:
    if not final or len(payload) > 125:
        raise ProtocolError("A control frame is fragmented or too long.")
    if opcode == PING:
        return Ping(payload)
    if opcode == PONG:
        return _NOTHING
    if opcode != CLOSE or len(payload) == 1:
        raise ProtocolError("A control frame is malformed.")
    if not payload:
        return Close(NO_STATUS, "")
    return Close(int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace"))
