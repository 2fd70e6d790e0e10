"""Opens plain and balanced connections in turn, and compares their cost.

Arguments: the comma-separated addresses of the nodes; then, to count instructions, the kind and the number.
"""

import statistics
import sys
import time

import psycopg2

LIMIT = 1.05
ROUNDS, PER_ROUND = 40, 10


def connect(hosts, kind, index):
    """Open and close one connection. Plain ones use the nodes in turn, so that both kinds load all nodes."""
    login = dict(user="yugabyte", password="yugabyte", dbname="yugabyte", port=5433)
    if kind == "balanced":
        psycopg2.connect(host=hosts[0], load_balance=True, **login).close()
    else:
        psycopg2.connect(host=hosts[index % len(hosts)], **login).close()


def round_of(hosts, kind):
    """Return the wall-clock and CPU seconds of PER_ROUND connects of one kind."""
    wall, cpu = time.perf_counter(), time.process_time()
    for index in range(PER_ROUND):
        connect(hosts, kind, index)
    return time.perf_counter() - wall, time.process_time() - cpu


def main():
    hosts = sys.argv[1].split(",")
    if len(sys.argv) > 2:
        for index in range(int(sys.argv[3])):
            connect(hosts, sys.argv[2], index)
        return 0
    for kind in ("plain", "balanced"):
        round_of(hosts, kind)
    samples = {"plain": [], "balanced": []}
    for number in range(ROUNDS):
        for kind in ("plain", "balanced") if number % 2 else ("balanced", "plain"):
            samples[kind].append(round_of(hosts, kind))
    ratios = []
    for index, name in ((0, "wall"), (1, "CPU")):
        medians = {kind: statistics.median(s[index] for s in samples[kind]) / PER_ROUND for kind in samples}
        ratios.append(medians["balanced"] / medians["plain"])
        print(f"{name}: plain {medians['plain'] * 1e6:.0f} us, balanced {medians['balanced'] * 1e6:.0f} us, "
              f"ratio {ratios[-1]:.3f} (required: at most {LIMIT})")
    return 0 if ratios[1] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
