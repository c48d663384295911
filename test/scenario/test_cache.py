"""The cache in Redis: lists through it are those of the store, whatever happens to Redis and to the entries in it."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import threading
import zlib

import httpx
import pytest

from client import NO_ID, Person, assert_problem
from deadline import eventually, patient
from django_project import environments, python_of
from files import PNG
from redis_server import Redis
from server import run

JSON = {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"}
ZLIB = {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}
LATE = "delivered_at", "read_at"  # written up to 2 s late


@pytest.fixture
def cache():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def node_with(database, redis, cache, own_server):
    """Starts nodes of one database whose cache is a Redis of its own."""

    def make(*options, **variables):
        return own_server("--drain-delay", "0", *options, **{"DATABASE_URL": database.url, "REDIS_URL": redis.url, "REDIS_CACHE_URL": cache.url,
                                                             **variables})

    return make


def listed(person, **query):
    answer = person.rest.get("conversations/", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def unsigned(conversation):
    """Without what differs between two answers: the signatures of links, and times that are written late."""
    conversation = json.loads(json.dumps(conversation))
    for attachment in (conversation["last_message"] or {}).get("attachments", []):
        attachment["file_url"] = attachment["file_url"].split("?")[0]
    return conversation


def early(conversation):
    conversation = unsigned(conversation)
    for field in LATE:
        (conversation["last_message"] or {}).pop(field, None)
    return conversation


def of_the_store(person):
    """What the list would be without the cache: the detail route reads the store."""
    answers = [person.rest.get(f"conversations/{one['id']}/").json() for one in listed(person)]
    return [{name: value for name, value in answer.items() if name != "members"} for answer in answers]


def lookups(server, kind, result):
    return server.metric("parley_cache_lookups_total", kind=kind, result=result)


def hits(server):
    return lookups(server, "summary", "hit")


def listed_through_the_cache(person):
    """Lists until the cache has replied: on a busy machine it can be skipped as too slow."""
    while True:
        before = lookups(person.server, "summary", "unanswered")
        found = listed(person)
        if lookups(person.server, "summary", "unanswered") == before:
            return found


def fill(person):
    """Lists until the cache has an entry of each conversation."""
    def is_filled():
        before = lookups(person.server, "summary", "hit")
        found = listed(person)
        return lookups(person.server, "summary", "hit") - before == len(found)
    eventually(is_filled)


def keys(cache, what):
    found = cache.ask("--scan", "--pattern", f":1:parley:{what}:*").splitlines()
    assert found, cache.ask("KEYS", "*")
    return found


# --- contents


@pytest.mark.long(20)
@pytest.mark.proves("cache in Redis")
def test_a_list_is_that_of_the_store_after_every_kind_of_change(node_with):
    one, two = node_with(), node_with(PARLEY_ENV="development")
    alice, bob = Person(one, "alice"), Person(two, "bob")
    carol = Person(one, "carol")
    room = alice.rest.create_group(bob, title="before", metadata={"exact": 1.10})
    other = bob.rest.create_group(alice)
    path = f"conversations/{room['id']}/"
    everybody = [Person(node, user) for node in (one, two) for user in ("alice", "bob", "carol")]

    def check(what):
        for person in everybody:
            for turn in "first", "from the cache":
                assert seen(listed(person)) == seen(of_the_store(person)), (what, person.id, turn)
                # The node with a read mark writes it in the background.
                assert eventually(lambda: counts(listed(person)) == counts(of_the_store(person))), (what, person.id, turn)

    def seen(conversations):
        return [{**early(each), "unread_count": None} for each in conversations]

    def counts(conversations):
        return [each["unread_count"] for each in conversations]

    def change(what, act):
        answer = act()
        assert answer.status_code < 300, answer.text
        check(what)
        return answer.json() if answer.content else None

    def send(person, content, **more):
        return person.rest.post("messages/", json={"conversation_id": room["id"], "content": content, **more})

    first = change("a message", lambda: send(alice, "first", metadata={"exact": 0.1000, "long": 12345678901234567890}))
    change("a reply", lambda: send(bob, "reply", reply_to=first["id"]))
    second = change("the second message", lambda: send(alice, "\U0001F600 \" \\ \u0000".replace("\u0000", "")))
    change("an edit of the last", lambda: alice.rest.patch(f"messages/{second['id']}/", json={"content": "edited"}))
    change("an edit of the first", lambda: alice.rest.patch(f"messages/{first['id']}/", json={"content": "edited first"}))
    change("a deletion of the last", lambda: alice.rest.delete(f"messages/{second['id']}/"))
    change("a read mark", lambda: bob.rest.post("messages/mark_as_read/", json={"message_ids": [first["id"]]}))
    change("a title", lambda: alice.rest.patch(path, json={"title": "after"}))
    change("metadata", lambda: alice.rest.patch(path, json={"metadata": {"exact": 2.50}}))
    change("a participant", lambda: alice.rest.post(path + "add_participant/", json={"user_id": "carol"}))
    change("a message to three", lambda: send(carol, "hello"))
    files = {"file": ("note.png", PNG)}
    upload = alice.rest.post("attachments/", files=files).json()
    with_file = change("an attachment", lambda: send(alice, "file", attachment_ids=[upload["id"]]))
    assert listed(bob)[0]["last_message"]["attachments"][0]["filename"] == "note.png"
    change("a deleted attachment", lambda: alice.rest.delete(f"attachments/{upload['id']}/"))
    change("a removal", lambda: alice.rest.post(path + "remove_participant/", json={"user_id": "carol"}))
    assert [each["id"] for each in listed(carol)] == [], "the cache adds no conversation"
    change("a new direct conversation", lambda: alice.rest.post("conversations/", json={"type": "direct", "participants": ["carol"]}))
    change("a deletion of everything", lambda: alice.rest.delete(f"messages/{with_file['id']}/"))
    change("a deleted conversation", lambda: bob.rest.delete(f"conversations/{other['id']}/"))
    for server in one, two:
        assert hits(server) > 50 and lookups(server, "unread", "hit") > 5
        assert lookups(server, "summary", "invalid") == 0
        assert server.metric("parley_cache_shared") == 0 and server.metric("parley_cache_up") == 1
    assert lookups(one, "summary", "stale") + lookups(two, "summary", "stale") > 5


@pytest.mark.proves("cache in Redis")
def test_times_that_change_without_a_seq_are_not_those_of_the_cache(node_with):
    server = node_with()
    alice, bob = Person(server, "ann"), Person(server, "ben")
    room = alice.rest.create_group(bob)
    message = alice.rest.send_message(room, "hello")
    fill(alice)
    assert listed(alice)[0]["last_message"]["read_at"] is None
    bob.rest.post("messages/mark_as_read/", json={"message_ids": [message["id"]]})
    eventually(lambda: listed(alice)[0]["last_message"]["read_at"])
    fill(alice)
    before = hits(server)
    last, = [one["last_message"] for one in listed_through_the_cache(alice)]
    assert all(last[field] for field in LATE)
    assert hits(server) == before + 1
    assert [unsigned(one) for one in listed(alice)] == [unsigned(one) for one in of_the_store(alice)]


@pytest.mark.proves("cache in Redis")
def test_pages_of_a_long_list_come_from_the_cache(node_with):
    server = node_with()
    alice, bob = Person(server, "amy"), Person(server, "bill")
    rooms = [alice.rest.create_group(bob, title=f"room {number}")["id"] for number in range(25)]
    alice.rest.send_message({"id": rooms[3]}, "hello")
    wanted = [rooms[3], *reversed(rooms[:3] + rooms[4:])]

    def pages():
        found, url = [], "conversations/?limit=10"
        while url:
            answer = bob.rest.get(url)
            found += [each["id"] for each in answer.json()]
            url = bob.rest.base_url.join(answer.links["next"]["url"]) if "next" in answer.links else None
        return found

    assert pages() == wanted
    before = hits(server)
    eventually(lambda: pages() == wanted and hits(server) - before >= 25)
    assert alice.rest.get(f"conversations/?limit=10&cursor=1.{NO_ID}").json() == []


# --- Redis fails


def lists_are_right(server, person, count, at_once=1):
    wanted = [early(each) for each in of_the_store(person)]
    with concurrent.futures.ThreadPoolExecutor(at_once) as threads:
        people = [Person(server, person.id) for _ in range(at_once)]
        for found in threads.map(lambda number: listed(people[number % at_once]), range(count)):
            assert [early(each) for each in found] == wanted


def failures(server):
    return server.metric("parley_cache_failures_total")


@pytest.mark.proves("cache in Redis")
def test_a_dead_redis_is_asked_once_per_pause(node_with, cache):
    server = node_with()
    alice = Person(server, "adam")
    alice.rest.send_message(alice.rest.create_group(Person(server, "bert")), "hello")
    fill(alice)
    cache.kill()
    lists_are_right(server, alice, 60, at_once=4)
    assert failures(server) >= 1 and server.metric("parley_cache_up") == 0
    assert server.metric("parley_cache_skipped_total", reason="paused") >= 60 - 10 * failures(server)
    cache.start()
    fill(alice)  # after the pause, and from an empty Redis
    assert server.metric("parley_cache_up") == 1
    assert "cache is down" in server.log and "cache is up" in server.log
    assert server.metric("parley_bus_reconnects_total") == 0, "the bus has another Redis"


@pytest.mark.proves("cache in Redis")
def test_a_redis_that_does_not_reply_costs_one_request_its_timeout_per_pause(node_with, cache):
    server = node_with("--cache-socket-timeout", "1s", "--cache-socket-connect-timeout", "1s")
    alice = Person(server, "agnes")
    alice.rest.send_message(alice.rest.create_group(Person(server, "boris")), "hello")
    fill(alice)
    cache.pause()
    skipped = server.metric("parley_cache_skipped_total")
    lists_are_right(server, alice, 50)  # one after another: of these, only those that were sent wait
    waited = server.metric("parley_cache_failures_total", reason="timeout")
    assert waited == failures(server) and 1 <= waited <= 4
    assert server.metric("parley_cache_skipped_total") - skipped >= 50 - waited
    lists_are_right(server, alice, 200, at_once=8)
    assert server.metric("parley_cache_seconds_count") > 0
    cache.resume()
    fill(alice)


@pytest.mark.proves("cache in Redis")
def test_without_ignore_exceptions_lists_fail_with_redis_and_nothing_else_does(node_with, cache):
    server = node_with("--no-cache-ignore-exceptions")
    alice, bob = Person(server, "alma"), Person(server, "bob-2")
    room = alice.rest.create_group(bob)
    fill(alice)
    cache.kill()
    problem = alice.rest.get("conversations/")
    assert_problem(problem, 503, "cache_unavailable")
    assert int(problem.headers["retry-after"]) >= 1
    assert_problem(alice.rest.get("conversations/"), 503, "cache_unavailable")
    with bob.connect(room) as socket:
        alice.rest.send_message(room, "still sent")
        assert socket.wait_for("message")["data"]["content"] == "still sent"
    assert alice.rest.get(f"conversations/{room['id']}/").status_code == 200
    cache.start()
    eventually(lambda: alice.rest.get("conversations/").status_code == 200, within=40)


@pytest.mark.proves("cache in Redis")
def test_a_lost_cache_is_filled_again_while_clients_list(node_with, cache):
    server = node_with()
    alice = Person(server, "anton")
    rooms = [alice.rest.create_group(Person(server, "bea"), title=str(number)) for number in range(5)]
    stop = threading.Event()
    lost = threading.Thread(target=lambda: [cache.ask("FLUSHDB") for _ in range(1000) if not stop.wait(0.02)])
    lost.start()
    try:
        for number in range(30):
            sent = alice.rest.send_message(rooms[number % 5], f"message {number}")
            found = listed(alice)
            assert found[0]["last_message"]["id"] == sent["id"] and len(found) == 5
    finally:
        stop.set()
        lost.join()
    fill(alice)


@pytest.mark.proves("cache in Redis")
def test_a_redis_that_refuses_commands_is_a_warning(node_with, cache):
    cache.ask("ACL", "SETUSER", "default", "-getrange", "-set", "-scan")
    server = node_with()
    alice = Person(server, "arno")
    alice.rest.create_group(Person(server, "bodo"))
    lists_are_right(server, alice, 3)
    assert server.metric("parley_cache_refused_total") >= 3
    assert server.log.count("cache command rejected") == 1


@pytest.mark.proves("cache in Redis")
def test_a_redis_user_of_the_cache_with_minimal_permissions(node_with, cache):
    cache.ask("ACL", "SETUSER", "parley", "on", ">secret", "resetkeys", "~*:parley:*", "-@all", "+getrange", "+set", "+scan", "+select", "+info",
              "+client|setname")
    server = node_with(REDIS_CACHE_URL=f"redis://parley:secret@127.0.0.1:{cache.port}/1")
    alice = Person(server, "arved")
    alice.rest.create_group(Person(server, "bert-2"))
    fill(alice)
    assert server.metric("parley_cache_refused_total") == 0 and "secret" not in server.log


# --- entries that Parley did not write


@pytest.mark.parametrize("what", ["messages", "conversations"])
def test_deleted_text_leaves_the_cache(node_with, cache, what):
    server = node_with("--cache-compressor", "none")
    alice, bob = Person(server, "amy"), Person(server, "ben")
    room = alice.rest.create_group(bob)
    message = alice.rest.send_message(room, "no longer wanted")
    fill(bob)
    key = f":1:parley:summary:{room['id']}"
    assert "no longer wanted" in cache.ask("GET", key)
    assert alice.rest.delete(f"{what}/{(message if what == 'messages' else room)['id']}/").status_code == 204
    eventually(lambda: "no longer wanted" not in cache.ask("GET", key))


@pytest.mark.proves("cache in Redis")
def test_entries_of_others_are_ignored(node_with, cache):
    server = node_with()
    alice, bob = Person(server, "ada"), Person(server, "bo")
    room = alice.rest.create_group(bob)
    alice.rest.send_message(room, "hello")
    other = alice.rest.create_group(bob)
    wanted = [early(each) for each in of_the_store(bob)]
    fill(bob)
    key = f":1:parley:summary:{room['id']}"
    good = subprocess.run(["redis-cli", "-p", str(cache.port), "GET", key], capture_output=True).stdout[:-1]
    text = zlib.decompress(good)
    assert json.loads(text)["data"]["last_message"]["content"] == "hello"
    forged = text.replace(b"hello", b"HELLO")
    assert forged != text
    hostile = [b"\x80\x04\x88.", zlib.compress(b"\x80\x04" + 200 * b"x"), b"", b"0", b"null", b"[]", b"{}", os.urandom(1000), good[:-1], good + b"x",
               forged, zlib.compress(forged), zlib.compress(json.dumps(json.loads(text)).encode()), text[:-1] + b" }",
               zlib.compress(20_000_000 * b" "), 5_000_000 * b"x", b"[" * 100_000, b'{"mac":"' + 43 * b"A" + b'","data":{}}']
    def stored(name):
        return subprocess.run(["redis-cli", "-p", str(cache.port), "GET", name], capture_output=True).stdout[:-1]

    def seen(kind):
        return lookups(server, kind, "invalid") + lookups(server, kind, "miss")

    for value in hostile:
        put = subprocess.run(["redis-cli", "-p", str(cache.port), "-x", "SET", key], input=value, capture_output=True)
        assert put.stdout.startswith(b"OK"), put.stdout
        before = seen("summary")
        assert [early(each) for each in listed_through_the_cache(bob)] == wanted, value[:50]
        assert seen("summary") == before + 1, value[:50]
        eventually(lambda: stored(key) != value)  # the right entry replaces it
    for words in ("RPUSH", key, "x"), ("HSET", key, "a", "b"), ("COPY", f":1:parley:summary:{other['id']}", key):
        cache.ask("DEL", key)
        cache.ask(*words)
        assert [early(each) for each in listed(bob)] == wanted, words
        eventually(lambda: stored(key).startswith(b"\x78\x9c"))
    fill(bob)
    number, = [one for one in keys(cache, "unread") if one.endswith(":bo")]
    for value in "-1", "1001", "x", "1.5", "\x80\x04\x88.", 100 * "9", '"1"':
        cache.ask("SET", number, value)
        before = seen("unread")
        assert [early(each) for each in listed_through_the_cache(bob)] == wanted, value
        assert seen("unread") == before + 1, value
        eventually(lambda: stored(number) == b"1")
    assert server.process.poll() is None


# --- Django


class DjangoCache:
    def __init__(self, environment, **aliases):
        script = pathlib.Path(__file__).with_name("django_cache.py")
        self.process = subprocess.Popen([python_of(environment), script, json.dumps(aliases)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, *command):
        answer = self.ask(*command)
        assert "returned" in answer, answer
        return answer["returned"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(patient(20))


@pytest.fixture
def django_with():
    made = []

    def make(environment, **aliases):
        made.append(DjangoCache(environment, **aliases))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.proves("cache in Redis")
@pytest.mark.parametrize("environment", environments())
@pytest.mark.parametrize("compressor", ["zlib", "none"])
def test_django_reads_entries_with_a_json_alias(node_with, cache, django_with, environment, compressor):
    server = node_with("--cache-compressor", compressor, "--cache-key-prefix", "shared", "--cache-timeout", "100s")
    alice, bob = (Person(server, f"{name}-{environment}-{compressor}") for name in ("anke", "bela"))
    room = alice.rest.create_group(bob)
    sent = alice.rest.send_message(room, "for Django, \u00e9\U0001F600", metadata={"n": 1.5})
    fill(bob)
    options = {**JSON, **(ZLIB if compressor == "zlib" else {})}
    django = django_with(environment, shared={"LOCATION": cache.url, "KEY_PREFIX": "shared", "OPTIONS": options},
                         pickles={"LOCATION": cache.url, "KEY_PREFIX": "shared", "OPTIONS": ZLIB})
    key = f"parley:summary:{room['id']}"
    entry = django.call("shared", "get", key)
    assert entry["data"]["seq"] == 1 and entry["data"]["participants"] == [alice.id, bob.id]
    assert entry["data"]["last_message"]["content"] == sent["content"] and entry["data"]["last_message"]["metadata"] == {"n": 1.5}
    assert 0 < django.call("shared", "ttl", key) <= 100
    unread, = [one.removeprefix("shared:1:") for one in cache.ask("--scan", "--pattern", "shared:1:parley:unread:*").splitlines() if one.endswith(f":{bob.id}")]
    assert django.call("shared", "get", unread) == 1
    assert django.call("shared", "incr", unread) == 2
    assert listed_through_the_cache(bob)[0]["unread_count"] == 2, "an integer of Django"
    before = lookups(server, "summary", "invalid"), lookups(server, "unread", "invalid")
    django.call("pickles", "set", unread, True)
    django.call("pickles", "set", key, entry)
    assert listed_through_the_cache(bob)[0]["unread_count"] == 1, "a pickle is not read"
    assert (lookups(server, "summary", "invalid"), lookups(server, "unread", "invalid")) == (before[0] + 1, before[1] + 1)
    django.call("shared", "delete", key)
    django.call("shared", "set", key, entry, 100)
    assert listed(bob)[0]["unread_count"] == 1


@pytest.mark.proves("cache in Redis")
def test_a_database_that_is_shared_is_a_warning(database, own_server, django_with):
    redis = Redis().start()
    try:
        shared = own_server(DATABASE_URL=database.url, REDIS_URL=redis.url)
        assert "cache.location: is the Redis database of the bus and the channel layer" in shared.log
        django = django_with("newest", default={"LOCATION": redis.url, "OPTIONS": JSON})
        django.call("default", "set", "django's own", 1)
        alice = Person(shared, "axel")
        alice.rest.create_group(Person(shared, "ben-2"))
        fill(alice)
        assert shared.metric("parley_cache_shared") == 1
        assert shared.log.count("the cache shares its Redis database with other programs") == 1
        assert "django's own" not in shared.log
        django.call("default", "clear")
        lists_are_right(shared, alice, 2)
        fill(alice)
        assert django.call("default", "get", "django's own") is None
    finally:
        redis.close()


@pytest.mark.parametrize("variables, warned", [
    ({"REDIS_URL": "redis://one/0"}, True), ({"REDIS_URL": "redis://one/0", "REDIS_CACHE_URL": "redis://one/0"}, True),
    ({"REDIS_URL": "redis://one/0", "REDIS_CACHE_URL": "redis://one/1"}, False), ({"REDIS_CACHE_URL": "redis://one/1"}, False),
    ({"REDIS_URL": "redis://one/0", "PARLEY_CACHE_ENABLED": "off"}, False)])
def test_config_check_warns_of_a_shared_database(tmp_path, variables, warned):
    checked = run("config", "check", directory=tmp_path, **variables)
    assert checked.returncode == 0, checked.stdout
    assert ("cache.location: is the Redis database" in checked.stdout) == warned, checked.stdout


# --- nothing


def test_without_redis_or_with_the_cache_off_nothing_is_looked_up(own_server, cache, tmp_path):
    for variables in {}, {"REDIS_CACHE_URL": cache.url, "PARLEY_CACHE_ENABLED": "off"}:
        server = own_server(**variables)
        alice = Person(server, "alf")
        alice.rest.create_group(Person(server, "ben-3"))
        assert len(listed(alice)) == 1
        assert server.metric("parley_cache_lookups_total") == 0
    assert cache.ask("DBSIZE") == "0"


def test_the_embedded_store_has_a_cache_too(own_server, cache):
    server = own_server(REDIS_CACHE_URL=cache.url)
    alice, bob = Person(server, "anja"), Person(server, "ben-4")
    room = alice.rest.create_group(bob)
    for number in range(3):
        alice.rest.send_message(room, f"message {number}")
        for person in alice, bob:
            assert [early(each) for each in listed(person)] == [early(each) for each in of_the_store(person)]
        fill(bob)
        assert listed(bob)[0]["unread_count"] == number + 1
    assert httpx.get(f"{server.url}/readyz").status_code == 200
