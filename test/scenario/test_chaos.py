"""Faults on three nodes, each for some seconds, judged by a checker that is itself put to the test. Longer:
./dev chaos --minutes 30."""
import os
import sys

import pytest

from client import Person
from deadline import eventually

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "chaos"))
import faults  # noqa: E402
from checker import check  # noqa: E402
from links import Link  # noqa: E402
from rig import Rig  # noqa: E402


@pytest.fixture(scope="module")
def rig():
    made = Rig(3, **faults.clocks_that_jump())
    yield made
    made.close()


@pytest.mark.parametrize("fault", [*faults.ALL, faults.several_at_once], ids=lambda fault: fault.__name__)
def test_every_promise_is_kept(rig, fault):
    verdict = rig.play(fault, seed=1)
    print(verdict)
    assert not verdict.anomalies, f"{verdict}\n{verdict.path}"
    assert verdict.figures["acked"] > 20
    assert rig.peak_memory < 300 << 20


def test_a_client_that_vanished_is_noticed(own_server):
    """F15: no FIN, no RST, just silence."""
    node = own_server("--ping-interval", "1", "--ping-timeout", "1")
    link = Link(node.port)
    alice = Person(node, "alice")
    room = alice.rest.create_group()
    node.port, port = link.port, node.port  # by way of the link
    socket = alice.connect(room)
    node.port = port
    assert node.metric("parley_websockets") == 1
    link.partition()
    eventually(lambda: node.metric("parley_websockets") == 0, within=10)
    link.close()
    assert socket.established


# --- the checker

ROOM = "room"
ROWS = [(ROOM, seq, f"id-{seq}", "ann", f"ann-{seq}", f"ann-{seq}") for seq in range(1, 6)]


def story():
    """Five messages that ann sends and bob gets on two connections, the second after a resume."""
    events, now = [], iter(range(1000))

    def note(what, **fields):
        events.append({"t": next(now), "what": what, "conversation": ROOM, **fields})

    note("connect", connection=1, user="bob", since=0)
    for _, seq, id, sender, client_id, content in ROWS:
        if seq == 4:
            note("close", connection=1, user="bob")
            note("connect", connection=2, user="bob", since=3)
        note("invoke", user=sender, client_id=client_id)
        note("ok", user=sender, client_id=client_id, seq=seq, id=id)
        note("recv", connection=1 if seq < 4 else 2, user="bob", seq=seq, id=id, content=content)
    return events


def judged(events, rows=ROWS, heads=None, clients=(("bob", ROOM, 5),), **more):
    return check(events, rows, heads or {ROOM: 5}, clients, **more).names


def first(events, what, seq):
    return next(at for at, event in enumerate(events) if event["what"] == what and event.get("seq") == seq)


def test_the_checker_finds_nothing_where_nothing_is():
    assert judged(story(), reads=[{ROOM: [(row[1], row[2]) for row in ROWS]}]) == set()


def changed(at, **fields):
    def change(events):
        place = at(events)
        events[place] = {**events[place], **fields}
        return events
    return change


def without(what, seq):
    return lambda events: [event for event in events if (event["what"], event.get("seq")) != (what, seq)]


def repeated(what, seq):
    return lambda events: events[:(at := first(events, what, seq)) + 1] + [events[at]] + events[at + 1:]


def swapped(events):
    a, b = first(events, "recv", 1), first(events, "recv", 2)
    events[a], events[b] = events[b], events[a]
    return events


@pytest.mark.parametrize("mutant, name", [
    (without("recv", 2), "silent-gap"),
    (repeated("recv", 2), "dup-delivery"),
    (swapped, "reorder"),
    (changed(lambda events: first(events, "recv", 2), content="else"), "phantom"),
    (changed(lambda events: first(events, "recv", 2), id="else"), "seq-fork"),
    (changed(lambda events: first(events, "ok", 2), id="else"), "ack-mismatch"),
    (changed(lambda events: first(events, "ok", 5), seq=9), "ack-mismatch"),
    (lambda events: events + [{"t": 999, "what": "ok", "user": "ann", "client_id": "ann-1", "conversation": ROOM, "seq": 6, "id": "id-6"}],
     "ack-mismatch"),
    (lambda events: events + [{"t": 999, "what": "gap", "connection": 2, "user": "bob", "conversation": ROOM, "from": 6, "to": 7}], "silent-gap"),
    (lambda events: [{**event, "what": "fail"} if event["what"] == "ok" and event["seq"] == 3 else event for event in events],
     "nacked-but-stored"),
    (changed(lambda events: next(at for at, event in enumerate(events) if event["what"] == "connect" and event["connection"] == 2), since=2),
     "silent-gap"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_the_checker_finds_what_clients_saw(mutant, name):
    assert name in judged(mutant(story()))


@pytest.mark.parametrize("rows, name", [
    (ROWS[:-1], "lost"),
    (ROWS[:1] + ROWS[2:], "hole"),
    (ROWS[:-1] + [(ROOM, 6, "id-6", "ann", "ann-5", "ann-5")], "phantom"),
    (ROWS + [(ROOM, 6, "id-6", "ann", "ann-5", "ann-5")], "dup-row"),
    ([(*row[:3], "ann", f"ann-{6 - row[1]}", row[5]) for row in ROWS], "ack-mismatch"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_the_checker_finds_what_the_store_lost(rows, name):
    assert name in judged(story(), rows)


def test_the_checker_finds_who_was_forgotten():
    assert judged(without("recv", 5)(story()), clients=[("bob", ROOM, 4)]) == {"stuck"}


def test_the_checker_finds_a_node_that_shows_less():
    assert judged(story(), reads=[{ROOM: [(row[1], row[2]) for row in ROWS]}, {ROOM: []}]) == {"stale-read"}


def test_the_checker_finds_what_one_who_was_removed_got():
    assert judged(story(), removals=[("bob", ROOM, 1)]) == {"unauthorized"}
    assert judged(story(), removals=[("bob", ROOM, 17)]) == set(), "five seconds are allowed"


def test_the_checker_finds_an_order_that_time_contradicts():
    events = story()
    for event in events:  # the first message was acked as the last
        if event["what"] == "ok":
            event["seq"] = 6 - event["seq"]
            event["id"] = f"id-{event['seq']}"
    rows = [(ROOM, row[1], row[2], "ann", f"ann-{6 - row[1]}", row[5]) for row in ROWS]
    assert "realtime" in judged(events, rows)
