"""Finds the project's settings for an `asgi.py` that does not name them."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import FrameType
from typing import Optional


def name_settings_module() -> None:
    """Sets DJANGO_SETTINGS_MODULE, if it is unset, to `your_project.settings` for an import from `your_project.asgi`."""
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        return
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        package = frame.f_globals.get("__package__") or ""
        importer = package.split(".")[0]
        if importer not in ("", "messaging", "importlib") and _exists(f"{package}.settings"):
            os.environ["DJANGO_SETTINGS_MODULE"] = f"{package}.settings"
            return
        frame = frame.f_back


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
