"""parley status: the nodes of a cluster, seen from any of them."""
import json

import pytest

from client import Person
from conftest import named
from deadline import eventually
from redis_server import Redis
from server import run


def status(*arguments, directory, **variables):
    done = run("status", *arguments, "--json", directory=directory, **variables)
    return done.returncode, json.loads(done.stdout.split("parley: ")[0])


def states(server):
    _, answer = status(server.url, directory=server.directory)
    return sorted(node["state"] for node in answer["nodes"])


@pytest.mark.proves("status")
def test_one_node_shows_its_version_load_and_readiness(own_server):
    server = own_server()
    alice, bob = named(server, "alice", "bob")
    group = alice.rest.create_group(bob)
    with bob.connect(group):
        alice.rest.send_message(group, "one")
        code, answer = status("--port", str(server.port), directory=server.directory)
        table = run("status", server.url, directory=server.directory)
    assert code == 0 and answer["healthy"] and answer["errors"] == []
    node, = answer["nodes"]
    figures = node["seen"]["status"]
    assert node["state"] == figures["state"] == "ready"
    assert (figures["websockets"], figures["conversations"], figures["store"], figures["redis"]) == (1, 1, "sqlite", "off")
    assert figures["connections"] >= 2 and figures["commit_us"] > 0 and figures["url"] == server.url
    head, row = table.stdout.splitlines()
    assert table.returncode == 0 and head.split()[:5] == ["NODE", "HOST", "ADDRESS", "VERSION", "STATE"]
    assert " ready " in row and server.url in row and figures["version"] in row


@pytest.mark.proves("status")
def test_each_of_three_nodes_shows_all_and_a_killed_one_is_lost_until_its_lease_ends(own_server, database, redis, tmp_path):
    nodes = [own_server("--drain-delay", "0", DATABASE_URL=database.url, REDIS_URL=redis.url) for _ in range(3)]
    for node in nodes:
        eventually(lambda: states(node) == ["ready"] * 3, within=20)
    alice, bob = (Person(nodes[at], name) for at, name in enumerate(("alice", "bob")))
    group = alice.rest.create_group(bob)
    with bob.connect(group) as socket:
        for number in range(5):
            alice.rest.send_message(group, str(number))
        socket.events(5)

        def figures():
            _, answer = status(nodes[2].url, directory=tmp_path)
            return {node["seen"]["status"]["url"]: node["seen"]["status"] for node in answer["nodes"]}
        eventually(lambda: figures()[nodes[1].url]["websockets"] == 1, within=20)
        eventually(lambda: figures()[nodes[1].url]["bus_lag_us"] > 0, within=20)
    nodes[0].kill()
    eventually(lambda: states(nodes[1]) == ["lost", "ready", "ready"], within=30)
    code, answer = status(nodes[0].url, nodes[1].url, directory=tmp_path)
    assert code == 1 and not answer["healthy"] and answer["errors"][0]["url"] == nodes[0].url
    eventually(lambda: states(nodes[1]) == ["ready", "ready"], within=30)


@pytest.mark.proves("status")
def test_without_redis_several_addresses_are_shown_together(own_server, database, tmp_path):
    redis = Redis().start()
    nodes = [own_server("--drain-delay", "0", DATABASE_URL=database.url, REDIS_URL=redis.url) for _ in range(2)]
    redis.kill()
    redis.close()

    def shown():
        _, answer = status(*(node.url for node in nodes), directory=tmp_path)
        return sorted(node["seen"]["status"]["redis"] for node in answer["nodes"] if node["state"] == "ready")
    eventually(lambda: shown() == ["down", "down"], within=20)


def test_a_node_that_is_not_ready_shows_the_reason(own_server, database):
    node = own_server("--drain-delay", "15", "--timeout-graceful-shutdown", "16", DATABASE_URL=database.url)
    assert states(node) == ["ready"]
    node.terminate()
    eventually(lambda: states(node) == ["draining"])


@pytest.mark.proves("status")
def test_in_production_status_requires_a_service_token_or_the_admin_port(own_server, tmp_path):
    options = {"DJANGO_ENV": "production", "ALLOWED_HOSTS": "chat.example.org"}
    server = own_server("--allow-plain-http", "--drain-delay", "0", **options)
    headers = {"Host": "chat.example.org"}
    user = Person(server, "alice").rest
    assert user.get(f"{server.url}/status", headers=headers).status_code == 403
    assert Person(server, "backend", scope="messaging:service").rest.get(f"{server.url}/status", headers=headers).status_code == 200
    code, answer = status("--port", str(server.port), directory=tmp_path, **options)
    assert (code, [node["state"] for node in answer["nodes"]]) == (0, ["ready"]), "signed with the configured key"
    wrong = run("status", "--port", str(server.port), "--token", "x.y.z", directory=tmp_path, **options)
    assert wrong.returncode == 1 and "HTTP 401" in wrong.stdout


def test_status_explains_an_address_where_no_node_answers(tmp_path):
    nobody = run("status", "http://127.0.0.1:1", directory=tmp_path)
    assert nobody.returncode == 1 and "http://127.0.0.1:1: " in nobody.stdout
    wrong = run("status", "--colour", "red", directory=tmp_path)
    assert wrong.returncode == 2 and "--colour" in wrong.stdout
