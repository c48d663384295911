"""What a committed message costs without a server, and how near the server comes to it."""
import json
import statistics
import subprocess

from servers import BUILD, SERVER_CORE, Parley, Raw, member, scratch, swarm


def bare(batch, messages):
    """The store's statements in transactions of `batch` messages, on core 0."""
    with scratch() as directory:
        command = ["taskset", "-c", SERVER_CORE, BUILD / "bench" / "bare_commits", directory, batch, messages]
        return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def commits(messages=30000):
    """The least that a message costs: CPU and the time of a transaction, by messages in it."""
    for batch in 1, 4, 16, 64, 256:
        r = bare(batch, messages if batch > 1 else messages // 10)
        print(f"bare commits of {batch:3} messages to 500 rooms: {r['micros']:6.1f} us CPU/message,"
              f" p50 {r['p50_ms']:.2f} ms, p99 {r['p99_ms']:.2f} ms, max {r['max_ms']:.1f} ms", flush=True)


def acks(rounds=5, seconds=3):
    """Latency of an ack at low load, beside one bare commit and one echo of a raw epoll server."""
    results = {"bare commit": [], "raw echo": [], "ack": []}
    for _ in range(rounds):
        results["bare commit"].append(bare(1, 1500)["p50_ms"])
        with Raw() as raw:
            results["raw echo"].append(swarm(raw, [member(0, sends=True)], dialect="raw", pace="rate", rate=200, seconds=seconds)["p50_ms"])
        with scratch() as data, Parley(data) as parley:
            talk = parley.group(["ann"])
            results["ack"].append(swarm(parley, [member(0, talk, "ann", True)], pace="rate", rate=200, seconds=seconds)["ack_p50_ms"])
    for name, values in results.items():
        print(f"{name:12} p50 {statistics.median(values):.3f} ms ({min(values):.3f}-{max(values):.3f})")
    ratios = [ack / (commit + echo) for commit, echo, ack in zip(*results.values())]
    print(f"ack / (bare commit + raw echo): {statistics.median(ratios):.2f}", flush=True)
