"""A standby that lags takes the place of the database under nodes that run on: what was committed last is lost, though it was
acked and shown. What the checker must not ask for then, and what still holds."""
import json
import time

from deadline import eventually

NOTICED = 5  # seconds after a fail-over in which every node has noticed that the store went back


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
    time.sleep(max(0.0, at + NOTICED - time.monotonic()))
    old.start()  # where no node finds it
    lost = {id for conversation, id, seq in _rows(old) if seq > heads.get(conversation, 0)}
    old.kill()
    assert lost, "nothing was lost"
    swarm.history.note("went back", since=since, at=at, lost=sorted(lost), heads=heads)


f33_a_standby_that_lags_takes_over.rig = {"standby": True}


def _heads(database):
    return dict(json.loads(line) for line in database.ask("SELECT json_build_array(id, seq) FROM messaging_conversation").splitlines())


def _rows(database):
    return [json.loads(line) for line in database.ask("SELECT json_build_array(conversation_id, id, seq) FROM messaging_message").splitlines()]


def what_remains(history):
    """The history without what a fail-over undid, and the moment of the fail-over; None if there was none. Until some seconds
    after it, what was lost may still have been shown; afterwards it is a phantom like any other."""
    undone = next((event for event in history if event["what"] == "went back"), None)
    if undone is None:
        return history, None
    lost, end = set(undone["lost"]), undone["at"] + NOTICED
    kept = []
    for event in history:
        what, early = event["what"], event["t"] < end
        if early and (what == "ok" and event["id"] in lost or what == "read" and event.get("message") in lost):
            continue
        if early and (what == "recv" and event["id"] in lost
                      or what == "change" and event["seq"] > undone["heads"].get(event["conversation"], 0)):
            event = {**event, "what": "recv lost"}  # to be taken back
        if early and what in ("mark", "mark-seen") and event["t"] > undone["since"]:
            continue
        if early and what == "read" and any(id in lost for _, id, _ in event["page"]):
            continue  # what else was in it says nothing about what was not
        kept.append(event)
    return kept, undone["at"]
