"""Starts one Parley for a project in development, and stops it with the server.

*Invariants*: at most one Parley runs per data directory, whatever the number of worker processes: it
holds the lock in `lock`, and `running.json` has its URL. *Threads*: `url()` runs on an event loop and
starts Parley on an executor's thread; `_mutex` guards the module's state.
"""

from __future__ import annotations

import asyncio
import atexit
import http.client
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import urlsplit

from django.conf import settings
from django.core import mail

from messaging import binary, project, supervisor

START_TIMEOUT = 20.0  # seconds until Parley is ready
STOP_TIMEOUT = 5.0  # seconds to wait for its end when the server stops
RETRY_AFTER = 5.0  # seconds between two attempts
CHECK_EVERY = 1.0  # seconds between two looks at a Parley that another process started

_log = logging.getLogger("messaging")
_mutex = threading.Lock()
_process: Optional["subprocess.Popen[bytes]"] = None  # the supervisor, if this process started it
_url: Optional[str] = None
_checked = 0.0  # when _url was last known to be right; seconds, monotonic
_failure: Optional["CannotStart"] = None


class CannotStart(Exception):
    """Parley cannot be started here; the text says why and what to do."""


def data_dir() -> Path:
    """`PARLEY_DATA_DIR`, else `.parley` in the project's BASE_DIR."""
    return Path(os.environ.get("PARLEY_DATA_DIR") or Path(getattr(settings, "BASE_DIR", ".")) / ".parley").absolute()


def is_development() -> bool:
    environment = os.environ.get("DJANGO_ENV")
    return environment == "development" or (not environment and bool(settings.DEBUG))


def is_test() -> bool:
    return os.environ.get("DJANGO_ENV") == "test" or hasattr(mail, "outbox")  # which Django's test runner sets


async def url() -> str:
    """The URL of the running Parley, which is started if necessary. Raises CannotStart."""
    known = _url
    if known is not None and _is_current():
        return known
    return await asyncio.get_running_loop().run_in_executor(None, _ensure)


def running_url() -> Optional[str]:
    """The URL of the Parley that a server of this project has started, or None."""
    return _running_url(data_dir())


def start_in_background(report: Callable[[str], None]) -> None:
    """Starts Parley if this process has not tried yet; `report` gets the reason of a failure."""
    if _url is None and _failure is None and not _mutex.locked() and is_development() and not is_test():
        threading.Thread(target=_try_to_ensure, args=(report,), daemon=True).start()


def stop() -> None:
    """Stops Parley if this process started it."""
    global _process, _url
    with _mutex:
        process, _process, _url = _process, None, None
    if process is None:
        return
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        _log.warning("Parley is still stopping")


def _is_current() -> bool:
    process = _process
    if process is not None:
        return process.poll() is None
    return time.monotonic() - _checked < CHECK_EVERY


def _try_to_ensure(report: Callable[[str], None]) -> None:
    try:
        _ensure()
    except CannotStart as error:
        report(str(error))


def _ensure() -> str:
    global _url, _checked, _failure
    with _mutex:
        if _url is not None and _is_current():
            return _url
        if _failure is not None and time.monotonic() - _checked < RETRY_AFTER:
            raise _failure
        try:
            _url, _failure = _start_or_find(), None
        except CannotStart as error:
            _url, _failure = None, error
            raise
        finally:
            _checked = time.monotonic()
        return _url


def _start_or_find() -> str:
    if is_test():
        raise CannotStart("Parley is not started in tests: set PARLEY_URL to use a running one.")
    if not is_development():
        raise CannotStart("PARLEY_URL is not set: set it to the address of Parley, such as http://127.0.0.1:8001.")
    program = binary.find()
    if program is None:
        raise CannotStart(f"Parley is not available: {binary.NOT_FOUND}")
    folder = data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    deadline = time.monotonic() + START_TIMEOUT
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while time.monotonic() < deadline:
            if _take(lock):
                return _start(program, folder, lock, deadline)
            running = _running_url(folder)
            if running and _is_ready(running):
                return running
            time.sleep(0.05)
    finally:
        os.close(lock)
    raise CannotStart(f"Another process holds {folder / 'lock'}, but no Parley answers.")


def _take(lock: int) -> bool:
    import fcntl  # not on Windows, where Parley does not run

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(program: str, folder: Path, lock: int, deadline: float) -> str:
    """Starts the supervisor, which inherits the lock."""
    global _process
    port = _port(folder)
    command = [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
    url = f"http://127.0.0.1:{port}"
    (folder / "running.json").write_text(json.dumps({"url": url}))
    process = subprocess.Popen(
        [sys.executable, supervisor.__file__, str(lock), *command], stdin=subprocess.PIPE, pass_fds=(lock,),
        env=project.development_environment(program, folder), start_new_session=True)
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotStart(f"{program} ended with status {process.returncode}; its messages are above.")
        if _is_ready(url):
            _process = process
            atexit.register(stop)
            _log.info("Parley runs at %s, its data is in %s", url, folder)
            return url
        time.sleep(0.05)
    if process.stdin:
        process.stdin.close()
    raise CannotStart(f"{program} is not ready after {START_TIMEOUT:.0f} s.")


def _port(folder: Path) -> int:
    """The port of the last time if it is free, so that open clients find Parley again; else any free one."""
    last = _running_url(folder)
    for port in ([urlsplit(last).port or 0] if last else []) + [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CannotStart("No port is free on 127.0.0.1.")


def _running_url(folder: Path) -> Optional[str]:
    try:
        return str(json.loads((folder / "running.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None


def _is_ready(url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
