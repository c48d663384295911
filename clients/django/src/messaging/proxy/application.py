"""Routes each request: messaging to Parley, everything else to the project's own application."""

from __future__ import annotations

from typing import List, Optional

from django.conf import settings

from messaging import backend

from .forwarding import path_of
from .http import HttpProxy
from .pool import current_pool
from .types import Application, Receive, Scope, Send
from .websocket import WebSocketProxy

API_PREFIXES = ["/api/messaging"]


def api_prefixes() -> List[str]:
    """`MESSAGING_API_PREFIXES`: where the REST API is served."""
    return [prefix.rstrip("/") for prefix in getattr(settings, "MESSAGING_API_PREFIXES", API_PREFIXES)]


class MessagingApplication:
    """An ASGI application that serves messaging from Parley and passes the rest to `application`.

    Without `application`, other paths get 404.
    """

    def __init__(self, application: Optional[Application] = None) -> None:
        self._application = application
        self._http = HttpProxy(backend.find_target)
        self._websocket = WebSocketProxy(backend.find_target)
        self._http_prefixes = (*api_prefixes(), "/sse/messaging")
        self._websocket_prefixes = ("/ws/messaging",)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            return await _lifespan(receive, send)
        if kind == "http":
            backend.start_early()
            if _is_below(path_of(scope), self._http_prefixes):
                return await self._http(scope, receive, send)
        elif kind == "websocket" and _is_below(path_of(scope), self._websocket_prefixes):
            return await self._websocket(scope, receive, send)
        await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        takes_websockets = not _is_django(self._application)
        if self._application is not None and (scope["type"] != "websocket" or takes_websockets):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})


def _is_below(path: str, prefixes: "tuple[str, ...]") -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def _is_django(application: Optional[Application]) -> bool:
    from django.core.handlers.asgi import ASGIHandler

    return isinstance(application, ASGIHandler)  # it raises for every WebSocket


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            backend.start_early()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            current_pool().close()
            backend.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
