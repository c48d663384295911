"""P10, P3 on several nodes: a rolling deploy behind nginx and HAProxy without visible errors."""
import os
import statistics
import sys

import pytest

from balancers import Balancer
from deadline import patient

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "chaos"))
import faults  # noqa: E402
from rig import Rig  # noqa: E402


@pytest.fixture(scope="module")
def rig():
    made = Rig(3)
    yield made
    made.close()


@pytest.mark.long(20)
@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
@pytest.mark.proves("P10 deploys")
def test_a_rolling_restart_behind_a_load_balancer_loses_nothing(rig, kind):
    balancer = Balancer(kind, rig.endpoints())
    try:
        verdict = rig.play(faults.f24_nodes_are_restarted_one_by_one, seed=24, conversations=4, members=8, pause=0.4, endpoints=lambda: [balancer.address],
                           longer=3)
    finally:
        balancer.close()
    print(kind, verdict)
    assert not verdict.anomalies, str(verdict)
    assert verdict.figures["acked"] > 100 and verdict.figures["nacked"] == 0
    reconnects = sorted(gap for client in verdict.swarm.clients for gap in client.reconnects)
    print(f"{len(reconnects)} reconnects, median {statistics.median(reconnects):.2f} s, longest {reconnects[-1]:.2f} s, refused {dict(verdict.swarm.refused)}")
    assert len(reconnects) >= 3 * 8, "each node had clients"
    assert not verdict.swarm.refused, "every connection attempt succeeded"
    assert reconnects[int(0.99 * (len(reconnects) - 1))] <= patient(3)
