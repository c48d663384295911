"""`parley trace`: when a message was received, committed and delivered, on each node, and never its content."""
import json
import subprocess

import httpx
import pytest

from client import NO_ID, Person, assert_problem
from deadline import eventually, patient
from redis_server import Redis
from server import BINARY, environment
from tokens import mint


def trace(directory, message, *nodes, options=(), **variables):
    """Runs the command; returns its exit code, output and errors."""
    urls = [word for node in nodes for word in ("--url", node.url)]
    done = subprocess.run([BINARY, "trace", message, *urls, *options], cwd=directory, env=environment(**variables), text=True,
                          capture_output=True, timeout=patient(30))
    return done.returncode, done.stdout, done.stderr


def stages(directory, message, *nodes):
    """Returns the recorded stages of each node, as (stage, from)."""
    code, out, err = trace(directory, message, *nodes, options=["--json"])
    assert code == 0, err
    return [[(stage["stage"], stage.get("from")) for stage in answer["trace"]["stages"]] for answer in json.loads(out)]


@pytest.fixture
def pair(own_server, database, redis):
    return [own_server(DATABASE_URL=database.url, REDIS_URL=redis.url) for _ in range(2)]


@pytest.mark.proves("trace")
def test_a_trace_has_the_stages_of_two_nodes_in_order(pair, tmp_path):
    ann, ben = Person(pair[0], "ann"), Person(pair[1], "ben")
    room = ann.rest.create_group(ben)
    with ann.connect(room) as a, ben.connect(room) as b:
        sent = a.send_message("a secret")
        b.wait_for("message")
        one, two = stages(tmp_path, sent["id"], *pair)
        assert one == [("committed", None), ("delivered", "this_node")]
        assert two == [("delivered", "bus")]
        code, out, _ = trace(tmp_path, sent["id"], *pair)
    assert code == 0
    order = [out.index(text) for text in ("received (", "written to the store", "committed; published", "received from the bus")]
    assert order == sorted(order)
    assert "secret" not in out and room["id"] in out


@pytest.mark.proves("trace")
def test_a_slow_reader_is_caught_up_later(own_server, tmp_path):
    server = own_server()
    ann, ben = Person(server, "ann"), Person(server, "ben")
    room = ann.rest.create_group(ben)
    with ben.connect(room, stalls=True) as slow:
        sent = [ann.rest.send_message(room, "x" * 30_000) for _ in range(600)]
        last = sent[-1]["id"]
        assert stages(tmp_path, last, server) == [[("committed", None)]]
        for _ in sent:
            slow.wait_for("message")
        assert ("caught_up", None) in stages(tmp_path, last, server)[0]


@pytest.mark.proves("trace")
def test_without_redis_the_other_node_has_the_message_from_the_store(own_server, database, tmp_path):
    redis = Redis().start()
    try:
        nodes = [own_server(DATABASE_URL=database.url, REDIS_URL=redis.url) for _ in range(2)]
        ann, ben = Person(nodes[0], "ann"), Person(nodes[1], "ben")
        room = ann.rest.create_group(ben)
        with ben.connect(room) as b:
            redis.kill()
            eventually(lambda: all("bus is down" in node.log for node in nodes), within=20)
            sent = ann.rest.send_message(room, "hello")
            b.wait_for("message")
            one, two = stages(tmp_path, sent["id"], *nodes)
            assert one == [("committed", None)]
            assert two == [("delivered", "store")]
            assert "committed; published" not in trace(tmp_path, sent["id"], *nodes)[1]
    finally:
        redis.close()


@pytest.mark.proves("trace")
def test_a_node_that_restarted_says_since_when_it_records(own_server, tmp_path):
    server = own_server()
    ann = Person(server, "ann")
    sent = ann.rest.send_message(ann.rest.create_group(), "hello")
    server.stop()
    server.start()
    code, out, _ = trace(tmp_path, sent["id"], server)
    assert code == 0
    assert "has recorded stages since" in out and "written to the store" in out


@pytest.mark.proves("trace")
def test_unknown_ids_and_unreachable_nodes_exit_with_one(server, tmp_path):
    code, _, err = trace(tmp_path, NO_ID, server)
    assert code == 1 and "does not know the message" in err
    code, _, err = trace(tmp_path, NO_ID, options=["--url", "http://127.0.0.1:1"])
    assert code == 1 and "127.0.0.1:1" in err
    assert trace(tmp_path, "nonsense", server)[0] == 2


@pytest.mark.proves("trace_bytes")
@pytest.mark.proves("trace")
def test_only_services_can_read_a_trace_and_it_has_no_content(server, people):
    ann, ben = people("ann", "ben")
    room = ann.rest.create_group()
    sent = ann.rest.send_message(room, "a secret", metadata={"also": "secret"})
    url = f"{server.url}/trace/{sent['id']}"
    assert_problem(httpx.get(url), 401, "not_authenticated")
    for person in ann, ben:
        assert_problem(httpx.get(url, headers={"Authorization": f"Bearer {person.token}"}), 403, "forbidden")
    answer = httpx.get(url, headers={"Authorization": f"Bearer {mint('backend', scope='messaging:service')}"})
    assert answer.status_code == 200
    assert "secret" not in answer.text and ann.id not in answer.text
    assert server.metric("parley_trace_bytes") > 0
