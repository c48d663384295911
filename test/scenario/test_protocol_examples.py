"""Runs the examples of docs/protocol.md and compares the results. An … in an example matches any value."""
import json
import pathlib
import re

import pytest

from client import Person
from server import ROOT

TEXT = pathlib.Path(ROOT, "docs/protocol.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)
MORE = "…"  # as a key: any further keys; as the only item of a list: any list; in a text: any suffix


def pattern(text):
    """Parses the JSON of an example, with its … replaced by valid JSON."""
    text = text.replace("{…}", '{"…":"…"}').replace("[…]", '["…"]')
    text = re.sub(r",\s*…(?=[,}])", ',"…":"…"', text)
    text = re.sub(r",\s*…(?=\])", ',"…"', text)
    return json.loads(text)


def differs(wanted, found, at="$"):
    """Returns where the value found differs from the example; None if it matches."""
    key = at.rpartition(".")[2]
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return f"{at}: {found!r} is not an object"
        missing = set(wanted) - {MORE} - set(found)
        extra = set() if MORE in wanted else set(found) - set(wanted)
        if any(MORE in name for name in wanted if name != MORE):  # ids as keys
            names = sorted(wanted.values(), key=repr), sorted(found.values(), key=repr)
            return None if names[0] == names[1] else f"{at}: {found}"
        if missing or extra:
            return f"{at}: without {sorted(missing)}, with {sorted(extra)}"
        return next(filter(None, (differs(wanted[name], found[name], f"{at}.{name}") for name in wanted if name != MORE)), None)
    if isinstance(wanted, list):
        if not isinstance(found, list):
            return f"{at}: {found!r} is not a list"
        if wanted == [MORE]:
            return None
        known = [each for each in wanted if each != MORE]
        if len(known) > len(found) or (len(known) < len(found) and MORE not in wanted):
            return f"{at}: {len(found)} members"
        return next(filter(None, (differs(w, f, f"{at}[{n}]") for n, (w, f) in enumerate(zip(known, found)))), None)
    if isinstance(wanted, str) and MORE in wanted or key.endswith("_at") or key in ("cursor", "delay_ms"):
        same = found is None or isinstance(found, type(wanted)) or wanted is None
    else:
        same = wanted == found and type(wanted) is type(found)
    return None if same else f"{at}: {found!r}, not {wanted!r}"


def beginning(start):
    """Returns the only block that begins with this text, or a part of a block."""
    found = [(kind, text) for kind, text in BLOCKS if text.startswith(start)]
    assert len(found) == 1, f"{len(found)} examples begin with {start}"
    return found[0][1]


@pytest.fixture
def scene(own_server):
    server = own_server("--websocket-ping-interval", "25s")
    return Scene(server)


class Scene:
    def __init__(self, server):
        self.server = server
        self.alice, self.bob, self.cho = (Person(server, name) for name in ("alice", "bob", "cho"))

    def room(self, messages, *others, title="Tea"):
        room = self.alice.rest.create_group(self.bob, *others, title=title)
        for number in range(messages):
            self.alice.rest.send_message(room, f"message {number}")
        return room

    def filled_in(self, text, room):
        """Returns the client's part of an example, with real ids and a real token."""
        return text.replace("01a2…", room["id"]).replace("eyJ…", self.bob.token)

    def play(self, socket, transcript, room):
        """Sends the lines with >, and compares the frames received with the lines with <. Their order within a response is free."""
        turns = re.split(r"^> ", transcript, flags=re.M)
        for turn in filter(None, turns):
            sent, *answers = turn.strip().split("\n")
            socket.send_text(self.filled_in(sent, room))
            wanted = [pattern(answer.removeprefix("< ")) for answer in answers]
            found = [socket.wait_for(lambda frame: frame["type"] not in ("user_online", "user_offline")) for _ in wanted]
            for each in wanted:
                problems = [differs(each, frame) for frame in found]
                assert None in problems, f"after {sent}: {problems}"
                found.pop(problems.index(None))


@pytest.mark.proves("the examples of protocol.md")
def test_examples_of_requests_and_responses(scene):
    requests = re.findall(r"^```sh\n(.*?)^```\n```\n(.*?)^```$", TEXT, re.M | re.S)
    assert len(requests) == 3
    room = None
    for number, (command, answer) in enumerate(requests):
        path = re.search(r"localhost:8000/api/messaging/([^\s\"]*)", command)[1]
        body = re.search(r"-d '(.*)'", command)
        if number == 1:  # as in the example, the second message is alice's
            scene.bob.rest.send_message(room, "first")
        if number == 2:
            for _ in range(4):
                scene.bob.rest.send_message(room, "more")
        if body:
            found = scene.alice.rest.post(path, json=json.loads(body[1].replace("01a2…", room["id"] if room else "")))
        else:
            found = scene.alice.rest.get(path.replace("01a2…", room["id"]))
        room = room or found.json()
        status, _, text = answer.partition("  ")
        assert found.status_code == int(status)
        assert differs(pattern(text), found.json()) is None


def test_example_of_an_error_response(scene):
    answer = scene.alice.rest.post("messages/", json={"conversation_id": scene.room(0)["id"], "content": " "})
    status, _, text = beginning("400  ").partition("  ")
    assert answer.status_code == int(status)
    assert differs(pattern(text), answer.json()) is None


def test_examples_of_the_first_frames_of_a_socket(scene):
    room, _ = scene.room(4), scene.room(0, title="Other")
    of_one, of_all = map(pattern, beginning('{"type":"connection_established"').splitlines())
    with scene.bob.connect(room) as b:
        assert differs(of_one, b.established) is None
    with scene.alice.connect() as a:
        assert differs(of_all, a.established) is None


@pytest.mark.proves("the examples of protocol.md")
def test_examples_of_commands(scene):
    room = scene.room(4)
    with scene.bob.connect(room) as b:
        scene.play(b, beginning('> {"type":"message","content":"hello alice"'), room)


def test_examples_of_command_errors(scene):
    room = scene.room(0)
    with scene.bob.connect(room) as b:
        scene.play(b, beginning('> {"type":"nonsense"'), room)


def test_example_of_a_resume(scene):
    room = scene.room(6)
    with scene.bob.connect(query={"resume": 1}) as b:
        scene.play(b, beginning('> {"type":"resume"'), room)


def test_example_of_a_gap(scene):
    room = scene.room(6)
    gap, resumed = (pattern(line.removeprefix("< ")) for line in beginning('< {"type":"gap"').splitlines())
    with scene.bob.connect(room, query={"since": 99}) as b:
        assert differs(gap, b.wait_for("gap")) is None
        assert differs(resumed, b.wait_for("resumed")) is None


def test_example_of_the_last_frame_before_a_restart(scene):
    with scene.bob.connect() as b:
        scene.server.terminate()
        assert differs(pattern(beginning('< {"type":"disconnect"').removeprefix("< ")), b.wait_for("disconnect")) is None


@pytest.mark.proves("the examples of protocol.md")
def test_examples_of_frames_to_other_participants(scene):
    """Triggers every frame of the list and compares it with its example."""
    wanted = [pattern(line.removeprefix("< ")) for line in beginning('< {"type":"typing_indicator"').splitlines()]
    room = scene.room(4)
    carol = Person(scene.server, "carol")
    with scene.alice.connect(room) as a, scene.alice.connect() as all_of_alice:
        with scene.bob.connect(room) as b:
            b.send("typing", is_typing=True)
            frames = [a.wait_for("typing_indicator")]
            mine = b.send_message("hello alice", client_id="b")  # seq 5
            b.ask("edit", message_id=mine["id"], content="hello Alice")
            b.ask("delete", message_id=mine["id"])
            scene.alice.rest.post(f"conversations/{room['id']}/add_participant/", json={"user_id": "cho"})
            a.send("read", up_to_seq=5)
            b.send("read", up_to_seq=5)
            frames += [a.wait_for(name) for name in ("message_updated", "message_deleted", "conversation_updated")]
            frames.append(a.wait_for(lambda frame: frame["type"] == "read_receipt" and frame["data"]["user_id"] == "bob"))
            frames.append(a.wait_for("user_online"))
        frames.append(a.wait_for("user_offline"))
        made = carol.rest.create_group(scene.alice, title="New")
        frames.append(all_of_alice.wait_for("conversation_created"))
        carol.rest.post(f"conversations/{made['id']}/remove_participant/", json={"user_id": "alice"})
        frames.append(all_of_alice.wait_for("conversation_left"))
        made = carol.rest.create_group(scene.alice, title="New")
        carol.rest.delete(f"conversations/{made['id']}/")
        frames.append(all_of_alice.wait_for("conversation_deleted"))
    for each in wanted:
        same = [frame for frame in frames if frame["type"] == each["type"]]
        problems = [differs(each, frame) for frame in same]
        assert None in problems, f"{each['type']}: {problems}"


def test_every_protocol_example_has_a_test():
    """A new example needs a test in this file."""
    starts = [text.split("\n")[0][:40] for kind, text in BLOCKS if not (kind == "sh" or re.match(r"\d{3}  ", text))]
    assert len(starts) == 7, starts
    assert len([text for kind, text in BLOCKS if re.match(r"\d{3}  ", text)]) == 4


@pytest.mark.parametrize("wanted, found", [
    ('{"a":1}', {"a": 2}), ('{"a":1}', {"a": "1"}), ('{"a":1}', {"a": 1, "b": 2}), ('{"a":1, …}', {"b": 2}), ('{"a":"x…"}', {"a": 1}),
    ('{"a":[1]}', {"a": [1, 2]}), ('{"a":{…}}', {"a": []}), ('{"a":true}', {"a": 1}), ('{"a":["b"]}', {"a": ["c"]})])
@pytest.mark.proves("the examples of protocol.md")
def test_an_example_that_differs_is_found(wanted, found):
    assert differs(pattern(wanted), found)
