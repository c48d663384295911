"""P4, P5: a resume from any point has no hole and no repetition."""
import contextlib
import sqlite3
import threading
import uuid

import pytest

from client import NO_ID, Person
from conftest import named


@pytest.fixture
def talk_of_five(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    for number in range(1, 6):
        alice.rest.send_message(talk, f"message {number}")
    return alice, bob, talk


def seqs_of(frames):
    return [frame["seq"] for frame in frames if "seq" in frame]


@pytest.mark.parametrize("since", range(0, 6))
@pytest.mark.proves("?since=n")
def test_since_replays_missed_events_then_resumed_then_live_events(talk_of_five, since):
    alice, bob, talk = talk_of_five
    with bob.connect(talk, query={"since": since}) as b:
        assert b.established["data"]["seq"] == 5
        frames = b.seen_before(lambda frame: frame["type"] == "resumed")
        assert seqs_of(frames) == list(range(since + 1, 6))
        assert [frame["data"]["content"] for frame in frames if "seq" in frame] == [
            f"message {number}" for number in range(since + 1, 6)]
        assert frames[-1]["data"]["conversations"] == {talk["id"]: 5}
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6


@pytest.mark.proves("?since=n")
def test_a_conversation_socket_without_since_starts_at_the_head(talk_of_five):
    alice, bob, talk = talk_of_five
    with bob.connect(talk) as b:
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6


@pytest.mark.parametrize("beyond", [6, 10, 2**53])
@pytest.mark.proves("gap, reset")
def test_since_beyond_the_head_is_a_gap_with_reset_then_live_events(talk_of_five, beyond):
    alice, bob, talk = talk_of_five
    with bob.connect(talk, query={"since": beyond}) as b:
        gap = b.wait_for("gap")
        assert gap["conversation_id"] == talk["id"]
        assert gap["data"]["reset"] is True
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6
        assert not seqs_of(b.kept)


@pytest.mark.parametrize("since", ["-1", "text", "1.5", "0x1"])
@pytest.mark.proves("bad_since")
def test_an_invalid_since_is_an_error_then_live_events_from_the_head(talk_of_five, since):
    alice, bob, talk = talk_of_five
    with bob.connect(talk, query={"since": since}) as b:
        assert b.wait_for("error")["data"]["code"] == "bad_since"
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6


def test_a_since_over_64_bits_is_answered_and_the_socket_stays_open(talk_of_five):
    alice, bob, talk = talk_of_five
    with bob.connect(talk, query={"since": 2**63}) as b:
        frame = b.wait_for(lambda frame: frame["type"] in ("gap", "error"))
        assert frame["data"].get("reset") is True or frame["data"]["code"] == "bad_since"
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6


def test_a_resume_frame_on_a_conversation_socket_replays_from_its_seq(talk_of_five):
    alice, bob, talk = talk_of_five
    with bob.connect(talk) as b:
        for since in 3, 0, 5:
            b.send("resume", seqs={talk["id"]: since})
            frames = b.seen_before(lambda frame: frame["type"] == "resumed")
            assert seqs_of(frames) == list(range(since + 1, 6))
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6


@pytest.mark.proves("resume, resumed")
def test_a_resume_frame_on_the_user_socket_resumes_several_conversations(people):
    alice, bob = people("alice", "bob")
    talks = [alice.rest.create_group(bob) for _ in range(3)]
    for talk in talks:
        for _ in range(4):
            alice.rest.send_message(talk, "missed")
    with bob.connect(query={"resume": 1}) as b:
        assert b.established["data"]["conversations"] == {talk["id"]: 4 for talk in talks}
        wanted = {talk["id"]: since for since, talk in enumerate(talks)}
        b.send("resume", seqs=wanted)
        frames = b.seen_before(lambda frame: frame["type"] == "resumed")
        assert frames[-1]["data"]["conversations"] == {talk["id"]: 4 for talk in talks}
        for id, since in wanted.items():
            got = [frame["seq"] for frame in frames if frame.get("conversation_id") == id and "seq" in frame]
            assert got == list(range(since + 1, 5))


@pytest.mark.proves("P5 resume")
def test_each_resume_is_answered_with_its_own_ref(people):
    """This includes resumes sent while others are pending, for the same conversations or other ones."""
    alice, bob = people("alice", "bob")
    talks = [alice.rest.create_group(bob) for _ in range(2)]
    for talk in talks:
        for _ in range(4):
            alice.rest.send_message(talk, "missed")
    one, other = (talk["id"] for talk in talks)
    named = {"first": {one: 0}, "second": {other: 1}, "third": {other: 2, one: 3}, "fourth": {}}
    with bob.connect(query={"resume": 1}) as b:
        for ref, seqs in named.items():
            b.send("resume", ref=ref, seqs=seqs)
        answers = [b.wait_for("resumed") for _ in named]
        assert {frame["ref"]: frame["data"]["conversations"] for frame in answers} == {
            ref: {id: 4 for id in seqs} for ref, seqs in named.items()}
        b.send("ping")
        assert all(frame["type"] != "resumed" for frame in b.seen_before(lambda frame: frame["type"] == "pong"))


def test_a_resume_beyond_16_concurrent_ones_is_refused_with_retry_after_ms(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    for _ in range(120):  # more than the outbox and the kernel buffers hold: a resume takes until the client reads
        alice.rest.send_message(talk, "x" * 30_000)
    with bob.connect(talk, stalls=True, patience=60) as b:
        for number in range(17):
            b.send("resume", ref=str(number), seqs={talk["id"]: 0})
        refused = b.wait_for("error")
        assert (refused["ref"], refused["data"]["code"]) == ("16", "rate_limited")
        assert refused["data"]["retry_after_ms"] > 0


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.proves("P5 resume")
def test_changes_have_has_more_until_the_last_page(people, limit):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    total = {1: 5, 7: 30, 100: 300}[limit]
    with alice.connect(talk) as a:
        for number in range(total):
            a.send("message", content="x" * (1000 if limit == 100 else 10), client_id=str(number))
        for _ in range(total):
            a.wait_for("ack")
    seen = []
    while True:
        page = bob.rest.get(f"conversations/{talk['id']}/changes", params={"since_seq": len(seen), "limit": limit}).json()
        seen += seqs_of(page["events"])
        if not page["has_more"]:
            break
        assert page["events"], "a page with has_more has events"
    assert seen == list(range(1, total + 1))


@pytest.mark.proves("?resume=1")
def test_resume_1_holds_live_events_until_the_first_resume(talk_of_five):
    alice, bob, talk = talk_of_five
    with bob.connect(query={"resume": 1}) as b:
        alice.rest.send_message(talk, "while held")
        b.send("ping")
        assert not seqs_of(b.seen_before(lambda frame: frame["type"] == "pong"))
        b.send("resume", seqs={talk["id"]: 4})
        frames = b.seen_before(lambda frame: frame["type"] == "resumed")
        assert seqs_of(frames) + ([] if 6 in seqs_of(frames) else seqs_of(b.events(1))) == [5, 6]
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 7


@pytest.mark.proves("resume, resumed")
def test_a_resume_of_a_foreign_conversation_is_an_error_and_the_rest_resumes(people):
    alice, bob, eve = people("alice", "bob", "eve")
    own = alice.rest.create_group(bob)
    foreign = alice.rest.create_group(eve)
    for talk in own, foreign:
        alice.rest.send_message(talk, "missed")
    with bob.connect(query={"resume": 1}) as b:
        b.send("resume", seqs={foreign["id"]: 0, own["id"]: 0, NO_ID: 0})
        frames = b.seen_before(lambda frame: frame["type"] == "resumed")
        errors = [frame for frame in frames if frame["type"] == "error"]
        assert [frame["data"]["code"] for frame in errors] == ["not_found", "not_found"]
        assert {frame["conversation_id"] for frame in errors} == {foreign["id"], NO_ID}
        assert {frame["conversation_id"] for frame in frames if "seq" in frame} == {own["id"]}
        assert frames[-1]["data"]["conversations"] == {own["id"]: 1}


@pytest.mark.parametrize("since", [-1, "1", None, 1.5, True])
@pytest.mark.proves("bad_since")
def test_an_invalid_seq_in_a_resume_frame_is_an_error_then_live_events(talk_of_five, since):
    alice, bob, talk = talk_of_five
    with bob.connect(talk) as b:
        b.send("resume", seqs={talk["id"]: since})
        assert b.wait_for("error")["data"]["code"] in ("bad_since", "invalid_field")
        alice.rest.send_message(talk, "live")
        assert b.events(1)[0]["seq"] == 6


def test_long_histories_are_replayed_whole(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    total = 1200
    with alice.connect(talk) as a:
        for number in range(total):
            a.send("message", content=f"{number}", client_id=str(number))
        for _ in range(total):
            a.wait_for("ack")
    for since in 0, 1, 400, total - 1:
        with bob.connect(talk, query={"since": since}) as b:
            frames = b.seen_before(lambda frame: frame["type"] == "resumed")
            assert seqs_of(frames) == list(range(since + 1, total + 1))


@pytest.mark.proves("P5 resume")
def test_reconnects_during_sends_have_no_hole_and_no_repetition(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    total = 400
    seen, failures = [], []

    def send():
        try:
            with alice.connect(talk) as a:
                for number in range(total):
                    a.send_message(f"{number}")
        except BaseException as failure:
            failures.append(failure)

    sender = threading.Thread(target=send)
    sender.start()
    connections = 0
    while len(seen) < total:
        connections += 1
        with bob.connect(talk, query={"since": len(seen)}) as b:
            for event in b.events(min(7 + connections % 13, total - len(seen))):
                seen.append(event["seq"])
    sender.join(60)
    assert not failures
    assert seen == list(range(1, total + 1))
    assert connections > 10


@pytest.mark.proves("resume, resumed")
def test_repeated_resume_frames_during_sends_continue_in_order(people):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    total = 300
    failures = []

    def send():
        try:
            for number in range(total):
                alice.rest.send_message(talk, f"{number}")
        except BaseException as failure:
            failures.append(failure)

    sender = threading.Thread(target=send)
    with bob.connect(query={"resume": 1}) as b:
        sender.start()
        last = 0
        while last < total and not failures:
            # From the resume frame on, events are in order again from the seq in it, after the events sent before the server
            # read it; a lower seq marks the end of a run of live events.
            b.send("resume", seqs={talk["id"]: last})
            got = seqs_of(b.seen_before(lambda frame: frame["type"] == "resumed"))
            starts = [at for at, seq in enumerate(got) if seq == last + 1]
            if got:
                assert starts, (last, got)
                run = got[starts[-1]:]
                assert run == list(range(last + 1, last + 1 + len(run)))
                last = run[-1]
        sender.join(60)
    assert not failures
    assert last == total


@pytest.mark.proves("P5 resume")
def test_sockets_before_and_after_a_restart_receive_each_event_once(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    seen = []
    for round_number in range(3):
        with bob.connect(talk, query={"since": len(seen)}) as b:
            for _ in range(5):
                alice.rest.send_message(talk, "x")
            seen += seqs_of(b.events(5))
        for _ in range(3):
            alice.rest.send_message(talk, "while bob is away")
        server.kill()
        server.start()
        with bob.connect(talk, query={"since": len(seen)}) as b:
            seen += seqs_of(b.events(3))
    assert seen == list(range(1, 25))


@pytest.mark.proves("resumes_total{result}")
def test_resumes_are_counted_by_outcome(own_server):
    server = own_server()
    alice = Person(server, "alice")
    whole, holed = alice.rest.create_group(), alice.rest.create_group()
    for talk in whole, holed:
        for number in range(3):
            alice.rest.send_message(talk, f"message {number}")
    server.stop()
    with contextlib.closing(sqlite3.connect(f"{server.directory}/data/parley.db")) as store, store:
        store.execute("DELETE FROM messaging_message WHERE seq = 2 AND conversation_id = ?", (uuid.UUID(holed["id"]).bytes,))
    server.start()
    with alice.connect() as socket:
        for seqs in ({whole["id"]: 1, holed["id"]: 0, NO_ID: 1}, {whole["id"]: 9}, {whole["id"]: 3}):
            socket.send("resume", seqs=seqs)
            socket.wait_for("resumed")
    counted = {result: server.metric("parley_resumes_total", result=result) for result in ("complete", "gap", "reset", "refused")}
    assert counted == {"complete": 2, "gap": 1, "reset": 1, "refused": 1}
