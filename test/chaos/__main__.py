"""./dev chaos --minutes N --seed S: runs faults one after the other, in an order that depends on the seed, until the time is
over. Prints a table and a verdict; the exit status is 1 if any guarantee was violated."""
import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))

import faults  # noqa: E402
from checker import Verdict  # noqa: E402
from network import PRIVATE, Network, start_in_private  # noqa: E402
from rig import Rig  # noqa: E402
from totals import HEADER, Totals, row  # noqa: E402


def play_once(rig, fault, seed, nodes):
    """Plays the fault on the rig, or on a new rig if the fault needs its own. A run without a verdict is the anomaly `failed`."""
    own = Rig(nodes, **fault.rig) if hasattr(fault, "rig") and fault not in faults.ON_A_NETWORK else None
    try:
        return (own or rig).play(fault, seed)
    except AssertionError as failure:
        verdict = Verdict()
        verdict.add("failed", str(failure))
        return verdict
    finally:
        if own:
            own.close()


def main():
    options = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--fault", action="append", choices=sorted({fault.__name__ for fault in (*faults.ALL, *faults.ON_A_NETWORK, faults.several_at_once, faults.nothing)}),
                         help="play only this fault; may be repeated")
    options.add_argument("--nodes", type=int, default=3)
    options.add_argument("--network", action="store_true",
                         help="run each node in its own network namespace and drop packets there; needs root")
    chosen = options.parse_args()
    if chosen.network and PRIVATE not in os.environ:
        start_in_private(sys.argv)
    number = random.Random(chosen.seed)
    print(f"seed {chosen.seed}", flush=True)
    everything = [*(faults.ON_A_NETWORK if chosen.network else faults.ALL), *[faults.several_at_once] * 4]
    if chosen.fault:
        everything = [getattr(faults, name) for name in chosen.fault]
    rig = Rig(chosen.nodes, network=Network() if chosen.network else None, **faults.clocks_that_jump())
    bad, totals = [], Totals()
    print(HEADER)
    try:
        end = time.monotonic() + 60 * chosen.minutes
        while time.monotonic() < end or not totals.runs:
            number.shuffle(everything)
            for fault in everything:
                if time.monotonic() >= end and totals.runs:
                    break
                seed = number.randrange(10 ** 6)
                verdict = play_once(rig, fault, seed, chosen.nodes)
                totals.add(fault.__name__, verdict)
                print(row(f"{fault.__name__} {seed}", [verdict]), flush=True)
                if verdict.anomalies:
                    bad.append((fault.__name__, seed))
                    print(verdict, f"history: {verdict.path}", sep="\n", flush=True)
    finally:
        rig.close()
    print(totals)
    print("verdict: " + ("every guarantee held" if not bad else f"BROKEN in {bad}"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
