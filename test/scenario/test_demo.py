"""`parley demo`: a server with an example conversation."""
import subprocess

import pytest

from client import Rest
from deadline import patient
from server import BINARY, KEY, Server, environment
from tokens import mint

PEOPLE = ["ada", "ben", "chloe", "dmitri"]


@pytest.fixture
def demo(tmp_path):
    server = Server(tmp_path)
    server.command[1] = "demo"
    yield server
    server.close()


def example(server):
    """Returns the only conversation of ada, and its messages from the oldest on."""
    ada = Rest(server, mint("ada"))
    [welcome] = ada.get("conversations/").json()
    return welcome, ada.get(f"conversations/{welcome['id']}/messages/?after_seq=0").json()["messages"]


@pytest.mark.proves("parley demo")
def test_the_example_is_seeded_once_and_keeps_what_users_add(demo):
    welcome, messages = example(demo.start())
    assert (welcome["type"], welcome["title"], welcome["participants"]) == ("group", "Welcome", PEOPLE)
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert {message["sender_id"] for message in messages} == set(PEOPLE)

    Rest(demo, mint("ben")).send_message(welcome, "hello")
    demo.kill()
    again, kept = example(demo.start())
    assert again["id"] == welcome["id"]
    assert kept[:-1] == messages and kept[-1]["content"] == "hello"


def test_production_refuses_it(tmp_path):
    ended = subprocess.run([BINARY, "demo"], cwd=tmp_path, env=environment(DJANGO_ENV="production", JWT_SECRET_KEY=KEY), text=True,
                           capture_output=True, timeout=patient(20))
    assert ended.returncode == 2 and "demo cannot run in production" in ended.stderr
    assert not (tmp_path / "data").exists()
