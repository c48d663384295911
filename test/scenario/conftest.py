import contextlib
import itertools
import os
import signal

import pytest
from playwright.sync_api import sync_playwright

from client import Person
from doctor import Doctor
from postgres import Postgres
from redis_server import Redis
from server import BINARY, Server

_numbers = itertools.count(1)


def pytest_configure(config):  # pytest calls it whenever it loads this file, which can be after the start of the session
    # A shell starts background jobs with SIGINT ignored, and servers that the tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"no server to test at {BINARY}: './dev build', or set PARLEY_BINARY", returncode=4)


# Files with slow tests, most of which wait. Workers share these test by test and start with them; each other file runs whole
# in one worker, so that the module's fixtures start once.
LONG_FILES = ("test_chaos.py", "test_hostile_clients.py", "test_cluster.py", "test_postgres.py", "test_redis_connections.py", "test_user_socket_load.py",
              "test_postgres_commits.py", "test_postgres_locks.py", "test_fail_over.py", "test_key_sets.py", "test_following.py",
              "test_channel_layer.py", "test_django_chat.py", "test_django_development.py", "test_guide.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Runs slow tests first, so that they do not delay the end. See pytest.ini."""

    def rank(item):
        long = item.get_closest_marker("long")
        file = LONG_FILES.index(item.path.name) if item.path.name in LONG_FILES else len(LONG_FILES)
        return -(long.args[0] if long else 0), file

    items.sort(key=rank)
    for item in items:
        if item.path.name not in LONG_FILES and not item.get_closest_marker("long"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the log of its servers to the report of a failed test."""
    report = (yield).get_result()
    if report.failed:
        for server, start in getattr(item, "watched_logs", []):
            report.sections.append((f"log of {server.address}", server.log[start:][-20000:]))


def watch(node, server):
    logs = getattr(node, "watched_logs", [])
    node.watched_logs = logs + [(server, len(server.log))]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("shared")).start()
    yield server
    server.close()


@pytest.fixture
def server(shared_server, request):
    """A running server with default settings, shared by tests that only send it requests."""
    watch(request.node, shared_server)
    assert shared_server.process.poll() is None, f"the server has exited:\n{shared_server.log[-20000:]}"
    return shared_server


@pytest.fixture
def own_server(tmp_path, request):
    """Starts servers for one test: own_server("--drain-delay", 1, NAME="value")."""
    made = []

    def make(*options, directory=None, ready=True, **variables):
        server = Server(directory or tmp_path / f"server-{len(made)}", *options, **variables)
        made.append(server)
        watch(request.node, server)
        return server.start(ready)

    yield make
    for server in made:
        if server.process and server.process.poll() is None:
            server.terminate()  # all at the same time
    for server in made:
        server.close()


@pytest.fixture
def alone(own_server):
    """A server that only this test uses, with its defaults."""
    return own_server()


@pytest.fixture
def people(server):
    """people("alice", "bob"): users with unique ids, used by one test only."""
    return lambda *names: named(server, *names)


# A file that stops or changes these servers makes its own.
@pytest.fixture(scope="module")
def database():
    postgres = Postgres().start()
    yield postgres
    postgres.close()


@pytest.fixture(scope="module")
def redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def doctor(tmp_path):
    return Doctor(tmp_path)


@pytest.fixture
def closing():
    """closing(Nginx(...)): closes the object after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda made: stack.enter_context(contextlib.closing(made))


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def named(server, *names):
    number = next(_numbers)
    made = [Person(server, f"{name}-{number}") for name in names]
    return made if len(made) > 1 else made[0]
