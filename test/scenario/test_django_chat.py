"""Clients of Django and clients of Parley are in the same conversation: the channel layer carries messages in both directions.
Django's side is the real channels_redis, of the newest and of the oldest supported versions."""
import json
import os
import queue
import subprocess
import threading
import uuid

import pytest

from client import Person
from deadline import eventually, patient
from django_project import python_of, variables
from redis_server import Redis

SIDE = os.path.join(os.path.dirname(__file__), "django_side.py")
BACKENDS = {"core": "channels_redis.core.RedisChannelLayer", "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer"}


class DjangoSide:
    """A process with one channel in the given groups."""

    def __init__(self, redis, *groups, environment="newest", backend="core", **options):
        hosts = [one.url for one in redis] if isinstance(redis, list) else [redis.url]
        given = {"backend": backend, "options": {"hosts": hosts, "capacity": 1500, **options}, "groups": groups}
        self.process = subprocess.Popen([python_of(environment), SIDE, json.dumps(given)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables())
        self.received, self.sent, self.ready = queue.Queue(), queue.Queue(), queue.Queue()
        self.errors = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()
        self.channel = self.ready.get(timeout=patient(20))

    def _read(self):
        for line in self.process.stdout:
            for kind, value in json.loads(line).items():
                getattr(self, kind).put(value)

    def send(self, group, **message):
        self.tell({"group": group, "message": message})
        self.sent.get(timeout=patient(20))

    def tell(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def receive(self, kind=None, within=10):
        """The next message of that type."""
        while True:
            try:
                message = self.received.get(timeout=patient(within))
            except queue.Empty:
                raise AssertionError(f"no {kind or 'message'} arrived; errors: {self.errors[-5:]}") from None
            message.pop("__parley__", None)  # on Pub/Sub, by which nodes know each other's messages
            if kind in (None, message["type"]):
                return message

    def close(self):
        self.process.kill()
        self.process.wait(patient(10))


@pytest.fixture
def side(request):
    made = []

    def make(*arguments, **options):
        made.append(DjangoSide(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Chat:
    """A conversation of alice and bob on a Parley with the given Redis hosts; alice has a socket of it."""

    def __init__(self, own_server, redis, backend="core", **variables):
        hosts = redis if isinstance(redis, list) else [redis]
        if len(hosts) > 1:
            variables["PARLEY_CHANNEL_LAYER_HOSTS"] = ",".join(host.url for host in hosts)
        self.server = own_server("--drain-delay", "0", REDIS_URL=hosts[0].url, PARLEY_CHANNEL_LAYER_BACKEND=BACKENDS[backend],
                                 **variables)
        number = uuid.uuid4().hex[:8]
        self.alice, self.bob = (Person(self.server, f"{name}-{number}") for name in ("alice", "bob"))
        self.conversation = self.alice.rest.create_group(self.bob)
        self.group = f"conversation_{self.conversation['id']}"
        self.socket = self.alice.connect(self.conversation)

    def foreign(self, content="from Django", **fields):
        return {"id": str(uuid.uuid4()), "conversation_id": self.conversation["id"], "sender_id": self.bob.id,
                "content": content, "content_type": "text", "sent_at": "2026-01-02T03:04:05+00:00", **fields}

    def until_joined(self, django):
        """Waits until Parley receives what Django sends to the conversation."""

        def typing_arrives():
            django.send(self.group, type="typing_indicator", user_id=self.bob.id, is_typing=True)
            try:
                return self.socket.wait_for("typing_indicator", within=1)
            except (AssertionError, TimeoutError):
                return False

        eventually(typing_arrives, within=20)

    def messages_until(self, content):
        """The contents of the messages that alice's socket receives, up to this one."""
        frames = self.socket.seen_before(lambda frame: frame["type"] == "message" and frame["data"]["content"] == content)
        return [frame["data"]["content"] for frame in frames if frame["type"] == "message"]

    def metric(self, name):
        lines = self.alice.rest.get(f"{self.server.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"parley_channel_layer_{name}"))


@pytest.fixture(params=["core", "pubsub"])
def backend(request):
    return request.param


@pytest.mark.proves("messages from Django")
@pytest.mark.parametrize("environment", ["newest", "minimum"])
def test_messages_are_exchanged_with_django(own_server, redis, side, backend, environment):
    chat = Chat(own_server, redis, backend)
    django = side(redis, chat.group, environment=environment, backend=backend)

    sent = chat.bob.rest.send_message(chat.conversation, "hello Django")
    message = django.receive("chat_message")["message"]
    assert (message["id"], message["content"], message["sender_id"]) == (sent["id"], "hello Django", chat.bob.id)

    chat.until_joined(django)
    foreign = chat.foreign()
    django.send(chat.group, type="chat_message", message=foreign)
    django.send(chat.group, type="chat.message", event="message.created", message=foreign)  # as the original: twice
    chat.bob.rest.send_message(chat.conversation, "after")
    frame = chat.socket.wait_for(lambda frame: frame.get("data", {}).get("content") == "from Django")
    assert frame["stored"] is False and "seq" not in frame and frame["conversation_id"] == chat.conversation["id"]
    assert frame["data"]["id"] == foreign["id"] and frame["data"]["sender_id"] == chat.bob.id
    last = chat.foreign("the last")
    django.send(chat.group, type="chat_message", message=last)
    assert "from Django" not in chat.messages_until("the last"), "it is relayed once"
    assert [message["content"] for message in chat.alice.rest.everything_in(chat.conversation)] == ["hello Django", "after"]


def test_a_message_that_django_repeats_after_parley_stored_it_is_not_relayed(own_server, redis, side, backend):
    chat = Chat(own_server, redis, backend)
    django = side(redis, chat.group, backend=backend)
    chat.until_joined(django)
    stored = chat.bob.rest.send_message(chat.conversation, "stored")
    django.send(chat.group, type="chat_message", message=stored)
    django.send(chat.group, type="chat_message", message=chat.foreign("the last"))
    assert chat.messages_until("the last") == ["stored", "the last"]


@pytest.mark.proves("messages from Django")
def test_foreign_messages_can_be_stored(own_server, redis, side, backend):
    chat = Chat(own_server, redis, backend, PARLEY_CHANNEL_LAYER_FOREIGN_MESSAGES="store")
    django = side(redis, chat.group, backend=backend)
    chat.until_joined(django)
    stranger = chat.foreign("from a stranger", sender_id="mallory")
    foreign = chat.foreign("  stored  ", metadata={"a": 1})
    django.send(chat.group, type="chat_message", message=stranger)
    django.send(chat.group, type="chat_message", message=foreign)
    frame = chat.socket.wait_for(lambda frame: frame.get("data", {}).get("content") == "stored")
    assert frame["seq"] == 1 and frame["data"]["id"] == foreign["id"] and frame["data"]["metadata"] == {"a": 1}
    assert [message["content"] for message in chat.alice.rest.everything_in(chat.conversation)] == ["stored"]
    assert chat.metric('foreign_messages_total{outcome="dropped"}') == 1


def test_foreign_messages_can_be_dropped(own_server, redis, side):
    chat = Chat(own_server, redis, PARLEY_CHANNEL_LAYER_FOREIGN_MESSAGES="drop")
    django = side(redis, chat.group)
    chat.until_joined(django)
    django.send(chat.group, type="chat_message", message=chat.foreign())
    eventually(lambda: chat.metric('foreign_messages_total{outcome="dropped"}') == 1, within=15)
    chat.bob.rest.send_message(chat.conversation, "the last")
    assert chat.messages_until("the last") == ["the last"]


def test_a_group_that_full_memory_rejects_is_joined_once_there_is_room(own_server, redis):
    chat = Chat(own_server, redis)
    eventually(lambda: redis.ask("EXISTS", f"asgi:group:{chat.group}") == "1")
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    room = chat.alice.rest.create_group(chat.bob)
    with chat.alice.connect(room):
        eventually(lambda: chat.metric("failures_total") > 0)
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        eventually(lambda: redis.ask("EXISTS", f"asgi:group:conversation_{room['id']}") == "1", within=30)


def test_typing_receipts_and_presence_are_exchanged_with_django(own_server, redis, side, backend):
    chat = Chat(own_server, redis, backend)
    django = side(redis, chat.group, backend=backend)
    chat.until_joined(django)

    sent = chat.alice.rest.send_message(chat.conversation, "read me")
    with chat.bob.connect(chat.conversation) as socket:
        assert django.receive("user_online") == {"type": "user_online", "user_id": chat.bob.id}
        socket.send("typing", is_typing=True)
        assert django.receive("typing_indicator") == {"type": "typing_indicator", "user_id": chat.bob.id, "is_typing": True}
        socket.send("read_receipt", message_ids=[sent["id"]])
        receipt = django.receive("read_receipt")
        assert (receipt["user_id"], receipt["message_ids"]) == (chat.bob.id, [sent["id"]])
    assert django.receive("user_offline")["user_id"] == chat.bob.id

    django.send(chat.group, type="read_receipt", user_id="django-user", message_ids=[sent["id"]])
    receipt = chat.socket.wait_for(lambda frame: frame["type"] == "read_receipt" and frame["data"]["user_id"] == "django-user")
    assert receipt["data"]["message_ids"] == [sent["id"]]
    for kind in ("user_online", "user_offline"):
        django.send(chat.group, type=kind, user_id="django-user")
        assert chat.socket.wait_for(lambda frame: frame["type"] == kind and frame["data"]["user_id"] == "django-user")


@pytest.mark.proves("application events (event)")
def test_application_events_of_django_reach_sockets(own_server, redis, side, backend):
    chat = Chat(own_server, redis, backend, PARLEY_CHANNEL_LAYER_APPLICATION_EVENTS="order.updated")
    everywhere = chat.alice.connect()
    django = side(redis, chat.group, backend=backend)
    chat.until_joined(django)
    django.send(chat.group, type="order.updated", order=7, state="shipped")
    event = chat.socket.wait_for("event")
    assert event["conversation_id"] == chat.conversation["id"]
    assert event["data"]["payload"] == {"order": 7, "state": "shipped"}
    assert everywhere.wait_for("event")["data"] == event["data"]

    def arrives():
        django.send(f"user_{chat.alice.id}", type="order.updated", order=8)
        try:
            return everywhere.wait_for(lambda frame: frame["type"] == "event" and "conversation_id" not in frame, within=1)
        except (AssertionError, TimeoutError):
            return None

    assert eventually(arrives, within=20)["data"]["payload"] == {"order": 8}


def test_messages_of_django_that_parley_does_not_know_are_counted_and_dropped(own_server, redis, side, backend):
    chat = Chat(own_server, redis, backend)
    django = side(redis, chat.group, backend=backend)
    chat.until_joined(django)
    for message in ({"type": "video.call", "x": 1}, {"type": "_private"}, {"type": "chat_message"},
                    {"type": "chat_message", "message": [1, 2]}, {"type": "chat_message", "message": {"id": "none"}},
                    {"type": "typing_indicator", "user_id": "a b", "is_typing": True},
                    {"type": "read_receipt", "user_id": chat.bob.id, "message_ids": "all"}):
        django.send(chat.group, **message)
    eventually(lambda: chat.metric("discarded_total") >= 6, within=15)
    django.send(chat.group, type="chat_message", message=chat.foreign("the last"))
    assert chat.messages_until("the last") == ["the last"]


def test_a_foreign_consumer_gets_only_types_of_the_guide(own_server, redis, side):
    chat = Chat(own_server, redis)
    django = side(redis, chat.group)
    sent = chat.alice.rest.send_message(chat.conversation, "first")
    chat.alice.rest.patch(f"messages/{sent['id']}/", json={"content": "edited"})
    chat.alice.rest.post(f"conversations/{chat.conversation['id']}/update_title/", json={"title": "Team"})
    chat.alice.rest.post(f"conversations/{chat.conversation['id']}/add_participant/", json={"user_id": "carol"})
    chat.alice.rest.delete(f"messages/{sent['id']}/")
    chat.alice.rest.send_message(chat.conversation, "the last")
    received = []
    while not received or received[-1].get("message", {}).get("content") != "the last":
        received.append(django.receive())
    kinds = [message["type"] for message in received if not message["type"].startswith("user_")]
    assert kinds == ["chat_message", "message_updated", "conversation_updated", "conversation_updated", "message_deleted",
                     "chat_message"]
    assert {"type": "message_deleted", "message_id": sent["id"]} in received


@pytest.mark.parametrize("options", [
    {"symmetric_encryption_keys": ["first", "second"]},
    {"serializer_format": "json"},
    {"prefix": "their", "random_prefix_length": 8},
], ids=["encryption", "json", "prefix"])
def test_options_of_the_channel_layer_match_those_of_django(own_server, redis, side, options):
    variables = {f"PARLEY_CHANNEL_LAYER_{name.upper()}": ",".join(value) if isinstance(value, list) else str(value)
                 for name, value in options.items()}
    chat = Chat(own_server, redis, **variables)
    django = side(redis, chat.group, **options)
    chat.until_joined(django)
    chat.alice.rest.send_message(chat.conversation, "hello Django")
    assert django.receive("chat_message")["message"]["content"] == "hello Django"


def test_three_redis_hosts_share_the_groups(own_server, side, backend):
    hosts = [Redis().start() for _ in range(3)]
    try:
        chat = Chat(own_server, hosts, backend)
        django = side(hosts, chat.group, backend=backend)
        chat.until_joined(django)
        for number in range(5):
            conversation = chat.alice.rest.create_group(chat.bob)
            chat.alice.connect(conversation)
            other = side(hosts, f"conversation_{conversation['id']}", backend=backend)
            chat.bob.rest.send_message(conversation, f"message {number}")
            assert other.receive("chat_message")["message"]["content"] == f"message {number}"
    finally:
        for host in hosts:
            host.close()


def test_django_and_redis_can_be_restarted(own_server, side, backend):
    redis = Redis().start()
    try:
        chat = Chat(own_server, redis, backend)
        first = side(redis, chat.group, backend=backend)
        chat.until_joined(first)
        first.close()
        redis.kill()
        assert chat.bob.rest.send_message(chat.conversation, "while Redis is down")["seq"] == 1
        assert chat.messages_until("while Redis is down")
        redis.start()
        second = side(redis, chat.group, backend=backend)
        chat.until_joined(second)
        chat.bob.rest.send_message(chat.conversation, "again")
        assert second.receive("chat_message")["message"]["content"] in ("again", "while Redis is down")
    finally:
        redis.close()


def test_a_stalled_consumer_of_django_delays_no_parley_client(own_server, redis, side):
    chat = Chat(own_server, redis, PARLEY_CHANNEL_LAYER_CAPACITY="20", PARLEY_CHANNEL_LAYER_EXPIRY="60")
    django = side(redis, chat.group)
    chat.until_joined(django)
    django.tell("pause")
    for number in range(100):
        chat.bob.rest.send_message(chat.conversation, str(number))
    assert chat.messages_until("99") == [str(number) for number in range(100)]
    eventually(lambda: chat.metric("over_capacity_total") >= 50, within=15)
