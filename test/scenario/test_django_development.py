"""In development a Django server starts Parley itself, and stops it when it stops."""
import json
import os
import signal
import time
import uuid

import httpx
import pytest

from client import Person, assert_problem
from deadline import eventually, throughout
from django_project import HELPER, Project, environments
from redis_server import Redis
from server import BINARY, KEY
from tokens import mint




@pytest.fixture
def serve(tmp_path):
    """serve("daphne", …): a server of a new project that knows where the program parley is."""
    started = []

    def begin(kind, environment=None, *options, project=None, **more):
        project = project or Project(tmp_path / "site", environment or environments()[0])
        more = {"PARLEY_BIN": BINARY, "DJANGO_ENV": "development", "DJANGO_PROJECT_MARK": uuid.uuid4().hex, **more}
        started.append(project.serve(kind, *options, **more))
        return started[-1]

    yield begin
    for serving in started:
        serving.stop()
        eventually(lambda: not parleys(serving), within=15, describe=lambda: f"{serving.processes()}\n{serving.log}")


def parleys(serving):
    """The process ids of Parley itself."""
    return [pid for pid, command in serving.processes().items() if command.startswith(f"{BINARY} serve")]


@pytest.mark.proves("Django package: Parley started in development")
@pytest.mark.parametrize("kind", ["daphne", "uvicorn", "hypercorn", "runserver"])
@pytest.mark.parametrize("environment", environments())
def test_two_people_talk_with_nothing_but_the_guides_command(serve, environment, kind):
    serving = serve(kind, environment)
    eventually(lambda: parleys(serving), within=20, describe=lambda: serving.log)
    alice, bob = Person(serving, "alice"), Person(serving, "bob")
    room = alice.rest.create_group(bob)
    with alice.connect(room) as a, bob.connect() as b:
        a.send_message("hello")
        assert b.wait_for("message")["data"]["content"] == "hello"
    assert len(parleys(serving)) == 1
    assert os.path.exists(f"{serving.project.directory}/.parley/.gitignore")
    alice.rest.close()
    bob.rest.close()


def test_the_projects_key_and_hosts_are_taken(serve, tmp_path):
    own = "a key of the project's own, which signs access tokens"
    settings = HELPER + f'\nfrom datetime import timedelta\nSIMPLE_JWT = {{"SIGNING_KEY": {own!r}, "ALGORITHM": "HS384", ' \
        '"ISSUER": "shop", "LEEWAY": timedelta(seconds=30)}\nALLOWED_HOSTS = ["chat.example", "127.0.0.1"]\n'
    serving = serve("uvicorn", project=Project(tmp_path / "site", settings=settings))
    url = f"{serving.url}/api/messaging/conversations/"

    def get(token, host=serving.address):
        return httpx.get(url, headers={"Authorization": f"Bearer {token}", "Host": host})

    assert get(mint("ann", key=own, algorithm="HS384", iss="shop", ttl=-10)).status_code == 200
    assert get(mint("ann", key=own, algorithm="HS384", iss="shop"), host="chat.example").status_code == 200
    assert get(mint("ann", key=own, algorithm="HS384", iss="other")).status_code == 401
    assert get(mint("ann", key=KEY)).status_code == 401
    assert get(mint("ann", key=own, algorithm="HS384", iss="shop"), host="localhost").status_code == 400


def test_data_and_port_survive_a_restart(serve):
    first = serve("uvicorn")
    alice = Person(first, "alice")
    room = alice.rest.create_group()
    alice.rest.send_message(room, "kept")
    where = f"{first.project.directory}/.parley/running.json"
    url = json.load(open(where))
    first.stop()
    second = serve("uvicorn", project=first.project)
    assert [one["content"] for one in Person(second, "alice").rest.everything_in(room)] == ["kept"]
    assert json.load(open(where)) == url


@pytest.mark.proves("Django package: Parley started in development")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("kind", ["daphne", "uvicorn", "runserver"])
def test_parley_stops_with_the_server(serve, kind, how):
    serving = serve(kind)
    eventually(lambda: parleys(serving), within=20)
    serving.stop(how)
    eventually(lambda: not serving.processes(), within=15, describe=lambda: str(serving.processes()))


@pytest.mark.proves("Django package: Parley started in development")
def test_the_autoreloader_restarts_it_and_never_runs_two(serve):
    serving = serve("runserver")
    alice = Person(serving, "alice")
    eventually(lambda: parleys(serving), within=20)
    [first] = parleys(serving)
    room = alice.rest.create_group()
    time.sleep(0.9)  # the reloader compares modification times once a second
    with open(f"{serving.project.directory}/your_project/urls.py", "a") as urls:
        urls.write("\n# changed\n")
    eventually(lambda: parleys(serving) not in ([], [first]), within=20, describe=lambda: serving.log)
    throughout(lambda: len(parleys(serving)) == 1, 1)
    eventually(lambda: answers(alice, room), within=10, describe=lambda: serving.log)


@pytest.mark.parametrize("environment", environments())
@pytest.mark.parametrize("missing", [["daphne"], ["daphne", "uvicorn"]])
def test_runserver_uses_the_server_that_is_installed(serve, tmp_path, environment, missing):
    project = Project(tmp_path / "site", environment)
    for module in missing:
        project.write(f"{module}.py", "raise ImportError")
    serving = serve("runserver", project=project)
    alice, bob = Person(serving, "alice"), Person(serving, "bob")
    room = alice.rest.create_group(bob)
    with bob.connect(room) as b:
        alice.rest.send_message(room, "hello")
        assert b.wait_for("message")["data"]["content"] == "hello"
    assert httpx.get(f"{serving.url}/static/admin/css/base.css").status_code == 200
    eventually(lambda: len(parleys(serving)) == 1)


def test_runserver_without_an_asgi_server_says_so(serve, tmp_path):
    project = Project(tmp_path / "site", environments()[0])
    for module in "daphne", "uvicorn", "hypercorn":
        project.write(f"{module}.py", "raise ImportError")
    serving = serve("runserver", project=project)
    assert "Install daphne, uvicorn or hypercorn" in serving.log
    assert httpx.get(f"{serving.url}/api/messaging/conversations/").status_code == 404


def test_daphnes_own_runserver_is_kept(tmp_path):
    project = Project(tmp_path / "site", environments()[0], settings='INSTALLED_APPS.insert(0, "daphne")\n' + HELPER)
    printed = project.manage("shell", "-c", "from django.core.management import get_commands; print(get_commands()['runserver'])")
    assert printed.stdout.split()[-1] == "daphne"


def answers(person, room):
    try:
        return person.rest.get(f"conversations/{room['id']}/").status_code == 200
    except httpx.TransportError:
        return False


def test_several_workers_share_one(serve):
    serving = serve("uvicorn", None, "--workers", "3")
    eventually(lambda: parleys(serving), within=20, describe=lambda: serving.log)
    alice = Person(serving, "alice")
    room = alice.rest.create_group()
    for _ in range(30):
        person = Person(serving, "alice")
        person.rest.send_message(room, "hello")
        person.rest.close()
    assert len(parleys(serving)) == 1


def test_messaging_check_finds_the_parley_that_was_started(serve):
    serving = serve("uvicorn")
    assert Person(serving, "alice").rest.get("conversations/").status_code == 200
    checked = serving.project.manage("messaging_check", DJANGO_ENV="development").stdout
    findings = [line for line in checked.splitlines() if line.startswith(("error: ", "warning: ")) and "Redis" not in line]
    assert findings == [], checked


def test_a_parley_that_dies_is_started_again(serve):
    serving = serve("daphne")
    alice = Person(serving, "alice")
    room = alice.rest.create_group()
    [first] = parleys(serving)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: answers(alice, room), within=20, describe=lambda: serving.log)
    assert parleys(serving) != [first] and len(parleys(serving)) == 1


@pytest.mark.proves("Django package: Parley started in development")
@pytest.mark.parametrize("environment", environments())
def test_commands_start_nothing(tmp_path, environment):
    project = Project(tmp_path / "site", environment, urls="""
from django.http import HttpResponse
from django.urls import path
from django.test import TestCase


class Chat(TestCase):
    def test_messaging_is_not_started(self):
        import asyncio
        from asgiref.testing import ApplicationCommunicator
        from messaging.asgi import application

        async def ask():
            scope = {"type": "http", "method": "GET", "path": "/api/messaging/conversations/", "query_string": b"", "headers": []}
            communicator = ApplicationCommunicator(application, scope)
            await communicator.send_input({"type": "http.request"})
            return (await communicator.receive_output(5))["status"]

        self.assertEqual(asyncio.run(ask()), 503)


urlpatterns = []
""")
    more = {"PARLEY_BIN": BINARY, "DJANGO_ENV": "development"}
    for command in (["check"], ["migrate"], ["makemigrations", "--check"], ["shell", "-c", "import messaging.asgi"],
                    ["collectstatic", "--help"], ["test", "your_project.urls"]):
        done = project.manage(*command, **more)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert not os.path.exists(f"{project.directory}/.parley")


@pytest.mark.parametrize("more, reason", [
    ({"PARLEY_BIN": "/nowhere/parley"}, "no `parley` was found. Set PARLEY_BIN to its path"),
    ({"PARLEY_BIN": None}, "no `parley` was found. Set PARLEY_BIN to its path"),
    ({"PARLEY_BIN": "/bin/false"}, "/bin/false ended with status 1"),
    ({"DJANGO_ENV": "production"}, "PARLEY_URL is not set: set it to the address of Parley"),
    ({"DJANGO_ENV": "test"}, "Parley is not started in tests"),
    ({"PARLEY_URL": "localhost:8001"}, "use http://host:port, https://host:port or unix:/path"),
])
def test_without_parley_the_rest_works_and_the_log_says_why(serve, more, reason):
    serving = serve("daphne", **more)
    for _ in range(3):
        answer = httpx.get(f"{serving.url}/api/messaging/conversations/")
        assert_problem(answer, 503, "store_unavailable")
        assert reason not in answer.text
    assert httpx.get(f"{serving.url}/hello/").text == "hello from Django"
    assert serving.log.count(reason) == 1, serving.log


def test_parley_is_found_on_the_path(serve, tmp_path):
    (tmp_path / "bin").mkdir()
    os.symlink(BINARY, tmp_path / "bin" / "parley")
    serving = serve("daphne", PARLEY_BIN=None, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert Person(serving, "alice").rest.get("conversations/").status_code == 200


def test_the_environment_of_the_guides_compose_file_works(serve):
    redis = Redis().start()
    try:
        serving = serve("daphne", REDIS_URL=redis.url, DATABASE_URL="postgres://nobody@127.0.0.1:1/none", PORT="1")
        assert Person(serving, "alice").rest.get("conversations/").status_code == 200
    finally:
        redis.close()
