"""Waiting for an event: a test asks whether it has happened, and does not sleep for as long as it usually takes.

Only this file sleeps between two questions. It imports nothing but psycopg2, so that programs which tests start can
import it as well: their PYTHONPATH is `FOLDER`.
"""

import asyncio
import os
import signal
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

FOLDER = str(Path(__file__).resolve().parent)


def first_true(question, within=10, pause=0.01):
    """Asks until the answer is true or `within` seconds are over; returns the last answer. Asks once at least."""
    deadline = time.monotonic() + within
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(pause)
    return answer


def until(question, within=10, pause=0.01):
    """Asks until the answer is true, and returns it. Fails when that takes more than `within` seconds."""
    answer = first_true(question, within, pause)
    assert answer, f"it did not happen within {within} s"
    return answer


async def until_on_loop(question, within=10, pause=0.01):
    """The same in a coroutine, whose loop runs between two questions."""
    deadline = time.monotonic() + within
    while not (answer := question()):
        assert time.monotonic() < deadline, f"it did not happen within {within} s"
        await asyncio.sleep(pause)
    return answer


def is_running(connection, wait_event="PgSleep"):
    """A question to the server: whether it executes a statement of the connection that waits for this event, which is
    a `wait_event` of pg_stat_activity; None for any statement.

    Make the question before the statement starts: afterwards the connection may be in use.
    """
    dsn, node, pid = connection.dsn, connection.info.host, connection.info.backend_pid

    def question():
        with closing(psycopg2.connect(dsn, host=node, load_balance=False)) as observer, observer.cursor() as cursor:
            cursor.execute("SELECT wait_event FROM pg_stat_activity WHERE pid = %s AND state = 'active'", (pid,))
            row = cursor.fetchone()
        return row is not None and wait_event in (None, row[0])

    return question


def has_received(connection, text):
    """A question to the server: whether the last statement of the connection contains a text, executed or not."""
    dsn, node, pid = connection.dsn, connection.info.host, connection.info.backend_pid

    def question():
        with closing(psycopg2.connect(dsn, host=node, load_balance=False)) as observer, observer.cursor() as cursor:
            cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s AND strpos(query, %s) > 0", (pid, text))
            return cursor.rowcount == 1

    return question


def is_asleep(thread=None, after=0):
    """A question to the kernel: whether a thread, the main thread unless a native id is given, has been asleep since
    the question before, so that it waits for more than the GIL. The true answer is the number of times that the thread
    has gone to sleep; `after` is such an answer, and the thread has to have been awake since then. Linux only."""
    before = None

    def question():
        nonlocal before
        last, before = before, sleeps(thread)
        return before if before is not None and before == last and before > after else None

    return question


def sleeps(thread=None):
    """How many times a thread has gone to sleep, if it is asleep; otherwise None."""
    # The id of a main thread is that of its process.
    with open(f"/proc/self/task/{thread or os.getpid()}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["voluntary_ctxt_switches"]) if lines["State"].split()[0] == "S" else None


@contextmanager
def when(question, deed, within=10):
    """While the block runs, another thread waits for a true answer and then calls `deed`. The block ends when the
    thread has ended, and raises what the thread raised."""
    raised = []

    def run():
        try:
            try:
                until(question, within)
            finally:
                # Even if the answer was never true: the block may wait for the deed.
                deed()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised[0]


@contextmanager
def interrupt_when(question, within=10):
    """Raises KeyboardInterrupt in the main thread, by a signal, once the answer is true."""
    def interrupt(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with when(question, lambda: os.kill(os.getpid(), signal.SIGALRM), within):
            yield
    finally:
        signal.signal(signal.SIGALRM, previous)


def environment():
    """The environment of a program that imports this file."""
    return {**os.environ, "PYTHONPATH": FOLDER}
