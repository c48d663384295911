"""Where Parley is: `PARLEY_URL`, or the Parley that the package starts in development."""

from __future__ import annotations

import logging
import os
import threading
from typing import Optional

from django.conf import settings

from messaging import development
from messaging.proxy.problems import not_reachable
from messaging.proxy.target import BadUrl, Target

_log = logging.getLogger("messaging")
_reported = ""
_reporting = threading.Lock()


def parley_url() -> Optional[str]:
    """The setting, else the environment variable."""
    return getattr(settings, "PARLEY_URL", None) or os.environ.get("PARLEY_URL") or None


async def find_target() -> Target:
    """Raises Problem if there is no Parley to connect to; the log has the reason."""
    url = parley_url()
    try:
        if url is None:
            url = await development.url()
        return Target.parse(url)
    except (BadUrl, development.CannotStart) as error:
        _report(str(error))
        raise not_reachable("The messaging server is not available.") from None


def start_early() -> None:
    """Starts the development Parley in the background, so that the first message does not wait for it."""
    if parley_url() is None:
        development.start_in_background(_report)


def stop() -> None:
    development.stop()


def _report(reason: str) -> None:
    """Logs a reason once, not for each request."""
    global _reported
    with _reporting:  # requests and the thread that starts Parley
        known, _reported = _reported, reason
    if reason != known:
        _log.error("%s", reason)
