"""`parley doctor` on nodes whose services fail during the round trip."""
import concurrent.futures

import pytest

from deadline import eventually
from postgres import Postgres
from relay import Relay


@pytest.fixture
def during(doctor):
    """Runs the doctor, and the fault as soon as the condition is true."""
    def run(condition, fault, *arguments, **options):
        with concurrent.futures.ThreadPoolExecutor() as background:
            result = background.submit(doctor, *arguments, "--only", "token,round_trip", **options)
            eventually(condition, within=30)
            fault()
            return result.result()
    return run


def sent(database, count):
    return lambda: int(database.ask("SELECT count(*) FROM messaging_message")) >= count


@pytest.mark.long(20)
def test_a_node_whose_database_stalls_loses_messages(during, own_server, closing):
    database = closing(Postgres().start())
    relay = closing(Relay(database.port))
    near, far = own_server(DATABASE_URL=database.url), own_server(DATABASE_URL=relay.database_url)
    found = during(sent(database, 5), relay.stall, near.url, far.url, expect=["round_trip_lost"])  # the first 4 messages are for the near node
    assert f"sent over {near.url} did not arrive at {far.url} " in found["round_trip_lost"]["cause"]
    relay.flow()


@pytest.mark.parametrize("what, response", [("database", "HTTP 503 store_unavailable"), ("server", "Couldn't connect")])
def test_a_database_or_a_server_that_fails(during, own_server, closing, what, response):
    database = closing(Postgres().start())
    server = own_server(DATABASE_URL=database.url)
    fault = {"database": database.kill, "server": server.kill}[what]
    found = during(sent(database, 1), fault, server.url, expect=["round_trip_failed", "conversation_left"])
    assert found["round_trip_failed"]["cause"].startswith(server.url) and response in found["round_trip_failed"]["cause"]
    assert f" on {server.url}: {response}" in found["conversation_left"]["cause"]
