"""Runs the conformance cases of RFC 6455 and RFC 7692 (conformance.py) without the slow ones, which `./dev conformance` includes."""
import conformance
import pytest
from server import Server


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("conformance"), "--test-echo", "--ws-per-message-deflate").start()
    yield server
    server.close()


def cases(section):
    return [number for number, (_, _, slow, _) in conformance.CASES.items() if not slow and number.startswith(f"{section}.")]


@pytest.mark.parametrize("section", sorted({number.partition(".")[0] for number in conformance.CASES}, key=int))
@pytest.mark.proves("RFC 6455")
def test_every_conformance_case_of_a_section(echo, section):
    assert cases(section)
    failed = {}
    for number in cases(section):
        try:
            conformance.run(echo, number)
        except (AssertionError, OSError) as error:
            failed[number] = f"{conformance.CASES[number][0]}: {error}"
    assert failed == {}


def test_conformance_cases_can_fail(echo):
    for wanted in [(conformance.TEXT, b"other")], [(conformance.BINARY, b"this")], [1002], []:
        with conformance.Peer(echo) as peer, pytest.raises(AssertionError):
            peer.put(conformance.TEXT, b"this").flush().expect(*wanted)
