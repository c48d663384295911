"""Fault injection on three nodes, each fault for some seconds, and tests of the checker that judges the runs. Longer:
./dev chaos --minutes 30."""
import os
import socket
import subprocess
import sys

import pytest

from client import Person
from deadline import eventually, patient
from relay import Relay
from server import ROOT

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "chaos"))
import faults  # noqa: E402
from checker import LIVE, check  # noqa: E402
from fail_over import without_lost_commits  # noqa: E402
from mutants import MUTANTS  # noqa: E402
from resources import Sampler  # noqa: E402
from rig import Rig  # noqa: E402
from session_checks import resume_violations, resume_violations_on  # noqa: E402


@pytest.fixture(scope="module")
def common_rig():
    made = Rig(3, **faults.clocks_that_jump())
    yield made
    made.close()


@pytest.fixture
def rig(fault, common_rig):
    """A rig that most faults share; a fault may need its own."""
    made = Rig(3, **fault.rig) if hasattr(fault, "rig") else common_rig
    yield made
    if made is not common_rig:
        made.close()


@pytest.mark.parametrize("fault", [*faults.ALL, faults.several_at_once], ids=lambda fault: fault.__name__)
@pytest.mark.proves("P4 no silent gap")
@pytest.mark.proves("P7 Redis is disposable")
@pytest.mark.proves("P8 the store is the source of truth")
@pytest.mark.proves("PostgreSQL: a lost COMMIT")
@pytest.mark.proves("faults on several nodes")
def test_every_guarantee_holds_under_each_fault(rig, fault):
    verdict = rig.play(fault, seed=1)
    print(verdict)
    assert not verdict.anomalies, f"{verdict}\n{verdict.path}"
    assert verdict.figures["acked"] > 20
    assert verdict.figures["reads"] and verdict.figures["marks acked"] and verdict.figures["marks read"], "the clients have read messages and moved read marks"
    assert 0 < verdict.figures["MiB"] < 300
    assert all(client.left for client in verdict.swarm.clients if client.stays is not None)
    assert verdict.figures["resumes"] > 50 or fault is not faults.f23_clients_resume_from_any_point


def namespaces_are_ours():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "nft", "list", "tables"], stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.long(25)
@pytest.mark.skipif(not namespaces_are_ours(), reason="network namespaces are root's")
@pytest.mark.parametrize("fault", faults.ON_A_NETWORK, ids=lambda fault: fault.__name__)
@pytest.mark.proves("faults on several nodes")
def test_every_guarantee_holds_when_packets_are_dropped(fault):
    done = subprocess.run([sys.executable, os.path.join(ROOT, "test", "chaos"), "--network", "--minutes", "0", "--seed", "1", "--fault", fault.__name__],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=patient(250))
    print(done.stdout)
    assert done.returncode == 0 and done.stdout.endswith("verdict: every guarantee held\n"), done.stdout


def test_a_client_that_vanishes_is_disconnected(own_server):
    """F15: the connection is silent, without FIN or RST."""
    node = own_server("--ping-interval", "1", "--ping-timeout", "1")
    link = Relay(node.port)
    alice = Person(node, "alice")
    room = alice.rest.create_group()
    node.port, port = link.port, node.port  # through the relay
    socket = alice.connect(room)
    node.port = port
    assert node.metric("parley_websockets") == 1
    link.partition()
    eventually(lambda: node.metric("parley_websockets") == 0, within=10)
    link.close()
    assert socket.established


def test_a_stalled_relay_delivers_all_bytes_late_and_in_order():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = Relay(listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", link.port)) as client:
            server, _ = listener.accept()
            server.settimeout(0.3)
            client.sendall(b"one ")
            assert server.recv(100) == b"one "
            link.stall(up=True, down=False, at=b"COMMIT")
            client.sendall(b"two ")
            assert server.recv(100) == b"two ", "the stall begins with the COMMIT"
            client.sendall(b"COMMIT ")
            client.sendall(b"more")
            with pytest.raises(TimeoutError):
                server.recv(100)
            server.sendall(b"the other way")
            assert client.recv(100) == b"the other way"
            client.close()  # the sender has timed out
            link.flow()
            server.settimeout(5)
            with server, server.makefile("rb") as late:
                assert late.read() == b"COMMIT more"
        link.close()


def test_the_sampler_tells_open_files_from_client_connections():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        class Node:
            server = type("Server", (), {"port": listener.getsockname()[1], "process": type("Process", (), {"pid": os.getpid()})})
        sampler = Sampler([Node])
        sampler.begin()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            (_, held, idle), = sampler.held()
            assert held == idle + 1, "the client's end is an open file of this process too, but not a connection to its port"
        eventually(lambda: sampler.held()[0][1] == idle + 1, within=5, describe=lambda: "a connection whose client has closed counts as a leak")
        accepted.close()
        assert sampler.held()[0][1] == idle
        sampler.sample()
        assert sampler.memory[0] > 1 << 20 and sampler.files[0] >= idle
        sampler.close()


# --- the checker

ROOM = "room"
ROWS = [(ROOM, seq, f"id-{seq}", "ann", f"ann-{seq}", f"ann-{seq}") for seq in range(1, 6)]


def correct_history():
    """Returns the history of five messages that ann sends and bob receives on two connections, the second after a resume."""
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


def anomalies_of(events, rows=ROWS, heads=None, clients=(("bob", ROOM, 5),), **more):
    return check(events, rows, heads or {ROOM: 5}, clients, **more).names


def first(events, what, seq):
    return next(at for at, event in enumerate(events) if event["what"] == what and event.get("seq") == seq)


def test_the_checker_finds_no_anomaly_in_a_correct_history():
    assert anomalies_of(correct_history(), reads=[{ROOM: [(row[1], row[2]) for row in ROWS]}]) == set()


def with_change(at, **fields):
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
    (with_change(lambda events: first(events, "recv", 2), content="else"), "phantom"),
    (with_change(lambda events: first(events, "recv", 2), id="else"), "seq-fork"),
    (with_change(lambda events: first(events, "ok", 2), id="else"), "ack-mismatch"),
    (with_change(lambda events: first(events, "ok", 5), seq=9), "ack-mismatch"),
    (lambda events: events + [{"t": 999, "what": "ok", "user": "ann", "client_id": "ann-1", "conversation": ROOM, "seq": 6, "id": "id-6"}],
     "ack-mismatch"),
    (lambda events: events + [{"t": 999, "what": "gap", "connection": 2, "user": "bob", "conversation": ROOM, "from": 6, "to": 7}], "silent-gap"),
    (lambda events: [{**event, "what": "fail"} if event["what"] == "ok" and event["seq"] == 3 else event for event in events],
     "nacked-but-stored"),
    (with_change(lambda events: next(at for at, event in enumerate(events) if event["what"] == "connect" and event["connection"] == 2), since=2),
     "silent-gap"),
], ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.proves("faults on several nodes")
def test_the_checker_finds_anomalies_in_client_events(mutant, name):
    assert name in anomalies_of(mutant(correct_history()))


@pytest.mark.parametrize("rows, name", [
    (ROWS[:-1], "lost"),
    (ROWS[:1] + ROWS[2:], "hole"),
    (ROWS[:-1] + [(ROOM, 6, "id-6", "ann", "ann-5", "ann-5")], "phantom"),
    (ROWS + [(ROOM, 6, "id-6", "ann", "ann-5", "ann-5")], "dup-row"),
    ([(*row[:3], "ann", f"ann-{6 - row[1]}", row[5]) for row in ROWS], "ack-mismatch"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_the_checker_finds_anomalies_in_stored_rows(rows, name):
    assert name in anomalies_of(correct_history(), rows)


def test_the_checker_finds_a_client_that_is_stuck():
    assert anomalies_of(without("recv", 5)(correct_history()), clients=[("bob", ROOM, 4)]) == {"stuck"}


def test_the_checker_finds_a_node_that_reads_stale_rows():
    assert anomalies_of(correct_history(), reads=[{ROOM: [(row[1], row[2]) for row in ROWS]}, {ROOM: []}]) == {"stale-read"}


def test_the_checker_finds_events_delivered_after_a_removal():
    assert anomalies_of(correct_history(), removals=[("bob", ROOM, 1)]) == {"unauthorized"}
    assert anomalies_of(correct_history(), removals=[("bob", ROOM, 17)]) == set(), "five seconds are allowed"


def test_the_checker_finds_a_seq_order_that_contradicts_real_time():
    events = correct_history()
    for event in events:  # the first message was acked with the last seq
        if event["what"] == "ok":
            event["seq"] = 6 - event["seq"]
            event["id"] = f"id-{event['seq']}"
    rows = [(ROOM, row[1], row[2], "ann", f"ann-{6 - row[1]}", row[5]) for row in ROWS]
    assert "realtime" in anomalies_of(events, rows)


# --- sessions: reads, marks, resumes

PAGE = [[row[1], row[2], row[5]] for row in ROWS]
EVERYTHING = {"what": "read", "user": "bob", "conversation": ROOM, "t": 100, "began": 99, "status": 200, "page": PAGE}
ONE = {"what": "read", "user": "ann", "conversation": ROOM, "t": 100, "began": 99, "status": 200, "page": PAGE[2:3], "message": "id-3", "wanted": 3}
MARK = {"what": "mark", "user": "bob", "conversation": ROOM, "t": 100, "outcome": "ok", "up_to": 4, "reached": 4}
SEEN = {"what": "mark-seen", "user": "bob", "conversation": ROOM, "t": 202, "began": 201, "marks": [4]}


def test_the_checker_finds_no_anomaly_in_correct_sessions():
    before = {**EVERYTHING, "user": "ann", "began": 1.5, "t": 200, "page": PAGE[:1]}  # requested before the other messages were acked
    back = {**MARK, "t": 101, "up_to": 1, "reached": 4}
    early = {**SEEN, "began": 100.5, "marks": [0]}  # requested before the mark must be written
    events = correct_history() + [EVERYTHING, ONE, MARK, back, SEEN, early, {**ONE, "status": 503, "page": []}, before]
    verdict = check(events, ROWS, {ROOM: 5}, marks={("bob", ROOM): 4, ("ann", ROOM): 0})
    assert not verdict.anomalies, str(verdict)
    assert verdict.figures["reads"] == 3 and verdict.figures["marks acked"] == 2 and verdict.figures["marks read"] == 2


@pytest.mark.parametrize("read", [
    {**EVERYTHING, "page": PAGE[:4]},
    {**EVERYTHING, "page": []},
    {**EVERYTHING, "status": 404, "page": []},
    {**EVERYTHING, "user": "ann", "page": PAGE[:4]},
    {**EVERYTHING, "user": "ann", "page": PAGE[:2] + PAGE[3:]},
    {**ONE, "status": 404, "page": []},
    {**ONE, "page": [[4, "id-3", "ann-3"]]},
], ids=["fewer than delivered", "empty", "404", "without its last message", "without one of its messages", "its message is missing", "another seq"])
def test_the_checker_finds_a_stale_read(read):
    assert "stale-read" in anomalies_of(correct_history() + [read])


def test_the_checker_finds_reads_that_are_not_monotonic():
    stranger = {**EVERYTHING, "user": "cho"}  # has received only what it has read
    assert anomalies_of(correct_history() + [stranger, {**stranger, "began": 101, "t": 102}]) == set()
    assert anomalies_of(correct_history() + [stranger, {**stranger, "began": 101, "t": 102, "page": PAGE[:4]}]) == {"stale-read"}
    assert anomalies_of(correct_history() + [stranger, {**stranger, "began": 99.5, "t": 102, "page": PAGE[:4]}]) == set(), "the reads overlap"


def test_the_checker_accepts_404_for_a_removed_user():
    assert anomalies_of(correct_history() + [{**EVERYTHING, "status": 404, "page": []}], removals=[("bob", ROOM, 98)]) == set()


def test_the_checker_finds_a_read_of_a_message_that_is_not_stored():
    assert anomalies_of(correct_history() + [{**EVERYTHING, "page": PAGE[:4] + [[5, "id-5", "else"]]}]) == {"phantom"}


@pytest.mark.parametrize("events, marks", [
    ([MARK], {("bob", ROOM): 3}),
    ([MARK], {("bob", ROOM): 6}),
    ([MARK], {}),
    ([MARK, {**SEEN, "marks": [3]}], {("bob", ROOM): 4}),
    ([MARK, {**SEEN, "marks": []}], {("bob", ROOM): 4}),
    ([{**MARK, "reached": 3}], {("bob", ROOM): 4}),
    ([{**SEEN, "marks": [4]}], {("bob", ROOM): 3}),
    ([SEEN, {**SEEN, "began": 303, "t": 304, "marks": [3]}], {("bob", ROOM): 4}),
], ids=["below an acked mark", "beyond the head", "missing", "read a lower mark", "read no mark", "acked a lower mark", "read, then lost", "read, then lower"])
def test_the_checker_finds_a_read_mark_that_went_back(events, marks):
    assert anomalies_of(correct_history() + events, marks=marks) == {"mark-went-back"}


def test_the_checker_accepts_the_loss_of_a_mark_acked_just_before_a_fault():
    fault, healing = ({"what": "fault", "name": name, "t": t} for name, t in (("f1", 101), ("healing", 110)))
    lost = [{**SEEN, "marks": [3]}]
    assert anomalies_of(correct_history() + [MARK, fault, healing] + lost, marks={("bob", ROOM): 3}) == set()
    later = {**MARK, "t": 150}
    assert anomalies_of(correct_history() + [fault, healing, later] + lost, marks={("bob", ROOM): 4}) == {"mark-went-back"}
    nothing = {**fault, "name": "nothing"}
    assert anomalies_of(correct_history() + [MARK, nothing, healing] + lost, marks={("bob", ROOM): 4}) == {"mark-went-back"}
    old = {**MARK, "t": 50}
    assert anomalies_of(correct_history() + [old, fault, healing] + lost, marks={("bob", ROOM): 4}) == {"mark-went-back"}


def test_the_checker_ignores_marks_that_failed_or_are_unknown():
    events = [{**MARK, "outcome": "fail"}, {**MARK, "outcome": "info"}]
    assert anomalies_of(correct_history() + events, marks={("bob", ROOM): 0}) == set()
    assert anomalies_of(correct_history() + [MARK], marks={}, removals=[("bob", ROOM, 99)]) == set(), "a removed user has no mark"


EVENTS = [("event", 6), ("event", 7)]
RESUMES = {  # asked, head when connected, frames
    "at the head": (5, 5, [("resumed", 5), *EVENTS]),
    "behind": (3, 5, [("event", 4), ("event", 5), ("resumed", 5), *EVENTS]),
    "behind a head that moves": (3, 4, [("event", 4), ("event", 5), ("resumed", 5), *EVENTS]),
    "beyond": (9, 5, [("gap", 6, 9, True), ("resumed", 5), *EVENTS]),
    "no longer beyond": (9, 5, [("event", 10), ("resumed", 10), ("event", 11)]),
    "negative": (-1, 5, [("error", "bad_since"), *EVENTS]),
    "negative on many": (-1, 5, [("error", "bad_since"), ("resumed", None), *EVENTS]),
    "too big": (2 ** 63, 5, [("error", "bad_since"), *EVENTS]),
    "too big, as a gap": (2 ** 63, 5, [("gap", 6, 2 ** 63, True), ("resumed", 5), *EVENTS]),
    "foreign": ("foreign", 5, [("error", "not_found"), ("resumed", 5), *EVENTS]),
}


@pytest.mark.parametrize("resume", RESUMES.values(), ids=RESUMES)
def test_the_checker_accepts_a_correct_resume(resume):
    assert not list(resume_violations(*resume))


@pytest.mark.parametrize("asked, head, frames", [
    (5, 5, [("event", 5), ("resumed", 5), *EVENTS]),
    (5, 5, [("resumed", 5), ("event", 7)]),
    (5, 5, [("resumed", 5), ("event", 6), ("event", 6)]),
    (5, 5, EVENTS),
    (3, 5, [("event", 5), ("resumed", 5), *EVENTS]),
    (3, 5, [("event", 4), ("resumed", 5), *EVENTS]),
    (3, 5, [("resumed", 5), ("event", 4), ("event", 5), *EVENTS]),
    (3, 5, [("gap", 4, 5, False), ("resumed", 5), *EVENTS]),
    (9, 5, [("resumed", 5), *EVENTS]),
    (9, 5, [("gap", 6, 9, False), ("resumed", 5), *EVENTS]),
    (9, 5, [("gap", 6, 9, True), ("resumed", 9), ("event", 10)]),
    (9, 5, [("gap", 6, 9, True), ("resumed", 5), ("event", 7)]),
    (9, 5, [("gap", 4, 9, True), ("resumed", 3), ("event", 4)]),
    (9, 5, [("event", 6), ("gap", 6, 9, True), ("resumed", 5)]),
    (9, 5, [("error", "bad_since"), *EVENTS]),
    (-1, 5, EVENTS),
    (-1, 5, [("error", "not_found"), *EVENTS]),
    (-1, 5, [("error", "bad_since"), ("resumed", 5), *EVENTS]),
    (-1, 5, [("error", "bad_since"), ("event", 1), ("event", 2)]),
    (2 ** 63, 5, EVENTS),
    ("foreign", 5, [("resumed", 5), *EVENTS]),
    ("foreign", 5, [("error", "not_found"), *EVENTS]),
    (5, 5, [("resumed", 5), ("nothing more",)]),
], ids=str)
def test_the_checker_finds_an_incorrect_resume(asked, head, frames):
    assert list(resume_violations(asked, head, frames))
    resume = {"what": "resume", "t": 99, "user": "bob", "conversation": ROOM, "node": 0, "by": "since", "asked": asked, "head": head}
    assert anomalies_of(correct_history() + [{**resume, "frames": frames}]) == {"bad-resume"}


def test_the_checker_accepts_live_events_before_the_response_to_a_resume_frame():
    answer = [("event", 4), ("event", 5), ("event", 6), ("resumed", 6), ("event", 7), ("event", 8)]
    assert not resume_violations_on("frame", 3, 5, [("event", 6), *answer])
    assert resume_violations_on("frame", 3, 5, [("event", 7), *answer]), "out of order"
    assert resume_violations_on("frame", 3, 5, [("event", 6), *answer[1:]]), "a hole in the response"
    assert resume_violations_on("since", 3, 5, [("event", 6), *answer]), "no live events before the response to `since`"


# --- the end of a run: presence, resources, live delivery


@pytest.mark.parametrize("shown", [{"bob": True, "cho": True}, {"bob": False, "cho": False}, {}], ids=str)
def test_the_checker_finds_wrong_presence(shown):
    right = {"bob": True, "cho": False}
    assert anomalies_of(correct_history(), presence=[right, right], online={"bob"}, offline={"cho", "gone"}) == set()
    assert anomalies_of(correct_history(), presence=[right, shown], online={"bob"}, offline={"cho", "gone"}) == {"presence-stuck"}


def test_the_checker_finds_excessive_memory_and_open_files():
    assert anomalies_of(correct_history(), memory=[(0, 300 << 20)], files=[(0, 40, 24)]) == set()
    assert anomalies_of(correct_history(), memory=[(0, (300 << 20) + 1)]) == {"mem-unbounded"}
    assert anomalies_of(correct_history(), files=[(0, 41, 24)]) == {"fd-leak"}


def test_the_checker_finds_late_delivery_without_a_fault():
    assert anomalies_of(correct_history(), fences={(ROOM, 5)}) == set()
    events = correct_history()
    events[first(events, "recv", 5)]["t"] += LIVE
    assert anomalies_of(events, fences={(ROOM, 5)}) == {"late"}
    assert anomalies_of(events, fences={(ROOM, 4)}) == set(), "a message sent during a fault may be late"


def history_with_fail_over():
    """Returns a history in which a fail-over loses messages 4 and 5, bob is reset, and two new messages take their seqs."""
    events = correct_history()
    now = events[-1]["t"]
    events.append({"t": now + 9, "what": "went back", "since": 0, "at": now + 1, "lost": ["id-4", "id-5"], "heads": {ROOM: 3}})
    events.append({"t": now + 2, "what": "gap", "connection": 2, "user": "bob", "conversation": ROOM, "from": 4, "to": 5, "reset": True})
    for seq in (4, 5):
        events.append({"t": now + 3, "what": "invoke", "user": "ann", "client_id": f"new-{seq}", "conversation": ROOM})
        events.append({"t": now + 3, "what": "ok", "user": "ann", "client_id": f"new-{seq}", "conversation": ROOM, "seq": seq, "id": f"new-{seq}"})
        events.append({"t": now + 3, "what": "recv", "connection": 2, "user": "bob", "conversation": ROOM, "seq": seq, "id": f"new-{seq}",
                       "content": f"new-{seq}"})
    return events


def anomalies_after(events):
    kept, went_back = without_lost_commits(events)
    return anomalies_of(kept, ROWS[:3] + [(ROOM, seq, f"new-{seq}", "ann", f"new-{seq}", f"new-{seq}") for seq in (4, 5)], went_back=went_back)


def test_the_checker_accepts_the_loss_of_messages_in_a_fail_over():
    assert anomalies_after(history_with_fail_over()) == set()
    assert "lost" in anomalies_after([event for event in history_with_fail_over() if event["what"] != "went back"])


def test_the_checker_finds_anomalies_that_a_fail_over_does_not_explain():
    events = history_with_fail_over()
    lost = next(event for event in events if event["what"] == "recv" and event["id"] == "id-5")
    assert "phantom" in anomalies_after(events + [{**lost, "t": events[-1]["t"] + 60, "seq": 6}]), "delivered long after it was lost"
    assert "silent-gap" in anomalies_after([event for event in events if event["what"] != "gap"]), "no reset was sent"
    assert "silent-gap" in anomalies_after([{**event, "t": 0} if event["what"] == "gap" else event for event in events]), "the reset was sent too early"
    ack = {"what": "ok", "user": "ann", "client_id": "ann-4", "conversation": ROOM, "seq": 4, "id": "id-4"}
    assert "lost" in anomalies_after(events + [{**ack, "t": events[-1]["t"] + 60}]), "acked long after it was lost"


def test_lags_do_not_include_replayed_events():
    events = correct_history()
    events[first(events, "recv", 3)]["t"] += 7  # acked a second earlier
    events[first(events, "recv", 4)].update(t=events[first(events, "recv", 4)]["t"] + 99, replay=True)
    verdict = check(events, ROWS, {ROOM: 5})
    assert sorted(verdict.lags) == [1, 1, 1, 8]
    assert verdict.longest_gap == 8 and verdict.lag(0.5) == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_source_line_that_a_mutant_changes_exists(mutant):
    for name, old, _ in mutant.changes:
        with open(os.path.join(ROOT, name)) as file:
            assert file.read().count(old) == 1, "./dev mutants could not build it"
