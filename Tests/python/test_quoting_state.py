"""Values are quoted for the current state of the session: `standard_conforming_strings` and the client encoding are
read again after every answer, also after an error, and no value breaks out of its quotes."""

import ctypes
import ctypes.util
import io
import threading

import psycopg2
import pytest
from psycopg2 import extensions, extras, sql
from psycopg2.extensions import QuotedString, quote_ident

# With the wrong quotes a part of this would be a statement.
VALUE = "\\'); SELECT pg_notify('broken', 'out'); --"


@pytest.fixture
def dsn(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    # The procedure sets a parameter for the rest of the session, and fails nevertheless.
    connection.cursor().execute(
        "CREATE PROCEDURE quoting_sets(parameter text, value text) LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM set_config(parameter, value, false); COMMIT; RAISE EXCEPTION 'failed'; END $$")
    yield dsn
    connection.cursor().execute("DROP PROCEDURE quoting_sets")
    connection.close()


def arrives(connection):
    """The server reads the value, in whatever way it is quoted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", (VALUE,))
        assert cursor.fetchone() == (VALUE,)
        cursor.execute("SELECT %(a)s, %(b)s", {"a": [VALUE], "b": VALUE.encode()})
        texts, data = cursor.fetchone()
        assert texts == [VALUE] and bytes(data) == VALUE.encode()
        cursor.execute(cursor.mogrify("SELECT %s", (VALUE,)))
        assert cursor.fetchone() == (VALUE,)
        cursor.execute(sql.SQL("SELECT {}").format(sql.Literal(VALUE)))
        assert cursor.fetchone() == (VALUE,)
        quoted = QuotedString(VALUE)
        quoted.prepare(connection)
        cursor.execute(b"SELECT " + quoted.getquoted())
        assert cursor.fetchone() == (VALUE,)
        cursor.execute(f"SELECT 1 AS {quote_ident(VALUE, connection)}")
        assert cursor.description[0].name == VALUE[:63]
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS quoting (x text)")
        cursor.execute("TRUNCATE quoting")
        cursor.executemany("INSERT INTO quoting VALUES (%s)", [(VALUE,), (VALUE,)])
        extras.execute_values(cursor, "INSERT INTO quoting VALUES %s", [(VALUE,)])
        cursor.execute("SELECT x FROM quoting")
        assert cursor.fetchall() == [(VALUE,)] * 3
    named = connection.cursor(VALUE, withhold=True)
    named.execute("SELECT %s", (VALUE,))
    assert named.fetchone() == (VALUE,)
    named.close()


SETTINGS = ["off", "on", "off"]


def call(setting):
    return f"CALL quoting_sets('standard_conforming_strings', '{setting}')"


def test_a_text_that_fails(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    for setting in SETTINGS:
        with pytest.raises(psycopg2.errors.RaiseException) as caught:
            cursor.execute(call(setting))
        # Reading the state did not clear the error message that Python may ask for.
        assert connection.info.error_message == caught.value.pgerror
        assert connection.info.parameter_status("standard_conforming_strings") == setting
        arrives(connection)
    connection.close()


def test_a_rollback_and_a_savepoint(dsn):
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    for setting in SETTINGS:
        connection.rollback()
        cursor.execute(f"SAVEPOINT s; SET standard_conforming_strings TO {setting}")
        arrives(connection)
        with pytest.raises(psycopg2.Error):
            cursor.execute(f"ROLLBACK TO s; SET standard_conforming_strings TO {setting}; SELECT 1/0")
        cursor.execute("ROLLBACK TO s")
        arrives(connection)
    connection.close()


def test_green(dsn):
    extensions.set_wait_callback(extras.wait_select)
    try:
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        cursor = connection.cursor()
        for setting in SETTINGS:
            with pytest.raises(psycopg2.errors.RaiseException):
                cursor.execute(call(setting))
            cursor.execute("SELECT %s", (VALUE,))
            assert cursor.fetchone() == (VALUE,)
        connection.close()
    finally:
        extensions.set_wait_callback(None)


def test_asynchronous(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    extras.wait_select(connection)
    cursor = connection.cursor()
    for setting in SETTINGS:
        with pytest.raises(psycopg2.errors.RaiseException):
            cursor.execute(call(setting))
            extras.wait_select(connection)
        cursor.execute("SELECT %s", (VALUE,))
        extras.wait_select(connection)
        assert cursor.fetchone() == (VALUE,)
    connection.close()


def test_executemany(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    for setting in SETTINGS:
        with pytest.raises(psycopg2.errors.RaiseException):
            cursor.executemany(call("%s").replace("'%s'", "%s"), [(setting,), ("on",)])
        arrives(connection)
    connection.close()


class Changes:
    """An argument that executes a statement while it is quoted."""

    def __init__(self, connection, statement):
        self.connection, self.statement = connection, statement

    def __conform__(self, protocol):
        return self

    def getquoted(self):
        for statement in self.statement.split(";"):
            self.connection.cursor().execute(statement)
        return b"'changed'"


# If quoted for the other setting, the first value ends for the server where the last one begins.
BREAKS = ("\\", ", 'broken', ")
OFF, ON = (f"SET standard_conforming_strings TO {setting}" for setting in ("off", "on"))


def refused(cursor, call, *arguments):
    """Values quoted for another setting are not sent, and the cursor and its connection do not change."""
    query = cursor.query
    with pytest.raises(psycopg2.OperationalError, match="was changed while the arguments .* not sent"):
        call(*arguments)
    assert cursor.query == query
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("change", [OFF, f"{OFF};{ON}", "SET client_encoding TO sjis"])
def test_an_adapter_that_changes_the_setting(connection, change):
    cursor = connection.cursor()
    arguments = (BREAKS[0], Changes(connection, change), BREAKS[1])
    refused(cursor, cursor.execute, "SELECT %s, %s, %s", arguments)
    connection.rollback()
    composed = sql.SQL("SELECT {}, {}, {}").format(*map(sql.Literal, arguments))
    refused(cursor, cursor.execute, composed)
    connection.rollback()
    named = connection.cursor("named")
    with pytest.raises(psycopg2.OperationalError, match="not sent"):
        named.execute("SELECT %s, %s, %s", arguments)
    connection.rollback()
    with pytest.raises(psycopg2.OperationalError, match="not sent"):
        copy = sql.SQL("COPY (SELECT {}, {}, {}) TO STDOUT").format(*map(sql.Literal, arguments))
        cursor.copy_expert(copy, io.StringIO())
    connection.rollback()
    arrives(connection)


@pytest.mark.parametrize("change", [OFF, f"{OFF};{ON}", "SET client_encoding TO sjis"])
@pytest.mark.parametrize("rows", range(3))
def test_an_adapter_that_changes_the_setting_in_executemany(connection, change, rows):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE many (x text)")
    connection.commit()
    before = [("fine", "fine", "fine")] * rows
    arguments = [*before, (BREAKS[0], Changes(connection, change), BREAKS[1])]
    with pytest.raises(psycopg2.OperationalError, match="not sent"):
        cursor.executemany("INSERT INTO many VALUES (concat(%s, %s, %s))", arguments)
    connection.rollback()
    cursor.execute("SELECT count(*) FROM many")
    assert cursor.fetchone() == (0,)
    connection.rollback()
    arrives(connection)


def test_rows_of_executemany_that_were_quoted_for_settings_in_turn(connection):
    """The iterator changes the setting between the rows, and each row is quoted for the setting in force."""
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE turns (x text)")

    def rows():
        for change in [OFF, ON, OFF, ON]:
            yield VALUE,
            connection.cursor().execute(change)

    cursor.executemany("INSERT INTO turns VALUES (%s)", rows())
    cursor.execute("SELECT x FROM turns")
    assert cursor.fetchall() == [(VALUE,)] * 4


@pytest.mark.parametrize("many", [False, True])
def test_another_thread_changes_the_setting_meanwhile(dsn, connection, long_switches, many):
    """The values are quoted; then the call waits for the statement of another thread, which changes the setting."""
    with psycopg2.connect(dsn) as holder:
        locks = holder.cursor()
        locks.execute("SELECT pg_advisory_lock(6543210)")
        changer = threading.Thread(
            target=lambda: connection.cursor().execute(f"SELECT pg_advisory_lock(6543210); {OFF}"), daemon=True)
        changer.start()
        for _ in range(1000):
            locks.execute("SELECT count(*) FROM pg_locks WHERE objid = 6543210 AND NOT granted")
            if locks.fetchone() == (1,):
                break
        else:
            raise AssertionError("the other statement does not run")
        # From here the thread keeps the GIL until it waits for the connection.
        released = threading.Event()
        release = threading.Thread(
            target=lambda: (released.wait(30), locks.execute("SELECT pg_advisory_unlock(6543210)")), daemon=True)
        release.start()

        class Announces(str):
            def __conform__(self, protocol):
                return self

            def getquoted(self):
                released.set()
                return b"'announced'"

        cursor = connection.cursor()
        extensions.register_adapter(Announces, lambda value: value)
        arguments = (BREAKS[0], Announces(), BREAKS[1])
        with pytest.raises(psycopg2.OperationalError, match="not sent"):
            if many:
                cursor.executemany("UPDATE pg_class SET relname = concat(%s, %s, %s) WHERE false", [arguments])
            else:
                cursor.execute("SELECT %s, %s, %s", arguments)
        release.join(30)
        changer.join(30)
        assert not changer.is_alive()
    holder.close()
    arrives(connection)


def test_a_copy_that_fails(dsn):
    class Failing:
        def read(self, size):
            raise KeyboardInterrupt

        def write(self, data):
            raise ZeroDivisionError

    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (i int)")
    for setting in SETTINGS:
        for text, error in [("COPY (SELECT 1) TO STDOUT", ZeroDivisionError), ("COPY t FROM STDIN", KeyboardInterrupt),
                            ("COPY (SELECT 1/0) TO STDOUT", psycopg2.Error)]:
            with pytest.raises(error):
                cursor.copy_expert(f"COMMIT; SET standard_conforming_strings TO {setting}; COMMIT; {text}", Failing())
            assert connection.info.parameter_status("standard_conforming_strings") == setting
            arrives(connection)
            cursor.execute("SET standard_conforming_strings TO on")
    # The same for a COPY that execute() refuses.
    for setting in SETTINGS:
        for text in ("COPY (SELECT 1) TO STDOUT; SET standard_conforming_strings TO {}",
                     "SET standard_conforming_strings TO {}; COMMIT; COPY t FROM STDIN"):
            with pytest.raises(psycopg2.ProgrammingError):
                cursor.execute(text.format(setting))
            assert connection.info.parameter_status("standard_conforming_strings") == setting
            arrives(connection)
            cursor.execute("SET standard_conforming_strings TO on")
    connection.close()


def test_the_encoding_after_a_text_that_fails(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (x text)")
    for encoding in ("LATIN1", "SJIS", "UTF8", "LATIN1"):
        with pytest.raises(psycopg2.errors.RaiseException):
            cursor.execute(f"CALL quoting_sets('client_encoding', '{encoding}')")
        assert connection.encoding == encoding
        value = "é\\'" if encoding != "SJIS" else "表\\'"
        cursor.execute("SELECT %s", (value,))
        assert cursor.fetchone() == (value,)
        cursor.executemany("INSERT INTO t VALUES (%s)", [(value,), (value,)])
        with pytest.raises(psycopg2.ProgrammingError):
            cursor.execute(f"COPY (SELECT 1) TO STDOUT; SET client_encoding TO {encoding}")
        cursor.execute("SELECT %s", (value,))
        assert cursor.fetchone() == (value,)
    connection.close()


def libpq():
    """The libpq that the extension is linked with."""
    return ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")


@pytest.mark.parametrize("how", ["pgconn_ptr", "get_native_connection"])
def test_another_user_of_the_connection(dsn, how):
    """C code that shares the PGconn executes statements that the driver does not see."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    if how == "pgconn_ptr":
        pointer = connection.pgconn_ptr
    else:
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        pointer = get(connection.get_native_connection(), b"psycopg2.connection.native_connection")
    library = libpq()
    library.PQexec.restype, library.PQexec.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
    library.PQclear.argtypes = [ctypes.c_void_p]
    for setting in SETTINGS:
        library.PQclear(library.PQexec(pointer, f"SET standard_conforming_strings TO {setting}".encode()))
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", (VALUE,))
            assert cursor.fetchone() == (VALUE,)
        library.PQclear(library.PQexec(pointer, b"SET standard_conforming_strings TO off"))
        arrives(connection)
        library.PQclear(library.PQexec(pointer, b"SET client_encoding TO LATIN1"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", ("é",))
            assert cursor.fetchone() == ("é",)
        library.PQclear(library.PQexec(pointer, b"SET client_encoding TO UTF8"))
    connection.close()


def test_a_pooled_connection(dsn):
    from psycopg2 import pool
    one = pool.SimpleConnectionPool(1, 1, dsn)
    connection = one.getconn()
    connection.autocommit = True
    with pytest.raises(psycopg2.Error):
        connection.cursor().execute(call("off"))
    one.putconn(connection)
    connection = one.getconn()
    arrives(connection)
    connection.reset()
    assert connection.info.parameter_status("standard_conforming_strings") == "on"
    arrives(connection)
    one.closeall()
