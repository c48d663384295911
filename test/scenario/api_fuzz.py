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

EVERY_CHECK = "all"
# What a schema cannot say: both fields are fine, and together they make no sense (with oneself, twice the same
# person, beyond the head). The server names the field; the scenarios of each route check that.
SENSE = ("/api/messaging/conversations/", "/api/messaging/conversations/direct/", "/api/messaging/conversations/task/",
         "/api/messaging/conversations/{id}/", "/api/messaging/conversations/{id}/participants/",
         "/api/messaging/conversations/{id}/read/", "/api/messaging/conversations/{id}/set_role/",
         "/api/messaging/conversations/{id}/add_participant/", "/api/messaging/conversations/{id}/remove_participant/",
         "/api/messaging/messages/", "/api/messaging/conversations/{id}/messages/", "/api/messaging/attachments/",
         "/api/messaging/revocations/")


def operation(path, ids=None, sense=False):
    """A section of schemathesis.toml about one path."""
    lines = ["[[operations]]", f'include-path = "{path}"']
    if ids:
        lines.append("parameters = { " + ", ".join(f'"path.{name}" = "{value}"' for name, value in ids.items()) + " }")
    if sense:
        lines.append("checks.positive_data_acceptance.expected-statuses = [200, 201, 204, 206, 304, 400, 401, 403, 404, 409, 416, 429]")
    return "\n".join(lines) + "\n"


def configuration(document, conversation, message, attachment):
    text = ""
    for path in document["paths"]:
        ids = {}
        if "{id}" in path:
            thing = conversation if "/conversations/" in path else message if "/messages/" in path else attachment
            ids["id"] = thing["id"]
        if ids or path in SENSE:
            text += operation(path, ids, path in SENSE)
    return text


def altered(server, directory, change):
    """The path of the server's document after `change` has worked on it."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    change(document)
    path = pathlib.Path(directory, "openapi.json")
    path.write_text(json.dumps(document))
    return str(path)


def run(server, directory, *options, document=None, **keywords):
    """The finished process of a run; `options` are those of `schemathesis run`, `document` is read instead of the
    server's own."""
    alice, bob = Person(server, "somebody-of-her-own", scope="messaging:service"), Person(server, "bob")
    conversation = alice.rest.create_group(bob)
    message = alice.rest.send_message(conversation, "hello")
    alice.rest.send_message(conversation, "hello again", metadata={"a": 1})
    attachment = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()
    known = alice.rest.get(f"{server.url}/openapi.json").json()
    config = pathlib.Path(directory, "schemathesis.toml")
    config.write_text(configuration(known, conversation, message, attachment))
    # Whoever takes tokens back takes this run's own; tokens and pages of development are not in production's document.
    command = [str(pathlib.Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run", document or f"{server.url}/openapi.json",
               "--url", server.url,
               "--header", f"Authorization: Bearer {alice.token}", "--checks", EVERY_CHECK, "--no-color", "--warnings", "off",
               "--exclude-path", "/api/messaging/revocations/", *map(str, options)]
    return subprocess.run(command, cwd=directory, text=True, stdin=subprocess.DEVNULL, **keywords)


def main(*options):
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory, "--no-rate-limits", "--no-access-log").start()
        try:
            return run(server, directory, *(options or ("--max-examples", 200))).returncode
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
