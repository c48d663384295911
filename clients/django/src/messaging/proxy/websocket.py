"""One WebSocket, passed to Parley: frames both ways, each at the pace of its reader."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import re
from typing import NamedTuple, Optional

from . import daphne, frames
from .forwarding import BadRequest, headers_of, target_of
from .http import FindTarget
from .http1 import BadResponse, Body, Head, NoResponse, read_head, request_head
from .problems import Problem, bad_response, can_deny, denial, not_reachable
from .reports import report
from .target import Streams, Target, TlsFailed
from .types import Headers, Message, Receive, Scope, Send

HANDSHAKE_TIMEOUT = 10.0  # seconds
LONGEST_REFUSAL = 64 * 1024  # bytes of a refusal's body that are passed on
RESTARTING, TRY_AGAIN_LATER, INTERNAL_ERROR, PROTOCOL_ERROR = 1012, 1013, 1011, 1002

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_log = logging.getLogger("messaging")


class Refused(Exception):
    """Parley refused the handshake."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body


class ClientGone(Exception):
    """The ASGI server cannot send to the client."""


class Link(NamedTuple):
    """An open WebSocket to Parley."""

    streams: Streams
    subprotocol: Optional[str]


class WebSocketProxy:
    def __init__(self, find_target: FindTarget) -> None:
        self._find_target = find_target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            link = await open_link(await self._find_target(), scope)
        except Refused as refused:
            await _refuse(scope, send, refused)
        except BadRequest as bad:
            problem = Problem(400, "bad_request", str(bad))
            await _refuse(scope, send, Refused(problem.status, problem.headers(), problem.body()))
        except Problem as problem:
            await _fail(scope, send, problem)
        else:
            await _Relay(link, receive, send).run()


async def _refuse(scope: Scope, send: Send, refused: Refused) -> None:
    if can_deny(scope):
        for message in denial(refused.status, refused.headers, refused.body):
            await send(message)
    else:
        await send({"type": "websocket.close"})  # the ASGI server answers 403


async def _fail(scope: Scope, send: Send, problem: Problem) -> None:
    """Parley cannot be reached. A 403 would tell the client to give up, so it gets a close code instead."""
    if can_deny(scope):
        return await _refuse(scope, send, Refused(problem.status, problem.headers(), problem.body()))
    await send({"type": "websocket.accept"})
    await close_client(send, TRY_AGAIN_LATER, "The messaging server is not reachable.")


async def close_client(send: Send, code: int, reason: str = "") -> None:
    message: Message = {"type": "websocket.close", "code": code, "reason": reason}
    try:
        await send(message)
    except Exception:
        if not daphne.send_close_frame(send, code, reason):
            raise


async def open_link(target: Target, scope: Scope) -> Link:
    """Raises Refused, Problem or BadRequest."""
    key = base64.b64encode(os.urandom(16))
    request = _handshake(scope, key)
    try:
        streams = await target.connect()
    except TlsFailed as failure:
        report(str(failure))
        raise not_reachable() from None
    except (OSError, asyncio.TimeoutError):
        raise not_reachable() from None
    reader, writer = streams
    timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, writer.transport.abort)
    try:
        writer.write(request)
        head = await read_head(reader)
        if head.status != 101:
            raise Refused(head.status, *await _refusal(reader, head))
        accepted = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        if head.value(b"sec-websocket-accept") != accepted:
            raise bad_response()
    except (OSError, NoResponse):
        writer.transport.abort()
        raise not_reachable() from None
    except BadResponse:
        writer.transport.abort()
        raise bad_response() from None
    except BaseException:
        writer.transport.abort()
        raise
    finally:
        timer.cancel()
    subprotocol = head.value(b"sec-websocket-protocol")
    return Link(streams, subprotocol.decode("ascii", "replace") if subprotocol else None)


def _handshake(scope: Scope, key: bytes) -> bytes:
    headers = [field for field in headers_of(scope) if not field[0].startswith(b"sec-websocket-")]
    headers += [(b"connection", b"Upgrade"), (b"upgrade", b"websocket"),
                (b"sec-websocket-version", b"13"), (b"sec-websocket-key", key)]
    subprotocols = list(scope.get("subprotocols") or ())
    if not all(_TOKEN.fullmatch(name) for name in subprotocols):
        raise BadRequest("Sec-WebSocket-Protocol is not valid.")
    if subprotocols:
        headers.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode()))
    return request_head("GET", target_of(scope), headers)


async def _refusal(reader: asyncio.StreamReader, head: Head) -> "tuple[Headers, bytes]":
    text = b""
    async for piece in Body(reader, head, "GET").pieces():
        text += piece
        if len(text) > LONGEST_REFUSAL:
            raise BadResponse("The refusal is too long.")
    headers = [field for field in head.forwarded() if field[0] != b"content-length"]
    return headers + [(b"content-length", b"%d" % len(text))], text


class _Relay:
    """Two tasks, one for each direction; the one that ends first ends the other."""

    def __init__(self, link: Link, receive: Receive, send: Send) -> None:
        self._reader, self._writer = link.streams
        self._subprotocol = link.subprotocol
        self._receive, self._send = receive, send

    async def run(self) -> None:
        tasks = []
        try:
            await self._to_client({"type": "websocket.accept", "subprotocol": self._subprotocol})
            tasks = [asyncio.ensure_future(self._upstream()), asyncio.ensure_future(self._downstream())]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except ClientGone:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writer.close()

    async def _upstream(self) -> None:
        """From the client to Parley, until the client is gone."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or frames.NO_STATUS  # Daphne has None for a close frame without a code
                if code != frames.ABNORMAL:
                    self._write(frames.encode_close(code))
                return
            text = message.get("text")
            if text is not None:
                self._write(frames.encode(frames.TEXT, text.encode()))
            else:
                self._write(frames.encode(frames.BINARY, message["bytes"]))
            try:
                await self._writer.drain()
            except OSError:
                await asyncio.sleep(HANDSHAKE_TIMEOUT)  # the other direction reads why, and ends this one

    def _write(self, data: bytes) -> None:
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    async def _downstream(self) -> None:
        """From Parley to the client, until Parley closes."""
        decoder = frames.Decoder()
        try:
            while True:
                data = await self._reader.read(65536)
                if not data:
                    return await self._close(RESTARTING, "The messaging server is restarting.")
                for event in decoder.feed(data):
                    if isinstance(event, frames.Text):
                        await self._to_client({"type": "websocket.send", "text": event.text})
                    elif isinstance(event, frames.Ping):
                        self._write(frames.encode(frames.PONG, event.data))
                    elif isinstance(event, frames.Binary):
                        await self._to_client({"type": "websocket.send", "bytes": event.data})
                    else:
                        self._write(frames.encode_close(event.code))
                        code = 1000 if event.code == frames.NO_STATUS else event.code
                        return await self._close(code, event.reason)
        except OSError:
            await self._close(RESTARTING, "The messaging server is restarting.")
        except frames.ProtocolError as error:
            _log.error("invalid WebSocket frame from the messaging server: %s", error)
            self._write(frames.encode_close(PROTOCOL_ERROR))
            await self._close(INTERNAL_ERROR, "")

    async def _to_client(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:  # each ASGI server has its own exception for a client that has left
            raise ClientGone from error

    async def _close(self, code: int, reason: str) -> None:
        try:
            await close_client(self._send, code, reason)
        except Exception as error:
            raise ClientGone from error
