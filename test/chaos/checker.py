"""Compares a history with the final content of the database, and reports violations of the guarantees.

Every anomaly has one of these names: lost, nacked-but-stored, phantom, dup-row, ack-mismatch, seq-fork, hole, reorder,
realtime, silent-gap, dup-delivery, stuck, late (here); stale-read, mark-went-back, bad-resume (session_checks.py); unauthorized,
presence-stuck, mem-unbounded, fd-leak (end_checks.py).
"""
from collections import Counter, defaultdict

import end_checks
import session_checks
from deadline import patient

LIVE = patient(1.0)  # seconds in which all clients receive a message while no fault is active


class Verdict:
    def __init__(self):
        self.anomalies = []
        self.figures = Counter()
        self.path = None  # of the history, if there is an anomaly
        self.lags = []  # seconds, of all deliveries except replays

    @property
    def longest_gap(self):
        """The longest time by which any client received an event after another one: the greatest lag."""
        return max(self.lags, default=0.0)

    def lag(self, share):
        """Returns the lag that this share of the deliveries did not exceed."""
        return sorted(self.lags)[int(share * (len(self.lags) - 1))] if self.lags else 0.0

    def add(self, name, text):
        self.anomalies.append((name, text))

    @property
    def names(self):
        return {name for name, _ in self.anomalies}

    def __str__(self):
        found = "\n".join(f"  {name}: {text}" for name, text in self.anomalies[:20])
        lags = f"lag p50 {self.lag(0.5):.3f} s, p99 {self.lag(0.99):.2f} s, longest gap {self.longest_gap:.2f} s"
        return f"{dict(self.figures)} {lags}" + (f"\n{len(self.anomalies)} anomalies\n{found}" if found else "")


def check(history, rows, heads, clients=(), reads=(), removals=(), changes=(), fences=(), marks=None, presence=(), online=(), offline=(),
          memory=(), files=(), went_back=None):
    """history: History.events. rows: (conversation, seq, id, sender, client_id, content) of all messages, from SQL.
    heads: {conversation: seq}. clients: (name, conversation, last seq) of those connected at the end. reads: for each
    node, {conversation: [(seq, id)]}. removals: (user, conversation, when) of access that had ended by then.
    changes: "conversation seq" of changes other than new messages. fences: (conversation, seq) of the messages that check
    live delivery at the end. marks: {(user, conversation): last_read_seq}, from SQL. presence: for each node, {user: online};
    online, offline: users. memory: (node, peak bytes). files: (node, open now, open when idle), without client connections.
    went_back: when the store lost commits; None if it did not."""
    verdict = Verdict()
    removed = {(user, conversation) for user, conversation, _ in removals}
    _check_rows(rows, heads, changes, verdict)
    _check_sends(history, rows, verdict)
    _check_deliveries(history, rows, fences, went_back, verdict)
    for name, conversation, last in clients:
        if last != heads[conversation]:
            verdict.add("stuck", f"{name} is at {last} of {heads[conversation]} in {conversation}")
    session_checks.check_reads(history, rows, reads, removed, verdict)
    session_checks.check_marks(history, marks, heads, removed, verdict)
    session_checks.check_resumes(history, verdict)
    end_checks.check_access(history, removals, verdict)
    end_checks.check_presence(presence, online, offline, verdict)
    end_checks.check_resources(memory, files, verdict)
    return verdict


def _check_rows(rows, heads, changes, verdict):
    by_key, by_seq = defaultdict(list), defaultdict(set)
    for conversation, seq, id, sender, client_id, _ in rows:
        by_seq[conversation].add(seq)
        if client_id is not None:
            by_key[sender, conversation, client_id].append(id)
    for key, ids in by_key.items():
        if len(ids) > 1:
            verdict.add("dup-row", f"{key} is {ids}")
    for conversation, head in heads.items():
        missing = {seq for seq in range(1, head + 1) if seq not in by_seq[conversation] and f"{conversation} {seq}" not in changes}
        if missing:
            verdict.add("hole", f"{conversation} has no {sorted(missing)[:5]} of 1..{head}")


def _check_sends(history, rows, verdict):
    stored = {(sender, client_id): (seq, id) for _, seq, id, sender, client_id, _ in rows if client_id}
    attempts = defaultdict(list)
    for event in history:
        if event["what"] in ("invoke", "ok", "fail", "info"):
            attempts[event["user"], event["client_id"]].append(event)
    acked_at = defaultdict(list)  # conversation: (when, seq)
    invoked_at = defaultdict(list)
    for key, events in attempts.items():
        oks = {(e["seq"], e["id"]) for e in events if e["what"] == "ok"}
        verdict.figures["sent"] += 1
        if oks:
            verdict.figures["acked"] += 1
            verdict.figures["repeats acked"] += sum(e["what"] == "ok" for e in events) - 1
            if len(oks) > 1:
                verdict.add("ack-mismatch", f"{key} was acked as {sorted(oks)}")
            if key not in stored:
                verdict.add("lost", f"{key} was acked as {sorted(oks)}")
            elif stored[key] not in oks:
                verdict.add("ack-mismatch", f"{key} was acked as {sorted(oks)}, and {stored[key]} is stored")
            seq = min(oks)[0]
            acked_at[events[0]["conversation"]].append((min(e["t"] for e in events if e["what"] == "ok"), seq, key))
            invoked_at[events[0]["conversation"]].append((min(e["t"] for e in events if e["what"] == "invoke"), seq, key))
        elif sum(e["what"] == "invoke" for e in events) == sum(e["what"] == "fail" for e in events):
            verdict.figures["nacked"] += 1
            if key in stored:
                verdict.add("nacked-but-stored", f"{key} as {stored[key]}")
        else:
            verdict.figures["unknown"] += 1
    for conversation, acks in acked_at.items():
        acks.sort()
        highest, at = (0, None), 0
        for when, seq, key in sorted(invoked_at[conversation]):
            while at < len(acks) and acks[at][0] < when:
                highest = max(highest, (acks[at][1], acks[at][2]))
                at += 1
            if highest[0] > seq:
                verdict.add("realtime", f"{key} was sent after {highest[1]} was acked as {highest[0]}, and is {seq}")


def _check_deliveries(history, rows, fences, went_back, verdict):
    stored = {(conversation, seq): (id, content) for conversation, seq, id, _, _, content in rows}
    owner, first_seen, connections, lost_events = {}, {}, {}, {}
    for event in history:
        if event["what"] == "connect":
            connections[event["connection"]] = event["since"]
        elif event["what"] == "gap" and event.get("reset") and went_back is not None and event["t"] > went_back:
            connections[event["connection"]] = min(connections[event["connection"]], event["from"] - 1)
            lost_events.pop(event["connection"], None)
            verdict.figures["resets"] += 1
        elif event["what"] == "gap":
            connections[event["connection"]] = event["to"]
            verdict.add("silent-gap", f"{event['user']} received a gap {event['from']}..{event['to']} although the events exist")
        elif event["what"] in ("ok", "recv"):
            place = event["conversation"], event["seq"]
            if owner.setdefault(place, event["id"]) != event["id"]:
                verdict.add("seq-fork", f"{place} is {owner[place]} and {event['id']}")
            first_seen.setdefault(place, event["t"])
        if event["what"] == "recv lost":
            connections[event["connection"]] = event["seq"]
            lost_events[event["connection"]] = event["seq"]
        if event["what"] == "change":
            before = connections[event["connection"]]
            if event["seq"] != before + 1:
                verdict.add("silent-gap", f"{event['user']} got change {event['seq']} after {before}")
            connections[event["connection"]] = max(before, event["seq"])
        if event["what"] != "recv":
            continue
        verdict.figures["delivered"] += 1
        if event["connection"] in lost_events:
            verdict.add("silent-gap", f"{event['user']} got {event['seq']}, and {lost_events[event['connection']]} was lost without a reset")
        place, before = (event["conversation"], event["seq"]), connections[event["connection"]]
        if event["seq"] == before:
            verdict.add("dup-delivery", f"{event['user']} got {place} twice")
        elif event["seq"] < before:
            verdict.add("reorder", f"{event['user']} got {event['seq']} after {before}")
        elif event["seq"] > before + 1:
            verdict.add("silent-gap", f"{event['user']} got {event['seq']} after {before}")
        connections[event["connection"]] = max(before, event["seq"])
        if place not in stored:
            verdict.add("phantom", f"{place} is {event['id']}, which is not stored")
        elif stored[place] != (event["id"], event["content"]):
            verdict.add("phantom", f"{place} is {event['id']} {event['content']!r}, and {stored[place]} is stored")
        lag = event["t"] - first_seen[place]
        if not event.get("replay"):
            verdict.lags.append(lag)
        if place in fences and lag > LIVE and not event.get("replay"):
            verdict.add("late", f"{event['user']} got {place} {lag:.1f} s after other clients, although no fault is active")
