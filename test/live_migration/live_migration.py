"""The run: clients chat through Django, the database is taken over, the clients move to Parley and back, and Parley is removed."""
import random
import time

from chatter import DJANGO, PARLEY
from crowd import Crowd
from deadline import eventually
from ledger import Ledger
from sides import Sides


# Failures of Django's servers with their Redis, such as a pool of redis-py that is exhausted, and with clients that have left. Any
# other exception that ends a consumer counts as Parley's fault: a message that the consumer cannot handle, a deadlock in the database.
OWN_FAILURES = ("redis.exceptions.", "asyncio.exceptions.CancelledError", "ConnectionResetError", "autobahn.exception.Disconnected",
                "websockets.exceptions.ConnectionClosed")


class Result:
    def __init__(self, ledger, exceptions, figures, steps):
        self.violations, self.errors, self.lost, self.exceptions = ledger.violations, ledger.errors, ledger.lost, exceptions
        self.figures, self.steps = figures, steps

    def __str__(self):
        lines = [f"  {name}: {seconds:.1f} s" for name, seconds in self.steps]
        for name, value in self.figures.items():
            lines.append(f"  {name}: {f'{value[0]} of {value[1]}' if isinstance(value, tuple) else value}")
        lines += [f"  error frame from {place}: {frame}" for place, frame in self.errors[:5]]
        lines += [f"  connections lost, {reason}: {times}" for reason, times in sorted(self.lost.items())]
        lines += [f"  exceptions in Django: {times} times {text}" for text, times in self.exceptions.most_common()]
        lines += [f"  VIOLATION {name}: {text}" for name, text in self.violations[:20]]
        return "\n".join(lines)


class Steps:
    """Names and times the steps of a run."""

    def __init__(self, tell):
        self.done, self.tell = [], tell

    def __call__(self, name, work):
        begin = time.monotonic()
        answer = work()
        self.done.append((name, time.monotonic() - begin))
        self.tell(f"{name}: {self.done[-1][1]:.1f} s")
        return answer


def live_migration(directory, clients=200, rooms=25, groups=4, chat=10.0, pause=2.0, nodes=2, seed=1, environment="newest",
                   stable=5.0, tell=lambda line: None):
    """`chat`: seconds of chatting in each phase. Returns a Result."""
    ledger, step = Ledger(stable), Steps(tell)
    sides = step("start Django", lambda: Sides(directory, environment))
    crowd = None
    try:
        addresses = {DJANGO: [server.address for server in sides.servers]}
        crowd = Crowd(addresses, ledger, sides.fill(clients, rooms), seed, pause)
        movers = random.Random(seed).sample(crowd.clients, clients)
        step("all clients connect to Django", crowd.start)
        step("chat on Django", lambda: crowd.chat(chat))
        assert "would be taken over" in sides.migrate("--dry-run")
        taken = time.monotonic()
        step("parley migrate, while they chat", sides.migrate)
        figures = {"Django: longest echo during parley migrate, s": (taken, time.monotonic())}
        step("start Parley", lambda: sides.start_nodes(nodes))
        addresses[PARLEY] = [node.address for node in sides.nodes]
        step("chat on Django, with Parley beside it", lambda: crowd.chat(chat))
        for number in range(groups):
            step(f"group {number + 1} moves to Parley", lambda: crowd.move(movers[number::groups], PARLEY))
            crowd.chat(chat)
        for number in range(groups):
            step(f"group {number + 1} moves back to Django", lambda: crowd.move(movers[number::groups], DJANGO))
            crowd.chat(chat / 2)
        step("chat on Django again", lambda: crowd.chat(chat))
        crowd.pause_sending()
        eventually(lambda: sides.database.ask("SELECT count(*) FROM parley_inbox") == "0", within=20)
        replays = step("each client resumes from 0 on Parley", crowd.replay)
        crowd.resume_sending()
        figures["Parley: changes of Django adopted"] = int(sides.metric("adopted_changes_total"))
        figures["Parley: over capacity, dropped on the channel layer"] = int(sides.metric("channel_layer_over_capacity_total")
                                                                            + sides.metric("channel_layer_dropped_total"))
        step("stop Parley", sides.stop_nodes)
        step("parley migrate --rollback, while they chat", lambda: sides.migrate("--rollback"))
        step("chat on Django without Parley", lambda: crowd.chat(chat))
        crowd.stop_sending()
        crowd.wait_until_silent()
        members = {}
        for client in crowd.clients:
            members.setdefault(client.conversation, []).append(client.user)
        name, (begin, end) = next(iter(figures.items()))
        figures[name] = round(ledger.longest_echo(begin, end), 2)
        exceptions = sides.exceptions()
        for text, times in exceptions.items():
            if not text.startswith(OWN_FAILURES):
                ledger.violation("consumer ended", f"{text}, {times} times")
        return Result(ledger, exceptions, {**ledger.check(sides.stored(), replays, members), **figures}, step.done)
    finally:
        if crowd:
            crowd.stop()
        step("stop Django", sides.close)
