"""Compares Apus with the other Python drivers: `run` starts it."""

import argparse
import os
import shutil
import sys

from figures import ASKED
from instructions import instructions
from peers import peers
from report import SCALES, show
from round_trips import round_trips
from server import Server
from workloads import ROWS, WORKLOADS


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", action="append", metavar="NAME", help="this workload; may be repeated")
    parser.add_argument("--peer", action="append", metavar="NAME", help="psycopg2-binary, Apus and this one")
    parser.add_argument("--rounds", type=int, help="number of rounds, of which the best counts (5; quick: 2)")
    parser.add_argument("--no-instructions", action="store_true", help="without valgrind")
    chosen = parser.parse_args()
    names = {workload.name for workload in WORKLOADS}
    for name in chosen.only or ():
        if name not in names:
            parser.error(f"no workload is called {name}: there are {', '.join(sorted(names))}")
    return chosen


def measure(server, workloads, drivers, rounds, quick):
    """Return CPU time, wall time and memory per operation. Each round measures every driver once, in rotating order.
    The best round counts, because other load on the machine can only add."""
    results = {}
    for workload in workloads:
        count = workload.quick if quick else workload.count
        for number in range(rounds):
            for peer in drivers[number % len(drivers):] + drivers[:number % len(drivers)]:
                for metric, value in (peer.sample(server.dsn(), workload.name, count) or {}).items():
                    if metric == "peak RSS" and not workload.peak:
                        continue
                    key = workload.name, metric, peer.name
                    results[key] = min(results.get(key, value / count), value / count)
        print(f"measured {workload.name}", file=sys.stderr, flush=True)
    return results


def main():
    options = arguments()
    drivers = peers(os.environ["VENV"])
    if options.peer is not None:
        drivers = tuple(peer for peer in drivers if peer.name in ("psycopg2-binary", "Apus", *options.peer))
    for peer in drivers:
        peer.install(os.environ.get("PYTHON", sys.executable))
    workloads = [workload for workload in WORKLOADS if not options.only or workload.name in options.only]
    # Metrics that the options leave out are not missed; metrics that cannot be measured are.
    metrics = [metric for metric in SCALES if metric != "instructions" or not options.no_instructions]
    if not shutil.which("valgrind"):
        print("valgrind is not installed: instructions are not counted", file=sys.stderr)
        options.no_instructions = True
    with Server(os.environ["APUS_CLI"]) as server:
        server.fill(drivers[0], ROWS)
        results = measure(server, workloads, drivers, options.rounds or (2 if options.quick else 5), options.quick)
        for workload in workloads:
            for peer in drivers:
                if (workload.name, "round trips") in ASKED:
                    results[workload.name, "round trips", peer.name] = round_trips(peer, server, workload)
                if workload.many and not options.no_instructions:
                    results[workload.name, "instructions", peer.name] = instructions(peer, server.dsn(), workload)
    missed = show(results, workloads, drivers, metrics)
    print(f"\n{missed} required figures were missed" if missed else "\nevery required figure was reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
