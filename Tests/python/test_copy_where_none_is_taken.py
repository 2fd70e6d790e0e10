"""A COPY in a text that is not copy_expert()'s: ProgrammingError, as in psycopg2, and a connection that goes on."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading

import psycopg2
import psycopg2.apus
import pytest
from psycopg2 import extensions, extras

from fake_server import COPY_DONE, FakeServer, Stall, complete, copy_both, copy_in, copy_out, row
from observing import ping

OUT, IN = "can't execute COPY TO", "can't execute COPY FROM"

TEXTS = {
    "COPY (SELECT 1) TO STDOUT": OUT,
    "COPY copied FROM STDIN": IN,
    "COPY (SELECT 1) TO STDOUT; COPY copied FROM STDIN": OUT,
    "COPY copied FROM STDIN; COPY (SELECT 1) TO STDOUT": IN,
    "COPY (SELECT 1) TO STDOUT; COPY (SELECT 2) TO STDOUT; COPY copied FROM STDIN; SELECT 1": OUT,
    "SELECT 1; COPY copied FROM STDIN; COPY copied FROM STDIN": IN,
    "COPY (SELECT 1) TO STDOUT; SELECT 1/0": OUT,
    "COPY (SELECT 1/(3 - i) FROM generate_series(1, 5) i) TO STDOUT": OUT,
    "COPY (SELECT i FROM generate_series(1, 300000) i) TO STDOUT; SELECT 1": OUT,
}


@pytest.fixture(autouse=True)
def in_time():
    """Kills the process after a minute: a wait without end may ignore everything else."""
    timer = threading.Timer(60, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


@pytest.fixture
def connection(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    connection.cursor().execute("CREATE TEMP TABLE copied (i int)")
    connection.autocommit = False
    yield connection
    connection.close()


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_execute(mode, connection, cursor, text, autocommit):
    connection.autocommit = autocommit
    with pytest.raises(psycopg2.ProgrammingError, match=TEXTS[text]) as caught:
        cursor.execute(text)
    assert caught.value.cursor is cursor and cursor.query == text.encode()
    assert (cursor.rowcount, cursor.statusmessage, cursor.description) == (-1, "", None)
    assert connection.closed == 0
    connection.rollback()
    assert ping(connection)


@pytest.mark.parametrize("text", TEXTS)
def test_other_calls(mode, connection, cursor, text):
    with pytest.raises(psycopg2.ProgrammingError, match=TEXTS[text]):
        cursor.executemany(text, [()])
    connection.rollback()
    with pytest.raises(psycopg2.ProgrammingError, match=TEXTS[text]):
        cursor.executemany("INSERT INTO copied VALUES (%s)", [(1,), (extensions.AsIs(f"2); {text}; SELECT (1"),)])
    connection.rollback()
    named = connection.cursor("named")
    with pytest.raises(psycopg2.ProgrammingError, match=TEXTS[text]):
        named.execute(f"SELECT 1; {text}")
    connection.rollback()
    assert ping(connection)


@pytest.mark.parametrize("text", TEXTS)
def test_asynchronous(dsn, text):
    connection = psycopg2.connect(dsn, async_=True)
    extras.wait_select(connection)
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE copied (i int)")
    extras.wait_select(connection)
    with pytest.raises(psycopg2.ProgrammingError, match=TEXTS[text]):
        cursor.execute(text)
        extras.wait_select(connection)
    assert not connection.isexecuting()
    cursor.execute("SELECT 42")
    extras.wait_select(connection)
    assert cursor.fetchall() == [(42,)]
    connection.close()


def test_what_else_the_text_does_is_done(connection, cursor):
    """As in psycopg2, which reads the data at the next use of the connection."""
    connection.autocommit = True
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.execute("INSERT INTO copied VALUES (1); COPY (SELECT i FROM generate_series(1, 300000) i) TO STDOUT;"
                       "INSERT INTO copied VALUES (2)")
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.execute("INSERT INTO copied VALUES (3); COPY copied FROM STDIN; INSERT INTO copied VALUES (4)")
    cursor.execute("SELECT i FROM copied ORDER BY i")
    assert cursor.fetchall() == [(1,), (2,)]


def test_a_copy_that_never_ends_is_canceled(connection, cursor):
    with pytest.raises(psycopg2.ProgrammingError, match=OUT):
        cursor.execute("COPY (SELECT repeat('x', 1000) FROM pg_class a, pg_class b, pg_class c, pg_class d) TO STDOUT")
    connection.rollback()
    connection.command_timeout = 0.3
    for text in ("COPY (SELECT pg_sleep(60)) TO STDOUT", "COPY (SELECT 1) TO STDOUT; SELECT pg_sleep(60)"):
        with pytest.raises(psycopg2.ProgrammingError, match=OUT):
            cursor.execute(text)
        connection.rollback()
    assert ping(connection)


def test_start_replication(dsn):
    connection = psycopg2.connect(dsn, connection_factory=extras.PhysicalReplicationConnection)
    cursor = connection.cursor()
    cursor.execute("IDENTIFY_SYSTEM")
    position = cursor.fetchone()[2]
    with pytest.raises(psycopg2.ProgrammingError, match="can't execute START_REPLICATION"):
        cursor.execute(f"START_REPLICATION {position}")
    cursor.execute("IDENTIFY_SYSTEM")
    assert cursor.rowcount == 1
    cursor.start_replication(start_lsn=position)
    connection.close()


# Servers that stall

STALLS = {"COPY TO": copy_out(b"1\n"), "COPY FROM": copy_in(), "a stream": copy_both()}


@pytest.mark.parametrize("answer", STALLS)
def test_a_server_that_stalls(answer):
    with FakeServer({"COPY": Stall(STALLS[answer])}) as server:
        connection = psycopg2.connect(server.dsn, command_timeout=0.3, cancellation_timeout=0.3)
        with pytest.raises(psycopg2.apus.CommandTimeout, match="connection is closed"):
            connection.cursor().execute("COPY it")
        assert connection.closed == 2 and server.canceled.is_set()


@pytest.mark.parametrize("answer", STALLS)
def test_a_server_that_stalls_without_a_time_limit(answer):
    with FakeServer({"COPY": Stall(STALLS[answer])}) as server:
        connection = psycopg2.connect(server.dsn, cancellation_timeout=0.3)
        with pytest.raises(psycopg2.OperationalError, match="did not answer to the request to cancel within 0.3 s"):
            connection.cursor().execute("COPY it")
        assert connection.closed == 2 and server.canceled.is_set()


def test_a_server_that_stalls_in_the_rest_of_a_copy():
    """After an error of the file the rest is read, with a limit to the silence of the server."""
    class Full(io.StringIO):
        def write(self, data):
            raise ZeroDivisionError

    with FakeServer({"COPY": Stall(copy_out(b"1\n" * 100_000, b"2"))}) as server:
        connection = psycopg2.connect(server.dsn, command_timeout=0.3, cancellation_timeout=0.3)
        with pytest.raises(ZeroDivisionError):
            connection.cursor().copy_expert("COPY it", Full())
        assert connection.closed == 2 and server.canceled.is_set()


def test_copies_one_behind_another():
    """However the server answers."""
    pieces = copy_out(b"1\n") + COPY_DONE + complete("COPY 1")
    with FakeServer({"COPY": pieces * 1000 + copy_in()}) as server:
        connection = psycopg2.connect(server.dsn)
        with pytest.raises(psycopg2.ProgrammingError, match=OUT):
            connection.cursor().execute("COPY it")
        assert server.copy_ends == [b"f"]
        connection.rollback()
        connection.cursor().execute("SELECT 1")
        connection.close()


# Ctrl-C

PROLOGUE = """
import os, signal, sys, threading, time
sys.path.insert(0, sys.argv[2])
import psycopg2, psycopg2.apus
from fake_server import *
from waiting import is_asleep, is_running, until

dsn = sys.argv[1]

def send_when(question):
    try:
        until(question, within=30)
    finally:
        os.kill(os.getpid(), signal.SIGINT)

def interrupted(body, *questions):
    begun = time.monotonic()
    try:
        threading.Thread(target=lambda: [send_when(question) for question in questions], daemon=True).start()
        body()
    except KeyboardInterrupt as error:
        assert time.monotonic() - begun < 20, "it was waited for to the end"
        return error
    raise SystemExit("not interrupted")
"""

WAITS = {
    "execute of a COPY": """
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        interrupted(lambda: cursor.execute("COPY (SELECT pg_sleep(60)) TO STDOUT"), is_running(connection))
        connection.rollback()
        interrupted(lambda: cursor.execute(
            "COPY (SELECT repeat('x', 1000) FROM pg_class a, pg_class b, pg_class c, pg_class d) TO STDOUT"),
            is_running(connection, None))
        connection.rollback()
        cursor.execute("SELECT 1")
    """,
    "execute of a COPY that stalls": """
        with FakeServer() as server:
            server.answers["COPY"] = Stall(copy_out(b"1"))
            connection = psycopg2.connect(server.dsn, cancellation_timeout=3)
            interrupted(lambda: connection.cursor().execute("COPY it"), is_asleep())
    """,
    # After an error of the file the rest of a COPY TO is read. Ctrl-C ends that, with the error as its context.
    "the rest of a COPY TO": """
        class Full:
            def write(self, data):
                raise ZeroDivisionError
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        error = interrupted(lambda: cursor.copy_expert(
            "COPY (SELECT i, pg_sleep(CASE i WHEN 100000 THEN 60 ELSE 0 END) FROM generate_series(1, 100000) i)"
            " TO STDOUT",
            Full()), is_running(connection))
        assert type(error.__context__) is ZeroDivisionError
        connection.rollback()
        cursor.execute("SELECT 1")
    """,
    # A request on its way when its statement ends could hit the next one, so it is waited for, but not without a limit.
    "a request to cancel that does not arrive": """
        with FakeServer(holds_cancels=True) as server:
            server.answers["SELECT slow"] = lambda: server.canceled.wait(30) and row("1")
            connection = psycopg2.connect(server.dsn, cancellation_timeout=60)
            waits_again = is_asleep()
            interrupted(lambda: connection.cursor().execute("SELECT slow"), is_asleep(),
                        lambda: server.canceled.is_set() and waits_again())
            assert connection.closed == 2
    """,
}


def test_a_request_to_cancel_that_does_not_arrive():
    with FakeServer(holds_cancels=True) as server:
        server.answers["SELECT slow"] = lambda: server.canceled.wait(30) and row("1")
        connection = psycopg2.connect(server.dsn, command_timeout=0.3, cancellation_timeout=1)
        cursor = connection.cursor()
        cursor.execute("SELECT slow")
        assert cursor.fetchone() == ("1",)
        connection.close()


@pytest.mark.timing
@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c(dsn, name):
    program = PROLOGUE + textwrap.dedent(WAITS[name])
    done = subprocess.run([sys.executable, "-c", program, dsn, os.path.dirname(__file__)], timeout=120)
    assert done.returncode == 0
