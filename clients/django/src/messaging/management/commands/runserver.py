"""`manage.py runserver` with WebSockets: on Daphne, Uvicorn or Hypercorn, the first one that is installed.

Without one of them it is Django's own, which serves no messaging.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.management.commands.runserver import Command as DjangoCommand
from django.utils.module_loading import import_string

from messaging import backend


def _is_installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


if _is_installed("daphne.server"):
    from daphne.management.commands.runserver import Command as _Base
else:

    class _Base(DjangoCommand):  # type: ignore[no-redef]
        addr: str
        port: str

        def add_arguments(self, parser: Any) -> None:
            super().add_arguments(parser)
            if apps.is_installed("django.contrib.staticfiles"):
                parser.add_argument("--nostatic", action="store_false", dest="use_static_handler")
                parser.add_argument("--insecure", action="store_true", dest="insecure_serving")

        def inner_run(self, *args: Any, **options: Any) -> None:
            serve = _server()
            if serve is None:
                self.stderr.write("Install daphne, uvicorn or hypercorn: without one, runserver serves no messaging.")
                super().inner_run(*args, **options)
                return
            self.check(display_num_errors=True)
            self.check_migrations()
            application = import_string(getattr(settings, "ASGI_APPLICATION"))
            if options.get("use_static_handler", False) and (settings.DEBUG or options.get("insecure_serving")):
                application = ASGIStaticFilesHandler(application)
            self.stdout.write(f"Starting development server at http://{self.addr}:{self.port}/")
            serve(application, self.addr, int(self.port))


class Command(_Base):  # type: ignore[misc]
    def inner_run(self, *args: Any, **options: Any) -> None:
        """Runs in the process that serves, again after each reload."""
        backend.start_early()
        super().inner_run(*args, **options)


def _server() -> "Callable[[Any, str, int], None] | None":
    if _is_installed("uvicorn"):
        return _uvicorn
    return _hypercorn if _is_installed("hypercorn") else None


def _uvicorn(application: Any, host: str, port: int) -> None:
    import uvicorn

    uvicorn.run(application, host=host, port=port, log_level="info")


def _hypercorn(application: Any, host: str, port: int) -> None:
    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{host}:{port}"]

    async def until_the_process_ends() -> None:
        await serve(application, config, shutdown_trigger=asyncio.Event().wait)

    asyncio.run(until_the_process_ends())
