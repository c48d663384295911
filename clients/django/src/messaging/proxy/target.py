"""The address of Parley."""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

Streams = Tuple[asyncio.StreamReader, asyncio.StreamWriter]

CONNECT_TIMEOUT = 5.0  # seconds
STREAM_LIMIT = 64 * 1024  # bytes that a reader buffers before it stops reading; also the longest response head


class BadUrl(ValueError):
    """PARLEY_URL is not an address of Parley, or PARLEY_CA_FILE cannot be used."""


class TlsFailed(OSError):
    """The TLS handshake failed; the text says why and what to set."""


class Target(NamedTuple):
    """`http://host:port`, `https://host:port` or `unix:/path`."""

    host: str
    port: int
    tls: bool
    path: str  # of a Unix socket; empty for TCP
    ca_file: str = ""  # the only certificate authorities to trust; empty: those of the system

    @classmethod
    def parse(cls, url: str, ca_file: str = "") -> Target:
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
        if tls:
            _context(ca_file)
        return cls(parts.hostname, port or (443 if tls else 80), tls, "", ca_file)

    async def connect(self) -> Streams:
        """Raises OSError, such as TlsFailed, or asyncio.TimeoutError."""
        if self.path:
            opening = asyncio.open_unix_connection(self.path, limit=STREAM_LIMIT)
            return await asyncio.wait_for(opening, CONNECT_TIMEOUT)
        context: Optional[ssl.SSLContext] = _context(self.ca_file) if self.tls else None
        connecting = asyncio.open_connection(self.host, self.port, ssl=context, limit=STREAM_LIMIT)
        try:
            return await asyncio.wait_for(connecting, CONNECT_TIMEOUT)
        except ssl.SSLCertVerificationError as failure:
            raise TlsFailed(f"The certificate of Parley at {self.host}:{self.port} is not trusted: {failure.verify_message.rstrip('.')}."
                            " If a private authority signed it, PARLEY_CA_FILE names its certificate.") from None
        except ssl.SSLError as failure:
            raise TlsFailed(f"The TLS handshake with {self.host}:{self.port} failed ({failure.reason}): does Parley use TLS there?"
                            " PARLEY_URL begins with http:// if not.") from None


@functools.lru_cache(maxsize=8)
def _context(ca_file: str) -> ssl.SSLContext:
    """Verifies certificate and name. The file is read once. Raises BadUrl."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as failure:  # ssl.SSLError is one
        raise BadUrl(f"PARLEY_CA_FILE is {ca_file!r}, which cannot be used: {failure.strerror or failure}.") from None
