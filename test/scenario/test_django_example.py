"""Two users of examples/django chat in two browsers."""
import json
import os
import re
import subprocess
import sys
import uuid

import pytest
from playwright.sync_api import expect

from deadline import eventually, patient
from django_project import SERVERS, Serving, python_of, variables
from server import BINARY, ROOT, Server

EXAMPLE = f"{ROOT}/examples/django"


class Example:
    """The project as ./dev django-example runs it, with data in a folder of the test."""

    directory, environment = EXAMPLE, "newest"

    def __init__(self, folder):
        self.python = python_of(self.environment)
        self.variables = {"PARLEY_BIN": BINARY, "DJANGO_ENV": "development", "EXAMPLE_DATABASE": f"{folder}/db.sqlite3",
                          "PARLEY_DATA_DIR": f"{folder}/parley", "DJANGO_PROJECT_MARK": uuid.uuid4().hex}

    def manage(self, *arguments):
        subprocess.run([self.python, "manage.py", *arguments], cwd=EXAMPLE, env=variables(**self.variables), check=True,
                       stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    example = Example(tmp_path_factory.mktemp("example"))
    example.manage("migrate", "-v", "0")
    example.manage("example_users")
    serving = Serving(example, "runserver", ("--noreload",), example.variables, ready_path="/accounts/login/").start()
    yield serving
    serving.stop()


@pytest.fixture
def log_in(browser, site):
    """log_in("ann"): the chat page of that user, in a browser of their own. Another site: log_in("ann", other)."""
    contexts = []

    def begin(name, site=site):
        context = browser.new_context(viewport={"width": 1100, "height": 700})
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(site.url)
        page.fill("[name=username]", name)
        page.fill("[name=password]", name)
        page.click("button")
        expect(page.locator("#state")).to_have_text("online")
        return page

    yield begin
    for context in contexts:
        assert not [error for page in context.pages for error in getattr(page, "errors", [])]
        context.close()


def person(page, name):
    return page.locator("#people button", has_text=name)


def send(page, text):
    page.fill("#text", text)
    page.press("#text", "Enter")


@pytest.mark.proves("Django package: example")
def test_two_users_chat(log_in):
    ann, bob = log_in("ann"), log_in("bob")
    expect(ann.locator("#people")).to_contain_text("Bob Carter")
    person(ann, "Bob").click()
    send(ann, "Hello Bob, <b>how</b> are you?")
    expect(ann.locator("#messages li")).to_have_count(1)
    expect(ann.locator("#messages li small")).to_contain_text("sent")
    expect(person(bob, "Ann").locator(".badge")).to_have_text("1")
    person(bob, "Ann").click()
    expect(bob.locator("#messages li.theirs p")).to_have_text("Hello Bob, <b>how</b> are you?")
    expect(ann.locator("#messages li small")).to_contain_text("read")
    expect(person(ann, "Bob").locator(".online")).to_be_visible()
    bob.locator("#text").press_sequentially("Fine")
    expect(ann.locator("#typing")).to_have_text("Bob Carter is typing …")
    send(bob, "Fine, thank you!")
    expect(ann.locator("#messages li.theirs p")).to_have_text("Fine, thank you!")
    expect(ann.locator("#typing")).to_have_text("")
    if os.environ.get("EXAMPLE_SCREENSHOT"):
        send(ann, "Shall we meet for tea at four? The place at the corner has a new oolong, and it is quiet there on Thursdays.")
        expect(bob.locator("#messages li")).to_have_count(3)
        ann.screenshot(path=os.environ["EXAMPLE_SCREENSHOT"])
    ann.reload()
    person(ann, "Bob").click()
    expect(ann.locator("#messages li.theirs p")).to_have_text("Fine, thank you!")
    bob.context.close()
    expect(ann.locator("#people .online")).to_have_count(0, timeout=15000)


@pytest.mark.proves("Django package: example")
def test_nothing_is_lost_when_parley_restarts(log_in, site):
    ann, cleo = log_in("ann"), log_in("cleo")
    person(ann, "Cleo").click()
    person(cleo, "Ann").click()
    send(ann, "before")
    expect(cleo.locator("#messages li")).to_have_count(1)
    [parley] = [pid for pid, command in site.processes().items() if command.startswith(f"{BINARY} serve")]
    os.kill(parley, 9)
    send(ann, "while it is away")
    expect(ann.locator("#messages li.mine")).to_have_count(2)
    expect(ann.locator("#state")).to_have_text("online", timeout=30000)
    expect(cleo.locator("#messages li p")).to_have_text(["before", "while it is away"], timeout=30000)
    expect(ann.locator("#messages li.pending")).to_have_count(0)
    eventually(lambda: cleo.locator("#state").inner_text() == "online", within=30)


def test_the_settings_are_the_guides_lines():
    with open(f"{EXAMPLE}/your_project/settings.py") as file:
        text = file.read()
    assert "    'channels',\n    'messaging',\n]" in text
    assert text.endswith("from messaging.config import MessagingConfig\n\n# In your Django settings.py\n"
                         "MessagingConfig.configure_django_settings(globals())\n")
    with open(f"{EXAMPLE}/your_project/asgi.py") as file:
        assert re.match(r"from messaging\.asgi import application\n", file.read())


def dockerfile():
    with open(f"{EXAMPLE}/Dockerfile") as file:
        return file.read()


def test_the_dockerfile_has_the_guides_lines():
    lines = dockerfile().splitlines()
    for line in ("FROM python:3.9-slim", "WORKDIR /app", "COPY requirements.txt .", "RUN pip install --no-cache-dir -r requirements.txt", "COPY . .",
                 "EXPOSE 8000", 'CMD ["daphne", "-b", "0.0.0.0", "-p", "8000", "your_project.asgi:application"]'):
        assert line in lines
    with open(f"{EXAMPLE}/requirements.txt") as file:
        listed = set(file.read().split("\n"))
    assert listed >= {"channels>=4.0.0", "channels-redis>=4.1.0", "django-redis>=5.2.0", "djangorestframework>=3.14.0", "PyJWT>=2.6.0"}


@pytest.fixture
def services(tmp_path):
    """The services of docker-compose.yml, as Compose understands them."""
    ran = subprocess.run([sys.executable, f"{os.path.dirname(sys.executable)}/docker-compose", "--env-file", "/dev/null", "config", "--format", "json"],
                         cwd=EXAMPLE, env={"PATH": "/usr/bin:/bin"}, text=True, capture_output=True, timeout=patient(60))
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    return json.loads(ran.stdout)["services"]


@pytest.fixture
def composed(services, redis, tmp_path, monkeypatch):
    """Daphne and Parley with the environment of their services; host names become 127.0.0.1, and ports free ones."""
    def wired(name, places):
        found = dict(services[name]["environment"])
        for there, here in places.items():
            found = {key: value.replace(there, here) for key, value in found.items()}
        return found

    places = {"redis:6379": f"127.0.0.1:{redis.port}"}
    parley = Server(tmp_path / "parley", JWT_SECRET_KEY=None, **wired("parley", places)).start()
    example = Example(tmp_path)
    example.variables = {"EXAMPLE_DATABASE": f"{tmp_path}/db.sqlite3", **wired("web", {**places, "parley:8000": parley.address})}
    command = json.loads(re.search(r"^CMD (.*)$", dockerfile(), re.M)[1])
    monkeypatch.setitem(SERVERS, "the image's", [word.replace("0.0.0.0", "127.0.0.1").replace("8000", "{port}") for word in command])
    for step in services["setup"]["command"][2].split(" && "):
        example.manage(*step.split()[2:])
    serving = Serving(example, "the image's", (), example.variables, ready_path="/accounts/login/").start()
    yield serving
    serving.stop()
    parley.close()


def test_two_users_chat_through_the_composed_services(log_in, composed):
    ann, bob = log_in("ann", composed), log_in("bob", composed)
    person(ann, "Bob").click()
    person(bob, "Ann").click()
    send(ann, "by Daphne and Parley")
    expect(bob.locator("#messages li.theirs p")).to_have_text("by Daphne and Parley")
    send(bob, "received")
    expect(ann.locator("#messages li.theirs p")).to_have_text("received")
