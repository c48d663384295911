"""A Parley that does what a test wants, and an ASGI server that carries one request."""

import asyncio
import base64
import hashlib
from contextlib import asynccontextmanager
from unittest import mock

from messaging.proxy.pool import current_pool
from messaging.proxy.target import Target

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Upstream:
    """`answer(reader, writer, head)` is called for each request head that arrives."""

    def __init__(self, answer):
        self.answer, self.heads, self.connections = answer, [], 0

    @asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with mock.patch("messaging.backend.find_target", self.find_target):
            self.target = Target("127.0.0.1", port, False, "")
            try:
                yield self
            finally:
                server.close()
                current_pool().close()

    async def find_target(self):
        return self.target

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.answer(reader, writer, head)
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def header(self, name, request=-1):
        """All values of a header field of a request."""
        lines = self.heads[request].decode().split("\r\n")[1:]
        fields = [line.split(": ", 1) for line in lines if line]
        return [value for found, value in fields if found == name]


async def answer_ok(reader, writer, head):
    writer.write(OK)


async def accept_websocket(writer, head, extra=b""):
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n" + extra + b"\r\n")


async def read_frame(reader):
    """Opcode and unmasked payload of a client's frame."""
    first, second = await reader.readexactly(2)
    assert second & 0x80, "clients mask"
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    key = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


class Client:
    """The ASGI server's side of one scope."""

    def __init__(self, application, path="/api/messaging/conversations/", method="GET", headers=(), query=b"",
                 kind="http", scheme="http", **scope):
        self.application = application
        self.scope = {
            "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": scheme,
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query,
            "headers": [(b"host", b"testserver"), *headers], "client": ("192.0.2.7", 1234), "server": ("testserver", 80), **scope}
        self.incoming, self.sent = asyncio.Queue(), asyncio.Queue()
        self.log = []

    def body(self, data=b"", more=False):
        self.incoming.put_nowait({"type": "http.request", "body": data, "more_body": more})
        return self

    def put(self, kind, **fields):
        self.incoming.put_nowait({"type": kind, **fields})
        return self

    async def send(self, message):
        self.log.append(message)
        self.sent.put_nowait(message)

    async def run(self):
        await asyncio.wait_for(self.application(self.scope, self.incoming.get, self.send), 20)
        return self

    def start(self):
        return asyncio.ensure_future(self.run())

    async def next(self):
        return await asyncio.wait_for(self.sent.get(), 20)

    @property
    def status(self):
        return self.log[0]["status"]

    @property
    def content(self):
        return b"".join(message.get("body", b"") for message in self.log[1:])
