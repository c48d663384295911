"""One HTTP request, passed to Parley: bodies are streamed both ways, each at the pace of its reader."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Awaitable, Callable, Optional

from . import daphne
from .forwarding import BadRequest, content_length, headers_of, target_of
from .http1 import PIECE, BadResponse, Body, Head, NoResponse, read_head, request_head
from .pool import current_pool
from .problems import Problem, bad_response, not_reachable, outcome_unknown, send_problem
from .reports import report
from .target import Streams, Target, TlsFailed
from .types import Headers, Receive, Scope, Send

RESPONSE_TIMEOUT = 60.0  # seconds from the end of the request to the response head
_REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))

FindTarget = Callable[[], Awaitable[Target]]


class ClientGone(Exception):
    """The client disconnected."""


class ResponseCut(Exception):
    """Parley's response ended early, after its head was passed on: the client's connection must be cut."""


class HttpProxy:
    def __init__(self, find_target: FindTarget) -> None:
        self._find_target = find_target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ResponseCut."""
        try:
            request = _Request(scope, receive)
            await request.read_first()
            target = await self._find_target()
            await _Exchange(request, target, send).run()
        except BadRequest as bad:
            await send_problem(send, Problem(400, "bad_request", str(bad)), scope["method"])
        except Problem as problem:
            await send_problem(send, problem, scope["method"])
        except ClientGone:
            pass
        except ResponseCut:
            if not daphne.abort(send):
                raise  # the other servers cut the connection themselves


class _Request:
    """The client's side of the exchange."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.target = target_of(scope)
        self.headers: Headers = headers_of(scope)
        self.length = content_length(scope)
        self.receive = receive
        self.first = b""
        self.more = False

    async def read_first(self) -> None:
        """Reads the first piece of the body, which tells whether there is a body at all. Raises BadRequest."""
        self.first, self.more = await self._next()
        size = len(self.first)
        if self.length is not None and (size > self.length or (size < self.length and not self.more)):
            raise BadRequest("The body does not have the length that Content-Length declares.")
        if self.length is None and not self.more and (self.first or self.method in ("POST", "PUT", "PATCH")):
            self.length = len(self.first)

    @property
    def chunked(self) -> bool:
        return self.length is None and self.more

    @property
    def repeatable(self) -> bool:
        """Whether sending the request twice has the effect of sending it once."""
        return self.method in _REPEATABLE and not self.more

    def head(self) -> bytes:
        framing: Headers = []
        if self.chunked:
            framing = [(b"transfer-encoding", b"chunked")]
        elif self.length is not None:
            framing = [(b"content-length", b"%d" % self.length)]
        return request_head(self.method, self.target, self.headers + framing)

    def framed(self, piece: bytes) -> bytes:
        if not self.chunked or not piece:
            return piece
        return b"%x\r\n%b\r\n" % (len(piece), piece)

    async def send_rest(self, writer: asyncio.StreamWriter) -> None:
        """Sends the rest of the body, waiting whenever Parley reads more slowly than the client writes."""
        sent = len(self.first)
        more = self.more
        while more:
            await writer.drain()
            piece, more = await self._next()
            sent += len(piece)
            if self.length is not None and sent > self.length:
                raise ClientGone
            writer.write(self.framed(piece))
        if self.chunked:
            writer.write(b"0\r\n\r\n")
        elif self.length is not None and sent != self.length:
            raise ClientGone
        await writer.drain()

    async def wait_for_disconnect(self) -> None:
        with contextlib.suppress(ClientGone):
            while True:
                await self._next()

    async def _next(self) -> "tuple[bytes, bool]":
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message.get("body", b""), message.get("more_body", False)


class _Exchange:
    """One request and its response on a connection to Parley."""

    def __init__(self, request: _Request, target: Target, send: Send) -> None:
        self._request, self._target, self._send = request, target, send
        self._upload: Optional["asyncio.Task[None]"] = None
        self._watch: Optional["asyncio.Task[None]"] = None
        self._client_gone = False

    async def run(self) -> None:
        streams = current_pool().take(self._target)
        if streams is not None:
            try:
                return await self._run_on(streams)
            except NoResponse:
                if not self._request.repeatable:
                    raise outcome_unknown() from None
        try:
            return await self._run_on(await self._connect())
        except NoResponse:
            raise outcome_unknown() from None

    async def _connect(self) -> Streams:
        try:
            return await self._target.connect()
        except TlsFailed as failure:
            report(str(failure))
            raise not_reachable() from None
        except (OSError, asyncio.TimeoutError):
            raise not_reachable() from None

    async def _run_on(self, streams: Streams) -> None:
        """Raises NoResponse if the connection ended before the response began."""
        reader, writer = streams
        reusable = False
        try:
            head = await self._ask(reader, writer)
            body = _body_of(reader, head, self._request.method)
            await self._answer(writer, head, body)
            uploaded = self._upload is None or (self._upload.done() and not self._upload.exception())
            reusable = uploaded and body.complete and body.reusable and head.keeps_alive()
        finally:
            for task in (self._upload, self._watch):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, ClientGone, OSError):
                        await task
            if reusable:
                current_pool().give_back(self._target, streams)
            else:
                writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Head:
        request = self._request
        try:
            writer.write(request.head() + request.framed(request.first))
            if request.more:
                self._upload = asyncio.ensure_future(request.send_rest(writer))
                self._upload.add_done_callback(lambda upload: self._after_upload(upload, writer))
            else:
                await writer.drain()
            timer = asyncio.get_running_loop().call_later(RESPONSE_TIMEOUT, self._time_out, writer)
            try:
                return await read_head(reader)
            finally:
                timer.cancel()
        except OSError:
            self._raise_if_gone()
            raise NoResponse from None
        except NoResponse:
            self._raise_if_gone()
            raise
        except BadResponse:
            raise bad_response() from None

    def _time_out(self, writer: asyncio.StreamWriter) -> None:
        if self._upload is None or self._upload.done():
            writer.transport.abort()
        else:  # the client is still sending
            asyncio.get_running_loop().call_later(RESPONSE_TIMEOUT, self._time_out, writer)

    def _after_upload(self, upload: "asyncio.Task[None]", writer: asyncio.StreamWriter) -> None:
        if not upload.cancelled() and isinstance(upload.exception(), ClientGone):
            self._leave(writer)

    def _leave(self, writer: asyncio.StreamWriter) -> None:
        self._client_gone = True
        writer.transport.abort()

    def _raise_if_gone(self) -> None:
        if self._client_gone:
            raise ClientGone

    async def _answer(self, writer: asyncio.StreamWriter, head: Head, body: Body) -> None:
        await self._send({"type": "http.response.start", "status": head.status, "headers": head.forwarded()})
        if body.length is None or body.length > PIECE:
            self._watch_client(writer)
        try:
            ended = False
            async for piece in body.pieces():
                ended = body.complete
                await self._send({"type": "http.response.body", "body": piece, "more_body": not ended})
            if not ended:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except (BadResponse, OSError) as error:
            self._raise_if_gone()
            raise ResponseCut("The messaging server's response ended early.") from error

    def _watch_client(self, writer: asyncio.StreamWriter) -> None:
        """Ends a long response, such as a stream of events, when its client disconnects."""
        if self._request.more and not (self._upload and self._upload.done()):
            return  # the upload sees it
        self._watch = asyncio.ensure_future(self._request.wait_for_disconnect())
        self._watch.add_done_callback(lambda watch: None if watch.cancelled() else self._leave(writer))


def _body_of(reader: asyncio.StreamReader, head: Head, method: str) -> Body:
    try:
        return Body(reader, head, method)
    except BadResponse:
        raise bad_response() from None
