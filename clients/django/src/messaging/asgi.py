"""The ASGI application of a project with messaging.

`your_project/asgi.py` is one import: `from messaging.asgi import application`.
"""

from __future__ import annotations

from typing import Any

from messaging.settings_module import name_settings_module

name_settings_module()

from django.core.asgi import get_asgi_application  # noqa: E402

_django: Any = get_asgi_application()

from messaging.proxy.application import MessagingApplication  # noqa: E402

__all__ = ["MessagingApplication", "application", "messaging_application"]

application = MessagingApplication(_django)
messaging_application = MessagingApplication()
