"""The log of what keeps the proxy from Parley."""

from __future__ import annotations

import logging
import threading

_log = logging.getLogger("messaging")
_reported = ""
_reporting = threading.Lock()


def report(reason: str) -> None:
    """Logs a reason once, not for each request."""
    global _reported
    with _reporting:  # requests and the thread that starts Parley
        known, _reported = _reported, reason
    if reason != known:
        _log.error("%s", reason)
