"""Threads that read attributes of a connection in use by another thread, and threads that share an asynchronous
connection, a green one, or a replication stream."""

import threading
import time

import psycopg2
import pytest
from psycopg2 import extensions, extras
from psycopg2.extras import LogicalReplicationConnection, StopReplication

from racing import in_threads
from sharing import busy, finish, keys, start
from waiting import until


def test_looking_at_a_connection_waits_for_no_statement(dsn, connection):
    with busy(dsn, connection) as thread:
        seen = []

        def look():
            info = connection.info
            seen.append((
                connection.get_parameter_status("server_encoding"), info.parameter_status("integer_datetimes"),
                info.error_message, info.ssl_attribute("protocol"), info.ssl_attribute_names, info.host, info.user,
                info.dsn_parameters["dbname"], connection.encoding, connection.get_transaction_status(),
                info.socket, info.backend_pid, info.server_version, connection.closed))

        looking = start(seen, look)
        looking.join(10)
        assert not looking.is_alive() and thread.is_alive(), "it waited for the statement"
        assert seen[0][:3] == ("UTF8", "on", None) and seen[0][9] == extensions.TRANSACTION_STATUS_ACTIVE


def test_parameters_are_read_while_they_change(connection, quick_switches):
    """libpq frees a parameter's old value when the server reports another."""
    connection.autocommit = True
    zones = ["UTC", "Europe/Berlin", "America/Argentina/ComodRivadavia"]
    stop = threading.Event()

    def work(number):
        if number:
            while not stop.is_set():
                assert connection.get_parameter_status("TimeZone") in zones
                assert connection.info.parameter_status("TimeZone") in zones
                error = connection.info.error_message
                assert error is None or "division by zero" in error
                assert connection.encoding in ("UTF8", "LATIN1")
            return
        try:
            cursor = connection.cursor()
            for turn in range(200):
                cursor.execute("SET TimeZone TO %s", (zones[turn % 3],))
                cursor.execute(f"SET client_encoding TO '{['UTF8', 'LATIN1'][turn % 2]}'")
                with pytest.raises(psycopg2.errors.DivisionByZero):
                    cursor.execute("SELECT 1 / 0")
        finally:
            stop.set()

    connection.cursor().execute("SET TimeZone TO 'UTC'")
    in_threads(4, work)


# Asynchronous connections


def wait(connection, others):
    deadline = time.monotonic() + 20
    while connection.poll() != extensions.POLL_OK or connection.isexecuting():
        assert time.monotonic() < deadline or others


def test_threads_poll_one_asynchronous_connection(dsn, quick_switches):
    """One thread executes, all poll; the cursor gets the answer, whichever thread reads it."""
    for _ in range(3):
        connection = psycopg2.connect(dsn, async_=True)
        stop = threading.Event()

        def work(number):
            if number:
                while not stop.is_set():
                    connection.poll()
                return
            try:
                wait(connection, True)
                cursor = connection.cursor()
                listener = connection.cursor()
                listener.execute("LISTEN polled")
                wait(connection, True)
                for turn in range(120):
                    text = "x" * (turn * 37)
                    cursor.execute("SELECT %s, generate_series(1, 50); NOTIFY polled, '%s'; SELECT %s, %s",
                                   (text, turn, turn, text))
                    wait(connection, True)
                    assert cursor.fetchall() == [(turn, text)]
                    assert str(turn).encode() in cursor.query
            finally:
                stop.set()

        in_threads(3, work)
        assert [int(notify.payload) for notify in connection.notifies] == list(range(120))
        connection.close()


def test_an_asynchronous_connection_is_closed_while_others_poll(dsn, quick_switches):
    for turn in range(15):
        connection = psycopg2.connect(dsn, async_=True)
        polled = threading.Barrier(4)

        def work(number):
            cursor, waited = None, False
            try:
                while True:
                    if connection.poll() == extensions.POLL_OK and not connection.isexecuting():
                        cursor = cursor or connection.cursor()
                        if not waited:
                            waited = True
                            polled.wait(20)
                        if number == 0:
                            connection.close()
                        cursor.execute("SELECT generate_series(1, 100)")
            except psycopg2.Error:
                pass

        in_threads(4, work)
        assert connection.closed


def test_threads_wait_for_one_green_connection(dsn, quick_switches):
    """A call during the wait for the statement of another thread is refused, and does not disturb that statement."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    extensions.set_wait_callback(extras.wait_select)
    counts = {"done": 0, "refused": 0}
    try:
        cursor = connection.cursor()

        def work(number):
            for turn in range(60):
                try:
                    cursor.execute("SELECT %s, %s", (number, "x" * turn))
                    counts["done"] += 1
                except psycopg2.ProgrammingError:
                    counts["refused"] += 1

        in_threads(4, work)
    finally:
        extensions.set_wait_callback(None)
    assert counts["done"]
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    connection.close()


# Replication


@pytest.fixture
def stream(dsn):
    """A slot, and a connection that streams from it in text."""
    plain = psycopg2.connect(dsn)
    plain.autocommit = True
    cursor, name = plain.cursor(), f"shared_{next(keys)}"
    cursor.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (name,))
    connections = []

    def begin(**options):
        connections.append(psycopg2.connect(dsn, connection_factory=LogicalReplicationConnection, **options))
        return connections[-1], name, cursor

    yield begin
    for connection in connections:
        connection.close()

    def is_dropped():
        cursor.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                       " WHERE slot_name = %s AND NOT active", (name,))
        return cursor.rowcount

    until(is_dropped, within=20)
    cursor.execute("DROP TABLE IF EXISTS shared_stream")
    plain.close()


class Enough(StopReplication):
    pass


def insert(plain, count):
    for i in range(count):
        plain.execute("INSERT INTO shared_stream VALUES (%s)", (i,))


@pytest.mark.parametrize("consumes", [True, False])
def test_threads_share_a_replication_stream(stream, quick_switches, consumes):
    """One inserts, one or two read, others send feedback and read attributes: no message is lost."""
    connection, slot, plain = stream()
    plain.execute("CREATE TABLE IF NOT EXISTS shared_stream (i int)")
    cursor = connection.cursor()
    cursor.start_replication(slot, decode=True)
    seen, stop, count = [], threading.Event(), 150

    def take(message):
        if "INSERT" in message.payload:
            seen.append(int(message.payload.rsplit(":", 1)[1]))
        if len(seen) == count:
            stop.set()
            raise Enough

    def work(number):
        try:
            if number == 0:
                insert(plain, count)
            elif number == 1 and consumes:
                with pytest.raises(Enough):
                    cursor.consume_stream(take)
            else:
                feed_back(cursor, stop, None if consumes else take)
        except BaseException:
            stop.set()
            raise

    in_threads(4, work)
    assert sorted(seen) == list(range(count))
    plain.execute("DROP TABLE shared_stream")


def feed_back(cursor, stop, take):
    while not stop.is_set():
        cursor.send_feedback(reply=True)
        assert cursor.wal_end >= 0 and cursor.feedback_timestamp and cursor.io_timestamp
        message = take and cursor.read_message()
        if message:
            try:
                take(message)
            except Enough:
                pass


def test_feedback_does_not_wait_for_the_next_message(stream):
    """Another thread waits for a message that does not come."""
    connection, slot, plain = stream()
    cursor = connection.cursor()
    cursor.start_replication(slot, decode=True, status_interval=60)
    errors, sent = [], threading.Event()

    def stop(message):
        raise Enough

    consumer = start(errors, cursor.consume_stream, stop)
    before = cursor.feedback_timestamp
    feeder = start(errors, lambda: (cursor.send_feedback(force=True), sent.set()))
    assert sent.wait(20) and cursor.feedback_timestamp > before and consumer.is_alive()
    assert cursor.read_message() is None
    plain.execute("SELECT pg_logical_emit_message(true, 'end', 'x')")
    plain.execute("CREATE TABLE feedback_ends (i int); DROP TABLE feedback_ends")
    finish(consumer, feeder)
    assert [type(error) for error in errors] == [Enough]
