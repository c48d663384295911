"""P1, P8 on the embedded store: a disk whose fsync fails."""
import os
import subprocess

import pytest

from client import Person, assert_problem
from deadline import SANITIZED, eventually
from server import ROOT


pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be loaded first")


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    library = str(tmp_path_factory.mktemp("shim") / "failing_fsync.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, f"{ROOT}/test/scenario/failing_fsync.c"], check=True)
    return library


@pytest.mark.proves("P8 the store is the source of truth")
def test_a_commit_whose_fsync_fails_is_neither_acknowledged_nor_denied(own_server, shim, tmp_path):
    switch = tmp_path / "the disk fails"
    server = own_server(LD_PRELOAD=shim, FAILING_FSYNC=str(switch))
    alice, bob = Person(server, "alice"), Person(server, "bob")
    room = alice.rest.create_group(bob)

    def post(content, client_id):
        return alice.rest.post("messages/", json={"conversation_id": room["id"], "content": content, "client_id": client_id})

    assert post("before", "1").status_code == 201
    with bob.connect(room) as b:
        switch.touch()
        answer = post("the one", "2")
        assert_problem(answer, 503, "outcome_unknown")
        assert int(answer.headers["retry-after"]) >= 1
        assert eventually(lambda: not server.ready())
        os.remove(switch)
        assert eventually(server.ready), "without any write"
        again = post("the one", "2")
        assert again.status_code in (200, 201), "the message is stored once"
        assert b.wait_for("message")["data"]["id"] == again.json()["id"], "delivered once its commit is durable"
        assert post("after", "3").status_code == 201
        assert b.wait_for("message")["data"]["content"] == "after"
    server.kill()
    server.start()
    assert [message["content"] for message in bob.rest.everything_in(room)] == ["before", "the one", "after"]
