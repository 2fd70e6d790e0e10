"""One connection for many threads; the GIL; forks; signals."""

import io
import os
import signal
import sys
import threading
import time

import psycopg2
import psycopg2.apus
import pytest
from psycopg2 import extensions

from cold import in_child
from racing import in_threads
from waiting import is_running, until, when


def send(number):
    """A function that sends this process a signal."""
    return lambda: os.kill(os.getpid(), number)


def test_32_threads_share_a_connection(connection, quick_switches):
    connection.autocommit = True

    def work(number):
        for turn in range(30):
            cursor = connection.cursor()
            cursor.execute("SELECT %s, %s", (number, turn))
            assert cursor.fetchone() == (number, turn)

    in_threads(32, work)


def test_threads_commit_and_listen_on_one_connection(connection, quick_switches):
    connection.cursor().execute("LISTEN x")
    connection.commit()

    def work(number):
        for turn in range(20):
            cursor = connection.cursor()
            cursor.execute("NOTIFY x, '%s'; DO $$BEGIN RAISE NOTICE 'n'; END$$", (number,))
            connection.poll()
            connection.commit()
            assert connection.encoding == "UTF8"

    in_threads(16, work)
    connection.poll()
    assert len(connection.notifies) > 0 and len(connection.notices) > 0


def test_threads_with_a_connection_each(dsn):
    def work(number):
        connection = psycopg2.connect(dsn)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT %s", (number,))
            assert cursor.fetchone() == (number,)
        connection.close()

    in_threads(32, work)


def test_32_threads_do_everything_on_one_connection(connection, quick_switches):
    """Statements, errors, COPY, transactions, short-lived cursors, and reads of attributes of the connection."""
    connection.autocommit = True
    setup = connection.cursor()
    setup.execute("CREATE TEMP TABLE everything (thread int, turn int)")
    done = []

    def work(number):
        for turn in range(12):
            cursor = connection.cursor()
            cursor.copy_expert("COPY everything FROM STDIN", io.StringIO(f"{number}\t{turn}\n"))
            with pytest.raises(psycopg2.errors.DivisionByZero):
                cursor.execute("SELECT %s / 0", (number,))
            cursor.execute("SELECT %s, %s, %s", (number, "x" * turn, [turn]))
            assert cursor.fetchall() == [(number, "x" * turn, [turn])]
            cursor.executemany("SELECT %s", [(1,), (2,)])
            out = io.StringIO()
            cursor.copy_expert(f"COPY (SELECT {number}) TO STDOUT", out)
            assert out.getvalue() == f"{number}\n"
            assert connection.info.parameter_status("client_encoding") == "UTF8"
            assert connection.encoding == "UTF8" and connection.status == extensions.STATUS_READY
            connection.commit()
            connection.poll()
            psycopg2.apus.ping(connection)
        done.append(number)

    in_threads(32, work)
    assert len(done) == 32
    setup.execute("SELECT count(*), count(DISTINCT (thread, turn)) FROM everything")
    assert setup.fetchone() == (32 * 12, 32 * 12)


@pytest.mark.parametrize("interval", [1e-6, 5e-3])
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_forks_in_the_midst_of_32_threads_on_one_connection(secure_node, sslmode, interval):
    """In the child the connection may be in any state: its lock is taken, and threads that wait for it do not exist.
    Its use raises an error which says that it belongs to the parent; the child can close it, and can connect."""
    dsn = secure_node.dsn(1, sslmode=sslmode)
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    stop = threading.Event()

    def child():
        told = 0
        for use in (connection.cursor, connection.commit, lambda: connection.info.parameter_status("TimeZone")):
            try:
                use()
            except psycopg2.InterfaceError as error:
                told += "forked process" in str(error)
        connection.close()
        with psycopg2.connect(dsn) as own, own.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
        return told >= 2

    def work(number):
        if number == 0:
            try:
                for _ in range(6):
                    assert in_child(child) == "True"
            finally:
                stop.set()
        while not stop.is_set():
            cursor = connection.cursor()
            cursor.execute("SELECT %s", (number,))
            assert cursor.fetchone() == (number,)

    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        in_threads(32, work)
    finally:
        sys.setswitchinterval(before)
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    connection.close()


def test_a_commit_waits_for_the_first_statement_of_another_thread(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE first_statement (i int)")
    connection.commit()
    waits = is_running(connection)
    thread = threading.Thread(
        target=lambda: connection.cursor().execute("INSERT INTO first_statement SELECT 1 FROM pg_sleep(0.7)"))
    thread.start()
    until(waits)
    connection.commit()
    thread.join(5)
    assert not thread.is_alive()
    # A commit that did not wait would have left the row to the transaction that is rolled back here.
    connection.rollback()
    cursor.execute("SELECT count(*) FROM first_statement")
    assert cursor.fetchone() == (1,)


def test_closing_while_others_work(dsn):
    """A call that comes after the close raises; no thread crashes or waits for ever."""
    for _ in range(10):
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        done = []

        def work(number):
            if number == 0:
                until(lambda: len(done) >= 10)
                connection.close()
                return
            try:
                for _ in range(50):
                    connection.cursor().execute("SELECT 1")
                    done.append(number)
            except (psycopg2.InterfaceError, psycopg2.OperationalError):
                pass

        in_threads(8, work)


def test_the_gil_is_free_while_a_statement_runs(connection):
    """Another thread has the GIL 20 times before it ends the statement."""
    ticks = []

    def tick():
        ticks.append(1)
        return len(ticks) > 20

    waits = is_running(connection)
    with when(lambda: waits() and tick(), connection.cancel):
        with pytest.raises(extensions.QueryCanceledError):
            connection.cursor().execute("SELECT pg_sleep(60)")
    assert len(ticks) > 20


def test_cancel_from_another_thread(connection):
    cursor = connection.cursor()
    with when(is_running(connection), connection.cancel), pytest.raises(extensions.QueryCanceledError):
        cursor.execute("SELECT pg_sleep(30)")
    connection.rollback()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


@pytest.mark.timing
def test_ctrl_c_cancels_the_statement_and_leaves_the_connection(connection):
    cursor = connection.cursor()
    for _ in range(3):
        started = time.monotonic()
        with when(is_running(connection), send(signal.SIGINT)), pytest.raises(KeyboardInterrupt):
            cursor.execute("SELECT pg_sleep(30)")
        assert time.monotonic() - started < 5
        assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_INERROR
        connection.rollback()
        cursor.execute("SELECT 5")
        assert cursor.fetchone() == (5,)
        connection.rollback()


def test_a_signal_handler_that_does_not_raise_interrupts_nothing(dsn, connection):
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    holder = psycopg2.connect(dsn)
    holder.cursor().execute("SELECT pg_advisory_lock(4713)")

    def interrupt():
        send(signal.SIGUSR1)()
        until(lambda: seen)
        holder.close()

    try:
        cursor = connection.cursor()
        with when(is_running(connection, "advisory"), interrupt):
            cursor.execute("SELECT 7 FROM pg_advisory_xact_lock(4713)")
        assert cursor.fetchone() == (7,) and seen == [1]
    finally:
        signal.signal(signal.SIGUSR1, before)
        holder.close()


def test_a_signal_handler_that_uses_the_same_connection_is_told_so(connection):
    def handler(*_):
        connection.cursor().execute("SELECT 1")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with when(is_running(connection), send(signal.SIGUSR1)):
            with pytest.raises(psycopg2.ProgrammingError, match="in use by this thread"):
                connection.cursor().execute("SELECT pg_sleep(30)")
    finally:
        signal.signal(signal.SIGUSR1, before)
    connection.rollback()
    connection.cursor().execute("SELECT 1")


def test_a_forked_process_leaves_its_parents_session_alone(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    backend = cursor.fetchone()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = b"nothing raised"
        try:
            cursor.execute("SELECT 1")
        except psycopg2.InterfaceError as error:
            answer = str(error).encode()
        finally:
            os.write(writer, answer)
            connection.close()
            os._exit(0)
    os.waitpid(child, 0)
    assert b"belongs to the process that opened it" in os.read(reader, 1000)
    os.close(reader)
    os.close(writer)
    cursor.execute("SELECT pg_backend_pid()")
    assert cursor.fetchone() == backend
