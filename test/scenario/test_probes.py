"""Health probes, metrics and the log."""
import httpx
import pytest

from client import Rest, Socket, assert_problem
from conftest import named
from deadline import eventually
from server import Server, free_port


def get(server, path):
    return httpx.get(server.url + path, timeout=10)


@pytest.mark.proves("/livez, /readyz")
def test_livez_and_readyz_return_200(server):
    assert get(server, "/livez").status_code == 200
    assert get(server, "/readyz").status_code == 200


@pytest.mark.proves("build_info, connections, messages_total{verb}, commit_seconds")
def test_metrics_count_connections_messages_and_commits(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        a.send_message("one")
        alice.rest.send_message(talk, "two")
        b.events(2)
        assert server.metric("parley_connections") >= 2
        assert server.metric("parley_messages_total") == 2
        assert server.metric("parley_frames_bytes_total", direction="in") > 0
        assert server.metric("parley_commit_seconds_count") > 0
    assert server.metric("parley_build_info") == 1


@pytest.mark.proves("frames_bytes_total{direction}, delivery_seconds")
@pytest.mark.proves("http_request_seconds{route,status}")
def test_metrics_count_sent_bytes_and_delivery_times(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    with bob.connect(talk) as b:
        alice.rest.send_message(talk, "one")
        b.events(1)
        assert server.metric("parley_frames_bytes_total", direction="out") > 0
        assert server.metric("parley_delivery_seconds_count") > 0
        assert server.metric("parley_http_request_seconds_count") > 0


@pytest.mark.proves("/metrics")
def test_metrics_have_the_prometheus_text_format(server):
    answer = get(server, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    for line in answer.text.splitlines():
        assert line.startswith("#") or line.startswith("parley_"), line


@pytest.mark.proves("no tokens and no users in metrics")
def test_metrics_contain_no_tokens_and_no_user_ids(people, server):
    alice, bob = people("alice", "bob")
    talk = alice.rest.create_group(bob)
    alice.rest.send_message(talk, "unspeakable")
    text = get(server, "/metrics").text
    for secret in alice.token, alice.id, talk["id"], "unspeakable":
        assert secret not in text


def test_the_log_contains_no_tokens_and_no_message_content(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    talk = alice.rest.create_group(bob)
    with Socket(server, talk, query={"token": alice.token}) as a:
        a.wait_for("connection_established")
        a.send_message("unspeakable content")
    assert_problem(Rest(server, alice.token + "x").get("conversations/"), 401)
    server.stop()
    assert "unspeakable" not in server.log
    assert alice.token not in server.log
    assert alice.token.rpartition(".")[2] not in server.log


@pytest.mark.proves("/livez, /readyz")
def test_probes_and_metrics_can_be_moved_to_the_admin_port(tmp_path):
    port = free_port()
    server = Server(tmp_path, "--admin-port", port).start(ready=False)
    admin = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _reaches(f"{admin}/readyz"), within=20)
        for path in "/livez", "/readyz", "/metrics":
            assert httpx.get(admin + path, timeout=10).status_code == 200
            assert get(server, path).status_code == 404
        assert httpx.get(f"{admin}/api/messaging/conversations/", timeout=10).status_code == 404
    finally:
        server.close()


def _reaches(url):
    try:
        return httpx.get(url, timeout=10).status_code == 200
    except httpx.TransportError:
        return False
