"""Resumes from seqs at, below and beyond the head, and from invalid ones; the checker judges each (bad-resume)."""
import threading
import time

from client import Person

LIVE_EVENTS = 3  # live events that must follow in order
WITHIN = 10  # seconds for the whole response


def resume_points(head, another):
    """Returns the seqs to resume from, by the latest known head and the head of another conversation."""
    return [head, head - 1, 0, head + 5, head + 10 ** 6, -1, 2 ** 63, another, "foreign"]


def resume_on_all_nodes(rig, swarm, conversation, foreign):
    """Resumes as one user on all nodes at the same time, while other clients send."""
    threads = [threading.Thread(target=_on_node, args=(swarm, Person(node.server, swarm.users[conversation][0].id), number, conversation, foreign))
               for number, node in enumerate(rig.nodes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _on_node(swarm, person, node, conversation, foreign):
    head = person.rest.get(f"conversations/{conversation}/").json()["seq"]
    another = swarm.highest_in(foreign)
    for asked in resume_points(head, another):
        for by in ("frame", "frame on the user socket") if asked == "foreign" else ("since", "frame", "frame on the user socket"):
            head, frames = _answer(person, conversation, foreign, asked, by)
            swarm.history.note("resume", user=person.id, conversation=conversation, node=node, by=by, asked=asked, head=head, frames=frames)


def _answer(person, conversation, foreign, asked, by):
    """Returns the head in the greeting of the connection, and the frames after it."""
    options = {"since": {"conversation": conversation, "query": {"since": asked}}, "frame": {"conversation": conversation},
               "frame on the user socket": {"query": {"resume": 1}}}[by]
    with person.connect(**options) as socket:
        data = socket.established["data"]
        head = data["conversations"][conversation] if "conversations" in data else data["seq"]
        if by != "since":
            socket.send("resume", seqs={conversation: head, foreign: 0} if asked == "foreign" else {conversation: asked})
        return head, _frames(socket, conversation)


def _frames(socket, conversation):
    """Returns the frames of the response and some live events, or the events that arrive in time."""
    frames, live, end = [], None, time.monotonic() + WITHIN
    while live is None or live < LIVE_EVENTS:
        try:
            frame = socket.receive(within=max(0.01, end - time.monotonic()))
        except AssertionError:
            frames.append(("nothing more",))
            break
        kind, data = frame["type"], frame["data"]
        if kind == "resumed":
            frames.append(("resumed", data["conversations"].get(conversation)))
        elif kind == "gap":
            frames.append(("gap", data["from"], data["to"], data.get("reset", False)))
        elif kind == "error":
            frames.append(("error", data["code"]))
        elif "seq" in frame and frame["conversation_id"] == conversation:
            frames.append(("event", frame["seq"]))
            live = live + 1 if live is not None else None
        if kind == "resumed" or (kind == "error" and data["code"] == "bad_since"):
            live = 0
    return frames
