"""Where Parley is: `PARLEY_URL`, or the Parley that the package starts in development."""

from __future__ import annotations

import os
from typing import Optional

from django.conf import settings

from messaging import development
from messaging.proxy.problems import not_reachable
from messaging.proxy.reports import report
from messaging.proxy.target import BadUrl, Target


def parley_url() -> Optional[str]:
    """The setting, else the environment variable."""
    return getattr(settings, "PARLEY_URL", None) or os.environ.get("PARLEY_URL") or None


def ca_file() -> str:
    """The setting, else the environment variable: the certificates of the authorities that sign Parley's certificate."""
    return str(getattr(settings, "PARLEY_CA_FILE", None) or os.environ.get("PARLEY_CA_FILE") or "")


async def find_target() -> Target:
    """Raises Problem if there is no Parley to connect to; the log has the reason."""
    url = parley_url()
    try:
        if url is None:
            url = await development.url()
        return Target.parse(url, ca_file())
    except (BadUrl, development.CannotStart) as error:
        report(str(error))
        raise not_reachable("The messaging server is not available.") from None


def start_early() -> None:
    """Starts the development Parley in the background, so that the first message does not wait for it."""
    if parley_url() is None:
        development.start_in_background(report)


def stop() -> None:
    development.stop()
