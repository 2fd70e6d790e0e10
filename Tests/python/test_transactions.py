"""Transactions: when they begin, how they end, and with which characteristics."""

import psycopg2
import pytest
from psycopg2 import extensions


def state(connection):
    return connection.status, connection.get_transaction_status()


READY = extensions.STATUS_READY, extensions.TRANSACTION_STATUS_IDLE
BEGUN = extensions.STATUS_BEGIN, extensions.TRANSACTION_STATUS_INTRANS
FAILED = extensions.STATUS_BEGIN, extensions.TRANSACTION_STATUS_INERROR


def test_a_transaction_begins_with_the_first_statement(connection):
    cursor = connection.cursor()
    assert state(connection) == READY
    cursor.execute("SELECT pg_current_xact_id()")
    first = cursor.fetchone()
    assert state(connection) == BEGUN and cursor.query == b"SELECT pg_current_xact_id()"
    cursor.execute("SELECT pg_current_xact_id()")
    assert cursor.fetchone() == first
    connection.commit()
    assert state(connection) == READY
    cursor.execute("SELECT pg_current_xact_id()")
    assert cursor.fetchone() != first


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nothing", "SELECT 1/0", "VACUUM"])
def test_a_first_statement_that_fails_leaves_a_failed_transaction(connection, statement):
    cursor = connection.cursor()
    with pytest.raises(psycopg2.Error):
        cursor.execute(statement)
    assert state(connection) == FAILED
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute("SELECT 1")
    connection.rollback()
    assert state(connection) == READY
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("statement", ["", " ", ";", "-- nothing", "/* nothing */"])
def test_empty_statements(connection, statement):
    with pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query"):
        connection.cursor().execute(statement)
    connection.rollback()
    connection.cursor().execute("SELECT 1")


def test_several_statements_in_one(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1), (2); SELECT a FROM t ORDER BY a")
    assert cursor.fetchall() == [(1,), (2,)] and state(connection) == BEGUN


def test_autocommit(connection):
    connection.autocommit = True
    connection.cursor().execute("SELECT 1")
    assert state(connection) == READY
    connection.autocommit = False
    connection.cursor().execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError, match="inside a transaction"):
        connection.autocommit = True


def test_with_commits_or_rolls_back(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (a int)")
    assert state(connection) == READY and cursor.closed
    with pytest.raises(ZeroDivisionError):
        with connection:
            connection.cursor().execute("INSERT INTO t VALUES (1)")
            1 / 0
    cursor = connection.cursor()
    cursor.execute("SELECT count(*) FROM t")
    assert cursor.fetchone() == (0,) and not connection.closed


def test_with_is_a_transaction_in_autocommit_too(connection):
    connection.autocommit = True
    with connection:
        connection.cursor().execute("SELECT 1")
        assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_INTRANS
        with pytest.raises(psycopg2.ProgrammingError):
            with connection:
                pass
    assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE


def test_what_transactions_begin_with(connection):
    cursor = connection.cursor()

    def settings():
        connection.rollback()
        cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),"
                       " current_setting('transaction_deferrable')")
        row = cursor.fetchone()
        connection.rollback()
        return row

    assert settings() == ("read committed", "off", "off")
    connection.set_session("SERIALIZABLE", readonly=True, deferrable=True)
    assert settings() == ("serializable", "on", "on")
    assert connection.isolation_level == extensions.ISOLATION_LEVEL_SERIALIZABLE
    assert connection.readonly is True and connection.deferrable is True
    connection.isolation_level = None
    connection.readonly = None
    connection.deferrable = False
    assert settings() == ("read committed", "off", "off")
    connection.set_isolation_level(extensions.ISOLATION_LEVEL_REPEATABLE_READ)
    assert settings()[0] == "repeatable read"
    connection.set_isolation_level(extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    assert connection.autocommit
    with pytest.raises(ValueError):
        connection.isolation_level = 7


def session_defaults(connection):
    with connection.cursor() as cursor:
        cursor.execute("""SELECT current_setting('default_transaction_isolation'),
            current_setting('default_transaction_read_only'), current_setting('default_transaction_deferrable')""")
        return cursor.fetchone()


@pytest.mark.parametrize("switch", [
    lambda connection: setattr(connection, "autocommit", True),
    lambda connection: connection.set_session(autocommit=True),
    lambda connection: connection.set_isolation_level(extensions.ISOLATION_LEVEL_AUTOCOMMIT),
])
def test_what_was_set_before_autocommit_is_for_transactions(connection, switch):
    """As in psycopg2: it does not apply to statements in autocommit, and applies again after them."""
    connection.set_session("SERIALIZABLE", readonly=True, deferrable=True)
    switch(connection)
    assert (connection.isolation_level, connection.readonly, connection.deferrable) == (3, True, True)
    assert session_defaults(connection) == ("read committed", "off", "off")
    connection.cursor().execute("CREATE TABLE set_before_autocommit (id int); DROP TABLE set_before_autocommit")
    connection.autocommit = False
    cursor = connection.cursor()
    cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    assert cursor.fetchone() == ("serializable", "on")


def test_what_is_set_in_autocommit_is_the_sessions_default(connection):
    connection.isolation_level = "REPEATABLE READ"
    connection.autocommit = True
    connection.readonly = True
    assert session_defaults(connection) == ("read committed", "on", "off")
    # The same value again, but now it is set in autocommit.
    connection.isolation_level = "REPEATABLE READ"
    assert session_defaults(connection) == ("repeatable read", "on", "off")
    connection.cursor().execute("SET default_transaction_deferrable TO on")
    connection.deferrable = None
    assert session_defaults(connection) == ("repeatable read", "on", "off")
    connection.autocommit = False
    assert session_defaults(connection) == ("read committed", "off", "off")


def test_a_notice_about_a_first_statement_that_does_not_parse_comes_once(connection):
    """Although the server parses the statement twice: after BEGIN, and alone."""
    with pytest.raises(psycopg2.errors.SyntaxError):
        connection.cursor("x" * 70).execute("INSERT INTO nowhere VALUES (1)")
    assert state(connection) == FAILED
    (notice,) = connection.notices
    assert "will be truncated to" in notice


def test_reset(connection):
    connection.set_session("SERIALIZABLE", autocommit=True)
    connection.cursor().execute("SET work_mem TO '123kB'")
    connection.reset()
    assert not connection.autocommit and connection.isolation_level is None
    cursor = connection.cursor()
    cursor.execute("SHOW work_mem")
    assert cursor.fetchone() != ("123kB",)


def test_reset_leaves_nothing_of_the_session(dsn, connection):
    """A pool that resets connections must not pass locks, tables or LISTENs from one user to the next."""
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("""SELECT pg_advisory_lock(71077); CREATE TEMP TABLE left_behind (a int); LISTEN left_behind;
        PREPARE left_behind AS SELECT 1""")
    connection.reset()
    connection.autocommit = True
    cursor.execute("""SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 71077),
        to_regclass('left_behind'), (SELECT count(*) FROM pg_listening_channels()),
        (SELECT count(*) FROM pg_prepared_statements)""")
    assert cursor.fetchone() == (0, None, 0, 0)


def test_a_closed_connection(connection):
    cursor = connection.cursor()
    connection.close()
    connection.close()
    assert connection.closed == 1 and cursor.closed
    for call in (connection.cursor, connection.commit, connection.rollback, connection.cancel):
        with pytest.raises(psycopg2.InterfaceError):
            call()
    with pytest.raises(psycopg2.InterfaceError):
        cursor.execute("SELECT 1")
