"""`apus cluster` for Python: PostgreSQL servers on loopback addresses, for the demo and the tests."""

import os
import random
import socket
import subprocess


class LocalCluster:
    """A cluster that `apus cluster up` starts and `apus cluster down` removes.

    As a context manager, it takes the cluster down at the end, also after an exception. Nodes are numbered from 1; node
    N has the base address plus N - 1.
    """

    def __init__(self, cli, name, nodes=3, placement=None, port=5433, base_address=None, options=()):
        """placement is a list of `cloud.region.zone`, one per node; options are further arguments of `up`."""
        self.cli = cli
        self.name = name
        self.port = port
        self.size = nodes
        self.base_address = base_address or free_base_address(nodes, port)
        self._up = ["--nodes", str(nodes), "--base-address", self.base_address, "--port", str(port)]
        if placement:
            self._up += ["--placement", ",".join(placement)]
        self._up += list(options)

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down(check=False)
            raise
        return self

    def __exit__(self, *_):
        self.down(check=False)

    def up(self):
        self.run("up", *self._up)

    def down(self, check=True):
        self.run("down", check=check)

    def stop_node(self, number):
        self.run("stop-node", str(number))

    def start_node(self, number):
        self.run("start-node", str(number))

    def kill_node(self, number):
        """Kill the node with SIGKILL, without notifying clients."""
        self.run("kill-node", str(number))

    def freeze_node(self, number):
        """Suspend the node with SIGSTOP: it accepts connections but never answers."""
        self.run("freeze-node", str(number))

    def thaw_node(self, number):
        self.run("thaw-node", str(number))

    def run(self, verb, *words, check=True):
        """Run `apus cluster VERB` for this cluster and return its output. Raises RuntimeError if it fails."""
        done = subprocess.run(
            [self.cli, "cluster", verb, "--name", self.name, *words], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180)
        if check and done.returncode != 0:
            raise RuntimeError(f"apus cluster {verb} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def address(self, number):
        head, last = self.base_address.rsplit(".", 1)
        return f"{head}.{int(last) + number - 1}"

    @property
    def addresses(self):
        return [self.address(number) for number in range(1, self.size + 1)]

    def dsn(self, *numbers, **parameters):
        """Return a connection string with these nodes as contact points, by default the first node."""
        hosts = ",".join(self.address(number) for number in numbers or (1,))
        values = {"host": hosts, "port": self.port, "user": "yugabyte", "dbname": "yugabyte", **parameters}
        return " ".join(f"{key}={quote(value)}" for key, value in values.items())


def quote(value):
    """Quote a value: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING"""
    text = str(value)
    if text and not set(text) & set(" \t\n'\\"):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def free_base_address(nodes, port, blocks=range(20, 30)):
    """Return the first of `nodes` consecutive addresses 127.0.B.N, B in blocks, where `port` is free."""
    for _ in range(100):
        block, first = random.choice(blocks), random.randrange(1, 254 - nodes)
        if all(is_free(f"127.0.{block}.{first + offset}", port) for offset in range(nodes)):
            return f"127.0.{block}.{first}"
    raise RuntimeError(f"no {nodes} consecutive loopback addresses with port {port} free")


def is_free(address, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def cli_from_environment():
    """Return the path of the `apus` command: $APUS_CLI, which the scripts set."""
    path = os.environ.get("APUS_CLI")
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError("APUS_CLI must be the path of the built `apus` command: "
                           "APUS_CLI=$(swift build --package-path Tools --show-bin-path)/apus")
    return path
