"""Parley uses what Redis 6.0 has, the version of the guide: neither commands nor options that came later."""
import json
import re
import subprocess

import pytest

from client import Person
from deadline import eventually
from redis_server import Redis

NEWEST_USED = 6, 0, 99
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Documentation:
    """The documentation that a Redis 7 server has of its commands and their arguments, which say since when they exist."""

    def __init__(self):
        self.server = Redis(program="redis-server").start()
        self.known = {}

    def of(self, *words):
        """The documentation of a command, or of its subcommand, and how many words its name has."""
        for count, name in (2, "|".join(words[:2]).lower()), (1, words[0].lower()):
            if name not in self.known:
                found = json.loads(self.server.ask("--json", "COMMAND", "DOCS", name))
                self.known[name] = next(iter(found.values())) if found else None
            if self.known[name]:
                return self.known[name], count
        raise AssertionError(f"unknown to Redis 7: {words}")

    def newer(self, words):
        """What of the command is newer than NEWEST_USED, as a list of text."""
        docs, count = self.of(*words)
        found = [] if is_old(docs) else [f"{words[0]} (since {docs['since']})"]
        given = [word.upper() for word in words[count:]]
        for argument in every(docs.get("arguments", [])):
            if argument.get("token") in given and not is_old(argument):
                found.append(f"{words[0]} {argument['token']} (since {argument['since']})")
        old = [argument for argument in docs.get("arguments", []) if is_old(argument)]
        without_more = all(argument["type"] in ("key", "string", "integer", "double", "pattern") and "multiple" not in argument.get("flags", [])
                           and "token" not in argument for argument in docs.get("arguments", []))
        if without_more and len(given) > len(old):
            found.append(f"{words[0]} with {len(given)} arguments")
        return found


def is_old(row):
    return "since" not in row or tuple(map(int, row["since"].split("."))) <= NEWEST_USED


def every(arguments, since=None):
    """All arguments, those inside others too, which are at least as new."""
    for argument in arguments:
        argument = {**({"since": since} if since else {}), **argument}
        yield argument
        yield from every(argument.get("arguments", []), argument.get("since"))


@pytest.fixture(scope="module")
def documentation():
    made = Documentation()
    yield made
    made.server.close()


class Monitor:
    """All commands that a server receives."""

    def __init__(self, redis):
        self.file = open(f"{redis.directory}/monitor", "wb")
        self.process = subprocess.Popen(["redis-cli", "-p", str(redis.port), "MONITOR"], stdin=subprocess.DEVNULL, stdout=self.file)
        self.path = self.file.name
        eventually(lambda: open(self.path).read().startswith("OK"))

    def commands(self):
        with open(self.path, encoding="utf-8", errors="replace") as lines:
            return [WORD.findall(line.split("] ", 1)[1]) for line in lines if "] " in line]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.file.close()


def names_of(redis):
    """The names of all commands that the server has run, also of those that MONITOR hides, such as CLIENT in Redis 6."""
    return [line.split(":")[0].removeprefix("cmdstat_").split("|") for line in redis.ask("INFO", "commandstats").splitlines()
            if line.startswith("cmdstat_")]


@pytest.mark.parametrize("words, found", [
    (["SET", "key", "value", "PX", "1000"], []), (["SET", "key", "value", "GET"], ["SET GET (since 6.2.0)"]),
    (["GETEX", "key"], ["GETEX (since 6.2.0)"]), (["xadd", "key", "nomkstream", "*", "a", "b"], ["xadd NOMKSTREAM (since 6.2.0)"]),
    (["EXPIRE", "key", "1", "NX"], ["EXPIRE NX (since 7.0.0)"]), (["LPOP", "key", "2"], ["LPOP with 2 arguments"]), (["LPOP", "key"], []),
    (["ZADD", "key", "1", "member"], []), (["ZADD", "key", "GT", "1", "member"], ["ZADD GT (since 6.2.0)"]),
    (["CLIENT", "SETNAME", "x"], []), (["CLIENT", "NO-EVICT", "on"], ["CLIENT (since 7.0.0)"])])
def test_newer_commands_and_options_are_recognized(documentation, words, found):
    assert documentation.newer(words) == found


@pytest.mark.parametrize("backend", ["core", "pubsub"])
@pytest.mark.proves("cache in Redis")
def test_only_redis_commands_and_options_of_version_6_0_are_used(database, own_server, documentation, backend):
    redis = Redis().start()
    monitor = Monitor(redis)
    try:
        first, second = (own_server(DATABASE_URL=database.url, REDIS_URL=redis.url.replace("/0", "/2"), PARLEY_CHANNEL_LAYER_BACKEND=backend)
                         for _ in range(2))
        alice, bob = Person(first, "alice"), Person(second, "bob")
        room = alice.rest.create_group(bob)
        with alice.connect(room), bob.connect(room) as socket:
            alice.rest.send_message(room, "hello")
            socket.wait_for("message")
            joined = {"core": ["ZADD", f"asgi:group:conversation_{room['id']}"], "pubsub": ["SUBSCRIBE", f"asgi__group__conversation_{room['id']}"]}
            eventually(lambda: any(words[0].upper() == joined[backend][0] and joined[backend][1] in words for words in monitor.commands()), within=20)
            for _ in range(3):
                bob.rest.get("conversations/")
        for server in first, second:
            server.stop()
        commands = monitor.commands() + names_of(redis)
        names = {words[0].upper() for words in commands}
        assert {"PUBLISH", "SUBSCRIBE", "GETRANGE", "SET", "SELECT", "CLIENT", "INFO"} <= names, names
        assert not [words for words in commands if words[0].upper().startswith("FLUSH")]
        assert {problem for words in commands for problem in documentation.newer(words)} == set()
    finally:
        monitor.stop()
        redis.close()
