"""./dev chaos --minutes N --seed S: faults one after the other, in an order that the seed gives, until the time is over.
Ends with a table and a verdict; the exit status is 1 where any promise was broken."""
import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))

import faults  # noqa: E402
from rig import Rig  # noqa: E402


def main():
    options = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--fault", action="append", choices=[fault.__name__ for fault in (*faults.ALL, faults.several_at_once, faults.nothing)],
                         help="only this one; may be given several times")
    options.add_argument("--nodes", type=int, default=3)
    chosen = options.parse_args()
    number = random.Random(chosen.seed)
    print(f"seed {chosen.seed}", flush=True)
    everything = [*faults.ALL, *[faults.several_at_once] * 4]
    if chosen.fault:
        everything = [fault for fault in everything if fault.__name__ in chosen.fault] or [getattr(faults, chosen.fault[0])]
    rig = Rig(chosen.nodes, **faults.clocks_that_jump())
    bad, totals = [], {}
    print(f"{'fault':50} {'acked':>6} {'lost':>5} {'doubled':>7} {'unknown':>7} {'nacked':>6} {'delivered':>9} {'longest gap':>11}  verdict")
    try:
        end, runs = time.monotonic() + 60 * chosen.minutes, 0
        while time.monotonic() < end or runs == 0:
            number.shuffle(everything)
            for fault in everything:
                if time.monotonic() >= end and runs:
                    break
                runs += 1
                seed = number.randrange(10 ** 6)
                verdict = rig.play(fault, seed)
                named = [name for name, _ in verdict.anomalies]
                figures = verdict.figures
                for name in ("acked", "delivered"):
                    totals[name] = totals.get(name, 0) + figures[name]
                print(f"{fault.__name__ + ' ' + str(seed):50} {figures['acked']:6} {named.count('lost'):5} "
                      f"{named.count('dup-row') + named.count('dup-delivery'):7} {figures['unknown']:7} {figures['nacked']:6} "
                      f"{figures['delivered']:9} {verdict.longest_gap:10.2f}s  {'ok' if not named else ' '.join(sorted(set(named)))}", flush=True)
                if named:
                    bad.append((fault.__name__, seed))
                    print(verdict, f"history: {verdict.path}", sep="\n", flush=True)
    finally:
        rig.close()
    print(f"{runs} runs, {totals.get('acked', 0)} messages acked, {totals.get('delivered', 0)} deliveries, "
          f"most memory of a node {rig.peak_memory >> 20} MiB")
    print("verdict: " + ("every promise was kept" if not bad else f"BROKEN in {bad}"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
