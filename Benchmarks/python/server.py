"""The server, and the tables of the workloads."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Demo"))
from local_cluster import LocalCluster  # noqa: E402

SETUP = """
    CREATE TABLE bench_rows AS
        SELECT n AS id, n * 7919 % 1000003 AS "int", 'the text of row ' || n AS "text",
               (n * 0.7318 + 1.0 / n)::float8 AS "float8",
               timestamptz '2024-01-01 00:00:00+00' + n * interval '61.000123 s' AS "timestamptz",
               (n * 12.345)::numeric(12, 3) AS "numeric", n % 3 = 0 AS "bool",
               jsonb_build_object('id', n, 'name', 'row ' || n, 'tags', ARRAY['a', 'b'], 'ratio', n / 8.0) AS "jsonb",
               ARRAY[n, n + 1, n + 2, n + 3, n + 4] AS "intarray",
               decode(repeat(md5(n::text), 4), 'hex') AS "bytea"
        FROM generate_series(1, {rows}) AS n;
    CREATE TABLE bench_points AS
        SELECT n AS id, 'point ' || n AS name, n AS number FROM generate_series(1, 1000) AS n;
    ALTER TABLE bench_points ADD PRIMARY KEY (id);
    ALTER TABLE bench_points SET (fillfactor = 50);
    CREATE TABLE bench_sink (id int, name text, ratio float8, even bool);
    VACUUM ANALYZE;
"""


class Server:
    """A context manager that runs one node of `apus cluster`."""

    def __init__(self, cli):
        self.cluster = LocalCluster(cli, f"bench-python-{os.getpid()}", nodes=1)
        self.host, self.port = self.cluster.address(1), self.cluster.port

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *exception):
        self.cluster.__exit__(*exception)

    def dsn(self, host=None, port=None):
        # Without TLS and GSS, because their cost is not that of the driver.
        return (f"host={host or self.host} port={port or self.port} user=yugabyte password=yugabyte dbname=yugabyte "
                "sslmode=disable gssencmode=disable")

    def fill(self, peer, rows):
        """Create the tables, with a peer."""
        program = ("import psycopg2, sys\nconnection = psycopg2.connect(sys.argv[1])\nconnection.autocommit = True\n"
                   "for statement in sys.argv[2].split(';')[:-1]: connection.cursor().execute(statement)")
        subprocess.run([peer.python, "-c", program, self.dsn(), SETUP.format(rows=rows)], check=True)
