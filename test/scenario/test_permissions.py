"""Every cell of docs/permissions.md, checked against a server."""
import pathlib
import re

import pytest

from client import Person

TABLE = pathlib.Path(__file__).parents[2] / "docs" / "permissions.md"
ROLES = ["member", "admin", "owner"]


def cells():
    for line in TABLE.read_text().splitlines():
        row = re.fullmatch(r"\| `(\w+)` \|.*\| (\w+) \| (\w+) \| (\w+) \|", line)
        if row:
            for kind, least in zip(("direct", "group", "task"), row.groups()[1:]):
                for role in ROLES:
                    if (kind, role) != ("direct", "admin"):  # a direct conversation has no admin
                        yield row[1], kind, role, least


class Room:
    """A conversation of each kind with an owner, an admin and two members."""

    def __init__(self, server, kind, people):
        self.kind, self.server = kind, server
        self.owner, self.admin, self.member, self.other, outside = people
        self.outside = outside
        rest = self.owner.rest
        if kind == "direct":
            self.member = self.other = self.admin
            made = rest.post("conversations/direct/", json={"user_id": self.member.id})
        elif kind == "task":
            made = rest.post("conversations/task/", json={
                "task_id": "t-" + self.owner.id, "requester_id": self.owner.id,
                "performer_id": self.admin.id})
        else:
            made = rest.post("conversations/", json={"type": "group", "participants": [self.admin.id]})
        assert made.status_code in (200, 201), made.text
        self.path = f"conversations/{made.json()['id']}"
        self.conversation = made.json()
        if kind != "direct":
            for person in (self.member, self.other):
                self.post("add_participant", user_id=person.id)
            self.post("set_role", user_id=self.admin.id, role="admin")

    def post(self, verb, **body):
        answer = self.owner.rest.post(f"{self.path}/{verb}/", json=body)
        assert answer.status_code == 200, answer.text

    def message_of(self, person):
        return person.rest.send_message(self.conversation, "hello")["id"]


ATTEMPTS = {
    "read": lambda room, person: person.rest.get(f"{room.path}/messages/"),
    "edit_message": lambda room, person: person.rest.patch(
        f"messages/{room.message_of(person)}/", json={"content": "x"}),
    "delete_others_message": lambda room, person: person.rest.delete(
        f"messages/{room.message_of(room.owner if person is not room.owner else room.other)}/"),
    "update_title": lambda room, person: person.rest.post(f"{room.path}/update_title/", json={"title": "x"}),
    "update_metadata": lambda room, person: person.rest.patch(f"{room.path}/", json={"metadata": {"x": 1}}),
    "add_participant": lambda room, person: person.rest.post(
        f"{room.path}/add_participant/", json={"user_id": room.outside.id}),
    "remove_participant": lambda room, person: person.rest.post(
        f"{room.path}/remove_participant/", json={"user_id": room.other.id}),
    "leave": lambda room, person: person.rest.post(
        f"{room.path}/remove_participant/", json={"user_id": person.id}),
    "set_role": lambda room, person: person.rest.post(
        f"{room.path}/set_role/", json={"user_id": room.other.id, "role": "admin"}),
    "delete_conversation": lambda room, person: person.rest.delete(f"{room.path}/"),
}


def test_the_permission_table_and_its_attempts_list_the_same_actions():
    assert {action for action, *_ in cells()} == set(ATTEMPTS)


@pytest.mark.parametrize("action,kind,role,least", list(cells()))
@pytest.mark.proves("roles")
def test_a_cell_of_the_permission_table(server, people, action, kind, role, least):
    room = Room(server, kind, people("owner", "admin", "member", "other", "outside"))
    person = getattr(room, role)
    answer = ATTEMPTS[action](room, person)
    if least != "nobody" and ROLES.index(role) >= ROLES.index(least):
        assert answer.status_code in (200, 204), answer.text
    else:
        assert answer.status_code in (400, 403), answer.text
        service = Person(server, "backend", scope="messaging:service")
        if least != "nobody":
            acting = ATTEMPTS[action](room, _acting(service, person))
            assert acting.status_code in (200, 204), acting.text


def _acting(service, person):
    """Returns a client for the same user, whose requests a service sends."""
    person = Person(service.server, person.id)
    person.rest = type(person.rest)(service.server, service.token, headers={"X-On-Behalf-Of": person.id})
    return person
