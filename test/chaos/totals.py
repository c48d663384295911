"""The table of ./dev chaos: a row for each run, and a row for each fault at the end."""
from collections import defaultdict

HEADER = (f"{'fault':52} {'runs':>4} {'acked':>7} {'lost':>4} {'doubled':>7} {'unknown':>7} {'nacked':>6} {'delivered':>9} {'reads':>6} {'marks':>6} "
          f"{'lag p50':>9} {'p99':>8} {'longest gap':>11}  verdict")


def row(name, verdicts):
    """Returns a row of sums, and of lags over all deliveries of these runs."""
    figures = {name: sum(verdict.figures[name] for verdict in verdicts)
               for name in ("acked", "unknown", "nacked", "delivered", "reads", "marks acked")}
    named = [name for verdict in verdicts for name, _ in verdict.anomalies]
    lags = sorted(lag for verdict in verdicts for lag in verdict.lags)
    p50, p99, longest = (lags[int(share * (len(lags) - 1))] if lags else 0.0 for share in (0.5, 0.99, 1))
    doubled = named.count("dup-row") + named.count("dup-delivery")
    return (f"{name:52} {len(verdicts):4} {figures['acked']:7} {named.count('lost'):4} {doubled:7} {figures['unknown']:7} {figures['nacked']:6} "
            f"{figures['delivered']:9} {figures['reads']:6} {figures['marks acked']:6} "
            f"{p50 * 1000:6.1f} ms {p99:6.2f} s {longest:10.2f}s  {' '.join(sorted(set(named))) or 'ok'}")


class Totals:
    def __init__(self):
        self.runs = 0
        self.by_fault = defaultdict(list)

    def add(self, fault, verdict):
        self.runs += 1
        self.by_fault[fault].append(verdict)
        verdict.swarm = verdict.history = None  # the histories of a long run do not fit into memory

    def __str__(self):
        everything = [verdict for verdicts in self.by_fault.values() for verdict in verdicts]
        memory = max(verdict.figures["MiB"] for verdict in everything)
        return "\n".join(["", HEADER, *(row(name, verdicts) for name, verdicts in sorted(self.by_fault.items())), row("all", everything),
                          f"{self.runs} runs, most memory of a node {memory} MiB"])
