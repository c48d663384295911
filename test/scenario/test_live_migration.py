"""Clients that chat through the guide's Django system are moved to Parley and back, while both systems run on one database and one
Redis. `./dev live-migration` runs it with 200 clients."""
import os
import sys
import types

import pytest

from server import ROOT

sys.path.insert(0, os.path.join(ROOT, "test", "live_migration"))
from ledger import Ledger  # noqa: E402
from live_migration import live_migration  # noqa: E402


@pytest.mark.long(20)
@pytest.mark.proves("a live migration")
def test_clients_move_from_django_to_parley_and_back_without_a_loss(tmp_path):
    result = live_migration(tmp_path, clients=20, rooms=4, groups=2, chat=0.8, pause=0.4, stable=0.2)
    print(result)
    assert not result.violations and not result.errors, str(result)
    figures = result.figures
    assert figures["Parley: messages acked"] > 30 and figures["Django: messages sent"] > 100, str(result)
    assert figures["Parley: changes of Django adopted"] > 30, str(result)
    for sender in "Django", "Parley":
        for receiver in "Django", "Parley":
            assert figures[f"live, {sender} to {receiver}: missed of expected"][1] > 0, "messages passed in all directions"
    assert figures["participants: never seen, sent through Parley"] == 0, str(result)


# --- the ledger finds what it is to find

ANN, BEN, ROOM = 1, 2, "room"


class Chat:
    """A message of Ann that Parley acked, and that both participants received."""

    def __init__(self):
        self.ledger = Ledger()
        ann, self.ben = (types.SimpleNamespace(user=user, conversation=ROOM) for user in (ANN, BEN))
        self.sockets = {client.user: self.ledger.connection(client, "Parley") for client in (ann, self.ben)}
        for socket in self.sockets.values():
            socket.established(0)
        self.ledger.sends(ann, "Parley", "hello").ack({"id": "id-1", "seq": 1})
        self.receive(ann)
        self.receive(self.ben)
        self.stored, self.replays = {"hello": [("id-1", 0)]}, {ANN: [(1, "hello")], BEN: [(1, "hello")]}

    def receive(self, client):
        self.sockets[client.user].event(1)
        self.ledger.received(client, self.sockets[client.user], "Parley", {"seq": 1, "data": {"content": "hello"}})

    def violations(self):
        self.ledger.check(self.stored, self.replays, {ROOM: [ANN, BEN]})
        return {name for name, _ in self.ledger.violations}


def test_the_ledger_finds_nothing_in_a_correct_run():
    assert Chat().violations() == set()


@pytest.mark.parametrize("stored", [{}, {"hello": [("id-2", 0)]}])
def test_the_ledger_finds_an_acked_message_that_is_not_stored(stored):
    chat = Chat()
    chat.stored = stored
    assert chat.violations() == {"lost"}


def test_the_ledger_finds_an_acked_message_that_a_participant_cannot_get():
    chat = Chat()
    chat.replays[BEN] = []
    assert chat.violations() == set(), "it came live"
    chat.ledger.receptions["hello"].pop()
    assert chat.violations() == {"lost", "not delivered"}


def test_the_ledger_finds_doubled_messages():
    chat = Chat()
    chat.stored["hello"].append(("id-2", 0))
    assert chat.violations() == {"lost", "doubled"}
    chat = Chat()
    chat.receive(chat.ben)
    assert chat.violations() == {"doubled", "reordered or doubled"}
    chat = Chat()
    chat.replays[BEN] *= 2
    assert chat.violations() == {"doubled", "reordered or doubled"}


def test_the_ledger_finds_a_seq_that_a_socket_did_not_receive():
    chat = Chat()
    chat.sockets[BEN].event(3)
    assert chat.violations() == {"silent gap"}


def test_the_ledger_finds_a_connection_that_parley_ended():
    chat = Chat()
    chat.ledger.lost_connection("Django", "closed with 1011")
    assert chat.violations() == set(), "the old side's"
    chat.ledger.lost_connection("Parley", "closed with 1011")
    assert chat.violations() == {"connection ended"}
