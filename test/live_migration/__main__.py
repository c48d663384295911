"""./dev live-migration: moves clients that chat from a Django system to Parley and back, and counts what each side lost. The exit
status is 1 if Parley broke a promise."""
import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))

from live_migration import live_migration  # noqa: E402


def main():
    options = argparse.ArgumentParser(prog="./dev live-migration", description=__doc__)
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--rooms", type=int, default=25, help="conversations, to which the clients are spread evenly")
    options.add_argument("--groups", type=int, default=4, help="the clients move in this many groups")
    options.add_argument("--chat", type=float, default=10, help="seconds of chat in each phase")
    options.add_argument("--pause", type=float, default=4, help="mean seconds between two messages of a client")
    options.add_argument("--nodes", type=int, default=2, help="nodes of Parley")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--environment", default="newest", help="the Django environment: newest or minimum")
    chosen = vars(options.parse_args())
    with tempfile.TemporaryDirectory(prefix="parley-live-migration-") as directory:
        result = live_migration(directory, tell=lambda line: print(line, flush=True), **chosen)
    print(f"{chosen['clients']} clients in {chosen['rooms']} conversations, seed {chosen['seed']}", result, sep="\n")
    print("verdict: " + ("Parley kept its promises" if not result.violations else f"BROKEN: {len(result.violations)} violations"))
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
