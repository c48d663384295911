"""Signed download links for <img src>, which sends no header, and the path prefixes of the API."""

import httpx
import pytest

import files
from client import Person, Rest, assert_problem
from conftest import named
from deadline import eventually, patient
from tokens import mint


@pytest.fixture
def shared(people):
    """A picture that alice has sent to bob: (alice, bob, group, message)."""
    alice, bob = people("alice", "bob")
    group = alice.rest.create_group(bob)
    file = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()
    message = alice.rest.send_message(group, "see", attachment_ids=[file["id"]])
    return alice, bob, group, message


def link_of(message):
    return message["attachments"][0]["file_url"]


def opened(server, link):
    return httpx.get(server.url + link, timeout=patient(15))


@pytest.mark.proves("signed file_url, ?token=")
def test_a_signed_link_opens_without_an_authorization_header(server, shared):
    alice, bob, group, message = shared
    links = [link_of(bob.rest.get(f"messages/{message['id']}/").json()),
             link_of(bob.rest.get(f"conversations/{group['id']}/messages/").json()["messages"][0]),
             link_of(bob.rest.get(f"conversations/{group['id']}/").json()["last_message"]),
             link_of(bob.rest.get("conversations/").json()[0]["last_message"]),
             bob.rest.get(f"attachments/{message['attachments'][0]['id']}/").json()["file_url"],
             link_of(message)]
    for link in links:
        answer = opened(server, link)
        assert (answer.status_code, answer.content) == (200, files.PNG)
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin", "an <img> of an application on another site"
        assert opened(server, link.split("?")[0]).status_code == 401
        part = httpx.get(server.url + link, headers={"Range": "bytes=0-7"})
        assert (part.status_code, part.content) == (206, files.PNG[:8])


def test_frames_have_the_unsigned_route_of_an_attachment(server, shared):
    alice, bob, group, message = shared
    with bob.connect(group, query={"since": 0}) as socket:
        assert "?" not in link_of(socket.wait_for("message")["data"])
    changes = bob.rest.get(f"conversations/{group['id']}/changes/?since_seq=0").json()
    assert "?" not in link_of(changes["events"][0]["data"])


@pytest.mark.proves("signed file_url, ?token=")
def test_a_modified_signed_link_is_rejected(server, shared):
    alice, bob, group, message = shared
    link = link_of(bob.rest.get(f"messages/{message['id']}/").json())
    other = alice.rest.post("attachments/", files={"file": ("b.png", files.PNG)}).json()
    path, query = link.split("?")
    for wrong in (path + "?" + query.replace(bob.id, alice.id), path + "?" + query + "&service=1",
                  path + "?" + query.replace("expires=", "expires=9"), path + "?" + query[:-1],
                  path.replace(message["attachments"][0]["id"], other["id"]) + "?" + query,
                  path + "?" + query.split("&signature")[0] + "&signature=x"):
        assert_problem(opened(server, wrong), 401, "not_authenticated")
    assert opened(server, path.replace("content/", "") + "?" + query).status_code == 401, "the signature applies to the content route only"


@pytest.mark.proves("signed file_url, ?token=")
def test_a_signed_link_ends_with_its_readers_access(server, shared):
    alice, bob, group, message = shared
    link = link_of(bob.rest.get(f"messages/{message['id']}/").json())
    assert opened(server, link).status_code == 200
    alice.rest.post(f"conversations/{group['id']}/remove_participant/", json={"user_id": bob.id})
    assert_problem(opened(server, link), 404, "not_found")


def test_a_signed_link_expires_and_survives_a_restart(own_server):
    server = own_server("--attachments-url-ttl", "5s")
    alice = named(server, "alice")
    link = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()["file_url"]
    assert server.stop() == 0
    server.start()
    assert opened(server, link).status_code == 200
    eventually(lambda: opened(server, link).status_code == 401, within=15)


def test_signed_links_can_be_disabled(own_server):
    server = own_server("--attachments-url-ttl", "0")
    alice = named(server, "alice")
    assert "?" not in alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()["file_url"]


@pytest.mark.proves("signed file_url, ?token=")
def test_only_the_content_route_accepts_a_token_in_the_query(server, shared):
    alice, bob, group, message = shared
    path = link_of(message).split("?")[0]
    assert opened(server, f"{path}?token={bob.token}").status_code == 200
    assert opened(server, f"{path}?token=x").status_code == 401
    assert opened(server, f"/api/messaging/conversations/?token={bob.token}").status_code == 401


def test_services_and_unusual_user_ids_get_signed_links(server, shared):
    alice, bob, group, message = shared
    backend = Person(server, "backend", scope="messaging:service")
    assert opened(server, link_of(backend.rest.get(f"messages/{message['id']}/").json())).status_code == 200
    odd = Rest(server, mint("auth0|5f&c+=@:x"))
    link = odd.post("attachments/", files={"file": ("a.png", files.PNG)}).json()["file_url"]
    assert opened(server, link).status_code == 200


def test_links_are_logged_without_their_query(own_server):
    server = own_server()
    alice = named(server, "alice")
    link = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()["file_url"]
    assert opened(server, link).status_code == 200
    assert server.stop() == 0
    assert "/content/" in server.log and "signature" not in server.log


@pytest.mark.proves("api_prefixes")
def test_the_api_is_served_under_every_configured_prefix(own_server):
    server = own_server("--api-prefixes", "/api/v1/messaging,/api/messaging")
    alice = named(server, "alice")
    ids = set()
    for prefix in "/api/v1/messaging", "/api/messaging":
        made = httpx.post(f"{server.url}{prefix}/conversations/", json={"type": "group", "participants": []},
                          headers={"Authorization": f"Bearer {alice.token}"})
        assert made.status_code == 201, made.text
        ids.add(made.json()["id"])
    for prefix in "/api/v1/messaging", "/api/messaging":
        page = httpx.get(f"{server.url}{prefix}/conversations/?limit=1", headers={"Authorization": f"Bearer {alice.token}"})
        assert f"<{prefix}/conversations/?" in page.headers["link"]
    file = alice.rest.post("attachments/", files={"file": ("a.png", files.PNG)}).json()
    assert file["file_url"].startswith("/api/v1/messaging/attachments/")
    assert opened(server, file["file_url"]).status_code == 200


@pytest.mark.proves("api_prefixes")
def test_a_prefix_that_is_not_configured_is_not_served(own_server):
    server = own_server("--api-prefixes", "/api/v1/messaging")
    assert httpx.get(f"{server.url}/api/v1/messaging/conversations/").status_code == 401
    assert httpx.get(f"{server.url}/api/messaging/conversations/").status_code == 404
