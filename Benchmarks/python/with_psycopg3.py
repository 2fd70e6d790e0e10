"""The workloads for psycopg 3, with text or binary results."""

import io

import psycopg
import psycopg_pool

from dbapi import DBAPI
from workloads import THREADS, copy_text, select

# The block size of COPY, in bytes.
PIECE = 65536


class Driver(DBAPI):
    driver = psycopg
    binary = False

    def cursor(self, connection, **options):
        return connection.cursor(binary=self.binary, **options)

    def pool(self):
        pool = psycopg_pool.ConnectionPool(
            self.dsn, min_size=THREADS, max_size=THREADS, kwargs={"autocommit": True}, open=True)
        pool.wait()
        return pool

    def close(self, pool):
        pool.close()

    def copy_in(self, count, meter):
        connection = self.connection()
        cursor = connection.cursor()
        source = io.BytesIO(copy_text(count))
        with meter, cursor.copy("COPY bench_sink FROM STDIN") as copy:
            while piece := source.read(PIECE):
                copy.write(piece)
        connection.rollback()

    def copy_out(self, count, meter):
        cursor = self.connection().cursor()
        sink = io.BytesIO()
        with meter, cursor.copy(f"COPY ({select('copy_out', count)}) TO STDOUT") as copy:
            for piece in copy:
                sink.write(piece)


class BinaryDriver(Driver):
    binary = True
