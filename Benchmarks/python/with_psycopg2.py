"""The workloads for psycopg2 and Apus, whichever is installed."""

import io

import psycopg2
import psycopg2.extras
import psycopg2.pool

from dbapi import DBAPI
from workloads import THREADS, copy_text, rows, select


class Driver(DBAPI):
    driver = psycopg2

    def pool(self):
        pool = psycopg2.pool.ThreadedConnectionPool(THREADS, THREADS, self.dsn)
        connections = [pool.getconn() for _ in range(THREADS)]
        for connection in connections:
            connection.autocommit = True
            pool.putconn(connection)
        return pool

    def close(self, pool):
        pool.closeall()

    def execute_values(self, count, meter):
        connection = self.connection()
        cursor = connection.cursor()
        data = rows(count)
        with meter:
            psycopg2.extras.execute_values(cursor, "INSERT INTO bench_sink VALUES %s", data)
        connection.rollback()

    def execute_batch(self, count, meter):
        connection = self.connection()
        cursor = connection.cursor()
        data = rows(count)
        with meter:
            psycopg2.extras.execute_batch(cursor, "INSERT INTO bench_sink VALUES (%s, %s, %s, %s)", data)
        connection.rollback()

    def copy_in(self, count, meter):
        connection = self.connection()
        cursor = connection.cursor()
        source = io.BytesIO(copy_text(count))
        with meter:
            cursor.copy_expert("COPY bench_sink FROM STDIN", source)
        connection.rollback()

    def copy_out(self, count, meter):
        cursor = self.connection().cursor()
        sink = io.BytesIO()
        with meter:
            cursor.copy_expert(f"COPY ({select('copy_out', count)}) TO STDOUT", sink)
