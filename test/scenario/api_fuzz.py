"""Runs Schemathesis against the OpenAPI document of a server, with users, conversations, messages and files that exist.

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
# Operations that may reject a request that matches the schema, because of the stored data or the combination of fields.
# The scenarios of each route check these errors.
MAY_REJECT = {
    ("POST", "/api/messaging/conversations/{id}/read/"): "a seq beyond the head",
    ("POST", "/api/messaging/conversations/"): "a direct conversation has exactly one other participant",
    ("GET", "/api/messaging/conversations/"): "a cursor that the server did not issue",
    ("PATCH", "/api/messaging/conversations/{id}/"): "no field to change",
    ("POST", "/api/messaging/conversations/direct/"): "a direct conversation with oneself",
    ("POST", "/api/messaging/conversations/task/"): "the same user twice",
    ("GET", "/api/messaging/conversations/{id}/participants/"): "a cursor that the server did not issue",
    ("GET", "/api/messaging/conversations/{id}/messages/"): "both before_id and after_seq, or a message that does not exist",
    ("POST", "/api/messaging/messages/"): "a reply to a message that does not exist, or attachments that do not exist",
    ("POST", "/api/messaging/conversations/{id}/set_role/"): "the role of a user who is not a participant",
    ("POST", "/api/messaging/conversations/{id}/add_participant/"): "a number whose text is not a user id",
    ("POST", "/api/messaging/conversations/{id}/remove_participant/"): "a number whose text is not a user id",
    ("POST", "/dev/token"): "a number whose text is not a user id",
    ("POST", "/api/messaging/revocations/"): "a number whose text is not a user id",
    ("POST", "/api/messaging/presence/"): "a number whose text is not a user id",
    ("POST", "/api/messaging/attachments/"): "content that is not of a supported file type",
    ("GET", "/api/messaging/attachments/{id}/content/"): "a range beyond the end of the file",
}
# Random bytes are not a supported file type. The attachment scenarios check the response to a valid upload.
NEVER_SUCCEEDS = {("POST", "/api/messaging/attachments/")}


# Operations whose request bodies name existing objects (see `run`); stateful testing would replace these ids.
WITH_FIXED_IDS = {("POST", "/api/messaging/messages/"), ("POST", "/api/messaging/conversations/{id}/read/")}


def section(method, path, thing):
    """Returns a section of schemathesis.toml for one operation, whose {id} is the id of `thing`."""
    lines = ["[[operations]]", f'include-name = "{method} {path}"']
    if "{id}" in path:
        lines.append(f'parameters = {{ "path.id" = "{thing["id"]}" }}')
    if (method, path) in MAY_REJECT:
        lines.append("checks.positive_data_acceptance.expected-statuses = [200, 201, 204, 206, 304, 400, 401, 403, 404, 409, 416, 429]")
    if (method, path) in WITH_FIXED_IDS:
        lines.append("phases.stateful.enabled = false")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def configuration(document, things):
    """Returns a configuration in which operations that delete objects get objects that no other operation uses."""
    text = ""
    for path, item in document["paths"].items():
        kind = "messages" if path.startswith("/trace/") else path.split("/")[3] if path.startswith("/api/messaging/") else ""
        for method in item.keys() & METHODS:
            mine = things.get(kind, {})
            doomed = "doomed too" if path.endswith("/delete/") else "doomed"
            text += section(method.upper(), path, mine.get(doomed if method == "delete" else "kept"))
    return text


def things_of(alice, bob):
    """Returns, for each kind of object, one to keep and one to delete by each of the two delete paths."""
    rooms = [alice.rest.create_group(bob) for _ in range(3)]
    messages = [alice.rest.send_message(rooms[0], "hello", metadata={"a": 1}) for _ in range(3)]
    uploads = [alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json() for _ in range(3)]
    return {kind: dict(zip(("kept", "doomed", "doomed too"), each))
            for kind, each in (("conversations", rooms), ("messages", messages), ("attachments", uploads))}


def run(server, directory, *options, change=lambda document: None, **keywords):
    """Runs Schemathesis to its end. `options` are those of `schemathesis run`; `change` edits the document first."""
    alice, bob = Person(server, "fuzz-user", scope="messaging:service"), Person(server, "bob")
    things = things_of(alice, bob)
    document = alice.rest.get(f"{server.url}/openapi.json").json()
    # Schemathesis cannot guess ids in request bodies, so the document names existing ones.
    bodies = {path: document["paths"][f"/api/messaging/{path}"]["post"]["requestBody"]["content"]["application/json"]
              for path in ("messages/", "conversations/{id}/read/")}
    bodies["messages/"]["schema"]["properties"]["conversation_id"] = {"const": things["conversations"]["kept"]["id"]}
    bodies["messages/"]["example"]["conversation_id"] = things["conversations"]["kept"]["id"]
    bodies["conversations/{id}/read/"]["example"] = {"up_to_seq": 1}
    change(document)
    known, config = pathlib.Path(directory, "openapi.json"), pathlib.Path(directory, "schemathesis.toml")
    known.write_text(json.dumps(document))
    config.write_text(configuration(document, things))
    # Revocations are excluded: they would revoke the token of this run.
    command = [str(pathlib.Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run", str(known),
               "--url", server.url, "--header", f"Authorization: Bearer {alice.token}", "--checks", "all", "--no-color",
               "--warnings", "off", "--exclude-path", "/api/messaging/revocations/", *map(str, options)]
    return subprocess.run(command, cwd=directory, text=True, stdin=subprocess.DEVNULL, **keywords)


def operations_without_success(server):
    """Returns the operations of the document for which no request of the run succeeded."""
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
