"""Asynchronous connections, and the wait callback of green threads."""

import select
import time

import psycopg2
import pytest
from psycopg2 import extensions
from psycopg2.extras import wait_select


def wait(connection, limit=20):
    """Polls until the connection is ready, and answers how often it had to wait."""
    deadline, waits = time.monotonic() + limit, 0
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return waits
        descriptor = connection.fileno()
        reads, writes = ([descriptor], []) if state == extensions.POLL_READ else ([], [descriptor])
        assert any(select.select(reads, writes, [], max(0, deadline - time.monotonic()))), "nothing came"
        waits += 1


@pytest.fixture
def connection(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    wait(connection)
    yield connection
    connection.close()


def test_connecting(dsn):
    connection = psycopg2.connect(dsn, async_=1)
    assert connection.async_ == 1 and connection.isexecuting() and not connection.closed
    assert wait(connection) > 0
    assert not connection.isexecuting() and connection.autocommit
    assert connection.status == extensions.STATUS_READY


def test_a_query(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT %s, pg_sleep(0.2)", ("é",))
    assert connection.isexecuting()
    with pytest.raises(psycopg2.ProgrammingError, match="underway"):
        cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.fetchone()
    assert wait(connection) > 0
    assert cursor.fetchone()[0] == "é" and not connection.isexecuting()


def test_large_statements_are_written_piece_by_piece(connection):
    cursor = connection.cursor()
    text = "x" * 20_000_000
    cursor.execute("SELECT length(%s)", (text,))
    states = []
    while (state := connection.poll()) != extensions.POLL_OK:
        states.append(state)
        descriptor = connection.fileno()
        select.select([descriptor] if state == extensions.POLL_READ else [], [descriptor] if state == 2 else [], [], 10)
    # How often the socket was full depends on how fast the server reads; the answer at least is waited for.
    assert cursor.fetchone() == (20_000_000,) and states
    assert set(states) <= {extensions.POLL_READ, extensions.POLL_WRITE}


def test_errors_come_out_of_poll(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1/0")
    with pytest.raises(psycopg2.errors.DivisionByZero) as caught:
        wait(connection)
    assert caught.value.cursor is cursor
    cursor.execute("SELECT 1")
    wait(connection)
    assert cursor.fetchone() == (1,)


def test_what_asynchronous_connections_cannot(connection):
    for call in (connection.commit, connection.rollback, connection.reset,
                 lambda: connection.set_client_encoding("UTF8"), lambda: connection.cursor("named")):
        with pytest.raises(psycopg2.ProgrammingError):
            call()


def test_a_failed_connect(dsn):
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        wait(psycopg2.connect(dsn, dbname="no_such_database", async_=True))


def test_notifications_wake_the_descriptor(dsn, connection):
    cursor = connection.cursor()
    cursor.execute("LISTEN x")
    wait(connection)
    assert select.select([connection], [], [], 0) == ([], [], [])
    other = psycopg2.connect(dsn)
    other.autocommit = True
    other.cursor().execute("NOTIFY x, 'y'")
    assert select.select([connection], [], [], 10)[0] == [connection]
    connection.poll()
    assert [notify.payload for notify in connection.notifies] == ["y"]
    other.close()


def test_balanced_connections_keep_their_descriptor(three_nodes):
    """Loops register a descriptor once, whatever the balanced connect waits for behind it."""
    connections = [psycopg2.connect(three_nodes.dsn(1), load_balance=True, async_=True) for _ in range(6)]
    ports = set()
    for connection in connections:
        descriptor = connection.fileno()
        wait(connection)
        assert connection.fileno() == descriptor
        cursor = connection.cursor()
        cursor.execute("SELECT host(inet_server_addr())")
        wait(connection)
        ports.add(cursor.fetchone()[0])
        cursor.execute("LISTEN x; NOTIFY x")
        wait(connection)
        assert connection.fileno() == descriptor
    assert len(ports) == 3
    for connection in connections:
        connection.close()


@pytest.fixture
def green():
    calls = []

    def callback(connection):
        calls.append(connection)
        wait_select(connection)

    extensions.set_wait_callback(callback)
    yield calls
    extensions.set_wait_callback(None)


def test_green_mode(three_nodes, green):
    for options in ({}, {"load_balance": "any"}):
        connection = psycopg2.connect(three_nodes.dsn(1), **options)
        assert green
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_sleep(0.1)")
            assert cursor.fetchone() == (1,)
            with pytest.raises(psycopg2.errors.DivisionByZero):
                cursor.execute("SELECT 1/0")
        named = connection.cursor("n")
        named.execute("SELECT generate_series(1, 3)")
        assert len(named.fetchall()) == 3
        connection.close()
    assert extensions.get_wait_callback() is not None


def test_a_callback_that_raises_closes_the_connection(dsn):
    connection = psycopg2.connect(dsn)

    def callback(connection):
        raise ZeroDivisionError

    extensions.set_wait_callback(callback)
    try:
        with pytest.raises(ZeroDivisionError):
            connection.cursor().execute("SELECT 1")
        assert connection.closed
        with pytest.raises(ZeroDivisionError):
            psycopg2.connect(dsn)
    finally:
        extensions.set_wait_callback(None)
