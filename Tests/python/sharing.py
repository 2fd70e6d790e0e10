"""Threads that share an object: starting them, ending them, and making them meet."""

import itertools
import threading
from contextlib import contextmanager

import psycopg2

from waiting import until

keys = itertools.count(7_000_000)


@contextmanager
def busy(dsn, connection):
    """Another thread executes a statement on the connection from the beginning of the block to its end."""
    with psycopg2.connect(dsn) as holder:
        key, locks = next(keys), holder.cursor()
        locks.execute("SELECT pg_advisory_lock(%s)", (key,))
        thread = threading.Thread(
            target=lambda: connection.cursor().execute("SELECT pg_advisory_lock(%s)", (key,)), daemon=True)
        thread.start()

        def waits():
            assert thread.is_alive()
            locks.execute(
                "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", (key,))
            return locks.rowcount

        until(waits, within=20)
        try:
            yield thread
        finally:
            locks.execute("SELECT pg_advisory_unlock(%s)", (key,))
            thread.join(20)
            assert not thread.is_alive()
    holder.close()


def start(errors, call, *arguments):
    """Starts a thread that makes the call and appends its exception to a list."""
    def run():
        try:
            call(*arguments)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def finish(*threads):
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "deadlock"
