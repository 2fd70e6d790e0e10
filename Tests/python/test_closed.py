"""What connections say that were closed, or lost."""

import psycopg2
import psycopg2.extensions
import pytest
from psycopg2 import sql


@pytest.fixture
def gone(request, dsn):
    """A connection in LATIN1 that has no session any more; the parameter says how that came to be."""
    connection = psycopg2.connect(dsn)
    connection.set_client_encoding("LATIN1")
    if request.param == "closed":
        connection.close()
        return connection
    with connection.cursor() as cursor:
        if request.param != "lost":
            cursor.execute("SELECT 1")
        with psycopg2.connect(dsn) as killer, killer.cursor() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        killer.close()
        attempt = {"lost by commit": connection.commit, "lost by rollback": connection.rollback}.get(
            request.param, lambda: cursor.execute("SELECT 1"))
        with pytest.raises(psycopg2.OperationalError, match="terminating connection|closed the connection|was lost"):
            attempt()
    return connection


how = pytest.mark.parametrize(
    "gone", ["closed", "lost", "lost in a transaction", "lost by commit", "lost by rollback"], indirect=True)


@how
def test_it_says_what_it_was(gone, dsn):
    open_one = psycopg2.connect(dsn)
    assert gone.closed
    assert gone.encoding == "LATIN1"
    assert gone.server_version == open_one.server_version
    assert gone.protocol_version == 3
    assert gone.dsn == dsn
    open_one.close()


@how
def test_it_quotes_as_it_did(gone):
    assert sql.SQL("SELECT {}").format(sql.Literal("ß'")).as_string(gone) == "SELECT 'ß'''"
    adapter = psycopg2.extensions.adapt("ß")
    adapter.prepare(gone)
    assert adapter.getquoted() == b"'\xdf'"


@how
def test_it_is_of_no_more_use(gone):
    for attempt in (gone.cursor, gone.commit, gone.rollback, gone.cancel, gone.reset, gone.poll,
                    lambda: gone.set_client_encoding("UTF8"), lambda: gone.set_session(autocommit=True)):
        with pytest.raises(psycopg2.InterfaceError):
            attempt()
    gone.close()
    assert gone.closed


def test_a_transaction_that_commit_lost_is_over(dsn):
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    killer = psycopg2.connect(dsn)
    with killer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    killer.close()
    with pytest.raises(psycopg2.OperationalError):
        connection.commit()
    assert connection.closed == 2 and connection.status == psycopg2.extensions.STATUS_READY


def test_a_cursor_shows_statements_without_a_connection(dsn):
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    connection.close()
    assert cursor.mogrify("SELECT %s, %s", ("it's", None)) == b"SELECT 'it''s', NULL"
