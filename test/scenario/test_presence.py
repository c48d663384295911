"""Presence: which users are online, and when they were last seen (P11 on one node)."""
import random
import time

import pytest

from client import Person, assert_problem
from conftest import named
from deadline import eventually
from postgres import Postgres
from server import wait_until


def presence_of(person, *others):
    answer = person.rest.post("presence/", json={"user_ids": [one.id for one in others]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def of(frame_type, user):
    return lambda frame: frame["type"] == frame_type and frame["data"]["user_id"] == user.id


@pytest.fixture
def talk(people):
    alice, bob = people("alice", "bob")
    return alice, bob, alice.rest.create_group(bob)


@pytest.mark.proves("user_online, user_offline")
def test_participants_receive_user_online_and_user_offline(talk):
    alice, bob, group = talk
    with alice.connect(group) as room_socket, alice.connect() as user_socket:
        bobs = bob.connect(group)
        online = room_socket.wait_for("user_online")
        assert online == {"type": "user_online", "conversation_id": group["id"], "data": {"user_id": bob.id}}
        assert user_socket.wait_for("user_online") == {"type": "user_online", "data": {"user_id": bob.id}}
        assert alice.connect(group).established["data"]["online"] == [alice.id, bob.id]
        bobs.close()
        offline = room_socket.wait_for("user_offline")
        assert offline == {"type": "user_offline", "conversation_id": group["id"], "data": {"user_id": bob.id}}
        assert user_socket.wait_for("user_offline") == {"type": "user_offline", "data": {"user_id": bob.id}}
        with alice.connect(group) as later:
            assert later.established["data"]["online"] == [alice.id]


@pytest.mark.proves("P11 presence")
def test_presence_is_broadcast_while_the_store_is_down(own_server, request):
    postgres = Postgres().start()
    request.addfinalizer(postgres.close)
    server = own_server(DATABASE_URL=postgres.url)
    alice, bob, cho = (Person(server, name) for name in ("alice", "bob", "cho"))
    group = alice.rest.create_group(bob, cho)
    with alice.connect(group) as room_socket, alice.connect() as user_socket:
        bobs, chos = bob.connect(group), cho.connect()
        for socket in (room_socket, user_socket):
            socket.wait_for(of("user_online", bob))
            socket.wait_for(of("user_online", cho))
        postgres.pause()
        bobs.close()
        chos.close()
        offline = [room_socket.wait_for("user_offline")["data"]["user_id"] for _ in range(2)]
        assert sorted(offline) == [bob.id, cho.id]
        assert user_socket.wait_for("user_offline") and user_socket.wait_for("user_offline")
        postgres.resume()


@pytest.mark.proves("P11 presence")
def test_several_connections_of_a_user_are_one_presence(talk):
    alice, bob, group = talk
    with alice.connect(group) as socket:
        sockets = [bob.connect(), bob.connect(group), bob.connect()]
        assert socket.wait_for(of("user_online", bob))
        for connection in sockets[:2]:
            connection.close()
        closed = time.time()
        wait_until(closed + 3)  # the debounce is 2 s
        bob.rest.send_message(group, "fence")
        frames = socket.seen_before(lambda frame: "seq" in frame)
        assert [one["type"] for one in frames] == ["message"], "no second user_online, no user_offline"
        sockets[2].close()
        assert socket.wait_for(of("user_offline", bob))


@pytest.mark.proves("P11 presence")
def test_a_page_reload_sends_no_presence_events(talk):
    alice, bob, group = talk
    with alice.connect(group) as socket:
        connection = bob.connect(group)
        assert socket.wait_for(of("user_online", bob))
        for _ in range(3):
            connection.close()
            connection = bob.connect(group)
        loaded = time.time()
        wait_until(loaded + 3)
        bob.rest.send_message(group, "fence")
        assert [one["type"] for one in socket.seen_before(lambda frame: "seq" in frame)] == ["message"]
        connection.close()


@pytest.mark.proves("user_online, user_offline")
def test_the_user_socket_receives_presence_once_for_several_shared_conversations(talk):
    alice, bob, group = talk
    for _ in range(3):
        alice.rest.create_group(bob)
    with alice.connect() as user_socket:
        with bob.connect():
            assert user_socket.wait_for(of("user_online", bob))
            bob.rest.send_message(group, "fence")
            frames = user_socket.seen_before(lambda frame: "seq" in frame)
            assert [one["type"] for one in frames] == ["message"]


def test_presence_is_sent_neither_to_the_user_nor_to_strangers(talk, people):
    alice, bob, group = talk
    cho = people("cho")
    with alice.connect() as user_socket, bob.connect() as first, cho.connect() as stranger:
        with bob.connect(group) as second:
            assert user_socket.wait_for(of("user_online", bob))
            alice.rest.send_message(group, "fence")
            other = alice.rest.create_group(cho)
            for socket in (first, second):
                passed = socket.seen_before(lambda frame: "seq" in frame)
                assert not [one for one in passed if one["data"].get("user_id") == bob.id]
            alice.rest.send_message(other, "fence")
            passed = stranger.seen_before(lambda frame: "seq" in frame)
            assert [one["type"] for one in passed] == ["conversation_created", "message"]


@pytest.mark.proves("user_online, user_offline")
def test_presence_is_not_broadcast_in_large_conversations(own_server, tmp_path):
    server = own_server("--limits-live-participants", "2", directory=tmp_path)
    alice, bob, cho = (Person(server, name) for name in ("alice", "bob", "cho"))
    large = alice.rest.create_group(bob, cho)
    small = alice.rest.create_group(bob)
    with alice.connect(large) as of_large, alice.connect(small) as of_small:
        assert of_large.established["data"]["online"] == []
        with bob.connect(), cho.connect():
            assert of_small.wait_for(of("user_online", bob))
            alice.rest.send_message(large, "fence")
            assert [one["type"] for one in of_large.seen_before(lambda frame: "seq" in frame)] == ["message"]
            assert presence_of(alice, cho)[cho.id]["online"], "presence can be requested"


@pytest.mark.proves("POST presence/")
def test_presence_can_be_requested_for_many_users(talk, people):
    alice, bob, group = talk
    stranger = people("stranger")
    with bob.connect(), stranger.connect():
        eventually(lambda: presence_of(alice, bob)[bob.id]["online"])
        answer = presence_of(alice, bob, stranger, alice)
        assert set(answer) == {bob.id, alice.id}, "users without a shared conversation are absent"
        assert answer[bob.id]["online"] is True and answer[bob.id]["last_seen"]
        assert answer[alice.id] == {"online": False, "last_seen": None}
        service = Person(alice.server, "backend", scope="messaging:service")
        assert set(presence_of(service, bob, stranger)) == {bob.id, stranger.id}
    for bad in ({}, {"user_ids": "x"}, {"user_ids": ["not ok"]}, {"user_ids": ["x"] * 501}, {"user_ids": [None]}):
        assert_problem(alice.rest.post("presence/", json=bad), 400, "invalid_field", "user_ids")
    assert alice.rest.post("presence/", json={"user_ids": []}).json() == {}
    assert alice.rest.post("presence/", json={"user_ids": ["x"] * 500}).json() == {}


def test_presence_of_a_removed_participant_is_not_visible(talk):
    alice, bob, group = talk
    assert set(presence_of(alice, bob)) == {bob.id}
    alice.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": bob.id})
    assert presence_of(alice, bob) == {}


@pytest.mark.proves("POST presence/")
def test_last_seen_is_the_end_of_the_last_connection_and_survives_a_restart(own_server, tmp_path):
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    alice.rest.create_group(bob)
    bob.connect().close()
    eventually(lambda: not presence_of(alice, bob)[bob.id]["online"])
    seen = presence_of(alice, bob)[bob.id]["last_seen"]
    assert seen
    server.stop()
    server = own_server(directory=tmp_path)
    assert presence_of(Person(server, "alice"), bob)[bob.id] == {"online": False, "last_seen": seen}


def test_last_seen_after_a_kill_is_the_start_of_the_connection(own_server, tmp_path):
    server = own_server(directory=tmp_path)
    alice, bob = Person(server, "alice"), Person(server, "bob")
    alice.rest.create_group(bob)
    bob.connect()
    eventually(lambda: presence_of(alice, bob)[bob.id]["online"])
    seen = time.time()
    wait_until(seen + 2.5)  # written within 2 s
    server.kill()
    server = own_server(directory=tmp_path)
    answer = presence_of(Person(server, "alice"), bob)[bob.id]
    assert answer["online"] is False and answer["last_seen"]


@pytest.mark.proves("P11 presence")
def test_presence_of_flapping_clients_converges(server, people):
    watcher, *flapping = people("watcher", "f0", "f1", "f2", "f3", "f4")
    group = watcher.rest.create_group(*flapping)
    dice = random.Random(7)
    open_sockets = {one.id: [] for one in flapping}
    with watcher.connect(group) as socket:
        for _ in range(60):
            one = dice.choice(flapping)
            mine = open_sockets[one.id]
            if mine and dice.random() < 0.5:
                mine.pop().close()
            else:
                mine.append(one.connect(group if dice.random() < 0.5 else None))
        for one in flapping[:3]:
            while open_sockets[one.id]:
                open_sockets[one.id].pop().close()
        online = {one.id: bool(open_sockets[one.id]) for one in flapping}
        eventually(lambda: {user: shown["online"] for user, shown in
                            presence_of(watcher, *flapping).items()} == online)
        watcher.rest.send_message(group, "fence")
        shown = {}
        for frame in socket.seen_before(lambda frame: "seq" in frame):
            if frame["type"] in ("user_online", "user_offline"):
                user = frame["data"]["user_id"]
                assert shown.get(user) != frame["type"], "the same presence is never sent twice in a row"
                shown[user] = frame["type"]
        assert {user: shown.get(user) == "user_online" for user in online} == online
    for mine in open_sockets.values():
        for connection in mine:
            connection.close()


@pytest.mark.proves("P11 presence")
def test_presence_in_a_storm_of_connects_is_complete_and_precedes_messages(own_server):
    server = own_server("--shards", "1", "--rate-limits", "off")
    watcher, *members = named(server, "watcher", *(f"member{number}" for number in range(30)))
    group = watcher.rest.create_group(*members)
    watching = [watcher.connect(group) for _ in range(100)]  # each connect of a member is sent to all
    joined = []
    for member in members:
        joined.append(member.connect(group))
        joined[-1].send("message", content=member.id, ref="r")
    for number, socket in enumerate(joined):
        others = set(socket.established["data"]["online"])
        while len(others) < 1 + len(members):
            others.add(socket.wait_for("user_online")["data"]["user_id"])
        assert others == {watcher.id, *(member.id for member in members)}
    for socket in joined:
        socket.close()
    online = [("user_online", member.id) for member in members]
    offline = {("user_offline", member.id) for member in members}
    for socket in watching:
        seen = [told(socket.receive()) for _ in range(3 * len(members))]
        assert [one for one in seen if one[0] == "user_online"] == online
        assert set(seen[-len(members):]) == offline
        for member in members:
            assert seen.index(("user_online", member.id)) < seen.index(("message", member.id))
        socket.close()


def told(frame):
    return frame["type"], frame["data"]["content" if frame["type"] == "message" else "user_id"]
