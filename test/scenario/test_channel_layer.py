"""Parley's part of Django's channel layer beside real channels_redis processes, over real Redis servers."""
import hashlib
import os
import random
import signal
import uuid

import pytest

from deadline import eventually
from layers import NEWEST, PROBE, VERSIONS, Django, Node, message
from redis_server import Redis, SentinelGroup

BACKENDS = "core", "pubsub"
pytestmark = pytest.mark.skipif(not os.access(PROBE, os.X_OK), reason="parley_layer_probe is not built: './dev test' builds it")
KEYS = ["the key of today", "the key of yesterday"]


class Layer:
    """A node and a Django process, both in one conversation."""

    def __init__(self, made, place, urls, backend="core", version=NEWEST, node=None, django=None, consumers=1):
        self.made, self.place, self.urls, self.backend, self.version = made, place, urls, backend, version
        self.conversation = str(uuid.uuid4())
        self.group = f"conversation_{self.conversation}"
        self.node_options, self.django_options = node or {}, django or {}
        self.django = self.new_django(consumers)
        self.node = self.new_node()
        self.django.join(self.conversation)
        self.node.tell(do="subscribe", conversation=self.conversation)
        self.meet()

    def new_node(self, directory="node", **more):
        (self.place / directory).mkdir(exist_ok=True)
        self.made.append(Node(self.urls, self.place / directory, self.backend, **{"allow": "probe.event", **self.node_options, **more}))
        return self.made[-1]

    def new_django(self, consumers=1):
        hosts, config = self.django_options.get("hosts", self.urls), {k: v for k, v in self.django_options.items() if k != "hosts"}
        self.made.append(Django(self.version, hosts, self.backend, consumers, **config))
        return self.made[-1]

    def knock(self, sender, *receivers, within=20):
        """Sends until all have heard it."""
        token = f"knock-{uuid.uuid4().hex}"

        def heard():
            if isinstance(sender, Node):
                sender.publish(self.conversation, "event", {"name": "probe.event", "payload": {"token": token}})
            else:
                sender.send(self.conversation, {"type": "probe.event", "token": token}, fails=True)
            return all(token in receiver.heard for receiver in receivers)

        eventually(heard, within=within, describe=lambda: "not heard:\n" + "".join(line for one in (sender, *receivers) for line in one.log[-20:]))

    def from_django(self, sent):
        """The Django process is in the group, too: its consumer also receives it."""
        # channels_redis fails once for each connection that a restart of Redis has closed.
        eventually(lambda: self.django.send(self.conversation, sent, fails=True)["done"], within=20)
        return self.django.next()

    def meet(self, within=20):
        self.knock(self.node, self.django, within=within)
        self.knock(self.django, self.node, within=within)

    def talk(self):
        """A message each way, and nothing else."""
        for content in "from Parley", "von Parley: grüße 😀":
            sent = message(content, seq=7)
            self.node.publish(self.conversation, "message", sent, seq=7)
            assert self.django.frame() == {"type": "message", "data": sent}
        for content in "from Django", "von Django: grüße 😀":
            sent = message(content)
            self.from_django({"type": "chat_message", "message": sent})
            got = self.node.event()
            assert (got["type"], got["stored"], got["conversation_id"]) == ("message", False, self.conversation)
            assert {name: got["data"][name] for name in sent} == sent
            assert "seq" not in got


def close_all(processes):
    try:
        for node in processes:
            if isinstance(node, Node):
                node.end()
    finally:
        for process in processes:
            process.close()


@pytest.fixture
def redises():
    made = []

    def make(count=1):
        made.extend(Redis().start() for _ in range(count))
        return made

    yield make
    for redis in made:
        redis.close()


@pytest.fixture
def layer(redises, tmp_path):
    made = []

    def make(*arguments, hosts=1, **options):
        return Layer(made, tmp_path, [redis.url for redis in redises(hosts)], *arguments, **options)

    yield make
    close_all(made)


@pytest.mark.proves("channel layer")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_type_passes_both_ways_with_each_version(layer, backend, version):
    both = layer(backend, version)
    both.talk()
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    receipt = {"user_id": "7", "message_ids": [one, two]}
    for kind, data in {
        "message_updated": message("edited"), "message_deleted": {"message_id": one}, "conversation_updated": {"id": both.conversation, "title": "t"},
        "typing_indicator": {"user_id": "7", "is_typing": True}, "user_online": {"user_id": "7"}, "user_offline": {"user_id": "7"}, "read_receipt": receipt,
    }.items():
        both.node.publish(both.conversation, kind, {**data, "up_to_seq": 3} if kind == "read_receipt" else data)
        assert both.django.frame() == {"type": kind, "data": data}
        whole = {"message_updated": "message", "conversation_updated": "conversation"}.get(kind)
        both.from_django({"type": kind.replace("_", "."), **({whole: data} if whole else data)})
        got = both.node.event()
        assert got["type"] == kind
        assert {name: got["data"][name] for name in data} == data


CASES = {
    "three hosts": ({"hosts": 3}, {}, {}),
    "two keys": ({}, {"key": KEYS}, {"symmetric_encryption_keys": KEYS[::-1]}),
    "json": ({}, {"serializer": "json"}, {"serializer_format": "json"}),
    "a prefix of its own": ({}, {"prefix": "shop"}, {"prefix": "shop"}),
    "everything": ({"hosts": 3}, {"serializer": "json", "key": KEYS, "prefix": "a.b", "random_prefix_length": 5},
                   {"serializer_format": "json", "symmetric_encryption_keys": KEYS, "prefix": "a.b", "random_prefix_length": 5}),
}


@pytest.mark.proves("channel layer")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_both_sides_talk_with_every_option(layer, backend, case):
    where, node, django = CASES[case]
    if backend == "pubsub":
        django = {name: value for name, value in django.items() if name != "random_prefix_length"}
    both = layer(backend, node=node, django=django, **where)
    both.talk()
    for _ in range(5):  # conversations on all of the hosts
        both.conversation = str(uuid.uuid4())
        both.django.join(both.conversation)
        both.node.tell(do="subscribe", conversation=both.conversation)
        both.meet()
        both.talk()


def test_numbers_bytes_and_nesting_pass_unchanged(layer):
    both = layer()
    payload = {"big": 2**64 - 1, "small": -2**63, "float": 0.1, "whole": 1.0, "tiny": 5e-324, "text": "\x00\x7f\u2028😀", "nil": None, "flags": [True, False],
               "long": "é" * 70_000, "list": list(range(70_000 // 2)), "map": {str(n): n for n in range(20)}, "deep": [[[[{"a": [{}]}]]]]}
    both.from_django({"type": "probe.event", **payload})
    assert both.node.event()["data"]["payload"] == payload
    both.node.publish(both.conversation, "event", {"name": "probe.event", "payload": payload})
    assert both.django.frame()["data"] == payload
    both.django.send(both.conversation, {"type": "probe.event", "text": {"$bytes": "aGk="}, "other": {"$bytes": "/w=="}})
    assert both.node.event()["data"]["payload"] == {"text": "hi", "other": "/w=="}


def test_a_message_that_arrives_twice_is_delivered_once(layer):
    both = layer()
    sent = message("hi")
    both.django.send(both.conversation, {"type": "chat.message", "event": "message.created", "message": {**sent, "sender": {"id": 7}}})
    both.django.send(both.conversation, {"type": "chat_message", "message": sent})
    both.django.send(both.conversation, {"type": "user_online", "user_id": "7"})
    assert [both.node.event()["type"] for _ in range(2)] == ["message", "user_online"]
    assert both.node.metric("discarded_total", reason="duplicate") == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_nodes_do_not_receive_each_other(layer, backend):
    both = layer(backend)
    other = both.new_node("other")
    other.tell(do="subscribe", conversation=both.conversation)
    both.knock(both.django, other)
    both.knock(other, both.django)
    for node in both.node, other:
        node.publish(both.conversation, "typing_indicator", {"user_id": "7", "is_typing": True})
        assert both.django.frame()["type"] == "typing_indicator"
    both.from_django({"type": "user_online", "user_id": "8"})
    assert [node.event()["type"] for node in (both.node, other)] == ["user_online"] * 2
    assert both.node.taken() == other.taken() == both.django.taken() == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_that_django_sends_harms_a_node(layer, redises, backend):
    both = layer(backend)
    refused = [{"type": "chat_message"}, {"type": "chat_message", "message": {"id": 1}}, {"type": "typing_indicator", "user_id": {}, "is_typing": 1},
               {"type": "read_receipt", "user_id": "7", "message_ids": [1]}, {"type": "_private"}, {"type": 7}, {}]
    ignored = [{"type": "order.created"}, {"type": "chat.conversation", "conversation": {}, "event": "created"}]
    before = both.node.metric("discarded_total", reason="malformed")
    for one in refused + ignored:
        both.from_django(one)
    redis = redises(0)[0]
    garbage = random.Random(7).randbytes(200).hex()
    if backend == "core":
        node = next(key for key in redis.ask("ZRANGE", f"asgi:group:{both.group}", 0, -1).split() if key.startswith("parley."))
        redis.ask("ZADD", "asgi" + node.partition("!")[0] + "!", 1, garbage)
    else:
        redis.ask("PUBLISH", f"asgi__group__{both.group}", garbage)
    both.node.reaches("discarded_total", before + len(refused) + 1, reason="malformed")
    both.node.reaches("discarded_total", len(ignored), reason="ignored_type")
    assert both.node.taken() == []
    both.node.publish(both.conversation, "user_online", {"user_id": "7"})
    assert both.django.frame()["type"] == "user_online"


@pytest.mark.proves("channel layer")
def test_nothing_that_parley_sends_ends_a_consumer(layer):
    both = layer(consumers=2)
    for kind, data in [("conversation_created", {}), ("conversation_left", {}), ("gap", {"from": 1, "to": 2}), ("event", {"name": "unknown", "payload": {}}),
                       ("message_deleted", {}), ("typing_indicator", {"user_id": "7"}), ("user_online", {})]:
        both.node.publish(both.conversation, kind, data)
    both.node.publish(both.conversation, "event", {"name": "probe.event", "payload": {"type": "boom", "__asgi_channel__": "x", "a": 1}})
    assert [both.django.frame() for _ in range(2)] == [{"type": "probe_event", "data": {"a": 1}}] * 2, "one for each consumer"


def test_application_events_reach_the_sockets_of_a_user(layer):
    both = layer()
    both.node.tell(do="subscribe_user", user="auth0|5f7c")
    group = "user_x" + hashlib.sha256(b"auth0|5f7c").hexdigest()
    both.django.do("join", group=group)
    eventually(lambda: both.node.metric("groups") == 2, within=20)

    def reached():
        both.django.do("send", group=group, message={"type": "probe.event", "a": 1})
        return both.node.taken()

    assert eventually(reached, within=20)[0] == {"event": {"type": "event", "data": {"name": "probe.event", "payload": {"a": 1}}}, "to_user": "auth0|5f7c"}
    both.node.tell(do="publish_to_user", user="auth0|5f7c", event={"type": "event", "data": {"name": "probe.event", "payload": {"b": 2}}})
    eventually(lambda: {"type": "probe_event", "data": {"b": 2}} in [line["client"] for line in both.django.taken()], within=20)


@pytest.mark.proves("channel layer")
@pytest.mark.parametrize("backend", BACKENDS)
def test_redis_restarts_empty(layer, redises, backend):
    both = layer(backend, hosts=3)
    for redis in redises(0):
        redis.kill()
    for _ in range(100):
        both.node.publish(both.conversation, "user_online", {"user_id": "7"})
    both.node.reaches("dropped_total", 100, reason="disconnected")
    for redis in redises(0):
        redis.start()
    # channels_redis has lost its memberships, and does not know.
    eventually(lambda: both.django.do("join", fails=True, group=both.group)["done"], within=20)
    both.meet(within=40)
    both.django.taken()
    both.talk()
    assert both.node.metric("reconnects_total") > 0


def test_redis_is_flushed(layer, redises):
    both = layer()
    redises(0)[0].ask("FLUSHALL")
    both.django.join(both.conversation)
    both.meet(within=40)
    eventually(lambda: "has lost this node's groups" in "".join(both.node.log))


def test_a_lost_subscription_is_made_again(layer, redises):
    both = layer("pubsub")
    redises(0)[0].ask("CLIENT", "KILL", "TYPE", "pubsub")
    both.meet(within=40)
    both.talk()


def received_by(process):
    """The numbers of the messages that the process receives, until none arrives."""
    numbers = []
    try:
        while True:
            numbers.append(int(process.frame(within=3 if numbers else 20)["data"]["content"]))
    except AssertionError:
        return numbers


@pytest.mark.proves("channel_layer_over_capacity_total")
def test_a_stalled_process_fills_its_inbox_and_delays_nobody(layer):
    both = layer(node={"capacity": 5})
    stalled = both.new_django()
    stalled.join(both.conversation)
    both.knock(both.node, stalled)
    stalled.process.send_signal(signal.SIGSTOP)
    lost = both.node.metric("over_capacity_total")
    for seq in range(50):
        sent = message(str(seq), seq=seq)
        both.node.publish(both.conversation, "message", sent, seq=seq)
        assert both.django.frame()["data"] == sent
    # One message can be on its way to the process, beside those in its inbox.
    both.node.reaches("over_capacity_total", lost + 44)
    stalled.process.send_signal(signal.SIGCONT)
    got = received_by(stalled)
    assert got and got == sorted(set(got) & set(range(6))), "what fits its inbox; channels_redis can lose some after a long stop"
    assert "over capacity" in "".join(both.node.log)


def test_messages_keep_their_order(layer, redises):
    both = layer(hosts=3, node={"capacity": 1000}, django={"capacity": 1000})
    for seq in range(300):
        both.node.publish(both.conversation, "message", message(str(seq)), seq=seq)
    assert [both.django.frame()["data"]["content"] for _ in range(300)] == [str(seq) for seq in range(300)]
    for seq in range(300):
        both.django.send(both.conversation, {"type": "chat_message", "message": message(str(seq))})
    assert [both.node.event()["data"]["content"] for _ in range(300)] == [str(seq) for seq in range(300)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_congested_node_reads_later(layer, redises, backend):
    both = layer(backend)
    both.node.tell(do="congest", on=True)
    sent = [message(str(number)) for number in range(20)]
    for one in sent:
        both.from_django({"type": "chat_message", "message": one})
    both.node.publish(both.conversation, "user_online", {"user_id": "7"})
    assert both.django.frame()["type"] == "user_online", "sending does not wait"
    both.node.reaches("pauses_total", 1)
    both.node.tell(do="congest", on=False)
    assert [both.node.event()["data"]["content"] for _ in sent] == [one["content"] for one in sent]


def members(redis, group):
    return [name for name in redis.ask("ZRANGE", f"asgi:group:{group}", 0, -1).split() if name.startswith("parley.")]


def test_a_node_leaves_no_member_behind(layer, redises):
    both, redis = layer(hosts=1), redises(0)[0]
    first = members(redis, both.group)
    assert len(first) == 1 and first[0].endswith("!" + both.group)
    both.node.close()  # kill -9
    assert members(redis, both.group) == first
    again = both.new_node()
    again.tell(do="subscribe", conversation=both.conversation)
    both.knock(both.django, again)
    assert members(redis, both.group) == first, "it has the same identity"
    for number in range(20):
        again.publish(both.conversation, "message", message(str(number)), seq=number)
    again.stop()
    assert members(redis, both.group) == []
    assert redis.ask("KEYS", "asgiparley*") == ""
    assert [both.django.frame()["data"]["content"] for _ in range(20)] == [str(number) for number in range(20)], "what was queued was sent"


def test_a_member_of_an_earlier_process_is_removed_when_it_is_met(layer, redises):
    both, redis = layer(), redises(0)[0]
    both.node.close()
    again = both.new_node()
    eventually(lambda: again.metric("received_total") == 0, within=20)
    both.django.send(both.conversation, {"type": "user_online", "user_id": "7"})
    again.reaches("discarded_total", 1, reason="unaddressed")
    eventually(lambda: members(redis, both.group) == [], within=20)


def test_a_direct_message_is_found_on_every_host(layer, redises):
    both = layer(hosts=3)
    redis = next(redis for redis in redises(0) if members(redis, both.group))
    channel = members(redis, both.group)[0]
    # channels_redis hashes the full name, and so sends to another host than that of the inbox.
    for number in range(10):
        both.django.do("direct", channel=channel, message={"type": "user_online", "user_id": str(number)})
    assert sorted(both.node.event()["data"]["user_id"] for _ in range(10)) == sorted(map(str, range(10)))


def test_a_node_whose_clock_is_wrong_sends_nothing_that_would_be_lost(layer, redises):
    both = layer()
    wrong = both.new_node("wrong", clock_ahead=40)
    wrong.tell(do="subscribe", conversation=both.conversation)
    eventually(lambda: abs(wrong.metric("clock_skew_seconds") + 40) < 2, within=20)
    wrong.publish(both.conversation, "user_online", {"user_id": "7"})
    wrong.reaches("dropped_total", 1, reason="clock_skew")
    assert "clock of Redis differs" in "".join(wrong.log)
    both.talk()


@pytest.mark.long(40)
def test_the_layer_follows_a_sentinel_failover(tmp_path):
    group, made = SentinelGroup().start(), []
    try:
        sentinels = {"sentinels": [("127.0.0.1", sentinel.port) for sentinel in group.sentinels], "master_name": group.name}
        both = Layer(made, tmp_path, [group.url], django={"hosts": [sentinels]})
        both.talk()
        group.master().kill()
        eventually(lambda: both.django.do("join", fails=True, group=both.group)["done"], within=60)
        both.meet(within=60)
        both.django.taken()
        both.talk()
    finally:
        close_all(made)
        group.close()
