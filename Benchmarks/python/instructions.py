"""Instructions an operation, by valgrind's cachegrind: they repeat where seconds do not."""

import re

from peers import run

COUNTER = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]


def instructions(peer, dsn, workload):
    """Two counts of operations, one subtracted from the other: what is left has no start-up in it. What an operation
    takes to prepare is subtracted as well."""
    slopes = []
    for name in filter(None, (workload.name, workload.preparation)):
        few, many = (count(peer.command(dsn, name, number)) for number in (workload.few, workload.many))
        if few is None or many is None:
            return None
        slopes.append((many - few) / (workload.many - workload.few))
    return slopes[0] - sum(slopes[1:])


def count(command):
    done = run(COUNTER + command)
    if done.stdout.strip() == "null":
        return None
    return int(re.search(r"I\s+refs:\s+([\d,]+)", done.stderr).group(1).replace(",", ""))
