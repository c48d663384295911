"""Errors of the proxy itself, in the shape of Parley's errors (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import List, Optional

from .types import Headers, Message, Scope, Send

RETRY_AFTER = 1  # seconds


class Problem(Exception):
    """An error response."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail

    def body(self) -> bytes:
        return json.dumps({
            "type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status,
            "detail": self.detail, "code": self.code, "error": self.detail}).encode()

    def headers(self) -> Headers:
        fields = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(self.body()))]
        return fields + ([(b"retry-after", b"%d" % RETRY_AFTER)] if self.status in (502, 503) else [])


def not_reachable(reason: Optional[str] = None) -> Problem:
    """Nothing was sent to Parley, so nothing was stored."""
    return Problem(503, "store_unavailable", reason or "The messaging server is not reachable. Retry.")


def outcome_unknown() -> Problem:
    """A request was sent and its response was lost."""
    return Problem(503, "outcome_unknown", "The messaging server did not answer. Retry with the same client_id.")


def bad_response() -> Problem:
    """Whatever PARLEY_URL names, it does not answer as Parley does."""
    return Problem(502, "outcome_unknown", "The messaging server sent an invalid response. Retry with the same client_id.")


async def send_problem(send: Send, problem: Problem, method: str = "GET") -> None:
    await send({"type": "http.response.start", "status": problem.status, "headers": problem.headers()})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else problem.body()})


def can_deny(scope: Scope) -> bool:
    """Whether the ASGI server can answer a WebSocket handshake with a status of our choice."""
    return "websocket.http.response" in (scope.get("extensions") or {})


def denial(status: int, headers: Headers, body: bytes) -> List[Message]:
    """The messages that refuse a WebSocket handshake."""
    return [{"type": "websocket.http.response.start", "status": status, "headers": headers},
            {"type": "websocket.http.response.body", "body": body}]
