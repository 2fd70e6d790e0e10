"""`command_timeout`: a client-side limit to the time that the driver waits for the server's answer."""

import io
import pickle
import time

import psycopg2
import psycopg2.apus
import pytest
from psycopg2 import errors, extensions, extras, pool

from observing import counts, ping
from waiting import interrupt_when, is_running


@pytest.fixture
def connection(dsn):
    connection = psycopg2.connect(dsn, command_timeout=0.3)
    yield connection
    connection.close()


def timed_out(connection, body):
    """The statement is canceled, the error says so, and the connection can be used."""
    with pytest.raises(psycopg2.apus.CommandTimeout, match=r"within the command timeout of 0\.3 s") as caught:
        body()
    assert caught.value.pgcode == "57014" and caught.value.diag.sqlstate == "57014"
    assert connection.closed == 0
    connection.rollback()
    assert ping(connection)
    connection.rollback()


def test_it_is_off_by_default(dsn):
    connection = psycopg2.connect(dsn)
    assert connection.command_timeout is None and connection.cancellation_timeout == 10
    connection.close()


def test_a_statement_that_takes_longer_is_canceled(connection, cursor):
    timed_out(connection, lambda: cursor.execute("SELECT pg_sleep(60)"))
    assert cursor.connection is connection
    # It is a subclass of what a canceled statement raises.
    assert issubclass(psycopg2.apus.CommandTimeout, errors.QueryCanceled)
    assert issubclass(psycopg2.apus.CommandTimeout, extensions.QueryCanceledError)
    assert issubclass(psycopg2.apus.CommandTimeout, psycopg2.OperationalError)


def test_the_error_can_be_pickled(cursor):
    with pytest.raises(psycopg2.apus.CommandTimeout) as caught:
        cursor.execute("SELECT pg_sleep(60)")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is psycopg2.apus.CommandTimeout and copy.pgcode == "57014" and str(copy) == str(caught.value)


def test_a_statement_that_is_quicker_is_not(connection, cursor):
    connection.command_timeout = 60
    cursor.execute("SELECT pg_sleep(0.5)")
    assert cursor.fetchall() == [("",)]
    connection.command_timeout = None
    cursor.execute("SELECT pg_sleep(0.5)")


@pytest.mark.parametrize("value, kept", [(2, 2.0), (2.5, 2.5), ("2.5", 2.5), (1e-3, 1e-3), (None, None), (1e12, 4e9),
                                         (float("inf"), 4e9)])
def test_values(connection, value, kept):
    connection.command_timeout = value
    assert connection.command_timeout == kept


@pytest.mark.parametrize("value, error", [
    (0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("soon", ValueError), ([], TypeError)])
def test_wrong_values(dsn, connection, value, error):
    with pytest.raises(error):
        connection.command_timeout = value
    assert connection.command_timeout == 0.3
    with pytest.raises(error):
        psycopg2.connect(dsn, command_timeout=value)
    with pytest.raises(AttributeError):
        del connection.command_timeout


def test_the_rest_of_a_transaction_can_be_saved(connection, cursor):
    cursor.execute("CREATE TEMP TABLE t (i int); SAVEPOINT s")
    with pytest.raises(psycopg2.apus.CommandTimeout):
        cursor.execute("INSERT INTO t SELECT 1 FROM pg_sleep(60)")
    cursor.execute("ROLLBACK TO s; INSERT INTO t VALUES (2)")
    connection.commit()
    cursor.execute("SELECT * FROM t")
    assert cursor.fetchall() == [(2,)]


def test_autocommit(connection, cursor):
    connection.autocommit = True
    timed_out(connection, lambda: cursor.execute("SELECT pg_sleep(60)"))


def test_commit(connection, cursor):
    cursor.execute("CREATE TEMP TABLE t (i int);"
                   "CREATE FUNCTION pg_temp.slow() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;"
                   "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
                   " FOR EACH ROW EXECUTE FUNCTION pg_temp.slow()")
    connection.commit()
    cursor.execute("INSERT INTO t VALUES (1)")
    timed_out(connection, connection.commit)
    cursor.execute("SELECT count(*) FROM t")
    assert cursor.fetchone() == (0,)


def test_other_calls(connection, cursor):
    timed_out(connection, lambda: cursor.callproc("pg_sleep", [60]))
    timed_out(connection, lambda: cursor.executemany("SELECT pg_sleep(%s)", [(0,), (60,)]))
    timed_out(connection, lambda: extras.execute_values(cursor, "SELECT pg_sleep(i) FROM (VALUES %s) v (i)", [(60,)]))
    named = connection.cursor("n")
    named.execute("SELECT pg_sleep(60)")
    timed_out(connection, named.fetchone)


def test_large_objects(dsn, connection):
    large = connection.lobject(0, "w")
    connection.commit()
    other = psycopg2.connect(dsn)
    other.lobject(large.oid, "n").unlink()
    timed_out(connection, connection.lobject(large.oid, "n").unlink)
    other.commit()
    other.close()


def test_copy(connection, cursor):
    timed_out(connection, lambda: cursor.copy_expert("COPY (SELECT 1 FROM pg_sleep(60)) TO STDOUT", io.StringIO()))
    cursor.execute("CREATE TEMP TABLE t (i int, x text DEFAULT pg_sleep(60)::text)")
    connection.commit()
    timed_out(connection, lambda: cursor.copy_expert("COPY t (i) FROM STDIN", io.StringIO("1\n")))
    timed_out(connection, lambda: cursor.copy_expert("COPY t (i) FROM STDIN", io.StringIO("1\n" * 10_000_000)))

    # The limit is to the server's silence, not to how long a COPY takes: three reads take longer than 0.3 s.
    class Slow(io.StringIO):
        def read(self, size):
            time.sleep(0.2)
            return super().read(2)

    cursor.execute("CREATE TEMP TABLE u (i int)")
    cursor.copy_expert("COPY u FROM STDIN", Slow("1\n2\n3\n4\n"))
    assert cursor.rowcount == 4


def test_a_server_that_never_stops_sending(connection, cursor):
    timed_out(connection, lambda: cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 100000000)"))


def test_the_next_statement_is_not_hit(connection, cursor):
    """A late request to cancel must not hit the next statement."""
    connection.autocommit = True
    connection.command_timeout = 0.003
    canceled = 0
    for turn in range(300):
        try:
            # Some end just before they are canceled, some just after.
            cursor.execute("SELECT pg_sleep(%s)", (0.001 + turn % 10 * 0.0005,))
        except psycopg2.apus.CommandTimeout:
            canceled += 1
        connection.command_timeout = None
        cursor.execute("SELECT %s FROM pg_sleep(0.001)", (turn,))
        assert cursor.fetchone() == (turn,)
        connection.command_timeout = 0.003
    assert canceled > 0


def test_a_frozen_server_loses_the_connection(mortal):
    connection = psycopg2.connect(mortal.dsn(2), command_timeout=0.3, cancellation_timeout=0.5)
    cursor = connection.cursor()
    with mortal.frozen(2):
        with pytest.raises(psycopg2.apus.CommandTimeout, match="nor to the request to cancel within 0.5 s.*closed"):
            cursor.execute("SELECT 1")
        assert connection.closed == 2
        with pytest.raises(psycopg2.InterfaceError):
            cursor.execute("SELECT 1")
        connection.close()
        # No request to cancel is sent.
    connection = psycopg2.connect(mortal.dsn(2), command_timeout=0.3, cancellation_timeout=0)
    with mortal.frozen(2):
        with pytest.raises(psycopg2.apus.CommandTimeout, match=r"timeout of 0\.3 s: the connection is closed"):
            connection.cursor().copy_expert("COPY (SELECT 1) TO STDOUT", io.StringIO())
        assert connection.closed == 2


def test_a_frozen_node_gives_its_count_back(mortal):
    connection = psycopg2.connect(
        mortal.dsn(1, load_balance=True), command_timeout=0.2, cancellation_timeout=0.2)
    number = mortal.addresses.index(connection.info.host) + 1
    with mortal.frozen(number):
        with pytest.raises(psycopg2.apus.CommandTimeout):
            connection.cursor().execute("SELECT 1")
        assert counts(mortal)[number - 1] == 0
    del connection


def test_an_interrupt_comes_first(connection, cursor):
    connection.command_timeout = 30
    with interrupt_when(is_running(connection)), pytest.raises(KeyboardInterrupt):
        cursor.execute("SELECT pg_sleep(60)")
    connection.rollback()
    assert ping(connection)


def test_modes_that_wait_elsewhere(dsn, connection, cursor):
    with pytest.raises(psycopg2.ProgrammingError, match="asynchronous"):
        psycopg2.connect(dsn, async_=True, command_timeout=1)
    extensions.set_wait_callback(extras.wait_select)
    try:
        cursor.execute("SELECT pg_sleep(0.5)")
    finally:
        extensions.set_wait_callback(None)


def test_pools_and_factories_pass_it_on(dsn):
    class Connection(extensions.connection):
        pass

    one = pool.SimpleConnectionPool(1, 1, dsn, connection_factory=Connection, command_timeout=7, cancellation_timeout=3)
    connection = one.getconn()
    assert type(connection) is Connection
    assert connection.command_timeout == 7 and connection.cancellation_timeout == 3
    one.closeall()
    # It is not a parameter of libpq.
    with pytest.raises(psycopg2.ProgrammingError):
        psycopg2.connect(dsn + " command_timeout=1")


# psycopg2.apus.ping

def test_ping(connection, cursor):
    psycopg2.apus.ping(connection)
    assert connection.status == extensions.STATUS_READY
    assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE
    cursor.execute("SELECT 1")
    psycopg2.apus.ping(connection, timeout=2)
    assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_INTRANS
    assert cursor.fetchone() == (1,)
    with pytest.raises(psycopg2.Error):
        cursor.execute("nonsense")
    psycopg2.apus.ping(connection)
    assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_INERROR
    for wrong in (0, -1):
        with pytest.raises(ValueError):
            psycopg2.apus.ping(connection, wrong)
    with pytest.raises(TypeError):
        psycopg2.apus.ping(cursor)


def test_ping_of_the_dead(dsn, mortal):
    victim, killer = psycopg2.connect(dsn), psycopg2.connect(dsn)
    killer.cursor().execute("SELECT pg_terminate_backend(%s)", (victim.info.backend_pid,))
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.apus.ping(victim)
    assert victim.closed == 2
    with pytest.raises(psycopg2.InterfaceError):
        psycopg2.apus.ping(victim)
    killer.close()
    frozen = psycopg2.connect(mortal.dsn(3))
    with mortal.frozen(3):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.apus.ping(frozen, 0.3)
        assert frozen.closed == 2


def test_ping_waits_for_the_callback(connection):
    extensions.set_wait_callback(extras.wait_select)
    try:
        psycopg2.apus.ping(connection)
    finally:
        extensions.set_wait_callback(None)
