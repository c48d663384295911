import asyncio
import json
import tempfile
import unittest
from unittest import mock

from django.test import override_settings

from messaging.proxy import http as http_module
from messaging.proxy.application import MessagingApplication
from messaging.proxy.http import ResponseCut
from messaging.proxy.target import Target

from .upstream import OK, Client, Upstream, answer_ok


def client(**options):
    return Client(MessagingApplication(), **options)


class Request(unittest.IsolatedAsyncioTestCase):
    async def test_target_and_fields_are_passed_on(self):
        async with Upstream(answer_ok).running() as upstream:
            done = await client(path="/api/messaging/a%20b/", query=b"limit=2&x=%2F",
                                headers=[(b"authorization", b"Bearer t"), (b"X-Custom", b"1")]).body().run()
        self.assertEqual((done.status, done.content), (200, b"ok"))
        self.assertTrue(upstream.heads[0].startswith(b"GET /api/messaging/a%20b/?limit=2&x=%2F HTTP/1.1\r\n"))
        self.assertEqual(upstream.header("authorization"), ["Bearer t"])
        self.assertEqual(upstream.header("x-custom"), ["1"])
        self.assertEqual(upstream.header("host"), ["testserver"])
        self.assertEqual(upstream.header("x-forwarded-for"), ["192.0.2.7"])
        self.assertEqual(upstream.header("x-forwarded-proto"), ["http"])

    async def test_the_ids_of_a_request_and_its_trace_are_passed_on(self):
        ids = [(b"x-request-id", b"mine-1"), (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
               (b"tracestate", b"vendor=1"), (b"tracestate", b"other=2")]
        async with Upstream(answer_ok).running() as upstream:
            await client(headers=ids).body().run()
        self.assertEqual(upstream.header("x-request-id"), ["mine-1"])
        self.assertEqual(upstream.header("traceparent"), ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
        self.assertEqual(upstream.header("tracestate"), ["vendor=1", "other=2"])

    async def test_a_clients_forwarding_fields_are_dropped(self):
        forged = [(b"x-forwarded-for", b"1.2.3.4"), (b"X-Forwarded-Proto", b"https"), (b"forwarded", b"for=1.2.3.4"),
                  (b"x-forwarded-host", b"evil"), (b"x_forwarded_for", b"1.2.3.4"), (b"connection", b"x-secret, keep-alive"),
                  (b"x-secret", b"1"), (b"te", b"trailers"), (b"upgrade", b"h2c"), (b"expect", b"100-continue")]
        async with Upstream(answer_ok).running() as upstream:
            await client(headers=forged).body().run()
        self.assertEqual(upstream.header("x-forwarded-for"), ["192.0.2.7"])
        self.assertEqual(upstream.header("x-forwarded-proto"), ["http"])
        for name in ("forwarded", "x-forwarded-host", "x_forwarded_for", "x-secret", "te", "upgrade", "expect", "connection"):
            self.assertEqual(upstream.header(name), [], name)

    async def test_the_scheme_follows_django(self):
        for scheme, setting, headers, wanted in (
            ("https", None, [], "https"),
            ("http", ("HTTP_X_FORWARDED_PROTO", "https"), [(b"x-forwarded-proto", b"https")], "https"),
            ("http", ("HTTP_X_FORWARDED_PROTO", "https"), [(b"x-forwarded-proto", b"https, http")], "https"),
            ("https", ("HTTP_X_FORWARDED_PROTO", "https"), [(b"x-forwarded-proto", b"http")], "http"),
            ("https", ("HTTP_X_FORWARDED_PROTO", "https"), [], "https"),
            ("http", ("HTTP_X_TLS", "on"), [(b"x-tls", b"on")], "https"),
            ("http", None, [(b"x-forwarded-proto", b"https")], "http"),
        ):
            with self.subTest(scheme=scheme, setting=setting, headers=headers):
                async with Upstream(answer_ok).running() as upstream:
                    with override_settings(SECURE_PROXY_SSL_HEADER=setting):
                        await client(scheme=scheme, headers=headers).body().run()
                self.assertEqual(upstream.header("x-forwarded-proto"), [wanted])

    async def test_the_host_follows_django(self):
        async with Upstream(answer_ok).running() as upstream:
            with override_settings(USE_X_FORWARDED_HOST=True):
                await client(headers=[(b"x-forwarded-host", b"chat.example.org")]).body().run()
        self.assertEqual(upstream.header("host"), ["chat.example.org"])

    async def test_what_could_end_the_head_is_refused(self):
        async with Upstream(answer_ok).running() as upstream:
            for bad in (client(raw_path=b"/api/messaging/ HTTP/1.1\r\nx: y"), client(query=b"a b"),
                        client(headers=[(b"x", b"a\r\nb: c")]), client(headers=[(b"x y", b"a")]),
                        client(headers=[(b"content-length", b"1, 2")])):
                done = await bad.body().run()
                self.assertEqual(done.status, 400)
                self.assertEqual(json.loads(done.content)["code"], "bad_request")
        self.assertEqual(upstream.heads, [])

    async def test_a_mounted_application_passes_on_its_own_part_of_the_path(self):
        async with Upstream(answer_ok).running() as upstream:
            done = await client(path="/site/api/messaging/x/", root_path="/site").body().run()
        self.assertEqual(done.status, 200)
        self.assertTrue(upstream.heads[0].startswith(b"GET /api/messaging/x/ HTTP/1.1\r\n"))

    @override_settings(MESSAGING_API_PREFIXES=["/api/v1/messaging/"])
    async def test_api_prefixes(self):
        async with Upstream(answer_ok).running():
            self.assertEqual((await client(path="/api/v1/messaging/x/").body().run()).status, 200)
            self.assertEqual((await client(path="/api/messaging/x/").body().run()).status, 404)
            self.assertEqual((await client(path="/sse/messaging/").body().run()).status, 200)


class Bodies(unittest.IsolatedAsyncioTestCase):
    async def test_a_body_with_a_length_keeps_it(self):
        async def answer(reader, writer, head):
            self.assertEqual(await reader.readexactly(6), b"abcdef")
            writer.write(OK)

        async with Upstream(answer).running() as upstream:
            await client(method="POST", headers=[(b"content-length", b"6")]).body(b"abc", True).body(b"def").run()
        self.assertEqual(upstream.header("content-length"), ["6"])
        self.assertEqual(upstream.header("transfer-encoding"), [])

    async def test_a_body_without_a_length_is_chunked(self):
        async def answer(reader, writer, head):
            self.assertEqual(await reader.readuntil(b"0\r\n\r\n"), b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            writer.write(OK)

        async with Upstream(answer).running() as upstream:
            await client(method="POST").body(b"abc", True).body(b"", True).body(b"de", True).body().run()
        self.assertEqual(upstream.header("transfer-encoding"), ["chunked"])

    async def test_a_short_body_gets_a_length(self):
        async with Upstream(answer_ok).running() as upstream:
            await client(method="POST").body(b"").run()
            self.assertEqual(upstream.header("content-length"), ["0"])
            await client(method="GET").body(b"").run()
            self.assertEqual(upstream.header("content-length"), [])

    async def test_transfer_encoding_overrides_a_length(self):
        async def answer(reader, writer, head):
            if b"transfer-encoding" in head:
                self.assertEqual(await reader.readuntil(b"0\r\n\r\n"), b"6\r\nabcdef\r\n0\r\n\r\n")
            else:
                self.assertEqual(await reader.readexactly(6), b"abcdef")
            writer.write(OK)

        both = [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")]
        async with Upstream(answer).running() as upstream:
            await client(method="POST", headers=both).body(b"abcdef").run()
            await client(method="POST", headers=both).body(b"abcdef", True).body().run()
        self.assertEqual(upstream.header("content-length", 0), ["6"])
        self.assertEqual(upstream.header("transfer-encoding", 0), [])
        self.assertEqual(upstream.header("content-length", 1), [])
        self.assertEqual(upstream.header("transfer-encoding", 1), ["chunked"])

    async def test_a_body_that_differs_from_its_length_is_refused(self):
        async with Upstream(answer_ok).running() as upstream:
            for length, more in ((b"3", False), (b"3", True), (b"0", False), (b"99", False)):
                request = client(method="POST", headers=[(b"content-length", length)])
                done = await request.body(b"abcGET / HTTP/1.1\r\n\r\n", more).run()
                self.assertEqual((done.status, json.loads(done.content)["code"]), (400, "bad_request"))
        self.assertEqual(upstream.heads, [])

    async def test_a_client_that_sends_less_than_it_declared_is_dropped(self):
        async def answer(reader, writer, head):
            await reader.readexactly(6)

        async with Upstream(answer).running():
            done = await client(method="POST", headers=[(b"content-length", b"6")]).body(b"abc", True).body(b"de").run()
        self.assertEqual(done.log, [])

    async def test_a_response_during_the_upload_reaches_the_client(self):
        async def answer(reader, writer, head):
            writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        async with Upstream(answer).running():
            done = await client(method="POST", headers=[(b"content-length", b"9")]).body(b"abc", True).run()
        self.assertEqual(done.status, 413)

    async def test_an_upload_waits_for_a_slow_server(self):
        proceed = asyncio.Event()

        async def answer(reader, writer, head):
            await proceed.wait()
            await reader.readexactly(40_000_000)
            writer.write(OK)

        async with Upstream(answer).running():
            upload = client(method="POST", headers=[(b"content-length", b"40000000")])
            for number in range(400):
                upload.body(bytes(100_000), number < 399)
            running = upload.start()
            await asyncio.sleep(0.3)
            self.assertGreater(upload.incoming.qsize(), 200, "the proxy must not read what Parley does not")
            proceed.set()
            self.assertEqual((await running).status, 200)


class Responses(unittest.IsolatedAsyncioTestCase):
    async def answered(self, text, **options):
        async def answer(reader, writer, head):
            writer.write(text)
            writer.close()

        async with Upstream(answer).running():
            return await client(**options).body().run()

    async def test_each_framing_of_a_body(self):
        for text, content in (
            (b"Content-Length: 5\r\n\r\nhello", b"hello"),
            (b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n", b"hello"),
            (b"\r\nhello", b"hello"),
            (b"Content-Length: 0\r\n\r\n", b""),
        ):
            with self.subTest(text):
                done = await self.answered(b"HTTP/1.1 200 OK\r\n" + text)
                self.assertEqual((done.status, done.content), (200, content))
                self.assertFalse(done.log[-1]["more_body"])
                self.assertNotIn(b"transfer-encoding", dict(done.log[0]["headers"]))

    async def test_a_response_without_a_body(self):
        done = await self.answered(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
        self.assertEqual((done.status, done.content), (304, b""))
        done = await self.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", method="HEAD")
        self.assertEqual((done.status, done.content, dict(done.log[0]["headers"])[b"content-length"]), (200, b"", b"9"))

    async def test_an_interim_response_is_passed_over(self):
        done = await self.answered(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        self.assertEqual((done.status, done.content), (200, b"ok"))

    async def test_the_servers_own_fields_are_dropped(self):
        done = await self.answered(b"HTTP/1.1 200 OK\r\nDate: now\r\nServer: parley\r\nConnection: keep-alive\r\nETag: 1\r\n"
                                   b"Content-Length: 0\r\n\r\n")
        self.assertEqual(done.log[0]["headers"], [(b"etag", b"1"), (b"content-length", b"0")])

    async def test_an_invalid_response_is_502(self):
        for text in (b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-",
                     b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + 70_000 * b"x" + b"\r\n\r\n"):
            with self.subTest(text[:40]):
                done = await self.answered(text)
                self.assertEqual((done.status, json.loads(done.content)["code"]), (502, "outcome_unknown"))

    async def test_a_response_that_ends_early_is_not_passed_on_as_whole(self):
        for framing in (b"Content-Length: 9\r\n\r\nhe", b"Transfer-Encoding: chunked\r\n\r\n9\r\nhe",
                        b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"):
            with self.subTest(framing), self.assertRaises(ResponseCut):
                await self.answered(b"HTTP/1.1 200 OK\r\n" + framing)

    async def test_a_slow_client_slows_the_server(self):
        written, gate = 0, asyncio.Event()

        async def answer(reader, writer, head):
            nonlocal written
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            for _ in range(1000):
                writer.write(bytes(100_000))
                await writer.drain()
                written += 100_000

        async with Upstream(answer).running():
            slow = client().body()
            send = slow.send

            async def wait_before_sending(message):
                if message["type"] == "http.response.body":
                    await gate.wait()
                await send({**message, "body": b""})

            slow.send = wait_before_sending
            running = slow.start()
            await asyncio.sleep(0.3)
            self.assertTrue(0 < written < 30_000_000, "the kernel's buffers are all that is ahead of the client")
            gate.set()
            await running
        self.assertEqual(written, 100_000_000)

    async def test_a_long_response_ends_when_its_client_leaves(self):
        closed = asyncio.Event()

        async def answer(reader, writer, head):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.assertEqual(await reader.read(), b"")
            closed.set()

        async with Upstream(answer).running():
            stream = client(path="/sse/messaging/").body()
            running = stream.start()
            self.assertEqual((await stream.next())["status"], 200)
            stream.put("http.disconnect")
            await running
            await asyncio.wait_for(closed.wait(), 5)


class Connections(unittest.IsolatedAsyncioTestCase):
    async def test_a_connection_is_used_again(self):
        async with Upstream(answer_ok).running() as upstream:
            for _ in range(3):
                self.assertEqual((await client().body().run()).status, 200)
        self.assertEqual((len(upstream.heads), upstream.connections), (3, 1))

    async def test_a_connection_that_the_server_closed_is_not_used_again(self):
        async def answer(reader, writer, head):
            writer.write(OK)
            writer.close()

        async with Upstream(answer).running() as upstream:
            for _ in range(3):
                self.assertEqual((await client(method="POST").body(b"x").run()).status, 200)
                await asyncio.sleep(0.02)
        self.assertEqual(upstream.connections, 3)

    async def test_a_connection_with_bytes_after_the_response_is_not_used_again(self):
        for late in (0, 0.05):
            async def answer(reader, writer, head):
                writer.write(OK if late else OK + OK)
                await asyncio.sleep(late)
                if late:
                    writer.write(OK)

            async with Upstream(answer).running() as upstream:
                for _ in range(2):
                    self.assertEqual((await client().body().run()).content, b"ok")
                    await asyncio.sleep(2 * late)
            self.assertEqual(upstream.connections, 2)

    async def test_a_unix_socket(self):
        async with Upstream(answer_ok).running() as upstream:
            with tempfile.TemporaryDirectory() as folder:
                path = f"{folder}/parley.sock"
                server = await asyncio.start_unix_server(upstream._serve, path)
                upstream.target = Target.parse(f"unix:{path}")
                done = await client().body().run()
                server.close()
        self.assertEqual((done.status, done.content, upstream.header("host")), (200, b"ok", ["testserver"]))

    async def test_a_connection_has_a_deadline(self):
        async def never(*_, **__):
            await asyncio.sleep(60)

        async with Upstream(answer_ok).running():
            with mock.patch("messaging.proxy.target.CONNECT_TIMEOUT", 0.05), mock.patch("asyncio.open_connection", never):
                done = await client().body().run()
        self.assertEqual((done.status, json.loads(done.content)["code"]), (503, "store_unavailable"))

    async def lost(self, method):
        """The second request on a connection gets no response."""
        async def answer(reader, writer, head):
            if len(upstream.heads) == 2:
                writer.close()
            else:
                writer.write(OK)

        async with Upstream(answer).running() as upstream:
            await client(method=method).body().run()
            done = await client(method=method).body().run()
        return done, len(upstream.heads)

    async def test_a_read_is_repeated_once(self):
        done, requests = await self.lost("GET")
        self.assertEqual((done.status, requests), (200, 3))

    async def test_a_write_is_never_repeated(self):
        done, requests = await self.lost("POST")
        self.assertEqual((done.status, requests), (503, 2))
        self.assertEqual(json.loads(done.content)["code"], "outcome_unknown")
        self.assertIn((b"retry-after", b"1"), done.log[0]["headers"])

    async def test_without_a_server_nothing_was_stored(self):
        async with Upstream(answer_ok).running() as upstream:
            pass
        with mock.patch("messaging.backend.find_target", upstream.find_target):
            done = await client(method="POST").body(b"{}").run()
        self.assertEqual((done.status, json.loads(done.content)["code"]), (503, "store_unavailable"))
        self.assertIn((b"retry-after", b"1"), done.log[0]["headers"])

    async def test_a_server_that_does_not_answer_has_a_deadline(self):
        async def answer(reader, writer, head):
            await reader.read()

        with mock.patch.object(http_module, "RESPONSE_TIMEOUT", 0.05):
            async with Upstream(answer).running():
                done = await client(method="POST").body(b"{}").run()
        self.assertEqual((done.status, json.loads(done.content)["code"]), (503, "outcome_unknown"))


class Lifespan(unittest.IsolatedAsyncioTestCase):
    async def test_startup_and_shutdown_are_confirmed(self):
        with mock.patch("messaging.backend.start_early") as start:
            done = await client(kind="lifespan").put("lifespan.startup").put("lifespan.shutdown").run()
        self.assertEqual([one["type"] for one in done.log], ["lifespan.startup.complete", "lifespan.shutdown.complete"])
        start.assert_called_once_with()
