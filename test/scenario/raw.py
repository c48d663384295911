"""Sends raw bytes, for requests and frames that no correct client sends."""
import base64
import http.client
import os
import socket
import struct

from deadline import patient


def masked_with(mask, payload):
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


class KeptOpen:
    """Reads a connection for one HTTP response after another."""

    def __init__(self, stream):
        self.stream = stream

    def makefile(self, _):
        return self

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def close(self):
        pass


class Wire:
    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=patient(15))
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self):
        """Reads the next HTTP response whole."""
        response = http.client.HTTPResponse(KeptOpen(self.stream))
        response.begin()
        if response.status != 101:
            response.body = response.read()
        return response

    def at_end(self):
        """Returns whether the server has closed the connection (a reset counts)."""
        try:
            return self.stream.read(1) == b""
        except ConnectionResetError:
            return True


def request(method, path, *lines, body=b"", host="127.0.0.1"):
    head = [f"{method} {path} HTTP/1.1"] + ([f"Host: {host}"] if host else []) + list(lines)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class WireSocket(Wire):
    """A WebSocket after its handshake, sent and read frame by frame. It does not answer pings."""

    def __init__(self, server, path, token):
        super().__init__(server)
        self.upgrade(path, token)

    @classmethod
    def over(cls, socket, path, token):
        """Upgrades a connection that is open already, such as a TLS connection."""
        self = cls.__new__(cls)
        self.socket, self.stream = socket, socket.makefile("rb")
        self.upgrade(path, token)
        return self

    def upgrade(self, path, token):
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(request("GET", path, "Connection: Upgrade", "Upgrade: websocket",
                          "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
                          f"Authorization: Bearer {token}"))
        assert b" 101 " in self.stream.readline()
        while self.stream.readline().strip():
            pass

    def frame(self, opcode, payload=b"", fin=True, rsv=0, masked=True):
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if masked:
            mask = os.urandom(4)
            payload = mask + masked_with(mask, payload)
        return self.send(head + payload)

    def next_frame(self):
        """Returns (opcode, payload), or None at the end of the connection."""
        try:
            head = self.stream.read(2)
            if len(head) < 2:
                return None
            length = head[1] & 0x7F
            if length == 126:
                length = struct.unpack(">H", self.stream.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.stream.read(8))[0]
            return head[0] & 0x0F, self.stream.read(length)
        except ConnectionResetError:
            return None

    def close_code(self):
        """Reads to the close frame; returns None if the connection ends without one."""
        while frame := self.next_frame():
            if frame[0] == 8:
                return struct.unpack(">H", frame[1][:2])[0]
        return None
