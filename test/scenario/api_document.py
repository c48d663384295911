"""Reads the OpenAPI document that a server publishes, for tests."""
import re

import httpx

from client import NO_ID

METHODS = ("get", "post", "put", "patch", "delete")
VALUES = {"id": NO_ID, "user_id": "nobody", "task_id": "no-task", "emoji": "%F0%9F%91%8D"}


class Operation:
    def __init__(self, document, path, method, described):
        self.document, self.path, self.method, self.described = document, path, method.upper(), described

    def __str__(self):
        return f"{self.method} {self.path}"

    @property
    def url(self):
        """The path with a sample value for each parameter."""
        return re.sub(r"{(\w+)}", lambda found: VALUES[found[1]], self.path)

    @property
    def needs_token(self):
        return self.described.get("security", self.document["security"]) != []

    @property
    def body(self):
        """(media type, schema) of the request, or (None, None)."""
        content = self.described.get("requestBody", {}).get("content", {})
        return next(((kind, follow(self.document, media["schema"])) for kind, media in content.items()), (None, None))

    @property
    def example(self):
        return self.described["requestBody"]["content"]["application/json"]["example"]


def follow(document, thing):
    while "$ref" in thing:
        at = document
        for name in thing["$ref"][2:].split("/"):
            at = at[name]
        thing = at
    return thing


def read(server):
    answer = httpx.get(f"{server.url}/openapi.json", timeout=15)
    assert answer.status_code == 200
    return answer.json()


def operations(document):
    return [Operation(document, path, method, item[method])
            for path, item in document["paths"].items() for method in METHODS if method in item]
