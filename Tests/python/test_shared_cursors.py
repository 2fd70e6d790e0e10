"""Threads and signal handlers that share a cursor, which is not recommended. Their calls may be refused, but the
statement sent and the attributes of the cursor always belong together."""

import io
import os
import signal
import threading

import psycopg2
import pytest
from psycopg2 import extensions, sql

from racing import in_threads
from sharing import busy, finish, start
from waiting import is_running, when


class Announced:
    """An argument that sets an event when it is quoted. From then on its thread keeps the GIL until it waits for the
    connection."""

    def __init__(self, value):
        self.value = value
        self.event = threading.Event()

    def __conform__(self, protocol):
        return self

    def getquoted(self):
        self.event.set()
        return b"'" + self.value.encode() + b"'"


class AnnouncedText(sql.Composable):
    """The same, as a statement."""

    def __init__(self, text):
        self.text = text
        self.event = threading.Event()

    def as_string(self, context):
        self.event.set()
        return "".join(list(self.text))


def test_a_statement_is_kept_until_it_is_sent(dsn, connection, long_switches):
    """Each thread gives one cursor a statement while the connection is in use: every statement is sent complete."""
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE kept (t text)")
    connection.commit()
    texts = [letter * 3000 for letter in "abcdef"]
    errors = []
    with busy(dsn, connection):
        threads = []
        for text in texts:
            value = Announced(text)
            threads.append(start(errors, cursor.execute, "INSERT INTO kept VALUES (%s)", (value,)))
            assert value.event.wait(20)
        # None has begun: the cursor still shows the first statement.
        assert cursor.query.startswith(b"CREATE TEMP TABLE")
    finish(*threads)
    assert not errors
    assert cursor.query.startswith(b"INSERT INTO kept VALUES ('") and cursor.rowcount == 1
    cursor.execute("SELECT t FROM kept ORDER BY t")
    assert cursor.fetchall() == [(text,) for text in texts]


def test_a_copy_statement_is_kept_until_it_is_sent(dsn, connection, long_switches):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE kept (t text)")
    connection.commit()
    errors, files = [], [io.StringIO() for _ in range(4)]
    with busy(dsn, connection):
        threads = []
        for number, file in enumerate(files):
            text = AnnouncedText(f"COPY (SELECT {number}, '{'x' * 500}') TO STDOUT")
            threads.append(start(errors, cursor.copy_expert, text, file))
            assert text.event.wait(20)
        assert cursor.query.startswith(b"CREATE TEMP TABLE")
    finish(*threads)
    assert not errors
    assert [file.getvalue() for file in files] == [f"{number}\t{'x' * 500}\n" for number in range(4)]


def test_a_cursor_shows_the_statement_that_ran_last(connection, quick_switches):
    """`query`, the rows, `rowcount` and `description` are those of one statement, of whichever thread."""
    connection.autocommit = True
    cursor = connection.cursor()
    allowed = ("being read by a typecaster", "no results to fetch")

    def work(number):
        for turn in range(60):
            name, rows = f"c{number}_{turn}", 1 + (number + turn) % 5
            try:
                cursor.execute(f"SELECT %s AS {name} FROM generate_series(1, %s)", (name, rows))
                for found in cursor.fetchall():
                    assert found[0].startswith("c")
                cursor.description, cursor.statusmessage, cursor.rownumber, cursor.query
            except psycopg2.ProgrammingError as error:
                assert any(words in str(error) for words in allowed), error

    for _ in range(5):
        in_threads(8, work)
        assert cursor.rownumber <= cursor.rowcount
        name = cursor.description[0].name
        assert cursor.query == f"SELECT '{name}' AS {name} FROM generate_series(1, {cursor.rowcount})".encode()
        cursor.scroll(0, "absolute")
        assert cursor.fetchall() == [(name,)] * cursor.rowcount


def test_a_large_result_is_not_replaced_while_it_is_fetched(connection, quick_switches):
    """A large result is copied without the GIL. A statement of another thread has to wait before it changes the
    cursor, or is refused."""
    cursor = connection.cursor()

    def replace(begun, ended, raised):
        begun.wait(30)
        while not ended.is_set():
            try:
                cursor.execute("SELECT 'other'")
                return
            except psycopg2.ProgrammingError as error:
                raised.append(str(error))

    for _ in range(10):
        cursor.execute("SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n")
        begun, ended, raised = threading.Event(), threading.Event(), []
        thread = threading.Thread(target=replace, args=(begun, ended, raised), daemon=True)
        thread.start()
        begun.set()
        try:
            rows = cursor.fetchall()
            # The whole result, unless the other statement came first.
            assert rows == [("other",)] or (len(rows), [row[0] for row in rows[::99999]]) == (100000, [1, 100000])
        except psycopg2.ProgrammingError as error:
            assert "no results to fetch" in str(error)
        finally:
            ended.set()
            finish(thread)
        assert all("being read by a typecaster" in words for words in raised)


def test_threads_do_everything_with_one_cursor(connection, quick_switches):
    """Statements, errors, COPY, executemany, casts in Python, fetches, closing: a call that is refused raises an
    exception of psycopg2."""
    connection.autocommit = True
    setup = connection.cursor()
    setup.execute("CREATE TEMP TABLE everything (t text)")
    shared = [connection.cursor()]
    cast = extensions.new_type((23,), "CAST", lambda value, cursor: value and [bytes(10), int(value)][1])

    def work(number):
        for turn in range(25):
            cursor = shared[0]
            for use in (lambda: cursor.execute("SELECT i, i::text FROM generate_series(1, %s) i", (turn,)),
                        cursor.fetchone, lambda: cursor.fetchmany(3), cursor.fetchall,
                        lambda: cursor.execute("SELECT 1 / 0"),
                        lambda: cursor.copy_expert("COPY everything FROM STDIN", io.StringIO(f"{number}\n")),
                        lambda: cursor.executemany("INSERT INTO everything VALUES (%s)", [("a",), ("b",)]),
                        lambda: cursor.description, lambda: cursor.query, lambda: cursor.statusmessage,
                        lambda: extensions.register_type(cast, cursor), lambda: list(cursor),
                        lambda: cursor.__init__(connection),
                        lambda: turn % 5 or (cursor.close(), shared.__setitem__(0, connection.cursor()))):
                try:
                    use()
                except psycopg2.Error:
                    pass

    in_threads(8, work)
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


def test_a_signal_handler_that_executes_on_the_same_cursor_changes_nothing(dsn, connection):
    cursor = connection.cursor()
    errors = []

    def handler(*_):
        for use in (lambda: cursor.execute("SELECT %s", ("the handler's",)),
                    lambda: cursor.copy_expert(sql.SQL("COPY (SELECT 1) TO STDOUT"), io.StringIO()),
                    lambda: cursor.executemany("SELECT %s", [("the handler's",)])):
            with pytest.raises(psycopg2.ProgrammingError, match="in use by this thread") as caught:
                use()
            errors.append(caught.value)
        assert cursor.query == b"SELECT pg_backend_pid(), 'mine' FROM pg_sleep(2)"
        errors.append(None)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        pid = connection.info.backend_pid
        with when(is_running(connection), lambda: os.kill(os.getpid(), signal.SIGUSR1)):
            cursor.execute("SELECT pg_backend_pid(), %s FROM pg_sleep(2)", ("mine",))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert errors and errors[-1] is None
    assert cursor.fetchall() == [(pid, "mine")] and cursor.query.startswith(b"SELECT pg_backend_pid()")
