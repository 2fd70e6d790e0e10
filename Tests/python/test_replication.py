"""Replication streams, logical and physical."""

import gc
import itertools
import os
import select
import signal
import time
import weakref

import psycopg2
import pytest
from psycopg2.extras import (
    REPLICATION_LOGICAL,
    LogicalReplicationConnection,
    PhysicalReplicationConnection,
    StopReplication,
)

from waiting import until

numbers = itertools.count()


@pytest.fixture
def plain(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


@pytest.fixture
def slot(plain):
    """The name of a logical slot, which is dropped at the end."""
    name = f"slot_{os.getpid()}_{next(numbers)}"
    plain.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (name,))
    yield name

    def is_dropped():
        plain.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                      " WHERE slot_name = %s AND NOT active", (name,))
        return plain.rowcount

    until(is_dropped)


@pytest.fixture
def logical(dsn):
    connection = psycopg2.connect(dsn, connection_factory=LogicalReplicationConnection)
    yield connection
    connection.close()


class Enough(StopReplication):
    pass


def changes(cursor, count, **options):
    """The payloads of the first `count` messages."""
    seen = []

    def consume(message):
        seen.append(message)
        if len(seen) == count:
            raise Enough

    with pytest.raises(Enough):
        cursor.consume_stream(consume, **options)
    return seen


def test_rows_come_as_they_are_committed(plain, slot, logical):
    plain.execute("CREATE TABLE streamed (id int, data text)")
    cursor = logical.cursor()
    cursor.start_replication(slot, decode=True, options={"include-xids": "0"})
    plain.execute("INSERT INTO streamed VALUES (1, 'é☃')")
    messages = changes(cursor, 5)
    assert [m.payload for m in messages][-3:] == [
        "BEGIN", "table public.streamed: INSERT: id[integer]:1 data[text]:'é☃'", "COMMIT"]
    message = messages[-2]
    assert message.cursor is cursor and message.data_size == len(message.payload.encode())
    assert 0 < message.data_start <= cursor.wal_end
    assert abs(time.time() - message.send_time.timestamp()) < 60
    assert "data_start: " in repr(message)
    plain.execute("DROP TABLE streamed")


def test_feedback_is_heard(plain, slot, logical):
    cursor = logical.cursor()
    cursor.start_replication(slot)
    plain.execute("CREATE TABLE confirmed (id int); DROP TABLE confirmed")
    message = changes(cursor, 2)[-1]
    assert isinstance(message.payload, bytes)
    before = cursor.feedback_timestamp
    message.cursor.send_feedback(flush_lsn=message.data_start)
    assert cursor.feedback_timestamp == before, "without reply or force it waits for status_interval"
    message.cursor.send_feedback(reply=True)
    assert cursor.feedback_timestamp > before
    position = f"{message.data_start >> 32:X}/{message.data_start & 0xFFFFFFFF:X}"

    def is_confirmed():
        plain.execute("SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s",
                      (position, slot))
        return plain.fetchone()[0]

    until(is_confirmed)


def test_a_quiet_stream_is_kept_alive(plain, slot, logical):
    """With a wal_sender_timeout of 2 s, the server ends the stream of a client that sends nothing."""
    plain.execute("ALTER ROLE yugabyte SET wal_sender_timeout = '2s'")
    try:
        patient = psycopg2.connect(logical.dsn, connection_factory=LogicalReplicationConnection)
    finally:
        plain.execute("ALTER ROLE yugabyte RESET wal_sender_timeout")
    cursor = patient.cursor()
    cursor.start_replication(slot, status_interval=1)
    previous = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(Enough()))
    signal.setitimer(signal.ITIMER_REAL, 4.5)
    try:
        with pytest.raises(Enough):
            cursor.consume_stream(lambda message: None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    plain.execute("CREATE TABLE late (id int); DROP TABLE late")
    assert changes(cursor, 1), "a signal ends the wait, not the stream"
    patient.close()


def test_asynchronous(plain, slot, dsn):
    connection = psycopg2.connect(dsn, connection_factory=LogicalReplicationConnection, async_=1)

    def wait():
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            select.select([connection] if state == 1 else [], [connection] if state == 2 else [], [], 10)

    wait()
    cursor = connection.cursor()
    cursor.start_replication(slot)
    wait()
    assert cursor.read_message() is None
    plain.execute("CREATE TABLE eventually (id int)")
    plain.execute("DROP TABLE eventually")
    seen = []
    while len(seen) < 4:
        message = cursor.read_message()
        if message is None:
            assert select.select([cursor], [], [], 10)[0], "nothing came for ten seconds"
        else:
            seen.append(message.payload.split()[0])
    assert seen == [b"BEGIN", b"COMMIT"] * 2
    cursor.send_feedback(flush_lsn=message.data_start, force=True)
    connection.close()


def test_physical(plain, dsn):
    connection = psycopg2.connect(dsn, connection_factory=PhysicalReplicationConnection)
    cursor = connection.cursor()
    cursor.execute("IDENTIFY_SYSTEM")
    timeline, position = cursor.fetchone()[1:3]
    cursor.start_replication(start_lsn=position, timeline=timeline)
    plain.execute("CREATE TABLE physical (id int); DROP TABLE physical")
    messages = changes(cursor, 1)
    high, low = position.split("/")
    assert messages[0].data_start == (int(high, 16) << 32) + int(low, 16)
    connection.close()


def test_the_end_of_a_stream_is_told(plain, slot, logical):
    cursor = logical.cursor()
    cursor.start_replication(slot)
    plain.execute("SELECT pg_terminate_backend(%s)", (logical.info.backend_pid,))
    with pytest.raises(psycopg2.OperationalError):
        cursor.consume_stream(lambda message: None)
    assert logical.closed == 2


def test_mistakes(plain, slot, logical):
    cursor = logical.cursor()
    with pytest.raises(psycopg2.ProgrammingError, match="start_replication"):
        cursor.consume_stream(print)
    with pytest.raises(psycopg2.ProgrammingError, match="slot name is required"):
        cursor.start_replication()
    with pytest.raises(psycopg2.ProgrammingError, match="timeline"):
        cursor.start_replication(slot, timeline=1)
    with pytest.raises(psycopg2.ProgrammingError, match="status_interval must be >= 1"):
        cursor.start_replication(slot, status_interval=0.5)
    for lsn in ("nonsense", "1/2/3", "/", ""):
        with pytest.raises(psycopg2.ProgrammingError, match="invalid LSN"):
            cursor.start_replication(slot, start_lsn=lsn)
    with pytest.raises(psycopg2.ProgrammingError, match="output plugin name is required"):
        cursor.create_replication_slot("x", slot_type=REPLICATION_LOGICAL)
    with pytest.raises(psycopg2.errors.UndefinedObject):
        cursor.start_replication("missing_slot")
    cursor.start_replication(slot)


def test_other_dialects_of_dates(slot, dsn):
    connection = psycopg2.connect(dsn, options="-c datestyle=german", connection_factory=LogicalReplicationConnection)
    connection.cursor().start_replication(slot)
    connection.close()


def test_nothing_is_kept(slot, logical):
    cursor = logical.cursor()
    cursor.start_replication(slot)
    alive = weakref.ref(cursor)
    del cursor
    gc.collect()
    assert alive() is None
