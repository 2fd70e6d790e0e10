"""The exceptions of PEP 249, a class per SQLSTATE, and the fields of server errors."""

import io
import pickle

import psycopg2
import pytest
from psycopg2 import errorcodes, errors, extensions, extras, sql


def failing(connection, statement):
    with pytest.raises(psycopg2.Error) as caught:
        connection.cursor().execute(statement)
    return caught.value


def test_the_hierarchy_is_pep_249s():
    for name in ("InternalError", "OperationalError", "ProgrammingError", "IntegrityError", "DataError",
                 "NotSupportedError"):
        assert issubclass(getattr(psycopg2, name), psycopg2.DatabaseError)
    assert issubclass(psycopg2.DatabaseError, psycopg2.Error)
    assert issubclass(psycopg2.InterfaceError, psycopg2.Error)
    assert not issubclass(psycopg2.Warning, psycopg2.Error)
    assert issubclass(extensions.QueryCanceledError, psycopg2.OperationalError)
    assert issubclass(extensions.TransactionRollbackError, psycopg2.OperationalError)


@pytest.mark.parametrize("statement, cls, base, code", [
    ("SELECT 1/0", errors.DivisionByZero, psycopg2.DataError, "22012"),
    ("SELECT nothing", errors.UndefinedColumn, psycopg2.ProgrammingError, "42703"),
    ("SELEC 1", errors.SyntaxError, psycopg2.ProgrammingError, "42601"),
    ("SELECT * FROM no_such_table", errors.UndefinedTable, psycopg2.ProgrammingError, "42P01"),
    ("SELECT 'x'::int", errors.InvalidTextRepresentation, psycopg2.DataError, "22P02"),
    ("DO $$BEGIN RAISE SQLSTATE '40001'; END$$", errors.SerializationFailure, extensions.TransactionRollbackError,
     "40001"),
    ("DO $$BEGIN RAISE SQLSTATE 'ZZ123'; END$$", psycopg2.DatabaseError, psycopg2.DatabaseError, "ZZ123"),
])
def test_the_class_is_the_sqlstates(connection, statement, cls, base, code):
    error = failing(connection, statement)
    assert type(error) is cls and isinstance(error, base)
    assert error.pgcode == error.diag.sqlstate == code
    assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_INERROR
    assert connection.status == extensions.STATUS_BEGIN


def test_every_sqlstate_has_its_class_and_its_name():
    assert errors.lookup("23505") is errors.UniqueViolation
    assert errorcodes.UNIQUE_VIOLATION == "23505" and errorcodes.lookup("23505") == "UNIQUE_VIOLATION"
    assert errorcodes.lookup("23") == "CLASS_INTEGRITY_CONSTRAINT_VIOLATION"
    with pytest.raises(KeyError):
        errors.lookup("99999")
    classes = [value for value in vars(errorcodes).values() if isinstance(value, str) and len(value) == 5]
    assert len(classes) > 250


def test_positions_are_those_of_the_programs_own_statement(connection):
    """BEGIN is sent in front of a transaction's first statement, but neither the position nor the text shows it."""
    for statement in ("SELECT  nothing", "SELECT 1,\n  nothing"):
        messages = []
        for autocommit in (False, True):
            connection.rollback()
            connection.autocommit = autocommit
            error = failing(connection, statement)
            messages.append((str(error), error.pgerror, error.diag.statement_position))
        connection.autocommit = False
        assert messages[0] == messages[1]
        assert messages[0][2] == str(statement.index("nothing") + 1)


def read_only(connection):
    connection.rollback()
    connection.readonly = True


@pytest.mark.parametrize("begin", [lambda connection: None, read_only])
@pytest.mark.parametrize("statement, shown", [
    ("SELECT  nothing", 'LINE 1: SELECT  nothing\n                ^'),
    ("SELECT 1,\n  nothing", 'LINE 2:   nothing\n          ^'),
    ("SELEC 1", 'LINE 1: SELEC 1\n        ^'),
    ("SELECT 1/0", ""),
    # The message itself has a line that looks like one of libpq.
    ('SELECT "\nLINE 7: x"', 'LINE 1: SELECT "'),
])
def test_the_last_error_of_the_connection_is_that_of_the_exception(connection, begin, statement, shown):
    """BEGIN is sent in front, on a line of its own."""
    begin(connection)
    error = failing(connection, statement)
    assert shown in error.pgerror
    assert connection.info.error_message == error.pgerror
    # Later in the transaction, and outside of one, nothing is in front.
    connection.rollback()
    connection.cursor().execute("SELECT 1")
    assert connection.info.error_message is None
    assert failing(connection, statement).pgerror == error.pgerror == connection.info.error_message
    connection.rollback()
    connection.autocommit = True
    # The text of libpq, although the statement is on the second line now.
    moved = failing(connection, "\n" + statement)
    assert connection.info.error_message == moved.pgerror


def test_the_last_error_of_executemany_is_that_of_its_row(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE rows_of_many (id int)")
    connection.commit()
    for _ in range(2):
        with pytest.raises(errors.InvalidTextRepresentation) as caught:
            cursor.executemany("INSERT INTO rows_of_many\nVALUES (%s)", [(1,), (2,), ("x",)])
        assert "LINE 2: VALUES ('x')" in caught.value.pgerror
        assert connection.info.error_message == caught.value.pgerror
        connection.rollback()
        cursor.execute("SELECT 1")


def test_the_last_error_of_copy_and_of_named_cursors(connection):
    for attempt in (lambda: connection.cursor().copy_expert("COPY (SELECT nothing) TO STDOUT", io.StringIO()),
                    lambda: connection.cursor("named").execute("SELECT nothing")):
        with pytest.raises(errors.UndefinedColumn, match="LINE 1: ") as caught:
            attempt()
        assert connection.info.error_message == caught.value.pgerror
        connection.rollback()


@pytest.mark.parametrize("encoding", ["LATIN1", "UTF8"])
def test_the_last_error_is_decoded_as_the_exception_is(connection, encoding):
    connection.set_client_encoding(encoding)
    error = failing(connection, 'SELECT "é"')
    assert connection.info.error_message == error.pgerror
    assert 'column "é" does not exist' in error.pgerror


def test_all_fields_of_a_violated_constraint(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE things (id int PRIMARY KEY, size int CONSTRAINT positive CHECK (size > 0))")
    error = failing(connection, "INSERT INTO things VALUES (1, -1)")
    assert error.diag.constraint_name == "positive"
    assert error.diag.table_name == "things"
    assert error.diag.severity == error.diag.severity_nonlocalized == "ERROR"
    assert error.diag.message_detail.startswith("Failing row")
    assert error.diag.source_file and error.diag.source_line and error.diag.source_function
    assert error.pgerror.startswith("ERROR:  new row")
    assert error.cursor is not None


def test_errors_cross_processes(connection):
    error = failing(connection, "SELECT 1/0")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and copy.args == error.args
    assert (copy.pgcode, copy.pgerror, copy.cursor) == (error.pgcode, error.pgerror, None)


def test_errors_in_another_encoding(connection):
    connection.set_client_encoding("LATIN1")
    error = failing(connection, 'SELECT 1 FROM "élan"')
    assert "élan" in str(error)


def test_a_lost_connection(dsn, connection):
    victim = psycopg2.connect(dsn)
    connection.cursor().execute("SELECT pg_terminate_backend(%s)", (victim.get_backend_pid(),))
    with pytest.raises(psycopg2.OperationalError):
        for _ in range(50):
            victim.cursor().execute("SELECT pg_sleep(0.1)")
    assert victim.closed == 2
    with pytest.raises(psycopg2.InterfaceError):
        victim.cursor()
    victim.close()
    assert victim.closed == 1


@pytest.mark.parametrize("call", ["commit", "rollback"])
def test_a_connection_that_was_lost_in_a_transaction_says_so(dsn, connection, call):
    victim = psycopg2.connect(dsn)
    victim.cursor().execute("SELECT 1")
    connection.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", (victim.get_backend_pid(),))
    with pytest.raises(psycopg2.OperationalError, match="terminating connection|server closed the connection"):
        getattr(victim, call)()
    assert victim.closed == 2


def test_exceptions_are_attributes_of_connections(connection):
    assert connection.ProgrammingError is psycopg2.ProgrammingError
    assert connection.Error is psycopg2.Error


@pytest.mark.parametrize("options", [
    {"sslmode": "foo"}, {"service": "no such service"}, {"port": "abc"}])
def test_what_libpq_refuses_when_it_connects_is_an_operational_error(dsn, options):
    """Only a string that cannot be parsed is a ProgrammingError."""
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(dsn, **options)
    with pytest.raises(psycopg2.ProgrammingError):
        psycopg2.connect("nonsense")


@pytest.mark.parametrize("call, what", [
    (lambda connection, text: connection.get_parameter_status(text), "the name of a parameter"),
    (lambda connection, text: connection.info.parameter_status(text), "the name of a parameter"),
    (lambda connection, text: connection.info.ssl_attribute(text), "the name of an attribute"),
    (lambda connection, text: connection.tpc_begin(text), "a transaction id"),
    (lambda connection, text: connection.tpc_commit(text), "a transaction id"),
    (lambda _, text: extensions.encrypt_password(text, "somebody", algorithm="md5"), "a password"),
    (lambda connection, text: extensions.encrypt_password(text, "somebody", connection), "a password"),
    (lambda _, text: extensions.encrypt_password("secret", text, algorithm="md5"), "the name of a user"),
    (lambda connection, text: extensions.encrypt_password("secret", "somebody", connection, text),
     "the name of an algorithm"),
    (lambda _, text: psycopg2.connect("dbname=" + text), "a connection string"),
    (lambda _, text: psycopg2.connect(dbname=text), "a connection string"),
    (lambda _, text: extensions.parse_dsn("dbname=" + text), "a connection string"),
])
def test_a_nul_does_not_end_a_text(connection, call, what):
    """For libpq it ended the password, so that the hash was that of a shorter one."""
    with pytest.raises(ValueError, match=f"^{what} cannot contain NUL"):
        call(connection, "server_version\0x")
    assert connection.status == extensions.STATUS_READY


@pytest.mark.parametrize("text", ["serializable\0x", b"serializable\0x", b"\xff"])
def test_a_nul_does_not_end_a_level(connection, text):
    with pytest.raises(ValueError, match="bad value for isolation_level"):
        connection.set_session(text)
    with pytest.raises(ValueError, match="the only string accepted is 'default'"):
        connection.readonly = text.replace(b"serializable", b"default") if isinstance(text, bytes) \
            else text.replace("serializable", "default")


def test_no_statement_is_an_empty_one(connection):
    with connection.cursor() as cursor, pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query"):
        cursor.execute(None)


def test_a_server_that_hangs_up_is_what_the_error_says(dsn):
    """The error is not that the lost connection has no encoding."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.OperationalError, match="terminating connection|closed the connection"):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert connection.closed == 2


# The cursor of an error


def copying(call):
    return lambda cursor: getattr(cursor, call)(io.StringIO(), "pg_no_table")


WRONG_USES = {
    "placeholders of both kinds": lambda cursor: cursor.execute("SELECT %(a)s, %s", {"a": 1}),
    "the same, the other way round": lambda cursor: cursor.execute("SELECT %s, %(a)s", (1,)),
    "the same in mogrify()": lambda cursor: cursor.mogrify("SELECT %(a)s, %s", {"a": 1}),
    "the same in executemany()": lambda cursor: cursor.executemany("SELECT %(a)s, %s", [{"a": 1}]),
    "the same in a batch": lambda cursor: cursor.executemany("INSERT INTO a VALUES (%(a)s, %s)", [{"a": 1}]),
    "a placeholder without an end": lambda cursor: cursor.execute("SELECT %(a", {"a": 1}),
    "a placeholder within another": lambda cursor: cursor.execute("SELECT %(a%(b)s", {"a": 1}),
    "an object without an adapter": lambda cursor: cursor.execute("SELECT %s", (object(),)),
    "the same in a function's arguments": lambda cursor: cursor.callproc("abs", (object(),)),
    "no statement": lambda cursor: cursor.execute(""),
    "a statement of blanks": lambda cursor: cursor.execute(" "),
    "a statement of nothing": lambda cursor: cursor.execute(";"),
    "a composition of nothing": lambda cursor: cursor.execute(sql.SQL("")),
    "nothing to fetch": lambda cursor: cursor.fetchone(),
    "nothing to iterate": lambda cursor: next(cursor),
    "nothing to scroll": lambda cursor: cursor.scroll(1),
    "an unknown mode": lambda cursor: cursor.scroll(1, "sideways"),
    "nextset()": lambda cursor: cursor.nextset(),
    "a setting of named cursors": lambda cursor: setattr(cursor, "scrollable", True),
    "a table that does not exist": copying("copy_to"),
    "a COPY that execute() begins": lambda cursor: cursor.execute("COPY (SELECT 1) TO STDOUT"),
}


@pytest.mark.parametrize("use", WRONG_USES)
def test_an_error_of_a_cursor_names_it(connection, use):
    cursor = connection.cursor()
    with pytest.raises(psycopg2.Error) as caught:
        WRONG_USES[use](cursor)
    assert caught.value.cursor is cursor


@pytest.mark.parametrize("call", [
    lambda cursor: cursor.execute("SELECT 1"), lambda cursor: cursor.executemany("SELECT 1", [()]),
    lambda cursor: cursor.fetchone(), lambda cursor: cursor.fetchall(), lambda cursor: next(cursor),
    lambda cursor: cursor.scroll(1), lambda cursor: cursor.callproc("now"), lambda cursor: cursor.nextset(),
    lambda cursor: cursor.setinputsizes(1), copying("copy_from"), copying("copy_to"),
])
@pytest.mark.parametrize("state", ["cursor closed", "connection closed"])
def test_an_error_of_a_closed_cursor_names_it(connection, call, state):
    cursor = connection.cursor()
    (cursor if state == "cursor closed" else connection).close()
    with pytest.raises(psycopg2.InterfaceError, match="already closed") as caught:
        call(cursor)
    assert caught.value.cursor is cursor


def test_an_error_in_a_prepared_transaction_names_the_cursor(connection):
    cursor = connection.cursor()
    connection.tpc_begin(connection.xid(7, "names the cursor", ""))
    cursor.execute("SELECT 1")
    connection.tpc_prepare()
    try:
        for call in (lambda: cursor.execute("SELECT 1"), lambda: cursor.executemany("SELECT 1", [()]),
                     lambda: cursor.copy_to(io.StringIO(), "a")):
            with pytest.raises(psycopg2.ProgrammingError, match="prepared") as caught:
                call()
            assert caught.value.cursor is cursor
    finally:
        connection.tpc_rollback()


def test_an_error_of_an_asynchronous_cursor_names_it(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    extras.wait_select(connection)
    busy, cursor = connection.cursor(), connection.cursor()
    busy.execute("SELECT pg_sleep(0.2)")
    for call in (lambda: cursor.execute("SELECT 1"), lambda: cursor.executemany("SELECT 1", [()]),
                 lambda: cursor.copy_to(io.StringIO(), "a")):
        with pytest.raises(psycopg2.ProgrammingError, match="asynchronous") as caught:
            call()
        assert caught.value.cursor is cursor
    extras.wait_select(connection)
    connection.close()


def test_an_error_that_names_another_cursor_goes_on_to_name_it(connection):
    """An adapter may use a cursor of its own."""
    other, cursor = connection.cursor(), connection.cursor()

    class Asking:
        def __conform__(self, protocol):
            return self

        def getquoted(self):
            other.execute("SELECT 1/0")

    with pytest.raises(errors.DivisionByZero) as caught:
        cursor.execute("SELECT %s", (Asking(),))
    assert caught.value.cursor is other
