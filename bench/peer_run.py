"""./dev bench peers: Parley beside other servers, in interleaved rounds.

    ./dev bench peers [rounds=N] [seconds=N] [only=parley,centrifugo] [part=fanout_1000,rooms] [padding=N] [quick]

Results are merged into docs/performance.json by part and peer, so that parts can be measured one by one, and docs/performance.md and its
charts are written from it. `quick` measures briefly and writes nothing; `report` only writes the document; `check` measures nothing: it checks
that each peer delivers, acknowledges and refuses a bad token."""
import datetime
import json
import os
import platform
import subprocess
import sys
import time

import peer_report
from peers import PEERS, installed, versions
from peer_works import QUICK, WORKS, Broken, Sizes, check
from servers import ROOT, end_servers_on_sigterm, scratch

RESULTS = ROOT / "docs" / "performance.json"


def peers(words):
    end_servers_on_sigterm()
    options = dict(word.partition("=")[::2] for word in words)
    unknown = set(options) - {"rounds", "seconds", "only", "part", "quick", "report", "check", "padding"}
    if unknown:
        raise SystemExit(f"unknown options: {', '.join(sorted(unknown))}{__doc__}")
    names = chosen(options.get("only"), PEERS, "peers")
    parts = chosen(options.get("part"), WORKS, "parts")
    if "padding" in options:
        PEERS["raw_websocket"].server.padding = bytes_of(options["padding"])
    if "check" in options:
        return check_all(names)
    if "report" not in options:
        quick = "quick" in options
        sizes = QUICK if quick else Sizes(seconds=float(options.get("seconds") or 2))
        if not quick:
            merge(RESULTS, {}, versions())
        measured = measure(names, parts, int(options.get("rounds") or (1 if quick else 3)), sizes,
                           keep=lambda found: None if quick else merge(RESULTS, found))
        if quick:
            return print(peer_report.table({"parts": measured}))
    peer_report.write(RESULTS)


def chosen(given, known, what):
    names = given.split(",") if given else list(known)
    for name in names:
        if name not in known:
            raise SystemExit(f"{what}: {', '.join(known)}; not {name}")
    return names


def bytes_of(text):
    if not text.isdecimal() or int(text) > 65_536:
        raise SystemExit(f"padding: a number of bytes from 0 to 65536; not {text!r}")
    return int(text)


def check_all(names):
    ready, missing = installed(names)
    for name, reason in missing.items():
        print(f"{name:13} is left out: {reason}")
    for name, peer in ready.items():
        with scratch() as data, peer.start(data) as server:
            check(server)
            also = "" if server.dialect == "raw" else ", acknowledges, and refuses a bad token"
        print(f"{name:13} delivers to its room only{also}", flush=True)


def measure(names, parts, rounds, sizes, keep):
    """{part: {peer: {"date", "commit", "seconds", "rounds": [figures]}}}. Calls keep() with each peer's part after each measurement, so that a run
    that is stopped loses one measurement."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    ready, missing = installed(names)
    for name, reason in missing.items():
        print(f"{PEERS[name].title} is left out: {reason}", flush=True)
    mark = {"date": datetime.date.today().isoformat(), "commit": commit(), "seconds": sizes.seconds}
    found = {part: {} for part in parts}
    for turn in range(rounds):
        for part in parts:
            work, repeated = WORKS[part]
            if turn and not repeated:
                continue
            for name, peer in ready.items():
                one = measure_one(part, work, name, peer, sizes)
                if one:
                    found[part].setdefault(name, {**mark, "rounds": []})["rounds"].append(one)
                    keep({part: {name: found[part][name]}})
    return {part: by_peer for part, by_peer in found.items() if by_peer}


def measure_one(part, work, name, peer, sizes):
    """One measurement on a server of its own; None if the peer fails."""
    began = time.monotonic()
    with scratch() as data, peer.start(data) as server:
        try:
            one = work(server, peer.idle, sizes)
        except (Broken, SystemExit) as reason:
            return print(f"{part:12} {name:13} FAILED: {reason}", flush=True)
    text = ", ".join(f"{key} {value:,.2f}" for key, value in one.items() if isinstance(value, (int, float)))
    print(f"{part:12} {name:13} {text}  ({time.monotonic() - began:.1f} s)", flush=True)
    return one


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip()


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) / 1e6
    release = next(line.split("=")[1].strip().strip('"') for line in open("/etc/os-release") if line.startswith("PRETTY_NAME"))
    return {"processor": model, "cores": os.cpu_count(), "memory_gb": round(memory), "system": release, "kernel": platform.release()}


def merge(file, measured, of_peers=None):
    """Replaces what was measured, and keeps the rest of the file."""
    results = json.loads(file.read_text()) if file.exists() else {}
    for part, by_peer in measured.items():
        results.setdefault("parts", {}).setdefault(part, {}).update(by_peer)
    results["machine"] = machine()
    if of_peers:
        results.setdefault("versions", {}).update(of_peers)
    file.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    peers(sys.argv[1:])
