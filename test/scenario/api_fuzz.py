"""Schemathesis against the document that a server gives of itself, with people and things that are there.

    ./dev schemathesis [--max-examples N] [--seed N] ...      options go to `schemathesis run`
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import httpx

import files
from client import Person
from server import Server

METHODS = {"get", "post", "put", "patch", "delete"}
# What a schema cannot say: each field is fine, and together with what is there they make no sense. The server names
# the field; the scenarios of the route check that.
SENSE = {
    ("POST", "/api/messaging/conversations/{id}/read/"): "a seq beyond the head",
    ("POST", "/api/messaging/conversations/"): "a direct one has one other person",
    ("GET", "/api/messaging/conversations/"): "a cursor that nobody gave out",
    ("PATCH", "/api/messaging/conversations/{id}/"): "nothing to change",
    ("POST", "/api/messaging/conversations/direct/"): "with oneself",
    ("POST", "/api/messaging/conversations/task/"): "the same person twice",
    ("GET", "/api/messaging/conversations/{id}/participants/"): "a cursor that nobody gave out",
    ("GET", "/api/messaging/conversations/{id}/messages/"): "both before_id and after_seq, or a message that is not there",
    ("POST", "/api/messaging/messages/"): "an answer to a message that is not there, or files that are not",
    ("POST", "/api/messaging/conversations/{id}/set_role/"): "of somebody who is not in it",
    ("POST", "/api/messaging/conversations/{id}/add_participant/"): "a number whose text is not a user id",
    ("POST", "/api/messaging/conversations/{id}/remove_participant/"): "a number whose text is not a user id",
    ("POST", "/dev/token"): "a number whose text is not a user id",
    ("POST", "/api/messaging/revocations/"): "a number whose text is not a user id",
    ("POST", "/api/messaging/presence/"): "a number whose text is not a user id",
    ("POST", "/api/messaging/attachments/"): "a file that is no picture",
    ("GET", "/api/messaging/attachments/{id}/content/"): "a part that is not there",
}
# Random bytes are no picture: whether a good upload is answered as its schema says, its scenarios look at.
NEVER_GOOD = {("POST", "/api/messaging/attachments/")}


# Whose bodies name what is there (see `run`): what an answer before gave is not in them.
NARROWED = {("POST", "/api/messaging/messages/"), ("POST", "/api/messaging/conversations/{id}/read/")}


def section(method, path, thing):
    """A section of schemathesis.toml about one operation, whose {id} is that thing's."""
    lines = ["[[operations]]", f'include-name = "{method} {path}"']
    if "{id}" in path:
        lines.append(f'parameters = {{ "path.id" = "{thing["id"]}" }}')
    if (method, path) in SENSE:
        lines.append("checks.positive_data_acceptance.expected-statuses = [200, 201, 204, 206, 304, 400, 401, 403, 404, 409, 416, 429]")
    if (method, path) in NARROWED:
        lines.append("phases.stateful.enabled = false")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def configuration(document, things):
    """What is deleted is not what the other operations are about."""
    text = ""
    for path, item in document["paths"].items():
        kind = path.split("/")[3] if path.startswith("/api/messaging/") else ""
        for method in item.keys() & METHODS:
            mine = things.get(kind, {})
            doomed = "doomed too" if path.endswith("/delete/") else "doomed"
            text += section(method.upper(), path, mine.get(doomed if method == "delete" else "kept"))
    return text


def things_of(alice, bob):
    """By kind: one to keep, and one to delete by each of two paths."""
    rooms = [alice.rest.create_group(bob) for _ in range(3)]
    messages = [alice.rest.send_message(rooms[0], "hello", metadata={"a": 1}) for _ in range(3)]
    uploads = [alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json() for _ in range(3)]
    return {kind: dict(zip(("kept", "doomed", "doomed too"), each))
            for kind, each in (("conversations", rooms), ("messages", messages), ("attachments", uploads))}


def run(server, directory, *options, change=lambda document: None, **keywords):
    """The finished process of a run; `options` are those of `schemathesis run`, `change` works on the document first."""
    alice, bob = Person(server, "somebody-of-her-own", scope="messaging:service"), Person(server, "bob")
    things = things_of(alice, bob)
    document = alice.rest.get(f"{server.url}/openapi.json").json()
    # Ids in bodies are found by chance only by those who know them.
    bodies = {path: document["paths"][f"/api/messaging/{path}"]["post"]["requestBody"]["content"]["application/json"]
              for path in ("messages/", "conversations/{id}/read/")}
    bodies["messages/"]["schema"]["properties"]["conversation_id"] = {"const": things["conversations"]["kept"]["id"]}
    bodies["messages/"]["example"]["conversation_id"] = things["conversations"]["kept"]["id"]
    bodies["conversations/{id}/read/"]["example"] = {"up_to_seq": 1}
    change(document)
    known, config = pathlib.Path(directory, "openapi.json"), pathlib.Path(directory, "schemathesis.toml")
    known.write_text(json.dumps(document))
    config.write_text(configuration(document, things))
    # Whoever takes tokens back takes this run's own.
    command = [str(pathlib.Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run", str(known),
               "--url", server.url, "--header", f"Authorization: Bearer {alice.token}", "--checks", "all", "--no-color",
               "--warnings", "off", "--exclude-path", "/api/messaging/revocations/", *map(str, options)]
    return subprocess.run(command, cwd=directory, text=True, stdin=subprocess.DEVNULL, **keywords)


def never_answered_well(server):
    """Operations of the document that no request of the run succeeded with."""
    answers = httpx.get(f"{server.url}/metrics").text
    document = httpx.get(f"{server.url}/openapi.json").json()
    found = set()
    for path, item in document["paths"].items():
        for method in item.keys() & METHODS:
            route = f'method="{method.upper()}",route="{path.rstrip("/") or "/"}",status="2'
            if route not in answers and not path.endswith("/revocations/"):
                found.add((method.upper(), path))
    return found


def main(*options):
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory, "--no-rate-limits", "--no-access-log").start()
        try:
            return run(server, directory, *(options or ("--max-examples", 200))).returncode
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
