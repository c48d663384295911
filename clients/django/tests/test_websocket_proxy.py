import asyncio
import json
import struct
import unittest
from unittest import mock

from channels.routing import URLRouter

from messaging import backend
from messaging.config import MessagingConfig
from messaging.proxy.application import MessagingApplication
from messaging.proxy.frames import BINARY, CLOSE, PING, PONG, TEXT

from messaging.proxy.websocket import WebSocketProxy

from .upstream import Client, Upstream, accept_websocket, read_frame

DENIAL = {"extensions": {"websocket.http.response": {}}}


def client(**options):
    return Client(MessagingApplication(), path="/ws/messaging/", kind="websocket", scheme=options.pop("scheme", "ws"),
                  subprotocols=options.pop("subprotocols", []), **options).put("websocket.connect")


def frame(opcode, payload=b"", final=True):
    assert len(payload) < 126
    return bytes(((0x80 if final else 0) | opcode, len(payload))) + payload


def closing(code, reason=""):
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


class Handshake(unittest.IsolatedAsyncioTestCase):
    async def test_fields_and_subprotocol(self):
        async def answer(reader, writer, head):
            await accept_websocket(writer, head, b"Sec-WebSocket-Protocol: bearer\r\n")
            writer.write(closing(4001, "bye"))

        headers = [(b"sec-websocket-extensions", b"permessage-deflate"), (b"sec-websocket-key", b"clients"),
                   (b"origin", b"http://testserver"), (b"connection", b"Upgrade"), (b"x-forwarded-for", b"1.2.3.4")]
        async with Upstream(answer).running() as upstream:
            done = await client(headers=headers, subprotocols=["bearer", "a.b-c_d"], scheme="wss").run()
        self.assertEqual(done.log[0], {"type": "websocket.accept", "subprotocol": "bearer"})
        self.assertEqual(done.log[1], {"type": "websocket.close", "code": 4001, "reason": "bye"})
        self.assertEqual(upstream.header("sec-websocket-protocol"), ["bearer, a.b-c_d"])
        self.assertEqual(upstream.header("sec-websocket-extensions"), [])
        self.assertEqual(upstream.header("origin"), ["http://testserver"])
        self.assertEqual(upstream.header("x-forwarded-proto"), ["https"])
        self.assertEqual(upstream.header("x-forwarded-for"), ["192.0.2.7"])
        self.assertEqual((upstream.header("connection"), upstream.header("upgrade")), (["Upgrade"], ["websocket"]))

    async def test_a_refusal_is_passed_on(self):
        async def answer(reader, writer, head):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}")

        async with Upstream(answer).running():
            done = await client(**DENIAL).run()
            self.assertEqual([one["type"] for one in done.log], ["websocket.http.response.start", "websocket.http.response.body"])
            self.assertEqual((done.status, done.content), (404, b"{}"))
            self.assertIn((b"content-type", b"application/problem+json"), done.log[0]["headers"])
            done = await client().run()
            self.assertEqual(done.log, [{"type": "websocket.close"}])

    async def test_a_subprotocol_cannot_add_fields(self):
        async with Upstream(None).running() as upstream:
            done = await client(subprotocols=["bearer", "x\r\nX-On-Behalf-Of: root"], **DENIAL).run()
        self.assertEqual((done.status, upstream.heads), (400, []))

    async def test_a_server_that_is_not_parley(self):
        async def answer(reader, writer, head):
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n")

        async with Upstream(answer).running():
            done = await client(**DENIAL).run()
        self.assertEqual((done.status, json.loads(done.content)["code"]), (502, "outcome_unknown"))

    async def test_without_a_server(self):
        async with Upstream(None).running() as upstream:
            pass
        with mock.patch("messaging.backend.find_target", upstream.find_target):
            done = await client(**DENIAL).run()
            self.assertEqual((done.status, json.loads(done.content)["code"]), (503, "store_unavailable"))
            self.assertIn((b"retry-after", b"1"), done.log[0]["headers"])
            done = await client().run()
        self.assertEqual([one["type"] for one in done.log], ["websocket.accept", "websocket.close"])
        self.assertEqual(done.log[1]["code"], 1013)


class Frames(unittest.IsolatedAsyncioTestCase):
    async def talk(self, *frames, then=None):
        """A socket to a server that sends these bytes; then it runs `then(reader, writer)`."""
        async def answer(reader, writer, head):
            await accept_websocket(writer, head)
            self.writer = writer
            for data in frames:
                writer.write(data)
            if then:
                await then(reader, writer)
            else:
                writer.close()

        self.upstream = Upstream(answer)
        self.running = self.upstream.running()
        await self.running.__aenter__()
        self.addAsyncCleanup(self.running.__aexit__, None, None, None)
        self.client = client()
        self.task = self.client.start()
        self.assertEqual((await self.client.next())["type"], "websocket.accept")
        return self.client

    async def test_messages_from_the_server(self):
        big = "ä" * 40_000
        socket = await self.talk(
            frame(TEXT, b"one"), frame(TEXT, b"t", False) + frame(PING, b"p") + frame(0, b"wo"), frame(BINARY, b"\0\1"),
            bytes((0x81, 127)) + struct.pack("!Q", 80_000) + big.encode(), frame(PONG), closing(1012, "restart"))
        await self.task
        self.assertEqual(socket.log[1:], [
            {"type": "websocket.send", "text": "one"}, {"type": "websocket.send", "text": "two"},
            {"type": "websocket.send", "bytes": b"\0\1"}, {"type": "websocket.send", "text": big},
            {"type": "websocket.close", "code": 1012, "reason": "restart"}])

    async def test_messages_from_the_client(self):
        seen, ended = [], asyncio.Event()

        async def then(reader, writer):
            while not seen or seen[-1][0] != CLOSE:
                seen.append(await read_frame(reader))
                if seen[-1] == (PONG, b"alive?"):
                    socket.put("websocket.disconnect", code=4009)
            ended.set()

        socket = await self.talk(then=then)
        socket.put("websocket.receive", text="ä").put("websocket.receive", bytes=b"\0", text=None)
        socket.put("websocket.receive", text="x" * 100_000)
        self.writer.write(frame(PING, b"alive?"))
        await self.task
        await asyncio.wait_for(ended.wait(), 5)
        self.assertIn((PONG, b"alive?"), seen)
        self.assertEqual([one for one in seen if one[0] != PONG], [
            (TEXT, "ä".encode()), (BINARY, b"\0"), (TEXT, b"x" * 100_000), (CLOSE, struct.pack("!H", 4009))])

    async def test_a_client_without_a_close_frame(self):
        for code, wanted in ((1005, b"\x88\x80"), (None, b"\x88\x80"), (1006, b"")):
            rest = asyncio.get_running_loop().create_future()

            async def then(reader, writer):
                rest.set_result(await reader.read())

            socket = await self.talk(then=then)
            socket.put("websocket.disconnect", code=code)
            await self.task
            self.assertEqual((await rest)[:2], wanted)

    async def test_a_server_that_vanishes_is_a_restart(self):
        socket = await self.talk()
        await self.task
        self.assertEqual(socket.log[-1]["code"], 1012)

    async def test_a_close_without_a_code_is_a_normal_one(self):
        socket = await self.talk(frame(CLOSE))
        await self.task
        self.assertEqual(socket.log[-1]["code"], 1000)

    async def test_invalid_frames_end_the_socket(self):
        for bad in (bytes((0xC1, 0)), bytes((0x81, 0x80)), frame(0, b"x"), frame(PING, b"", False), frame(TEXT, b"\xff"),
                    frame(3), frame(CLOSE, b"x"), bytes((0x81, 127)) + struct.pack("!Q", 1 << 40)):
            with self.subTest(bad), self.assertLogs("messaging", "ERROR"):
                socket = await self.talk(bad)
                await self.task
                self.assertEqual(socket.log[-1]["code"], 1011)

    async def test_a_client_that_cannot_be_written_to(self):
        ended = asyncio.Event()

        async def then(reader, writer):
            await reader.read()
            ended.set()

        async def answer(reader, writer, head):
            await accept_websocket(writer, head)
            writer.write(frame(TEXT, b"one"))
            await then(reader, writer)

        async def send(message):
            if message["type"] == "websocket.send":
                raise RuntimeError("closed")

        async with Upstream(answer).running():
            socket = client()
            socket.send = send
            await socket.run()
            await asyncio.wait_for(ended.wait(), 5)

    async def test_a_slow_client_slows_the_server(self):
        sent = 0

        async def answer(reader, writer, head):
            nonlocal sent
            await accept_websocket(writer, head)
            message = bytes((0x81, 126)) + struct.pack("!H", 60_000) + b"x" * 60_000
            for _ in range(1000):
                writer.write(message)
                await writer.drain()
                sent += 60_000
            writer.write(closing(1000))

        gate = asyncio.Event()

        async def send(message):
            if message["type"] == "websocket.send":
                await gate.wait()

        async with Upstream(answer).running():
            socket = client()
            socket.send = send
            task = socket.start()
            await asyncio.sleep(0.3)
            self.assertTrue(100_000 < sent < 30_000_000, sent)
            gate.set()
            await task
            self.assertEqual(sent, 60_000_000)


class OtherPaths(unittest.IsolatedAsyncioTestCase):
    async def test_another_path_is_refused(self):
        done = await Client(MessagingApplication(), path="/ws/other/", kind="websocket").put("websocket.connect").run()
        self.assertEqual(done.log, [{"type": "websocket.close"}])

    async def test_another_path_goes_to_the_projects_own_consumers(self):
        async def consumers(scope, receive, send):
            await send({"type": "websocket.accept"})

        done = await Client(MessagingApplication(consumers), path="/ws/other/", kind="websocket").put("websocket.connect").run()
        self.assertEqual(done.log, [{"type": "websocket.accept"}])

    async def test_the_patterns_are_routes_of_channels(self):
        async def answer(reader, writer, head):
            await accept_websocket(writer, head)
            writer.write(closing(4001))

        async with Upstream(answer).running():
            router = URLRouter(MessagingConfig.get_websocket_url_patterns())
            with mock.patch("messaging.asgi.messaging_application._websocket", WebSocketProxy(backend.find_target)):
                done = await Client(router, path="/ws/messaging/", kind="websocket", subprotocols=[]).put("websocket.connect").run()
        self.assertEqual([one["type"] for one in done.log], ["websocket.accept", "websocket.close"])

    async def test_a_client_that_leaves_during_the_handshake(self):
        done = await Client(MessagingApplication(), path="/ws/messaging/", kind="websocket").put("websocket.disconnect").run()
        self.assertEqual(done.log, [])
