"""Parley on a database that it took over from a Django system: user ids of Django's type, and Django's ORM beside it."""
import concurrent.futures
import time
import uuid

import httpx
import pytest

from client import Person
from conftest import watch
from deadline import eventually, patient
from old_system import OldSystem, fill
from postgres import Postgres
from server import Server, run

ROOM = """
room = Conversation.objects.create(type="group", title="{title}")
for place, user in enumerate(User.objects.order_by("username")[:{people}]):
    ConversationParticipant.objects.create(conversation=room, user=user, is_admin=place == 0)
out = str(room.id)
"""


class TakenOver:
    """`node(n)`: the n-th server on the database."""

    def __init__(self, directory, users):
        self.directory = directory
        self.database = Postgres().start()
        self.old = OldSystem(self.database, users).migrate()
        fill(self.old, rooms=12, messages=30)
        done = run("migrate", directory=directory, DATABASE_URL=self.database.url)
        assert done.returncode == 0, done.stdout
        self.users = [str(id) for id in self.old.value("[str(u.pk) for u in User.objects.order_by('username')]")]
        self.nodes = []

    def node(self, number=0):
        while len(self.nodes) <= number:
            self.nodes.append(Server(f"{self.directory}/node-{len(self.nodes)}", DATABASE_URL=self.database.url).start())
        return self.nodes[number]

    def person(self, number, node=0, **claims):
        return Person(self.node(node), self.users[number], **claims)

    def room(self, title="A room", people=3):
        """A group that Django made, and that a node has adopted. The first user is its admin."""
        room = {"id": self.old.run(ROOM.format(title=title, people=people))}
        self.node()
        eventually(lambda: self.database.ask(f"SELECT count(*) FROM parley_inbox WHERE conversation_id = '{room['id']}'") == "0")
        return room

    def close(self):
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.close()
        self.old.close()
        self.database.close()


@pytest.fixture(scope="module", params=["bigint", "uuid"])
def both(tmp_path_factory, request):
    made = TakenOver(tmp_path_factory.mktemp("taken-over"), request.param)
    yield made
    made.close()


@pytest.fixture
def site(both, request):
    for node in both.nodes:
        watch(request.node, node)
    return both


@pytest.mark.proves("Django's ORM beside Parley")
def test_clients_read_and_write_with_user_ids_of_djangos_type(site):
    old, (ann, ben, cid) = site.old, [site.person(n) for n in range(3)]
    room = site.room()
    assert room["id"] in [one["id"] for one in ann.rest.get("conversations/").json()]
    veteran = Person(site.node(), old.value("str(Message.objects.first().sender_id)"))
    earlier = next(one for one in veteran.rest.get("conversations/").json() if one["last_message"])
    assert earlier["last_message"]["seq"] == 30 and set(earlier["participants"]) <= set(site.users)
    history = veteran.rest.everything_in(earlier)
    assert [message["seq"] for message in history] == list(range(1, 31))
    assert {message["sender_id"] for message in history} <= set(site.users)

    with ann.connect(room) as a, ben.connect(room) as b:
        ann.rest.send_message(room, "hello")
        assert a.wait_for("message")["data"]["sender_id"] == ann.id and b.wait_for("message")["data"]["content"] == "hello"
        b.send("message", content="hi", client_id="one")
        second = a.wait_for("message")["data"]
        assert second["sender_id"] == ben.id
        assert old.value(f"str(Message.objects.get(id='{second['id']}').sender_id)") == ben.id, "Django reads it"
    assert cid.rest.get("messages/unread_count/", params={"conversation_id": room["id"]}).json() == {"count": 2}
    cid.rest.post("messages/mark_as_read/", json={"message_ids": [second["id"]]})
    assert cid.rest.get("messages/unread_count/", params={"conversation_id": room["id"]}).json() == {"count": 0}
    eventually(lambda: old.value(f"Message.objects.get(id='{second['id']}').read_at is not None"))
    eventually(lambda: old.value(f"ConversationParticipant.objects.get(conversation_id='{room['id']}', user_id='{cid.id}').last_read_at is not None"))

    group = ann.rest.create_group(ben, title="New")
    direct = ann.rest.post("conversations/direct/", json={"user_id": cid.id})
    assert direct.status_code in (200, 201) and sorted(direct.json()["participants"]) == sorted([ann.id, cid.id])
    assert old.value(f"Conversation.objects.get(id='{group['id']}').participants.count()") == 2
    assert old.value(f"ConversationParticipant.objects.get(conversation_id='{group['id']}', user_id='{ann.id}').is_admin") is True
    assert ann.rest.post(f"conversations/{group['id']}/add_participant/", json={"user_id": cid.id}).status_code == 200
    assert ann.rest.post(f"conversations/{group['id']}/set_role/", json={"user_id": cid.id, "role": "admin"}).status_code == 200
    assert old.value(f"ConversationParticipant.objects.get(conversation_id='{group['id']}', user_id='{cid.id}').is_admin") is True
    assert ann.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": cid.id}).status_code == 200
    present = ann.rest.post("presence/", json={"user_ids": [ben.id, "nobody", site.users[39], ann.id]})
    if present.status_code != 404:
        assert present.status_code == 200 and ben.id in present.json() and "nobody" not in present.json()


@pytest.mark.proves("Django's ORM beside Parley")
def test_admins_act_as_owners_of_a_conversation_without_an_owner(site):
    ann, ben, cid = [site.person(n) for n in range(3)]
    room = site.room(people=3)
    roles = {m["user_id"]: m["role"] for m in ann.rest.get(f"conversations/{room['id']}/").json()["members"]}
    assert roles == {ann.id: "admin", ben.id: "member", cid.id: "member"}
    path = f"conversations/{room['id']}/"
    assert ben.rest.post(path + "set_role/", json={"user_id": cid.id, "role": "admin"}).status_code == 403
    assert ann.rest.post(path + "set_role/", json={"user_id": ben.id, "role": "admin"}).status_code == 200
    service = Person(site.node(), "backend", scope="messaging:service")
    assert service.rest.post(path + "set_role/", json={"user_id": ben.id, "role": "owner"}).status_code == 200
    assert ann.rest.post(path + "set_role/", json={"user_id": cid.id, "role": "admin"}).status_code == 403, "the owner alone"
    assert ann.rest.delete(path).status_code == 403
    assert ben.rest.delete(path).status_code == 204
    other = site.room(people=2)
    assert ben.rest.delete(f"conversations/{other['id']}/").status_code == 403
    assert ann.rest.delete(f"conversations/{other['id']}/").status_code == 204


@pytest.mark.proves("Django's ORM beside Parley")
def test_an_unknown_user_is_a_client_error_and_fails_no_other_write(site):
    ann, ben = site.person(0), site.person(1)
    room = ann.rest.create_group(ben, title="Sturdy")
    missing = "987654321" if ann.id.isdigit() else str(uuid.uuid4())
    unknown = (missing, "nobody", "007", str(uuid.uuid4()) + "0")

    def refused(answer):
        assert answer.status_code == 400 and answer.json()["code"] == "unknown_user", answer.text

    def write(number):
        for user in unknown:
            refused(ann.rest.post(f"conversations/{room['id']}/add_participant/", json={"user_id": user}))
            refused(ann.rest.post("conversations/", json={"type": "group", "participants": [ben.id, user]}))
            refused(ann.rest.post("conversations/direct/", json={"user_id": user}))

    def send(number):
        return [ann.rest.send_message(room, f"{number}.{n}")["seq"] for n in range(20)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, n) for n in range(4)]
        wrong = [pool.submit(write, n) for n in range(4)]
        assert sorted(seq for one in sent for seq in one.result()) == list(range(1, 81))
        [one.result() for one in wrong]
    service = Person(site.node(), "backend", scope="messaging:service")
    refused(service.rest.post("messages/", json={"conversation_id": room["id"], "content": "x"}))
    refused(Person(site.node(), missing, scope="messaging:service").rest.post("messages/", json={"conversation_id": room["id"], "content": "x"}))
    assert httpx.get(f"{site.node().url}/readyz", timeout=patient(5)).status_code == 200
    for stranger in missing, "nobody":
        person = Person(site.node(), stranger)
        assert person.rest.get("conversations/").json() == []
        assert person.rest.get(f"conversations/{room['id']}/").status_code == 404
        assert person.rest.post("messages/", json={"conversation_id": room["id"], "content": "x"}).status_code == 403


# --- changes by Django's ORM


def of(type, room):
    """Accepts a frame of this type about the conversation."""
    return lambda frame: frame["type"] == type and frame.get("conversation_id", frame.get("data", {}).get("id")) == room["id"]


@pytest.mark.proves("Django's ORM beside Parley")
def test_rows_that_django_writes_become_events_on_every_node(site):
    old = site.old
    ann, ben = site.person(0), site.person(1, node=1)
    room = site.room(people=3)
    with ann.connect(room) as a, ben.connect(room) as b, ann.connect() as all_of_ann:
        delays = []
        for number in range(5):
            began = time.monotonic()
            id = old.run(f"out = str(Message.objects.create(conversation_id='{room['id']}', sender_id='{ben.id}', content='orm {number}', metadata={{'n': {number}}}).id)")
            for socket in a, b, all_of_ann:
                frame = socket.wait_for("message")
                assert frame["seq"] == number + 1 and frame["data"]["id"] == id and frame["data"]["content"] == f"orm {number}"
                assert frame["data"]["sender_id"] == ben.id and frame["data"]["metadata"] == {"n": number}
                delays.append(time.monotonic() - began)
        print("adoption delays", " ".join(f"{delay:.2f}" for delay in delays))
        old.run(f"m = Message.objects.get(id='{id}'); m.content = 'edited'; m.save()")
        for socket in a, b, all_of_ann:
            frame = socket.wait_for("message_updated")
            assert frame["seq"] == 6 and frame["data"]["content"] == "edited" and frame["data"]["edited_at"] and frame["data"]["seq"] == 5
        old.run(f"Message.objects.get(id='{id}').delete()")
        for socket in a, b, all_of_ann:
            frame = socket.wait_for("message_deleted")
            assert frame["seq"] == 7 and frame["data"] == {"message_id": id}
        old.run(f"c = Conversation.objects.get(id='{room['id']}'); c.title = 'Renamed'; c.save()")
        for socket in a, b, all_of_ann:
            frame = socket.wait_for("conversation_updated")
            assert frame["seq"] == 8 and frame["data"]["title"] == "Renamed"
        ann.rest.send_message(room, "parley continues")
        for socket in a, b, all_of_ann:
            assert socket.wait_for("message")["seq"] == 9
    with ann.connect(room, query={"since": 4}) as replay:
        frames = [replay.receive() for _ in range(5)]
        assert [(f["type"], f.get("seq")) for f in frames if f["type"] != "gap"][:4] == [
            ("message_deleted", 7), ("conversation_updated", 8), ("message", 9), ("resumed", None)], frames
        assert frames[0] == {"type": "gap", "conversation_id": room["id"], "data": {"from": 5, "to": 6}}, "the row is gone"
    assert site.database.ask("SELECT count(*) FROM parley_inbox") == "0"


@pytest.mark.proves("Django's ORM beside Parley")
def test_a_pair_keeps_its_conversation_until_django_makes_it_a_group(site):
    def direct():
        return site.person(20).rest.post("conversations/direct/", json={"user_id": site.users[21]}).json()["id"]

    def run(code):
        site.old.run(code)
        eventually(lambda: site.database.ask("SELECT count(*) FROM parley_inbox") == "0")

    first = direct()
    run(f"""
second = Conversation.objects.create(id="00000000-0000-4000-8000-000000000001", type="direct")
for user in {site.users[20]!r}, {site.users[21]!r}:
    ConversationParticipant.objects.create(conversation=second, user_id=user)
""")
    assert direct() == first, "the oldest"
    run("second.delete()")
    run(f"""
room = Conversation.objects.get(pk="{first}")
room.type = "group"
room.save()
ConversationParticipant.objects.create(conversation=room, user_id={site.users[22]!r})
""")
    assert direct() != first, "a third person reads it"


@pytest.mark.proves("Django's ORM beside Parley")
def test_a_participant_whose_user_django_replaces_receives_nothing_more(site):
    room = site.room(people=3)
    ann, ben, dora = site.person(0), site.person(1, node=1), site.person(5, node=1)
    with ben.connect(room) as b, dora.connect() as d:
        site.old.run(f"ConversationParticipant.objects.filter(conversation_id='{room['id']}', user_id='{ben.id}').update(user_id='{dora.id}')")
        assert b.end()[0] == 4003
        d.wait_for(of("conversation_created", room))
        ann.rest.send_message(room, "for dora")
        assert d.wait_for(of("message", room))["data"]["content"] == "for dora"
    assert sorted(ann.rest.get(f"conversations/{room['id']}/").json()["participants"]) == sorted([ann.id, site.users[2], dora.id])


@pytest.mark.proves("Django's ORM beside Parley")
def test_a_save_of_django_does_not_bring_back_a_deleted_text(site):
    room = site.room()
    alice, bob = site.person(0), site.person(1)
    with bob.connect(room) as b:
        sent = alice.rest.send_message(room, "a secret")
        b.wait_for("message")
        site.old.run(f"stale = Message.objects.get(pk='{sent['id']}')")
        assert alice.rest.delete(f"messages/{sent['id']}/").status_code == 204
        deleted = b.wait_for("message_deleted")
        site.old.run("stale.read_at = stale.sent_at; stale.save()")
        row = f"FROM messaging_message WHERE id = '{sent['id']}'"
        eventually(lambda: site.database.ask(f"SELECT content {row}") == "")
        assert site.database.ask(f"SELECT edited_at IS NULL, metadata {row}") == "t|{}"
        alice.rest.send_message(room, "after it")
        assert b.wait_for("message")["seq"] == deleted["seq"] + 1, "the save takes no seq"


@pytest.mark.proves("Django's ORM beside Parley")
def test_null_in_a_column_for_metadata_is_an_empty_object(site):
    room = site.room()
    alice = site.person(0)
    for table in ("message", "conversation"):
        site.database.ask(f"ALTER TABLE messaging_{table} ALTER COLUMN metadata DROP NOT NULL")
    alice.rest.send_message(room, "hello")
    site.database.ask(f"UPDATE messaging_message SET metadata = NULL WHERE conversation_id = '{room['id']}'")
    site.database.ask(f"UPDATE messaging_conversation SET metadata = NULL WHERE id = '{room['id']}'")
    assert [one["metadata"] for one in alice.rest.everything_in(room)] == [{}]
    assert alice.rest.get(f"conversations/{room['id']}/").json()["metadata"] == {}


@pytest.mark.proves("Django's ORM beside Parley")
def test_members_and_conversations_that_django_changes_reach_sockets(site):
    old = site.old
    ann, ben, cid = site.person(0), site.person(1, node=1), site.person(2, node=1)
    with ben.connect() as b, cid.connect() as c:
        room = {"id": old.run(ROOM.format(title="From Django", people=2))}
        id = old.run(f"out = str(Message.objects.create(conversation_id='{room['id']}', sender_id='{ann.id}', content='first').id)")
        created = b.wait_for(of("conversation_created", room))
        assert created["data"]["title"] == "From Django"
        frame = b.wait_for(of("message", room))
        assert frame["seq"] == 1 and frame["data"]["id"] == id

        old.run(f"ConversationParticipant.objects.create(conversation_id='{room['id']}', user_id='{cid.id}')")
        updated = b.wait_for(of("conversation_updated", room))
        assert updated["seq"] == 2 and updated["data"]["participant_count"] == 3 and cid.id in updated["data"]["participants"]
        c.wait_for(of("conversation_created", room))
        assert ann.rest.get(f"conversations/{room['id']}/").json()["participant_count"] == 3
        ann.rest.send_message(room, "welcome")
        assert c.wait_for(of("message", room))["data"]["content"] == "welcome"

        with cid.connect(room) as single:
            old.run(f"ConversationParticipant.objects.filter(conversation_id='{room['id']}', user_id='{cid.id}').delete()")
            single.wait_for("conversation_left")
            assert single.end()[0] == 4003
        c.wait_for(of("conversation_left", room))
        assert b.wait_for(of("conversation_updated", room))["data"]["participant_count"] == 2
        assert cid.rest.get(f"conversations/{room['id']}/").status_code == 404
        old.run(f"p = ConversationParticipant.objects.get(conversation_id='{room['id']}', user_id='{ben.id}'); p.is_admin = True; p.save()")
        b.wait_for(of("conversation_updated", room))
        assert {m["user_id"]: m["role"] for m in ben.rest.get(f"conversations/{room['id']}/").json()["members"]}[ben.id] == "admin"

        old.run(f"Conversation.objects.get(id='{room['id']}').delete()")
        b.wait_for(of("conversation_deleted", room))
        assert ben.rest.get(f"conversations/{room['id']}/").status_code == 404
    assert site.database.ask(f"SELECT count(*) FROM parley_change WHERE conversation_id = '{room['id']}'") == "0"


@pytest.mark.proves("Django's ORM beside Parley")
def test_many_rows_and_writes_of_both_sides_get_one_dense_order(site):
    old = site.old
    ann, ben = site.person(0), site.person(1, node=1)
    room = site.room(people=2)
    with ann.connect(room) as a, ben.connect(room) as b:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            sent = pool.submit(lambda: [ben.rest.send_message(room, f"parley {n}")["id"] for n in range(60)])
            ids = old.run(f"""
made = []
for lot in range(4):
    made += Message.objects.bulk_create([Message(conversation_id='{room['id']}', sender_id='{ann.id}', content=f'orm {{lot}}.{{n}}') for n in range(300)])
out = [str(m.id) for m in made]
""")
            expected = sorted(ids + sent.result())
        for socket in a, b:
            frames = [socket.wait_for("message", within=20) for _ in expected]
            assert [frame["seq"] for frame in frames] == list(range(1, len(expected) + 1))
            assert sorted(frame["data"]["id"] for frame in frames) == expected
    history = ann.rest.everything_in(room)
    assert [m["seq"] for m in history] == list(range(1, 1261))


@pytest.mark.proves("Django's ORM beside Parley")
def test_rows_written_while_no_node_runs_are_adopted_after_the_start(site):
    old, ann = site.old, site.person(0)
    room = site.room(people=2)
    ann.rest.send_message(room, "before")
    for node in site.nodes:
        node.stop()
    old.run(f"Message.objects.create(conversation_id='{room['id']}', sender_id='{ann.id}', content='meanwhile')")
    old.run(f"u = User.objects.order_by('username')[5]; ConversationParticipant.objects.create(conversation_id='{room['id']}', user=u)")
    for node in site.nodes:
        node.start()
    ann = site.person(0)
    eventually(lambda: [m["content"] for m in ann.rest.everything_in(room)] == ["before", "meanwhile"])
    eventually(lambda: ann.rest.get(f"conversations/{room['id']}/").json()["participant_count"] == 3)


@pytest.mark.proves("Django's ORM beside Parley")
def test_reads_and_pairs_that_django_writes_count(site):
    old = site.old
    ann, dan = site.person(0), site.person(30)
    room = site.room(people=2)
    ben = site.person(1)
    ann.rest.send_message(room, "one")
    ann.rest.send_message(room, "two")
    unread = lambda: ben.rest.get("messages/unread_count/", params={"conversation_id": room["id"]}).json()["count"]
    assert unread() == 2
    old.run(f"from django.utils import timezone\np = ConversationParticipant.objects.get(conversation_id='{room['id']}', user_id='{ben.id}'); p.last_read_at = timezone.now(); p.save()")
    assert unread() == 0
    made = old.run(f"""
c = Conversation.objects.create(type='direct')
for user in ('{ann.id}', '{dan.id}'): ConversationParticipant.objects.create(conversation=c, user_id=user)
out = str(c.id)""")
    before = old.value(f"[str(c.id) for c in Conversation.objects.filter(type='direct', participants='{ann.id}').filter(participants='{dan.id}')]")
    if before == [made]:
        eventually(lambda: site.database.ask(f"SELECT direct_key IS NOT NULL FROM messaging_conversation WHERE id = '{made}'") == "t")
        assert dan.rest.post("conversations/direct/", json={"user_id": ann.id}).json()["id"] == made


@pytest.mark.proves("Django's ORM beside Parley")
def test_read_at_that_django_writes_moves_the_mark_of_the_other_of_two(site):
    ann, ben, cid = [site.person(n) for n in range(3)]

    def unread(person, room):
        return person.rest.get("messages/unread_count/", params={"conversation_id": room["id"]}).json()["count"]

    def read_in_django(messages):
        ids = [message["id"] for message in messages]
        site.old.run(f"from django.utils import timezone\nMessage.objects.filter(id__in={ids!r}).update(read_at=timezone.now())")

    two, three = site.room(people=2), site.room(people=3)
    sent = {room["id"]: [ann.rest.send_message(room, text) for text in ("one", "two", "three")] for room in (two, three)}
    assert unread(ben, two) == unread(ben, three) == 3
    read_in_django(sent[two["id"]][:2])
    assert (unread(ben, two), unread(ann, two)) == (1, 0)
    read_in_django(sent[two["id"]])
    assert unread(ben, two) == 0
    read_in_django(sent[three["id"]])
    assert (unread(ben, three), unread(cid, three)) == (3, 3), "read_at does not say which member read"


@pytest.mark.proves("Django's ORM beside Parley")
def test_attachments_that_django_writes_are_shown(site):
    old, ann = site.old, site.person(0)
    room = site.room(people=2)
    with ann.connect(room) as a:
        id = old.run(f"""
with transaction.atomic():
    m = Message.objects.create(conversation_id='{room['id']}', sender_id='{ann.id}', content='see')
    Attachment.objects.create(file_name='a.png', file_path='x/a.png', file_url='/media/x/a.png', file_size=3, content_type='image/png', uploaded_by_id='{ann.id}', message=m)
out = str(m.id)""")
        frame = a.wait_for("message")
        assert [one["filename"] for one in frame["data"]["attachments"]] == ["a.png"], frame
        old.run(f"Attachment.objects.create(file_name='b.png', file_path='x/b.png', file_url='/media/x/b.png', file_size=3, content_type='image/png', uploaded_by_id='{ann.id}', message_id='{id}')")
        frame = a.wait_for("message_updated")
        assert [one["filename"] for one in frame["data"]["attachments"]] == ["a.png", "b.png"]
        old.run(f"Attachment.objects.get(file_name='a.png', message_id='{id}').delete()")
        assert [one["filename"] for one in a.wait_for("message_updated")["data"]["attachments"]] == ["b.png"]


@pytest.mark.proves("Django's ORM beside Parley")
def test_files_of_the_old_system_are_served_from_media_root_only(site, tmp_path):
    old, database = site.old, site.database
    media, outside = tmp_path / "media", tmp_path / "secret"
    (media / "messaging").mkdir(parents=True)
    (media / "messaging" / "cat.png").write_bytes(b"a cat's bytes")
    outside.write_bytes(b"a secret text")
    (media / "link.png").symlink_to(outside)
    (media / "inner.png").symlink_to(media / "messaging" / "cat.png")
    room = site.room(people=2)
    paths = ["messaging/cat.png", str(media / "messaging" / "cat.png"), "inner.png", "../secret", "messaging/../../secret", str(outside),
             "link.png", "messaging", "none.png", "", "."]
    made = old.run(f"""
m = Message.objects.create(conversation_id='{room['id']}', sender_id='{site.users[0]}', content='files')
out = [str(Attachment.objects.create(file_name='cat.png', file_path=path, file_url='/media/' + path, file_size=13, content_type='image/png',
                                     uploaded_by_id='{site.users[0]}', message=m).id) for path in {paths!r}]
Attachment.objects.filter(id=out[2]).update(content_type='text/javascript')""")
    node = Server(tmp_path / "with-media", "--attachments-media-root", media, DATABASE_URL=database.url).start()
    try:
        ben, stranger = Person(node, site.users[1]), Person(node, site.users[9])
        statuses = []
        for id in made:
            got = ben.rest.get(f"attachments/{id}/content/")
            statuses.append(got.status_code)
            assert (got.content == b"a cat's bytes") == (got.status_code == 200) and b"secret" not in got.content
        assert statuses == [200, 200, 200] + [404] * 8
        types = [ben.rest.get(f"attachments/{id}/content/").headers["content-type"] for id in made[:3]]
        assert types == ["image/png", "image/png", "application/octet-stream"]
        part = ben.rest.get(f"attachments/{made[0]}/content/", headers={"Range": "bytes=2-4"})
        assert part.status_code == 206 and part.content == b"cat"
        assert ben.rest.get(f"attachments/{made[0]}/content/", headers={"If-None-Match": part.headers["ETag"]}).status_code == 304
        assert stranger.rest.get(f"attachments/{made[0]}/content/").status_code == 404
        assert site.person(1).rest.get(f"attachments/{made[0]}/content/").status_code == 404, "without the option"
    finally:
        node.close()
