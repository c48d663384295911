"""Runs each program of examples/ and checks its effect."""
import functools
import http.server
import os
import pathlib
import re
import subprocess
import sys
import threading

import pytest
from playwright.sync_api import expect

from client import Person
from deadline import eventually, patient
from files import PNG
from server import Server, free_port

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SERVICE = {"scope": "messaging:service"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A separate server: the programs have fixed user names."""
    server = Server(tmp_path_factory.mktemp("examples")).start()
    yield server
    server.close()


@pytest.fixture
def alice(server):
    return Person(server, "alice")


@pytest.fixture
def bob(server):
    return Person(server, "bob")


@pytest.fixture
def start(server):
    """start("chat.py", arguments…) starts a program with its input and output as pipes."""
    started = []

    def begin(name, *arguments, user="alice"):
        tokens = {name.upper(): Person(server, name).token for name in ("alice", "bob")}
        variables = {"PARLEY_URL": server.url, "TOKEN": Person(server, user).token, "PATH": os.environ["PATH"],
                     "SERVICE": Person(server, "backend", **SERVICE).token, **tokens}
        program = [sys.executable] if name.endswith(".py") else ["bash"]
        process = subprocess.Popen([*program, EXAMPLES / name, *map(str, arguments)], env=variables, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """run("send.sh", arguments…) returns the output of the program."""
    def to_end(*arguments):
        process = start(*arguments)
        output, _ = process.communicate(timeout=patient(30))
        assert process.returncode == 0, output
        return output

    return to_end


def test_examples_are_listed_and_short():
    programs = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
    assert set(re.findall(r"^\| \[([\w.]+)\]", (EXAMPLES / "README.md").read_text(), flags=re.M)) == programs
    tests = pathlib.Path(__file__).read_text()
    for name in programs - {"django"}:  # test_django_example.py
        assert len((EXAMPLES / name).read_text().splitlines()) <= 40, name
        assert f'"{name}"' in tests, f"{name} has no test"


def test_example_send(run, bob):
    conversation, message = run("send.sh").splitlines()
    assert message == "1 alice: hello bob"
    assert bob.rest.get(f"conversations/{conversation.split()[1]}/").json()["title"] == "Tea"


def test_example_history(run, alice, bob):
    group = alice.rest.create_group(bob)
    for number in range(7):
        alice.rest.send_message(group, f"line {number}")
    lines = [f"{number + 1} alice: line {number}" for number in reversed(range(7))]
    assert run("history.sh", group["id"], 3).splitlines() == lines
    assert run("history.sh", group["id"]).splitlines() == lines


def test_example_retry(run, alice, bob):
    group = alice.rest.create_group(bob)
    first = run("retry.sh", group["id"], "once", "key-1")
    again = run("retry.sh", group["id"], "once", "key-1")
    assert first.startswith("stored as ") and again == first.replace("stored", "was stored before", 1)
    assert [message["content"] for message in alice.rest.everything_in(group)] == ["once"]


def test_example_upload(run, alice, bob, tmp_path):
    group = alice.rest.create_group(bob)
    source, target = tmp_path / "cat.png", tmp_path / "copy.png"
    source.write_bytes(PNG)
    assert run("upload.sh", group["id"], source, target).endswith(f" {len(PNG)} bytes\n")
    assert target.read_bytes() == PNG
    [message] = bob.rest.everything_in(group)
    assert message["content_type"] == "image" and message["attachments"][0]["filename"] == "cat.png"


def test_example_read(run, alice, bob):
    group = alice.rest.create_group(bob)
    for number in range(3):
        alice.rest.send_message(group, f"line {number}")
    assert run("read.sh", group["id"]) == "unread: 3\nunread: 0\n"


def test_example_on_behalf(run, alice):
    assert run("on_behalf.sh").splitlines() == ["system backend: Order 17 has been paid.", "text alice: Thank you!"]
    [order] = [one for one in alice.rest.get("conversations/").json() if one["title"] == "Order 17"]
    members = alice.rest.get(f"conversations/{order['id']}/").json()["members"]
    assert [one["role"] for one in members if one["user_id"] == "alice"] == ["owner"]


def test_example_presence(run, alice, bob):
    alice.rest.create_group(bob)
    eventually(lambda: not alice.rest.post("presence/", json={"user_ids": ["bob"]}).json()["bob"]["online"])
    assert run("presence.py") == "bob is online: False\nbob is online: True\n"


def test_example_chat(start, alice, bob):
    group = alice.rest.create_group(bob)
    alices, bobs = start("chat.py", group["id"]), start("chat.py", group["id"], user="bob")
    assert alices.stdout.readline().startswith("connected as alice; online: ")
    assert bobs.stdout.readline().startswith("connected as bob; online: ")
    print("hello bob", file=alices.stdin, flush=True)
    assert bobs.stdout.readline() == "alice: hello bob\n"
    print("hello alice", file=bobs.stdin, flush=True)
    assert alices.stdout.readline() == "bob: hello alice\n"
    assert bobs.communicate(timeout=patient(15))[0] == "" and bobs.returncode == 0


def test_example_resume(start, tmp_path):
    port = free_port()
    server = Server(tmp_path / "restarted", port=port).start()
    alice, bob = Person(server, "alice"), Person(server, "bob")
    group = alice.rest.create_group(bob)
    alice.rest.send_message(group, "before")
    follower = start_at(server, group, bob)
    try:
        assert [follower.stdout.readline() for _ in range(2)] == ["1 alice: before\n", "up to date\n"]
        alice.rest.send_message(group, "live")
        assert follower.stdout.readline() == "2 alice: live\n"
        server.kill()
        server.start()
        alice.rest.send_message(group, "meanwhile")
        seen = [follower.stdout.readline() for _ in range(2)]
        assert sorted(seen) == ["3 alice: meanwhile\n", "up to date\n"]
    finally:
        follower.kill()
        follower.communicate()
        server.close()


def start_at(server, group, person):
    variables = {"PARLEY_URL": server.url, "TOKEN": person.token, "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, EXAMPLES / "resume.py", group["id"]], env=variables, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def open_page(browser, server):
    """open_page(page, conversation, person) serves "chat.html" from its own origin and opens it."""
    handler = functools.partial(QuietHandler, directory=EXAMPLES)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
        threading.Thread(target=files.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{files.server_port}/chat.html"
        yield lambda page, conversation, person: page.goto(
            f"{address}#url={server.url}&conversation={conversation['id']}&token={person.token}")
        files.shutdown()


def test_example_chat_page(browser, open_page, alice, bob):
    group = alice.rest.create_group(bob)
    page = browser.new_page()
    open_page(page, group, alice)
    expect(page.locator("#state")).to_have_text("online")
    bob.rest.send_message(group, "hello <b>alice</b>")
    page.fill("#text", "hello bob")
    page.press("#text", "Enter")
    expect(page.locator("li")).to_have_count(2)
    assert sorted(page.locator("li").all_inner_texts()) == ["alice: hello bob", "bob: hello <b>alice</b>"]
    page.close()


def test_example_chat_page_retries_after_a_broken_connection(browser, open_page, alice, bob):
    group = alice.rest.create_group(bob)
    page = browser.new_page()
    sockets = []

    def connect(socket):
        upstream = socket.connect_to_server()
        sockets.append(socket)
        # The first connection delivers what the page sends, but drops all responses.
        upstream.on_message(lambda text: socket.send(text) if len(sockets) > 1 or '"resumed"' in text else None)

    page.route_web_socket(re.compile("/ws/"), connect)
    open_page(page, group, alice)
    expect(page.locator("#state")).to_have_text("online")
    page.fill("#text", "once")
    page.press("#text", "Enter")
    eventually(lambda: len(alice.rest.everything_in(group)) == 1)
    sockets[0].close(code=4000)
    expect(page.locator("li")).to_have_text(["alice: once"])
    expect(page.locator("#state")).to_have_text("online")
    page.fill("#text", "twice")
    page.press("#text", "Enter")
    expect(page.locator("li")).to_have_text(["alice: once", "alice: twice"])
    assert [one["content"] for one in alice.rest.everything_in(group)] == ["once", "twice"]
    page.close()
