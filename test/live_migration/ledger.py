"""What clients sent, what was acknowledged, and what each participant received, where and how often.

Parley's promises are violations if they do not hold: an acked message is stored once and reaches each participant, live or by resume,
once and in order, and Parley ends no consumer of Django. What the Django side loses is counted only: its delivery is at most once."""
import statistics
import time
from collections import Counter, defaultdict

from chatter import DJANGO, PARLEY
from deadline import patient

# Seconds. Parley delivers a row of Django within 2 s, and its own messages faster; a client may leave before.
DELIVERED_WITHIN = patient(5.0)


class Message:
    def __init__(self, sender, conversation, place, content):
        self.sender, self.conversation, self.place, self.content = sender, conversation, place, content
        self.sent = time.monotonic()
        self.handed_over = False  # written to a socket of Django
        self.id = self.seq = None  # of the ack

    def ack(self, data):
        self.id, self.seq = data["id"], data["seq"]


class Connection:
    def __init__(self, ledger, user, place):
        self.ledger, self.user, self.place = ledger, user, place
        self.begin, self.finish, self.last = None, None, None

    def established(self, seq):
        self.begin, self.last = time.monotonic(), seq

    def event(self, seq):
        if seq <= self.last:
            self.ledger.violation("reordered or doubled", f"user {self.user} got seq {seq} after {self.last}")
        elif seq != self.last + 1:
            self.ledger.violation("silent gap", f"user {self.user} got seq {seq} after {self.last}")
        self.last = seq

    def end(self):
        self.finish = time.monotonic()


class Reception:
    def __init__(self, user, place, seq, live):
        self.user, self.place, self.seq, self.live = user, place, seq, live
        self.at = time.monotonic()


class Ledger:
    """`stable`: the live delivery of a message is expected at participants that stay connected for this many seconds after it was
    sent."""

    def __init__(self, stable=5.0):
        self.stable = stable
        self.messages = {}  # by content
        self.receptions = defaultdict(list)  # by content
        self.connections = defaultdict(list)  # by user
        self.violations, self.errors, self.gaps = [], [], []
        self.lost = Counter()  # connections that a server ended, by place and reason

    def violation(self, name, text):
        self.violations.append((name, text))

    def lost_connection(self, place, reason):
        self.lost[f"{place}: {reason}"] += 1

    def connection(self, client, place):
        made = Connection(self, client.user, place)
        self.connections[client.user].append(made)
        return made

    def sends(self, client, place, content):
        message = self.messages[content] = Message(client.user, client.conversation, place, content)
        return message

    def received(self, client, connection, place, frame):
        self.receptions[frame["data"]["content"]].append(Reception(client.user, place, frame.get("seq"), live=True))

    def read_back(self, client, place, page):
        """Returns how many messages of the page the client had not seen."""
        fresh = 0
        for data in page:
            seen = self.receptions[data["content"]]
            if not any(reception.user == client.user for reception in seen):
                seen.append(Reception(client.user, place, data.get("seq"), live=False))
                fresh += 1
        return fresh

    # --- the end of a run

    def check(self, stored, replays, members):
        """stored: {content: [(id, when)]} by Django's ORM, after the roll-back. replays: {user: [(seq, content)]}, a resume from 0 of each
        user, made before Parley was stopped. members: {conversation: [user]}. Returns the figures."""
        replayed = {user: self._check_replay(user, replay) for user, replay in replays.items()}
        acked = [message for message in self.messages.values() if message.id]
        for message in acked:
            if [id for id, _ in stored.get(message.content, [])] != [message.id]:
                self.violation("lost", f"{message.content} was acked as {message.id}; stored: {stored.get(message.content)}")
            for user in members[message.conversation]:
                got = [one for one in self.receptions[message.content] if one.user == user]
                if not got and message.content not in replayed[user]:
                    self.violation("lost", f"{message.content} was acked, and reached user {user} neither live nor by resume")
        for content, rows in stored.items():
            if len(rows) > 1:
                self.violation("doubled", f"{content} is stored as {rows}")
        for content, receptions in list(self.receptions.items()):
            numbered = Counter(one.user for one in receptions if one.place == PARLEY and one.live and one.seq is not None)
            for user, times in numbered.items():
                if times > 1:
                    self.violation("doubled", f"user {user} got {content} {times} times from Parley")
        for user, data in self.gaps:
            self.violation("gap", f"user {user} got {data}")
        for reason, times in self.lost.items():
            if reason.startswith(PARLEY):
                self.violation("connection ended", f"{reason}, {times} times")
        return {**self._parley_figures(acked), **self._django_figures(stored, members), **self._live_figures(stored, members),
                **self._seen_figures(stored, members)}

    def _check_replay(self, user, replay):
        seqs = [seq for seq, _ in replay]
        if seqs != sorted(set(seqs)):
            self.violation("reordered or doubled", f"the resume of user {user} is not in order")
        contents = Counter(content for _, content in replay)
        for content, times in contents.items():
            if times > 1:
                self.violation("doubled", f"the resume of user {user} has {content} {times} times")
        return set(contents)

    def _parley_figures(self, acked):
        waits = [min((one.at for one in self.receptions[message.content] if one.user == message.sender and one.live), default=None)
                 for message in acked]
        to_parley = [min(one.at for one in receptions if one.place == PARLEY) - self.messages[content].sent
                     for content, receptions in list(self.receptions.items()) if self.messages[content].place == DJANGO
                     and any(one.place == PARLEY and one.live for one in receptions)]
        return {"Parley: messages acked": len(acked),
                "Parley: acked and lost": sum(name == "lost" for name, _ in self.violations),
                "Parley: doubled": sum(name in ("doubled", "reordered or doubled") for name, _ in self.violations),
                "Parley: sent through Parley, until the sender has it, ms": _milliseconds(
                    [at - message.sent for at, message in zip(waits, acked) if at is not None]),
                "Parley: sent through Django, until a client of Parley has it, ms": _milliseconds(to_parley),
                "Parley: deliveries without a seq": sum(
                    one.place == PARLEY and one.live and one.seq is None for receptions in list(self.receptions.values()) for one in receptions)}

    def _django_figures(self, stored, members):
        sent = [message for message in self.messages.values() if message.place == DJANGO and message.handed_over]
        twice = sum(times - 1 for receptions in list(self.receptions.values())
                    for times in Counter(one.user for one in receptions if one.place == DJANGO and one.live).values())
        return {"Django: messages sent": len(sent),
                "Django: sent and not stored": sum(message.content not in stored for message in sent),
                "Django: delivered more than once": twice}

    def _live_figures(self, stored, members):
        """Live deliveries that were expected and missed, by the sides of the sender and of the receiver. None may be missed on Parley."""
        expected, missed = Counter(), Counter()
        for content, rows in stored.items():
            message, when = self.messages[content], rows[0][1]
            receptions = self.receptions[content]
            for user in members[message.conversation]:
                place = self._stable_place(user, message.sent, when + self.stable)
                if place:
                    expected[message.place, place] += 1
                    if not any(one.user == user and one.live for one in receptions):
                        missed[message.place, place] += 1
                        if self._stable_place(user, message.sent, when + DELIVERED_WITHIN) == PARLEY:
                            self.violation("not delivered", f"{content}, sent through {message.place}, to user {user}")
        return {f"live, {sender} to {receiver}: missed of expected": (missed[sender, receiver], expected[sender, receiver])
                for sender in (DJANGO, PARLEY) for receiver in (DJANGO, PARLEY)}

    def _stable_place(self, user, begin, end):
        """Returns the side to which the user was connected for all of this time, if any."""
        for one in self.connections[user]:
            if one.begin and one.begin < begin and (one.finish is None or one.finish > end):
                return one.place
        return None

    def _seen_figures(self, stored, members):
        how = Counter()
        for content in stored:
            message = self.messages[content]
            for user in members[message.conversation]:
                got = [one for one in self.receptions[content] if one.user == user]
                if not got:
                    how[f"never seen, sent through {message.place}"] += 1
                elif not any(one.live for one in got):
                    how["only in the history"] += 1
                else:
                    how["live"] += 1
                live = {one.place for one in got if one.live}
                how["live on both sides"] += len(live) == 2
                numbered = [one for one in got if one.place == PARLEY and one.live]
                how["relayed, then with its seq"] += len(numbered) > 1
        names = ("live", "only in the history", f"never seen, sent through {DJANGO}", f"never seen, sent through {PARLEY}", "live on both sides",
                 "relayed, then with its seq")
        return {f"participants: {name}": how[name] for name in names}

    def longest_echo(self, begin, end):
        """The longest time in seconds until a sender on Django saw its own message, of those sent in this time."""
        waits = [min(one.at for one in self.receptions[m.content] if one.user == m.sender and one.live) - m.sent
                 for m in self.messages.values() if m.place == DJANGO and begin <= m.sent < end
                 and any(one.user == m.sender and one.live for one in self.receptions[m.content])]
        return max(waits, default=0.0)


def _milliseconds(seconds):
    if not seconds:
        return "-"
    return f"median {1000 * statistics.median(seconds):.1f}, longest {1000 * max(seconds):.0f}"
