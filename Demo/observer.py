"""What the servers themselves say about who is connected: pg_stat_activity, read on each node by psql."""

import glob
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass

PREFIX = "apus-demo "

# The application name says which part of the demo opened a connection.
QUERY = (f"SELECT count(*), application_name FROM pg_stat_activity WHERE application_name LIKE '{PREFIX}%' "
         "AND pid <> pg_backend_pid() GROUP BY 2")


@dataclass(frozen=True)
class Sample:
    """One look at all nodes: per node the number of connections under each label, or None where it is down."""
    time: float
    nodes: tuple

    def count(self, label):
        """Connections under a label, per node."""
        return [0 if node is None else node[label] for node in self.nodes]


class Observer:
    """Looks at all nodes again and again in a thread of its own; calls `changed(sample)` whenever something did."""

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
        """Waits until two samples in a row, taken from now on, are the same and satisfy the condition. Answers the last
        sample either way."""
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
    """Debian's `psql` on the PATH is a script that looks for this one."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))
    command = found[-1] if found else shutil.which("psql")
    if command is None:
        raise RuntimeError("psql is missing")
    return command
