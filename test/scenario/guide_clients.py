"""Clients written for the guide's system: users with UUIDs for ids, and their uploads."""
import uuid

import pytest

from client import Person
from files import PNG

ATTACHMENT = {"id", "filename", "content_type", "file_size", "file_url", "uploaded_by_id", "uploaded_at", "metadata"}


@pytest.fixture
def users(server):
    """users(3): persons with UUIDs for ids, as the original has."""
    return lambda count: [Person(server, str(uuid.uuid4())) for _ in range(count)]


@pytest.fixture
def pair(users):
    """Two persons and their direct conversation."""
    ann, bob = users(2)
    answer = ann.rest.post("conversations/direct/", json={"user_id": bob.id})
    assert answer.status_code == 200, answer.text
    return ann, bob, answer.json()


def upload(person, name="cat.png"):
    answer = person.rest.post("attachments/", files={"file": (name, PNG, "image/png")})
    assert answer.status_code == 201 and ATTACHMENT <= set(answer.json()), answer.text
    return answer.json()
