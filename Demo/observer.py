"""Counts connections on the servers: pg_stat_activity of each node, read with psql."""

import glob
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass

PREFIX = "apus-demo "

# The application name contains the part of the demo that opened a connection.
QUERY = (f"SELECT count(*), application_name FROM pg_stat_activity WHERE application_name LIKE '{PREFIX}%' "
         "AND pid <> pg_backend_pid() GROUP BY 2")


@dataclass(frozen=True)
class Sample:
    """A sample of all nodes: per node, the number of connections for each label, or None if it is down."""
    time: float
    nodes: tuple

    def count(self, label):
        """Return the number of connections for a label, per node."""
        return [0 if node is None else node[label] for node in self.nodes]


class Observer:
    """Samples all nodes repeatedly in its own thread, and calls `changed(sample)` after every change."""

    def __init__(self, addresses, port, changed, interval=0.1):
        self.samples = []
        self._commands = [self._command(address, port) for address in addresses]
        self._changed = changed
        self._interval = interval
        self._looked = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._thread.join()

    def settle(self, is_settled, timeout=10):
        """Wait until two consecutive new samples are equal and satisfy the condition, or until the timeout; return the
        last sample."""
        with self._looked:
            first, deadline = len(self.samples), time.monotonic() + timeout
            while time.monotonic() < deadline:
                self._looked.wait(timeout=1)
                fresh = self.samples[first:]
                if len(fresh) >= 2 and fresh[-1].nodes == fresh[-2].nodes and is_settled(fresh[-1]):
                    break
            return self.samples[-1]

    def _watch(self):
        while not self._ended:
            sample = Sample(time.monotonic(), self._look())
            with self._looked:
                changed = not self.samples or self.samples[-1].nodes != sample.nodes
                self.samples.append(sample)
                self._looked.notify_all()
            if changed:
                self._changed(sample)
            time.sleep(self._interval)

    def _look(self):
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                    env={**os.environ, "PGCONNECT_TIMEOUT": "2"}) for command in self._commands]
        return tuple(self._answer(process) for process in running)

    @staticmethod
    def _answer(process):
        output, _ = process.communicate()
        if process.returncode != 0:
            return None
        answer = Counter()
        for line in output.splitlines():
            count, _, name = line.partition("|")
            answer[name.removeprefix(PREFIX)] = int(count)
        return answer

    @staticmethod
    def _command(address, port):
        return [psql(), "--no-psqlrc", "--tuples-only", "--no-align", "--command", QUERY,
                f"host={address} port={port} user=yugabyte dbname=yugabyte application_name=observer"]


def psql():
    """Return the path of psql. Debian's `psql` on the PATH is a wrapper script, which is slower."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))
    command = found[-1] if found else shutil.which("psql")
    if command is None:
        raise RuntimeError("psql is missing")
    return command
