"""`./dev upgrade`: three nodes of version 0.1.0 are replaced one by one by this version, under load, and the checker of ./dev chaos looks
for losses, duplicates, disorder and gaps."""
import time
import uuid

import pytest
from old_binary import OLD
from client import Person, Rest
from deadline import eventually, patient
from files import PNG
from rig import Rig
from server import BINARY


def test_nodes_are_upgraded_one_by_one_without_a_loss():
    for seed in (1, 2, 3):
        rig = Rig(3, binary=OLD)
        try:
            verdict = rig.play(nodes_are_upgraded_one_by_one, seed=seed, conversations=6, members=8, pause=0.15)
            print(f"seed {seed}: {verdict}")
            assert not verdict.anomalies, str(verdict)
            assert verdict.figures["acked"] > 300
            assert all(client.reconnects or client.left for client in verdict.swarm.clients), "every client reconnects"
        finally:
            rig.close()


def nodes_are_upgraded_one_by_one(rig, random, longer, swarm):
    check_live_delivery(rig, swarm, 0)
    for number, node in enumerate(rig.nodes):
        assert node.server.stop() == 0, node.server.log[-2000:]
        node.server.command[0] = BINARY
        node.server.start()
        time.sleep(1)
        check_live_delivery(rig, swarm, number + 1)


def check_live_delivery(rig, swarm, upgraded):
    """A message through each node reaches the clients of all nodes, and no node finds a message of another one unreadable."""
    for conversation, people in swarm.users.items():
        sent = []
        for number, node in enumerate(rig.nodes):
            seq = swarm.send(Person(node.server, people[0].id), conversation, f"{people[0].id}-upgraded-{upgraded}-{number}")
            assert seq, "the node accepts messages"
            sent.append((conversation, seq))
        eventually(lambda: swarm.have_received(sent), within=15, describe=lambda: f"not received with {upgraded} nodes upgraded")
    for node in rig.nodes:
        assert node.server.metric("parley_bus_unreadable_total") == 0, "each version reads the messages of the other"


# --- an old and a new node in one cluster


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Two nodes: the first has version 0.1.0, the second this version. Both were of version 0.1.0 at first."""
    rig = Rig(2, binary=OLD, PARLEY_ATTACHMENTS_DIRECTORY=str(tmp_path_factory.mktemp("attachments")))
    rig.before = [Person(rig.nodes[0].server, f"early-{number}") for number in range(4)]
    rig.direct = rig.before[0].rest.post("conversations/direct/", json={"user_id": rig.before[1].id}).json()
    rig.upper = str(uuid.uuid4()).upper()
    rig.uppers_room = Person(rig.nodes[0].server, rig.upper).rest.create_group(rig.before[0])
    new = rig.nodes[1].server
    assert new.stop() == 0
    new.command[0] = BINARY
    new.start()
    yield rig
    rig.close()


@pytest.fixture(params=["old to new", "new to old"])
def pair(mixed, request):
    """Two persons, on one node each, the second of whom is in the other version's node; and their group."""
    order = mixed.nodes if request.param == "old to new" else mixed.nodes[::-1]
    name = f"{request.param.split()[0]}-{time.monotonic_ns()}"
    ann, ben = Person(order[0].server, f"ann-{name}"), Person(order[1].server, f"ben-{name}")
    return ann, ben, ann.rest.create_group(ben, title="Mixed")


def test_events_pass_between_both_versions(pair):
    ann, ben, room = pair
    with ben.connect() as everywhere, ben.connect(room) as socket, ann.connect(room) as own:
        sent = ann.rest.send_message(room, "hello")
        for one in socket, everywhere:
            assert one.wait_for("message")["data"]["content"] == "hello"
        ben.rest.post(f"conversations/{room['id']}/read/", json={"up_to_seq": sent["seq"]})
        assert own.wait_for("read_receipt")["data"]["user_id"] == ben.id
        own.send("typing", is_typing=True)
        assert socket.wait_for("typing_indicator")["data"] == {"user_id": ann.id, "is_typing": True}
        ann.rest.patch(f"messages/{sent['id']}/", json={"content": "edited"})
        for one in socket, everywhere:
            assert one.wait_for("message_updated")["data"]["content"] == "edited"
        ann.rest.delete(f"messages/{sent['id']}/")
        for one in socket, everywhere:
            assert one.wait_for("message_deleted")["data"] == {"message_id": sent["id"]}
        ann.rest.post(f"conversations/{room['id']}/update_title/", json={"title": "Renamed"})
        for one in socket, everywhere:
            assert one.wait_for("conversation_updated")["data"]["title"] == "Renamed"


def test_presence_passes_between_both_versions(pair):
    ann, ben, room = pair
    with ben.connect(room) as socket:
        with ann.connect(room):
            assert socket.wait_for(lambda f: f["type"] == "user_online" and f["data"]["user_id"] == ann.id)
            online = lambda: ben.rest.post("presence/", json={"user_ids": [ann.id]}).json()[ann.id]["online"]
            eventually(online, within=20)
        assert socket.wait_for(lambda f: f["type"] == "user_offline" and f["data"]["user_id"] == ann.id, within=30)


def test_membership_passes_between_both_versions(pair):
    ann, ben, room = pair
    with ben.connect() as everywhere:
        other = ann.rest.create_group(ben, title="Another")
        assert everywhere.wait_for(lambda f: f["type"] == "conversation_created" and f["data"]["id"] == other["id"])
        with ben.connect(other) as socket:
            began = time.monotonic()
            assert ann.rest.post(f"conversations/{other['id']}/remove_participant/", json={"user_id": ben.id}).status_code == 200
            assert socket.end()[0] == 4003
            assert time.monotonic() - began < patient(5)
        assert everywhere.wait_for(lambda f: f["type"] == "conversation_left" and f["conversation_id"] == other["id"])
        assert ben.rest.get(f"conversations/{other['id']}/").status_code == 404


def test_a_message_sent_twice_through_both_versions_is_stored_once(pair):
    ann, ben, room = pair
    there = Person(ben.server, ann.id)
    first = ann.rest.post("messages/", json={"conversation_id": room["id"], "content": "once", "client_id": "c-1"})
    again = there.rest.post("messages/", json={"conversation_id": room["id"], "content": "once", "client_id": "c-1"})
    assert (first.status_code, again.status_code) == (201, 200) and first.json()["id"] == again.json()["id"]


def test_a_pair_has_one_direct_conversation_on_both_versions(pair, mixed):
    ann, ben, _ = pair
    made = ann.rest.post("conversations/direct/", json={"user_id": ben.id}).json()
    assert ben.rest.post("conversations/direct/", json={"user_id": ann.id}).json()["id"] == made["id"]
    assert ann.rest.post("conversations/direct/", json={"user_id": ben.id}).json()["id"] == made["id"]
    for node in mixed.nodes:
        early = Person(node.server, mixed.before[0].id)
        again = early.rest.post("conversations/direct/", json={"user_id": mixed.before[1].id}).json()
        assert again["id"] == mixed.direct["id"], "made before the upgrade"


def test_revoked_tokens_end_sockets_on_both_versions(pair):
    ann, ben, room = pair
    service = Person(ann.server, "backend", scope="messaging:service")
    with ben.connect(room) as socket:
        assert service.rest.post("revocations/", json={"user_id": ben.id}).status_code in (200, 201, 204)
        assert socket.end(within=10)[0] == 4001


def test_a_task_has_one_conversation_on_both_versions(pair):
    ann, ben, room = pair
    task = ann.rest.post("conversations/task/", json={"task_id": f"t-{ann.id}", "requester_id": ann.id, "performer_id": ben.id})
    assert task.status_code == 201, task.text
    again = ben.rest.post("conversations/task/", json={"task_id": f"t-{ann.id}", "requester_id": ann.id, "performer_id": ben.id})
    assert again.json()["id"] == task.json()["id"]
    assert ben.rest.get("conversations/").json()[0]["id"] == task.json()["id"]


def test_an_upload_to_one_version_is_read_from_the_other(pair):
    ann, ben, room = pair
    file = ann.rest.post("attachments/", files={"file": ("cat.png", PNG, "image/png")}).json()
    sent = ann.rest.send_message(room, "a cat", attachment_ids=[file["id"]])
    shown = ben.rest.get(f"messages/{sent['id']}/").json()["attachments"][0]
    for link in shown["file_url"], file["file_url"]:
        for reader in ann, ben:
            answer = reader.rest.get(reader.server.url + link)
            assert answer.status_code == 200 and answer.content == PNG, "with the reader's token"


def test_a_signed_link_needs_a_node_of_this_version(mixed):
    """Version 0.1.0 has no signed links: it asks for a token."""
    old, new = (node.server for node in mixed.nodes)
    ann = Person(new, "signer")
    file = ann.rest.post("attachments/", files={"file": ("cat.png", PNG, "image/png")}).json()
    answers = [Rest(server).get(server.url + file["file_url"]).status_code for server in (old, new)]
    assert answers == [401, 200]


def test_a_user_with_a_uuid_in_upper_case_needs_a_node_of_this_version(mixed):
    """The upgrade folds such ids to lower case, which version 0.1.0 does not know."""
    old, new = (Person(node.server, mixed.upper).rest for node in mixed.nodes)
    path = f"conversations/{mixed.uppers_room['id']}/"
    assert (old.get(path).status_code, new.get(path).status_code) == (404, 200)
    send = {"conversation_id": mixed.uppers_room["id"], "content": "x"}
    assert (old.post("messages/", json=send).status_code, new.post("messages/", json=send).status_code) == (403, 201)


def test_the_old_version_cannot_start_on_the_new_schema(mixed):
    """A node of 0.1.0 that runs continues; one that restarts is refused."""
    old = mixed.nodes[0].server
    assert old.ready()
    refused = type(old)(f"{mixed.directory}/refused", DATABASE_URL=mixed.database.url, REDIS_URL=mixed.redis.url)
    refused.command[0] = OLD
    refused.start(ready=False)
    assert refused.wait() == 1 and "written by a newer Parley" in refused.log, refused.log
    assert old.ready()
