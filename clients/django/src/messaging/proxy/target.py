"""The address of Parley."""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

Streams = Tuple[asyncio.StreamReader, asyncio.StreamWriter]

CONNECT_TIMEOUT = 5.0  # seconds
STREAM_LIMIT = 64 * 1024  # bytes that a reader buffers before it stops reading; also the longest response head


class BadUrl(ValueError):
    """PARLEY_URL is not an address of Parley."""


class Target(NamedTuple):
    """`http://host:port`, `https://host:port` or `unix:/path`."""

    host: str
    port: int
    tls: bool
    path: str  # of a Unix socket; empty for TCP

    @classmethod
    def parse(cls, url: str) -> Target:
        if url.startswith("unix:"):
            path = url[len("unix:"):]
            if not path.startswith("/"):
                raise BadUrl(f"PARLEY_URL is {url!r}, but a Unix socket needs an absolute path: unix:/run/parley.sock.")
            return cls("localhost", 0, False, path)
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise BadUrl(f"PARLEY_URL is {url!r}, which has an invalid port.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadUrl(f"PARLEY_URL is {url!r}; use http://host:port, https://host:port or unix:/path.")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise BadUrl(f"PARLEY_URL is {url!r}; it must be an address without a path, query or user.")
        tls = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if tls else 80), tls, "")

    async def connect(self) -> Streams:
        """Raises OSError or asyncio.TimeoutError."""
        if self.path:
            opening = asyncio.open_unix_connection(self.path, limit=STREAM_LIMIT)
            return await asyncio.wait_for(opening, CONNECT_TIMEOUT)
        context: Optional[ssl.SSLContext] = ssl.create_default_context() if self.tls else None
        connecting = asyncio.open_connection(self.host, self.port, ssl=context, limit=STREAM_LIMIT)
        return await asyncio.wait_for(connecting, CONNECT_TIMEOUT)
