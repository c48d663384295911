"""HTTP/1.1 as a client: one response head, and a body in pieces."""

from __future__ import annotations

import asyncio
import re
from typing import AsyncIterator, NamedTuple, Optional

from .forwarding import HOP_BY_HOP
from .types import Headers

PIECE = 64 * 1024  # bytes of a body that are held at a time
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r\n")
_SET_BY_SERVER = frozenset((b"date", b"server"))  # the ASGI server sets its own


class BadResponse(Exception):
    """The peer does not speak HTTP/1.1, or ended its response early."""


class NoResponse(Exception):
    """The connection ended before the first byte of a response."""


class Head(NamedTuple):
    status: int
    headers: Headers

    def value(self, name: bytes) -> Optional[bytes]:
        return next((value for found, value in self.headers if found == name), None)

    def forwarded(self) -> Headers:
        """The fields to pass on to the client."""
        return [field for field in self.headers if field[0] not in HOP_BY_HOP and field[0] not in _SET_BY_SERVER]

    def keeps_alive(self) -> bool:
        return b"close" not in (self.value(b"connection") or b"").lower()


def request_head(method: str, target: bytes, headers: Headers) -> bytes:
    lines = [method.encode("ascii") + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The final response head: 1xx ones are passed over, except 101."""
    while True:
        try:
            text = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as incomplete:
            if not incomplete.partial:
                raise NoResponse("The connection ended without a response.") from None
            raise BadResponse("The response head is incomplete.") from None
        except asyncio.LimitOverrunError:
            raise BadResponse("The response head is too long.") from None
        head = _parse_head(text)
        if head.status >= 200 or head.status == 101:
            return head


def _parse_head(text: bytes) -> Head:
    status_line, *lines = text[:-4].split(b"\r\n")
    status = _STATUS_LINE.fullmatch(status_line)
    if not status:
        raise BadResponse("The peer does not speak HTTP/1.1.")
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise BadResponse("A response header field is not valid.")
        headers.append((name.lower(), value.strip()))
    return Head(int(status.group(1)), headers)


class Body:
    """The body of a response. `complete` is True once its end was read."""

    def __init__(self, reader: asyncio.StreamReader, head: Head, method: str) -> None:
        self._reader = reader
        self.complete = False
        self.length: Optional[int] = None  # None: unknown until the end
        self._until_close = False
        if method == "HEAD" or head.status in (204, 304):
            self.length, self.complete = 0, True
        elif b"chunked" in (head.value(b"transfer-encoding") or b"").lower():
            pass
        elif head.value(b"content-length") is not None:
            text = head.value(b"content-length") or b""
            if not text.isdigit():
                raise BadResponse("The response's Content-Length is not valid.")
            self.length = int(text)
            self.complete = self.length == 0
        else:
            self._until_close = True

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another response after this one."""
        return not self._until_close

    async def pieces(self) -> AsyncIterator[bytes]:
        if self.complete:
            return
        if self._until_close:
            pieces = self._to_end()
        elif self.length is not None:
            pieces = self._exactly(self.length)
        else:
            pieces = self._chunks()
        async for piece in pieces:
            yield piece

    async def _to_end(self) -> AsyncIterator[bytes]:
        while True:
            piece = await self._reader.read(PIECE)
            if not piece:
                self.complete = True
                return
            yield piece

    async def _exactly(self, left: int) -> AsyncIterator[bytes]:
        while left:
            piece = await self._reader.read(min(left, PIECE))
            if not piece:
                raise BadResponse("The response ended early.")
            left -= len(piece)
            self.complete = self.length is not None and not left
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = await self._chunk_size()
            if not size:
                await self._trailers()
                self.complete = True
                return
            async for piece in self._exactly(size):
                yield piece
            if await self._line() != b"\r\n":
                raise BadResponse("A chunk of the response is too long.")

    async def _chunk_size(self) -> int:
        size = _CHUNK_SIZE.fullmatch(await self._line())
        if not size:
            raise BadResponse("A chunk of the response is malformed.")
        return int(size.group(1), 16)

    async def _trailers(self) -> None:
        while await self._line() != b"\r\n":
            pass

    async def _line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise BadResponse("The response ended early.") from None
