"""Checks of session guarantees: a client reads its own writes, its reads are monotonic, its read mark does not go back (G12), and
it can resume from any point (G8)."""
from bisect import bisect_left
from collections import defaultdict

from deadline import patient


MARKS_LATE = patient(2.5)  # seconds until an acked mark is in the store, while the store is available
HEALED = patient(5.0)  # seconds until the store is available after a fault has ended


class Known:
    """The highest value known before a given time."""

    def __init__(self):
        self.times, self.highest = [], []

    def add(self, when, value):  # in the order of time
        self.times.append(when)
        self.highest.append(max(value, self.highest[-1]) if self.highest else value)

    def before(self, when):
        at = bisect_left(self.times, when)
        return self.highest[at - 1] if at else 0


def check_reads(history, rows, reads, removed, verdict):
    stored = defaultdict(dict)
    for conversation, seq, id, _, _, content in rows:
        stored[conversation][seq] = (id, content)
    known, acked = defaultdict(Known), defaultdict(list)
    for event in history:
        place = event.get("user"), event.get("conversation")
        if event["what"] == "ok":
            acked[place].append((event["seq"], event["t"]))
        if event["what"] in ("ok", "recv"):
            known[place].add(event["t"], event["seq"])
        elif event["what"] == "read" and event["page"] and "wanted" not in event:
            known[place].add(event["t"], max(seq for seq, *_ in event["page"]))
    for event in history:
        if event["what"] == "read":
            place = event["user"], event["conversation"]
            _check_read(event, place in removed, known[place], acked[place], stored[event["conversation"]], verdict)
    for node, read in enumerate(reads):
        for conversation, messages in read.items():
            held = sorted((seq, id) for seq, (id, _) in stored[conversation].items())
            if messages != held:
                verdict.add("stale-read", f"node {node} shows {len(messages)} of {len(held)} messages of {conversation}")


def _check_read(event, removed, known, acked, stored, verdict):
    user, page = event["user"], event["page"]
    if event["status"] == 404 and not removed:
        verdict.add("stale-read", f"{user} got 404 for {event.get('message', event['conversation'])}")
    if event["status"] != 200:
        return
    verdict.figures["reads"] += 1
    for seq, id, content in page:
        if stored.get(seq) != (id, content):
            verdict.add("phantom", f"{user} read {seq} as {id} {content!r}, and {stored.get(seq)} is stored")
    seqs = {seq for seq, *_ in page}
    if "wanted" in event:
        if seqs != {event["wanted"]}:
            verdict.add("stale-read", f"{user} read {event['message']} with {seqs}, and it was acked as {event['wanted']}")
        return
    highest = known.before(event["began"])
    if max(seqs, default=0) < highest:
        verdict.add("stale-read", f"{user} read up to {max(seqs, default=0)} and had seen {highest} before")
    own = {seq for seq, when in acked if when < event["began"] and seqs and seq >= min(seqs)}
    if own - seqs:
        verdict.add("stale-read", f"{user} does not find its own {sorted(own - seqs)} between {min(seqs)} and {max(seqs)}")


def _faults(history):
    """Returns the spans of faults, from their start to the end of recovery."""
    spans, began = [], None
    for event in history:
        if event["what"] != "fault" or event["name"] == "nothing":
            continue
        if event["name"] != "healing":
            began = event["t"] if began is None else began
        elif began is not None:
            spans.append((began, event["t"] + HEALED))
            began = None
    return spans + ([(began, float("inf"))] if began is not None else [])


def check_marks(history, marks, heads, removed, verdict):
    """marks: those in the store at the end; None if they were not read. A mark is written within MARKS_LATE: a killed node may lose
    marks younger than that, and until then other nodes may not show them."""
    known, spans = defaultdict(Known), _faults(history)

    def holds(when):
        return not any(began - MARKS_LATE <= when <= ended for began, ended in spans)

    for event in history:
        if event["what"] == "mark" and event["outcome"] == "ok":
            verdict.figures["marks acked"] += 1
            if event["reached"] < event["up_to"]:
                verdict.add("mark-went-back", f"{event['user']} asked for {event['up_to']} and got {event['reached']}")
            if holds(event["t"]):
                known[event["user"], event["conversation"]].add(event["t"], max(event["up_to"], event["reached"]))
        elif event["what"] == "mark-seen":
            place = event["user"], event["conversation"]
            verdict.figures["marks read"] += 1
            expected = known[place].before(event["began"] - MARKS_LATE)
            if event["marks"] and event["marks"][0] < expected:
                verdict.add("mark-went-back", f"{place} read its mark at {event['marks'][0]}, and it was at {expected} before")
            elif not event["marks"] and place not in removed:
                verdict.add("mark-went-back", f"{place} has no mark")
            if holds(event["t"]):
                known[place].add(event["t"], max(event["marks"], default=0))
    if marks is None:
        return
    for place, acks in known.items():
        if not acks.highest:
            continue
        if place not in marks:
            if place not in removed:
                verdict.add("mark-went-back", f"{place} has no mark in the store, and was acked up to {acks.highest[-1]}")
        elif marks[place] < acks.highest[-1]:
            verdict.add("mark-went-back", f"{place} is at {marks[place]} in the store, and was acked up to {acks.highest[-1]}")
    for (user, conversation), mark in marks.items():
        if mark > heads[conversation]:
            verdict.add("mark-went-back", f"{user} has read {mark} of {heads[conversation]} in {conversation}")


def check_resumes(history, verdict):
    for event in history:
        if event["what"] == "resume":
            verdict.figures["resumes"] += 1
            for wrong in resume_violations_on(event["by"], event["asked"], event["head"], event["frames"]):
                verdict.add("bad-resume", f"{event['user']} on node {event['node']} by {event['by']} from {event['asked']} "
                                          f"(head {event['head']}): {wrong}; {event['frames'][:12]}")


def resume_violations_on(by, asked, head, frames):
    """Like resume_violations; if the resume is a frame on a live socket, live events sent before the server read the frame may
    precede the response."""
    wrong = list(resume_violations(asked, head, frames))
    for live, frame in enumerate(frames, 1):
        if not wrong or by != "frame" or frame != ("event", head + live):
            return wrong
        if any(not list(resume_violations(asked, start, frames[live:])) for start in (head, head + live)):
            return []
    return wrong


def resume_violations(asked, head, frames):
    """Yields the violations of the resume protocol in the response to a resume from `asked`. head: the head in the greeting;
    frames: (type, ...) from then on, with a seq each ("event", seq), ("gap", from, to, reset), ("resumed", seq or None),
    ("error", code). "foreign" resumes a conversation without membership, together with the user's own from its head."""
    kinds = [frame[0] for frame in frames]
    seqs = [frame[1] for frame in frames if frame[0] == "event"]
    ends = [frame[1] for frame in frames if frame[0] == "resumed"]
    errors = [frame[1] for frame in frames if frame[0] == "error"]
    gaps = [frame for frame in frames if frame[0] == "gap"]
    if "nothing more" in kinds:
        yield "no live events arrived, although other clients sent"
    if asked == "foreign":
        if errors != ["not_found"]:
            yield f"expected one not_found, got {errors}"
        asked, errors = head, []
    refused = isinstance(asked, int) and (asked < 0 or (asked >= 2 ** 63 and errors))
    if refused:
        if errors != ["bad_since"]:
            yield f"expected one bad_since, got {errors}"
        if gaps:
            yield "a gap was sent for an invalid resume"
        if [end for end in ends if end is not None]:
            yield "an invalid resume is listed in resumed"
        start = head
    else:
        if errors:
            yield f"unexpected errors {errors}"
        if len(ends) != 1 or ends[0] is None:
            yield f"expected one resumed with a seq, got {ends}"
            return
        start, end, at = asked, ends[0], kinds.index("resumed")
        if gaps:
            _, first, to, reset = gaps[0]
            start = first - 1
            matches = to == asked or (asked >= 2 ** 63 and to > end)  # such a seq is out of range
            if len(gaps) > 1 or not reset or not matches or start >= asked or start < head or start != end:
                yield f"the gap is {gaps}, and resumed has {end}"
            if "event" in kinds[:kinds.index("gap")]:
                yield "events came before the gap"
        elif end < asked:
            yield f"{asked} is beyond the head, and no gap was sent"
        before = [frame[1] for frame in frames[:at] if frame[0] == "event"]
        if (before[-1] if before else start) != end:
            yield f"resumed has {end}, after {before[-1:] or start}"
    if seqs != list(range(start + 1, start + 1 + len(seqs))):
        yield f"after {start} the events are {seqs[:12]}"
