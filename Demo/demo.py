"""The demo: a Python program and a Swift program open load-balanced connections to a cluster of six nodes, lose a zone,
and use it again once it recovers.

    demo.py --swift-program PATH [--page demo.html]

The numbers come from the servers (pg_stat_activity), not from the drivers. The exit status is 1 if a distribution is
not as expected by the rules in docs/load-balancing.md. No process is left running.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local_cluster import LocalCluster, cli_from_environment
from observer import PREFIX, Observer
from page import Span, write_page
from story import COUNT, HOME, PARTS, PLACEMENTS, TOPOLOGY_KEYS

HERE = Path(__file__).resolve().parent
HOME_NODE = PLACEMENTS.index(HOME) + 1
FAILED_HOST_TTL = 1

# Seconds between two connections, so that a viewer can follow.
PACE = 0.1


class Program:
    """A program that opens and closes connections on command: see python_program.py."""

    def __init__(self, name, command):
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"the {self.name} program: {answer.removeprefix('error ') or 'it ended'}")


class Screen:
    """Prints the table of connections per node, with a new row whenever a number changes."""

    def __init__(self):
        self._start = time.monotonic()
        self._what = ""
        self._bold, self._plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")

    def headline(self, text):
        print(f"\n{self._bold}{text}{self._plain}", flush=True)

    def say(self, text):
        print(f"  {text}", flush=True)

    def columns(self):
        print(f"  {'seconds':>7}  " + "".join(f"{place.split('.', 1)[1]:>9}" for place in PLACEMENTS), flush=True)

    def row(self, sample):
        cells = ("down" if node is None else str(sum(node.values()) or "·") for node in sample.nodes)
        print(f"  {sample.time - self._start:7.1f}  " + "".join(f"{cell:>9}" for cell in cells), flush=True)


class Demo:
    def __init__(self, cluster, observer, screen):
        self.cluster = cluster
        self.observer = observer
        self.screen = screen
        self.spans = []
        self.results = []

    def run(self, program):
        """Play all parts with one program. Connections stay open from part to part, as in a pool."""
        self.screen.headline(f"The {program.name} driver")
        self.screen.columns()
        for part in PARTS:
            if part.label == "zone lost":
                self.screen.say(f"{HOME} is stopped; its connections are lost")
                self.cluster.stop_node(HOME_NODE)
            elif part.label == "zone back":
                self.screen.say(f"{HOME} is started again")
                self.cluster.start_node(HOME_NODE)
                self.observer.settle(lambda sample: sample.nodes[HOME_NODE - 1] is not None)
                # For this long, a driver may keep a dead node in quarantine.
                time.sleep(FAILED_HOST_TTL + 0.2)
            self.play(program, part)
        program.tell("close")
        last = self.observer.settle(lambda sample: not any(sample.nodes))
        if any(last.nodes):
            self.screen.say("NOT AS EXPECTED: connections are left after the program closed all of its connections")
            self.results.append((program.name, None, [], []))

    def play(self, program, part):
        label = f"{program.name}, {part.label}"
        self.screen.say(f"{part.title}:")
        begin = time.monotonic()
        dsn = self.dsn(part, label)
        for _ in range(COUNT):
            program.tell(f"open 1 {dsn}")
            time.sleep(PACE)
        expected = part.expected()
        last = self.observer.settle(lambda sample: sample.count(label) == expected)
        seen = last.count(label)
        self.spans.append(Span(program.name, part, begin, last.time))
        self.results.append((program.name, part, expected, seen))
        words = " ".join(map(str, seen))
        self.screen.say(f"new per node: {words}" + (
            ", as expected" if seen == expected else f": NOT AS EXPECTED: {' '.join(map(str, expected))}"))

    def dsn(self, part, label):
        properties = {
            "load_balance": "true", "failed_host_ttl_seconds": FAILED_HOST_TTL, "application_name": PREFIX + label,
            "connect_timeout": 5,
        }
        if part.label != "uniform":
            properties["topology_keys"] = TOPOLOGY_KEYS
        # Two contact points, one of which goes down. The other nodes are discovered.
        return self.cluster.dsn(HOME_NODE, len(PLACEMENTS), **properties)

    @property
    def is_right(self):
        return len(self.results) == 2 * len(PARTS) and all(expected == seen and part is not None
                                                           for _, part, expected, seen in self.results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--swift-program", required=True, help="the built ApusDemo")
    parser.add_argument("--page", default="demo.html", help="where to write the page (default: %(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    commands = {"Python": [sys.executable, str(HERE / "python_program.py")], "Swift": [arguments.swift_program]}

    start = time.monotonic()
    screen = Screen()
    screen.headline(f"Six nodes in two regions of three zones: {', '.join(PLACEMENTS)}")
    cluster = LocalCluster(cli_from_environment(), f"demo-{os.getpid()}", nodes=len(PLACEMENTS), placement=PLACEMENTS)
    with cluster:
        screen.say(f"up in {time.monotonic() - start:.1f} s, at {cluster.addresses[0]} to {cluster.addresses[-1]}, "
                   f"port {cluster.port}")
        screen.say(f"topology_keys={TOPOLOGY_KEYS}")
        with Observer(cluster.addresses, cluster.port, screen.row) as observer:
            demo = Demo(cluster, observer, screen)
            for name, command in commands.items():
                with Program(name, command) as program:
                    demo.run(program)
    write_page(arguments.page, observer.samples, demo.spans, demo.results)
    screen.headline(f"The timeline is in {Path(arguments.page).resolve().as_uri()}")
    verdict = "PASSED: every distribution is as expected" if demo.is_right else \
        "FAILED: a distribution is not as expected"
    print(f"==> {verdict} ({time.monotonic() - start:.0f} s)", flush=True)
    return 0 if demo.is_right else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; the cluster was removed")
    except RuntimeError as error:
        sys.exit(f"==> FAILED: {error}")
