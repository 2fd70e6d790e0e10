"""What servers and the kernel report about the driver's connections, and what the driver itself reports."""

import ctypes
import json
import os
import re
import uuid
from collections import Counter
from contextlib import contextmanager

import psycopg2
import psycopg2.apus

from local_cluster import LocalCluster, quote
from waiting import first_true


class Nodes(LocalCluster):
    """A local cluster whose servers can be asked who is connected. Nodes are numbered from 1."""

    def status(self):
        return json.loads(self.run("status", "--json"))

    def node(self, number):
        return next(node for node in self.status()["nodes"] if node["number"] == number)

    @property
    def names(self):
        """The hosts that the nodes are listed under."""
        return [node["host"] for node in sorted(self.status()["nodes"], key=lambda node: node["number"])]

    def plain(self, number, **parameters):
        """A connection to one node, without balancing, in autocommit."""
        values = {"host": self.address(number), "port": self.port, "user": "yugabyte", "password": "yugabyte",
                  "dbname": "yugabyte", "application_name": "observer", **parameters}
        connection = psycopg2.connect(**values)
        connection.autocommit = True
        return connection

    def ask(self, number, query, *values, **parameters):
        """The rows that one node answers with."""
        connection = self.plain(number, **parameters)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def on_all(self, statements):
        """Executes statements on every node, because the nodes do not share data."""
        for number in range(1, self.size + 1):
            self.ask(number, statements)

    def spread(self, name):
        """How many connections with that application name each node has, by pg_stat_activity."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND backend_type = 'client backend'"
        return [self.ask(number, query, name)[0][0] for number in range(1, self.size + 1)]

    def settled_spread(self, name, expected, timeout=5):
        """The same, once it is as expected or the time is over, because a server notices the end of a client late."""
        seen = []

        def is_settled():
            seen[:] = self.spread(name)
            return seen == expected

        first_true(is_settled, within=timeout, pause=0.05)
        return seen

    def logins(self, name):
        """How many connections with that application name there have ever been, by the servers' logs."""
        entry = re.compile(rf"connection authorized: .*application_name={re.escape(name)}( SSL|$)", re.MULTILINE)
        total = 0
        for node in self.status()["nodes"]:
            with open(node["log"], errors="replace") as log:
                total += len(entry.findall(log.read()))
        return total

    def fatal(self, words):
        """The lines in which servers turned a client away with these words."""
        lines = []
        for node in self.status()["nodes"]:
            with open(node["log"], errors="replace") as log:
                lines += [line for line in log if "FATAL:" in line and words in line]
        return lines

    @contextmanager
    def stopped(self, *numbers):
        for number in numbers:
            self.stop_node(number)
        try:
            yield
        finally:
            for number in numbers:
                self.start_node(number)

    @contextmanager
    def frozen(self, number):
        self.freeze_node(number)
        try:
            yield
        finally:
            self.thaw_node(number)

    def heal(self):
        """Every node runs and is listed as it was at first, by its own list."""
        for node in self.status()["nodes"]:
            if node["state"] == "frozen":
                self.thaw_node(node["number"])
            elif node["state"] != "running":
                self.start_node(node["number"])
        self.drop_lists()

    @contextmanager
    def role(self, name, attributes=""):
        """A role that can log in at every node while the block runs."""
        self.on_all(f"CREATE ROLE {name} LOGIN {attributes}")
        try:
            yield name
        finally:
            self.on_all(f"DROP ROLE {name}")

    @contextmanager
    def database(self, name, more=""):
        """A database that every node has while the block runs."""
        self.on_all(f"CREATE DATABASE {name} {more}")
        try:
            yield name
        finally:
            self.on_all(f"DROP DATABASE {name} WITH (FORCE)")

    def list_as(self, rows):
        """Makes yb_servers() return a list of the test's for connections with the `options` that this returns.

        Rows are dictionaries with the function's columns: host, port, node_type, cloud, region, zone, public_ip, uuid.
        Missing values are those of a primary at c.r.a. `change_list` changes the list, `drop_lists` drops all lists,
        as the fixtures `relisted`, `relisted_names` and `mortal` do at the end of each test.
        """
        schema = "list_" + uuid.uuid4().hex[:12]
        self.change_list(schema, rows)
        return f"-c search_path={schema},pg_catalog"

    def drop_lists(self):
        """Drops all that `list_as` made, also in child processes."""
        for number in range(1, self.size + 1):
            for schema, in self.ask(number, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'list\\_%'"):
                self.ask(number, f"DROP SCHEMA {schema} CASCADE")

    def change_list(self, schema, rows):
        schema = re.sub(r"^.*search_path=(\w+),.*$", r"\1", schema)
        columns = ("host text, port int8, num_connections int8, node_type text, cloud text, region text, zone text,"
                   " public_ip text, uuid text")
        usual = {"port": self.port, "num_connections": 0, "node_type": "primary", "cloud": "c", "region": "r",
                 "zone": "a", "public_ip": ""}
        data = json.dumps([{**usual, **row} for row in rows]).replace("'", "''")
        self.on_all(f"CREATE SCHEMA IF NOT EXISTS {schema};"
                    f"CREATE OR REPLACE FUNCTION {schema}.yb_servers(OUT {columns.replace(', ', ', OUT ')})"
                    " RETURNS SETOF record LANGUAGE sql SET search_path TO pg_catalog AS $$"
                    f" SELECT * FROM json_to_recordset('{data}') AS r({columns}) $$")


def address_rows(cluster, *numbers, **values):
    """Rows for `list_as`: nodes by their addresses."""
    return [{"host": cluster.address(number), "uuid": f"uuid-{number}", **values} for number in numbers]


def counts(cluster):
    """The driver's counts of sessions, per node of a cluster whose nodes are listed by address."""
    status = {(node.host, node.port): node.sessions for node in psycopg2.apus.cluster_status()}
    return [status.get((address, cluster.port), 0) for address in cluster.addresses]


def down(cluster):
    """The seconds for which the driver will not pick each node."""
    status = {(node.host, node.port): node.down_for for node in psycopg2.apus.cluster_status()}
    return [status.get((address, cluster.port), 0.0) for address in cluster.addresses]


def reached(connections):
    """How many connections went to each address, by what the socket is connected to."""
    return Counter(connection.info.host for connection in connections)


def open_many(number, *arguments, **keywords):
    return [psycopg2.connect(*arguments, **keywords) for _ in range(number)]


def close_all(connections):
    for connection in connections:
        connection.close()
    connections.clear()


def ping(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0] == 1


def descriptors():
    """How many file descriptors the process has open."""
    return len(os.listdir("/proc/self/fd"))


class MallocInfo(ctypes.Structure):
    """struct mallinfo2 of glibc: https://man7.org/linux/man-pages/man3/mallinfo.3.html"""
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


def heap():
    """The KiB that malloc has allocated and that are not freed, in all arenas: the memory of libpq and Swift. The
    resident memory of the process is too coarse, because freed memory is not returned to the system at once.

    Without glibc it is the resident memory nevertheless.
    """
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    mallinfo2.restype = MallocInfo
    info = mallinfo2()
    return (info.uordblks + info.hblkhd) // 1024


__all__ = ["Nodes", "address_rows", "close_all", "counts", "descriptors", "down", "heap", "open_many", "ping",
           "quote", "reached"]
