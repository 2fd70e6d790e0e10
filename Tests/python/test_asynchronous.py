"""Asynchronous connections, and the wait callback of green threads."""

import select
import time

import psycopg2
import pytest
from psycopg2 import extensions, sql
from psycopg2.extras import wait_select

from observing import heap


def wait(connection, limit=20):
    """Polls until the connection is ready; returns how often it had to wait."""
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
    # How often the socket was full depends on how fast the server reads. For the answer it waits at least once.
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
    """The descriptor never changes, because loops register it once, while a balanced connect uses several sockets."""
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


# Other cursors, and what the last result was


def shown(cursor):
    columns = cursor.description and [column.name for column in cursor.description]
    return cursor.rowcount, cursor.rownumber, columns, cursor.statusmessage


def test_the_rows_of_a_cursor_are_there_whatever_another_one_executes(connection):
    rows, busy = connection.cursor(), connection.cursor()
    rows.execute("SELECT generate_series(1, 6)")
    wait(connection)
    busy.execute("SELECT pg_sleep(0.3)")
    assert connection.isexecuting()
    assert rows.fetchone() == (1,) and next(rows) == (2,) and rows.fetchmany(2) == [(3,), (4,)]
    rows.scroll(-1)
    assert rows.fetchall() == [(4,), (5,), (6,)] and list(rows) == []
    rows.scroll(4, "absolute")
    assert list(rows) == [(5,), (6,)]
    assert connection.isexecuting()
    for fetch in (busy.fetchone, busy.fetchmany, busy.fetchall, lambda: next(busy)):
        with pytest.raises(psycopg2.ProgrammingError, match="while the cursor's asynchronous query is underway"):
            fetch()
    with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
        connection.cursor().fetchone()
    wait(connection)
    assert busy.fetchall() == [("",)]


@pytest.mark.parametrize("size", [3, 100_000])
def test_the_last_result_is_described_until_the_next_is_there(connection, size):
    cursor = connection.cursor()
    cursor.execute("SELECT n AS a, repeat('x', 100) AS b FROM generate_series(1, %s) n", (size,))
    wait(connection)
    cursor.fetchone()
    cursor.execute("SELECT 7 AS c, pg_sleep(0.1)")
    assert shown(cursor) == (size, 1, ["a", "b"], f"SELECT {size}") and cursor.query.startswith(b"SELECT 7")
    assert cursor.pgresult_ptr is None
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.fetchone()
    assert shown(cursor) == (size, 0, None, f"SELECT {size}")
    wait(connection)
    assert shown(cursor) == (1, 0, ["c", "pg_sleep"], "SELECT 1") and cursor.fetchone() == (7, "")


def test_the_last_result_of_a_large_one_that_was_fetched(connection):
    """Its rows were moved out of libpq's memory, and are freed when the next statement begins."""
    cursor = connection.cursor()
    cursor.execute("SELECT repeat('x', 1000) AS a FROM generate_series(1, 20000)")
    wait(connection)
    assert len(cursor.fetchall()) == 20_000
    cursor.execute("SELECT 1 AS b")
    assert shown(cursor) == (20_000, 20_000, ["a"], "SELECT 20000")
    wait(connection)
    assert shown(cursor) == (1, 0, ["b"], "SELECT 1") and cursor.fetchall() == [(1,)]


def test_commands_and_errors_after_one_another(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE a (b int)")
    wait(connection)
    cursor.execute("INSERT INTO a VALUES (1), (2)")
    assert shown(cursor) == (-1, 0, None, "CREATE TABLE")
    wait(connection)
    cursor.execute("SELECT 1/0 AS c")
    assert shown(cursor) == (2, 0, None, "INSERT 0 2")
    with pytest.raises(psycopg2.errors.DivisionByZero) as caught:
        wait(connection)
    assert caught.value.cursor is cursor
    assert shown(cursor) == (-1, 0, None, "")
    cursor.execute("SELECT 3 AS d")
    assert shown(cursor) == (-1, 0, None, "")
    wait(connection)
    cursor.execute("SELECT 1/0")
    assert shown(cursor) == (1, 0, ["d"], "SELECT 1")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        wait(connection)
    assert shown(cursor) == (-1, 0, None, "")
    with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
        cursor.fetchall()


def test_an_empty_statement_is_the_servers_to_refuse(connection):
    cursor = connection.cursor()
    cursor.execute(sql.SQL(""), (1,))
    with pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query"):
        wait(connection)
    cursor.execute("SELECT 4")
    wait(connection)
    assert cursor.fetchall() == [(4,)]


@pytest.mark.parametrize("statement, after", [("SELECT 7 AS c", (1, 0, ["c"], "SELECT 1")),
                                              ("SELECT 1/0", (-1, 0, None, ""))])
def test_a_cursor_that_is_closed_while_its_statement_runs(connection, statement, after):
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS a, 2 AS b")
    wait(connection)
    cursor.execute(statement)
    cursor.close()
    assert shown(cursor) == (1, 0, ["a", "b"], "SELECT 1")
    try:
        wait(connection)
    except psycopg2.errors.DivisionByZero:
        pass
    assert shown(cursor) == after
    with pytest.raises(psycopg2.InterfaceError, match="cursor already closed"):
        cursor.fetchall()


def test_the_bytes_of_a_large_result_do_not_wait_for_the_next_one(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT repeat('x', 1000) AS a FROM generate_series(1, 50000)")
    wait(connection)
    before = heap()
    cursor.execute("SELECT pg_sleep(0.1)")
    assert heap() < before - 40_000 and shown(cursor) == (50_000, 0, ["a"], "SELECT 50000")
    wait(connection)


@pytest.fixture
def watched():
    """A wait callback that first calls the functions in the list."""
    looks = []

    def callback(connection):
        for look in looks:
            look()
        wait_select(connection)

    extensions.set_wait_callback(callback)
    yield looks
    extensions.set_wait_callback(None)


def test_a_wait_callback_sees_the_last_result(dsn, watched):
    connection, seen = psycopg2.connect(dsn), []
    cursor = connection.cursor()
    cursor.execute("SELECT generate_series(1, 3) AS a")
    cursor.fetchone()
    watched.append(lambda: seen.append((shown(cursor), cursor.query)))
    cursor.execute("SELECT 7 AS b")
    assert seen == [((3, 1, ["a"], "SELECT 3"), b"SELECT 7 AS b")]
    assert shown(cursor) == (1, 0, ["b"], "SELECT 1") and cursor.fetchone() == (7,)
    seen.clear()
    with pytest.raises(psycopg2.errors.DivisionByZero):
        cursor.execute("SELECT 1/0")
    assert [state for state, _ in seen] == [(1, 1, ["b"], "SELECT 1")]
    assert shown(cursor) == (-1, 0, None, "")
    connection.close()


@pytest.mark.parametrize("name", [None, "n"])
def test_a_wait_callback_cannot_fetch_what_is_not_there(dsn, watched, name):
    """The rows of the last result are gone, and those of the next have not arrived."""
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor(name)
    cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
    assert len(cursor.fetchmany(4000)) == 4000
    if name:
        # Half of the rows fetched have not been returned yet.
        cursor.itersize = 500
        next(cursor)
    errors = []

    def look():
        for fetch in (cursor.fetchone, cursor.fetchall, lambda: next(cursor)):
            try:
                errors.append(fetch())
            except psycopg2.ProgrammingError as error:
                errors.append(type(error))

    watched.append(look)
    if name:
        assert len(cursor.fetchmany(10)) == 10
    else:
        cursor.execute("SELECT 1")
    assert errors == [psycopg2.ProgrammingError] * 3
    watched.clear()
    connection.close()
