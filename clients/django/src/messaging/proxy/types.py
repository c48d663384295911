"""ASGI's types, as far as the proxy uses them."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Iterable, List, MutableMapping, Tuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = List[Tuple[bytes, bytes]]
HeaderSource = Iterable[Tuple[bytes, bytes]]
