"""Collects the final state of the nodes and the store after recovery, for the checker."""
import itertools
import json
import time

from checker import LIVE, check
from client import Person
from deadline import eventually
from end_checks import SPARE_FILES, wrong_presence
from fail_over import without_lost_commits
from session_checks import MARKS_LATE

CATCH_UP = 15  # seconds after the last fault in which all clients catch up and are live: ten, and a reconnect
PRESENCE = 25  # seconds until presence is correct: the lease, the debounce, and two reconnects
FENCES = 3  # rounds of messages that check live delivery
CLOSED = 10  # seconds in which nodes close unused files and connections


class Judge:
    def __init__(self, rig, history, swarm, users):
        self.rig, self.history, self.swarm, self.users = rig, history, swarm, users
        self.inside = [client for client in swarm.clients if not client.finished]
        self.asking = {conversation: [Person(node.server, people[0].id) for node in rig.nodes] for conversation, people in users.items()}
        self.ids = ", ".join(f"'{id}'" for id in users)
        self.numbers = itertools.count(1)

    def verdict(self):
        end = time.monotonic() + CATCH_UP
        _wait(self._all_clients_caught_up, CATCH_UP)
        fences = self._fences(end)
        _wait(self._presence_is_correct, PRESENCE)
        presence = self._presence()
        _wait(lambda: all(now <= idle + SPARE_FILES for _, now, idle in self.rig.resources.held()), CLOSED)
        self._marks_are_written()
        rows = [tuple(row) for row in self._json("conversation_id, seq, id, sender_id, client_id, content", "messaging_message")]
        marks = {(user, id): mark for id, user, mark in self._json("conversation_id, user_id, last_read_seq", "messaging_conversation_participant")}
        changes = {f"{id} {seq}" for id, seq in self._json("conversation_id, seq", "parley_change")}
        reads = [{id: [(m["seq"], m["id"]) for m in asking[node].rest.everything_in({"id": id})] for id, asking in self.asking.items()}
                 for node in range(len(self.rig.nodes))]
        events, went_back = without_lost_commits(self.history.events)
        return check(
            events, rows, self._heads(), [(client.user, client.conversation, client.last_seq) for client in self.inside], reads,
            self.swarm.removals, changes, fences, marks, presence, *self._online_and_offline(), self.rig.resources.memory.items(),
            self.rig.resources.held(), went_back)

    def _json(self, columns, table, column="conversation_id"):
        return [json.loads(line) for line in self.rig.database.ask(
            f"SELECT json_build_array({columns}) FROM {table} WHERE {column} IN ({self.ids})").splitlines()]

    def _heads(self):
        return dict(self._json("id, seq", "messaging_conversation", "id"))

    def _marks_are_written(self):
        """Waits until acked marks are written, which happens in the background."""
        last = max((event["t"] for event in self.history.events if event["what"] == "mark"), default=0)
        time.sleep(max(0, last + MARKS_LATE - time.monotonic()))

    def _all_clients_caught_up(self):
        heads = self._heads()
        return all(client.socket is not None and client.last_seq == heads[client.conversation] for client in self.inside)

    def _fences(self, end):
        """Sends a message through each node in each conversation, until all clients receive all of them at once, several rounds in a
        row: nodes that only poll the store would succeed in a single round."""
        rounds = []
        while len(rounds) < FENCES:
            fences = [(id, self._send(id, person)) for id, asking in self.asking.items() for person in asking]
            rounds.append(fences)
            if not self._reach_all_clients(fences):
                if time.monotonic() > end:
                    break
                rounds.clear()
        return {fence for fences in rounds for fence in fences}

    def _reach_all_clients(self, fences):
        sent = time.monotonic()
        while time.monotonic() < sent + LIVE:
            if all(client.last_seq >= (seq or float("inf")) for id, seq in fences for client in self.inside if client.conversation == id):
                return True
            time.sleep(0.02)
        return False

    def _send(self, conversation, person):
        return self.swarm.send(person, conversation, f"{person.id}-fence-{next(self.numbers)}")

    def _presence(self):
        """Returns {user: online} for each node; empty if the node does not respond."""
        shown = []
        for node in range(len(self.rig.nodes)):
            by_user = {}
            for id, asking in self.asking.items():
                asked = [client.user for client in self.swarm.clients if client.conversation == id]
                answer = asking[node].rest.post("presence/", json={"user_ids": asked})
                if answer.is_success:
                    by_user.update({user: one["online"] for user, one in answer.json().items()})
            shown.append(by_user)
        return shown

    def _online_and_offline(self):
        online = {client.user for client in self.swarm.clients if client.socket is not None}
        return online, {client.user for client in self.swarm.clients if client.finished}

    def _presence_is_correct(self):
        online, offline = self._online_and_offline()
        return all(not wrong_presence(by_user, online, offline) for by_user in self._presence())


def _wait(condition, within):
    try:
        eventually(condition, within=within)
    except AssertionError:
        pass  # the checker reports the clients
