"""The workloads for drivers of the DB API: the common part of psycopg2, Apus and psycopg 3."""

import threading

from workloads import THREADS, rows, select


class DBAPI:
    """Each method runs one workload `count` times, with `meter` around the measured part."""

    def __init__(self, dsn):
        self.dsn = dsn

    def connection(self, autocommit=False):
        connection = self.driver.connect(self.dsn)
        connection.autocommit = autocommit
        return connection

    def cursor(self, connection, **options):
        return connection.cursor(**options)

    def connect(self, count, meter):
        with meter:
            for _ in range(count):
                self.driver.connect(self.dsn).close()

    def select1(self, count, meter):
        cursor = self.cursor(self.connection(autocommit=True))
        with meter:
            for _ in range(count):
                cursor.execute("SELECT 1")
                cursor.fetchone()

    def transaction(self, count, meter):
        connection = self.connection()
        cursor = self.cursor(connection)
        with meter:
            for number in range(count):
                cursor.execute("UPDATE bench_points SET number = number + 1 WHERE id = %s", (number % 1000 + 1,))
                connection.commit()

    def point(self, count, meter):
        cursor = self.cursor(self.connection(autocommit=True))
        with meter:
            for number in range(count):
                cursor.execute("SELECT id, name, number FROM bench_points WHERE id = %s", (number % 1000 + 1,))
                cursor.fetchone()

    def fetch(self, name, count, meter):
        connection = self.connection()
        cursor = self.cursor(connection)
        with meter:
            cursor.execute(select(name, count))
            assert len(cursor.fetchall()) == count

    def named(self, name, count, meter):
        cursor = self.cursor(self.connection(), name="bench")
        cursor.itersize = 2000
        with meter:
            cursor.execute(select(name, count))
            assert sum(1 for _ in cursor) == count

    def executemany(self, count, meter):
        connection = self.connection()
        cursor = self.cursor(connection)
        data = rows(count)
        with meter:
            cursor.executemany("INSERT INTO bench_sink VALUES (%s, %s, %s, %s)", data)
        connection.rollback()

    def preparation(self, count, meter):
        data = rows(count)
        with meter:
            assert len(data) == count

    def threads(self, count, meter):
        pool = self.pool()
        each = count // THREADS
        start = threading.Barrier(THREADS + 1)

        def work():
            start.wait()
            for number in range(each):
                connection = pool.getconn()
                cursor = self.cursor(connection)
                cursor.execute("SELECT id, name, number FROM bench_points WHERE id = %s", (number % 1000 + 1,))
                cursor.fetchone()
                cursor.close()
                pool.putconn(connection)

        workers = [threading.Thread(target=work) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        with meter:
            start.wait()
            for worker in workers:
                worker.join()
        self.close(pool)
