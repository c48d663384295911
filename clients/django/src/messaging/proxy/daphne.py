"""What ASGI has no message for, on Daphne: its `send` is a partial whose first argument is the connection's protocol."""

from __future__ import annotations

from typing import Any

from .types import Send


def _protocol(send: Send) -> Any:
    return next(iter(getattr(send, "args", ())), None)


def send_close_frame(send: Send, code: int, reason: str) -> bool:
    """Sends a close code such as 1012, which RFC 6455 lets a server send and Daphne refuses. False on other servers."""
    protocol = _protocol(send)
    if not hasattr(protocol, "sendCloseFrame"):
        return False
    protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:123])
    return True


def abort(send: Send) -> bool:
    """Cuts the client's connection in the middle of a response, which Daphne would leave open. False on other servers."""
    transport: Any = getattr(getattr(_protocol(send), "channel", None), "transport", None)
    if not hasattr(transport, "abortConnection"):
        return False
    transport.abortConnection()
    return True
