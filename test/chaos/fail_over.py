"""A standby that lags is promoted while nodes keep running: the last commits are lost, although they were acked and delivered.
Defines what the checker must not require then, and what it still requires."""
import json
import time

from deadline import eventually

DETECTED = 5  # seconds after a fail-over in which every node detects that the store went back


def f33_a_standby_that_lags_takes_over(rig, random, longer, swarm):
    old, new = rig.database, rig.standby
    since = time.monotonic()
    written = old.ask("SELECT pg_current_wal_lsn()")
    eventually(lambda: new.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == "t")
    new.stop_following()
    time.sleep(2 * longer)
    old.kill()
    heads = _heads(new)
    new.promote()
    rig.move_to(new)
    at = time.monotonic()
    eventually(lambda: all(node.server.ready() for node in rig.nodes), within=40)
    time.sleep(max(0.0, at + DETECTED - time.monotonic()))
    old.start()  # nodes do not connect to it
    lost = {id for conversation, id, seq in _rows(old) if seq > heads.get(conversation, 0)}
    old.kill()
    assert lost, "the fail-over lost no message"
    swarm.history.note("went back", since=since, at=at, lost=sorted(lost), heads=heads)


f33_a_standby_that_lags_takes_over.rig = {"standby": True}


def _heads(database):
    return dict(json.loads(line) for line in database.ask("SELECT json_build_array(id, seq) FROM messaging_conversation").splitlines())


def _rows(database):
    return [json.loads(line) for line in database.ask("SELECT json_build_array(conversation_id, id, seq) FROM messaging_message").splitlines()]


def without_lost_commits(history):
    """Returns the history without the events that a fail-over undid, and the time of the fail-over; None if there was none.
    Lost messages may be delivered until some seconds after it; later they are phantoms."""
    undone = next((event for event in history if event["what"] == "went back"), None)
    if undone is None:
        return history, None
    lost, end = set(undone["lost"]), undone["at"] + DETECTED
    kept = []
    for event in history:
        what, early = event["what"], event["t"] < end
        if early and (what == "ok" and event["id"] in lost or what == "read" and event.get("message") in lost):
            continue
        if early and (what == "recv" and event["id"] in lost
                      or what == "change" and event["seq"] > undone["heads"].get(event["conversation"], 0)):
            event = {**event, "what": "recv lost"}  # needs a reset
        if early and what in ("mark", "mark-seen") and event["t"] > undone["since"]:
            continue
        if early and what == "read" and any(id in lost for _, id, _ in event["page"]):
            continue  # the page mixes lost and stored messages
        kept.append(event)
    return kept, undone["at"]
