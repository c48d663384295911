"""The development page, which new users open first."""
import subprocess

import httpx
import pytest
from playwright.sync_api import expect

from client import Rest
from conftest import named
from deadline import patient
from server import Server, free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that generated its own key: only such a server issues tokens to its page."""
    server = Server(tmp_path_factory.mktemp("laptop"), JWT_SECRET_KEY=None).start()
    yield server
    server.close()


def test_the_development_page_is_served_at_the_root_and_loads_nothing_from_other_hosts(server):
    answer = httpx.get(server.url + "/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    for elsewhere in 'src="http', "src='http", 'href="http', "@import", "cdn":
        assert elsewhere not in answer.text


def test_the_development_page_gets_tokens_for_any_name(server):
    answer = httpx.post(server.url + "/dev/token", json={"user_id": "newcomer"})
    assert answer.status_code == 200
    assert Rest(server, answer.json()["token"]).get("conversations/").status_code == 200


def test_an_invalid_name_gets_no_development_token(server):
    for bad in {"user_id": "no spaces allowed"}, {"user_id": ""}, {"user_id": None}, {}:
        assert httpx.post(server.url + "/dev/token", json=bad).status_code == 400


def test_another_site_gets_no_development_token(server):
    for origin in "https://evil.example", "null", "http://203.0.113.9":
        answer = httpx.post(server.url + "/dev/token", json={"user_id": "victim"}, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    own = httpx.post(server.url + "/dev/token", json={"user_id": "me"}, headers={"Origin": "http://localhost:3000"})
    assert own.status_code == 200


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-FORWARDED-HOST"])
@pytest.mark.proves("development beyond loopback, POST /dev/token")
def test_a_request_through_a_proxy_gets_no_development_token(server, header):
    answer = httpx.post(server.url + "/dev/token", json={"user_id": "victim"}, headers={header: "203.0.113.9"})
    assert answer.status_code == 403


@pytest.mark.proves("development beyond loopback, POST /dev/token")
def test_a_server_with_a_configured_key_issues_no_development_tokens(shared_server):
    assert httpx.get(shared_server.url + "/").status_code == 200
    assert httpx.post(shared_server.url + "/dev/token", json={"user_id": "anyone"}).status_code == 404


def test_the_development_token_is_for_loopback_peers_only(own_server):
    local = next((line.split()[0] for line in subprocess.run(
        ["hostname", "-I"], capture_output=True, text=True).stdout.splitlines() if line.strip()), None)
    if local is None:
        pytest.skip("this machine has only a loopback address")
    port = free_port()
    own_server(port=port, listen=["--host", "0.0.0.0", "--port", str(port)], JWT_SECRET_KEY=None)
    answer = httpx.post(f"http://{local}:{port}/dev/token", json={"user_id": "anyone"})
    assert answer.status_code == 403


@pytest.mark.proves("development page, POST /dev/token")
def test_production_has_neither_the_development_page_nor_its_tokens(own_server):
    server = own_server("--drain-delay", "0", DJANGO_ENV="production")
    assert httpx.get(server.url + "/").status_code == 404
    assert httpx.post(server.url + "/dev/token", json={"user_id": "anyone"}).status_code == 404


# --- in a browser -----------------------------------------------------------------------------------------

@pytest.fixture
def open_tab(browser):
    """Opens the page as a user, in a separate browser context; fails if the page logs errors."""
    contexts, errors = [], []

    def open(server, name):
        context = browser.new_context()
        context.set_default_timeout(patient(15_000))
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(server.url)
        tab.get_by_test_id("name-input").fill(name)
        tab.get_by_test_id("enter").click()
        expect(tab.get_by_test_id("status")).to_have_attribute("data-state", "connected", timeout=patient(15_000))
        return tab

    expect.set_options(timeout=patient(15_000))
    yield open
    for context in contexts:
        context.close()
    assert not errors


def start_conversation(tab, *names, title=None):
    tab.get_by_test_id("new-conversation").click()
    tab.get_by_test_id("participants-input").fill(", ".join(names))
    if title:
        tab.get_by_test_id("title-input").fill(title)
    tab.get_by_test_id("create").click()


def send(tab, text):
    tab.get_by_test_id("composer").fill(text)
    tab.get_by_test_id("composer").press("Enter")


@pytest.mark.proves("development page, POST /dev/token")
def test_two_tabs_of_the_development_page_chat(open_tab, server):
    alice, bob = open_tab(server, "page-alice"), open_tab(server, "page-bob")
    start_conversation(alice, "page-bob", title="Over tea")
    send(alice, "hello bob <b>&amp;")
    bob.get_by_test_id("conversation-item").filter(has_text="Over tea").click()
    expect(bob.get_by_test_id("message").filter(has_text="hello bob <b>&amp;")).to_have_count(1)
    send(bob, "hello alice")
    for tab in alice, bob:
        expect(tab.get_by_test_id("message")).to_have_count(2)
        expect(tab.get_by_test_id("message").nth(0)).to_contain_text("hello bob")
        expect(tab.get_by_test_id("message").nth(1)).to_contain_text("hello alice")
    expect(alice.get_by_test_id("message").nth(0)).to_have_attribute("data-seq", "1")
    bob.get_by_test_id("composer").press_sequentially("I am wri")
    expect(alice.get_by_test_id("typing")).to_contain_text("page-bob")


def test_a_reopened_tab_shows_the_history(open_tab, server):
    alice = open_tab(server, "page-carol")
    start_conversation(alice, "page-dave", title="Again")
    for number in range(3):
        send(alice, f"line {number}")
    expect(alice.get_by_test_id("message")).to_have_count(3)
    dave = open_tab(server, "page-dave")
    dave.get_by_test_id("conversation-item").filter(has_text="Again").click()
    expect(dave.get_by_test_id("message")).to_have_count(3)


def test_a_tab_reconnects_after_a_restart_of_the_server(open_tab, own_server):
    server = own_server(JWT_SECRET_KEY=None)
    alice, bob = open_tab(server, "page-alice"), named(server, "bob")
    given = httpx.post(server.url + "/dev/token", json={"user_id": bob.id}).json()["token"]
    bob.rest = Rest(server, given)
    start_conversation(alice, bob.id, title="Over a restart")
    send(alice, "before")
    expect(alice.get_by_test_id("message")).to_have_count(1)
    (talk,) = bob.rest.get("conversations/").json()
    server.kill()
    expect(alice.get_by_test_id("status")).not_to_have_attribute("data-state", "connected")
    send(alice, "written while the server was away")
    server.start()
    expect(alice.get_by_test_id("status")).to_have_attribute("data-state", "connected", timeout=patient(60_000))
    bob.rest.send_message(talk, "after")
    expect(alice.get_by_test_id("message")).to_have_count(3)
    contents = [message["content"] for message in bob.rest.everything_in(talk)]
    assert sorted(contents) == sorted(["before", "written while the server was away", "after"])
