"""Counts instructions with valgrind's cachegrind. Unlike seconds, they are repeatable."""

import re

from peers import run

COUNTER = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]


def instructions(peer, dsn, workload):
    """Return instructions per operation: those of many operations minus those of few, to exclude start-up, and without
    the preparation."""
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
