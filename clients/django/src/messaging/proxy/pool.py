"""Connections to Parley that are kept open between requests, per event loop."""

from __future__ import annotations

import asyncio
import time
from typing import Dict, List, NamedTuple, Optional
from weakref import WeakKeyDictionary

from .target import Streams, Target

IDLE_CONNECTIONS = 32  # kept per event loop and address; further ones are closed after use
IDLE_SECONDS = 60.0  # less than Parley's http.keep_alive_timeout, so that Parley does not close first


class _Idle(NamedTuple):
    streams: Streams
    since: float  # seconds, monotonic


class Pool:
    def __init__(self) -> None:
        self._idle: Dict[Target, List[_Idle]] = {}

    def take(self, target: Target) -> Optional[Streams]:
        """An idle connection that Parley has not closed, or None."""
        idle = self._idle.get(target, [])
        oldest = time.monotonic() - IDLE_SECONDS
        while idle:
            streams, since = idle.pop()
            reader, writer = streams
            if since >= oldest and not reader.at_eof() and not _has_leftovers(reader) and not writer.is_closing():
                return streams
            writer.close()
        return None

    def give_back(self, target: Target, streams: Streams) -> None:
        """The last response on the connection was read to its end."""
        idle = self._idle.setdefault(target, [])
        oldest = time.monotonic() - IDLE_SECONDS
        while idle and idle[0].since < oldest:
            idle.pop(0).streams[1].close()
        if len(idle) >= IDLE_CONNECTIONS or _has_leftovers(streams[0]) or streams[1].is_closing():
            streams[1].close()
        else:
            idle.append(_Idle(streams, time.monotonic()))

    def close(self) -> None:
        for idle in self._idle.values():
            for entry in idle:
                entry.streams[1].close()
        self._idle.clear()


def _has_leftovers(reader: asyncio.StreamReader) -> bool:
    """Whether bytes came that belong to no response: they would be taken for the next user's response."""
    return reader.exception() is not None or bool(getattr(reader, "_buffer", b""))


_pools: "WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]" = WeakKeyDictionary()


def current_pool() -> Pool:
    """The pool of the running event loop: streams cannot be shared between loops."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = Pool()
    return pool
