"""Attributes and methods of connections, cursors and other objects in every state: new, closed, failed, misused."""

import collections
import copy
import decimal
import io
import pickle
import subprocess
import sys
import textwrap

import psycopg2
import pytest
from psycopg2 import extensions, extras, sql


# MARK: Cursors

def test_a_closed_cursor_still_tells_what_its_result_was(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'")
        cursor.fetchone()
    assert [column.name for column in cursor.description] == ["a", "b"]
    assert (cursor.rowcount, cursor.rownumber, cursor.statusmessage) == (2, 1, "SELECT 2")
    assert cursor.query.startswith(b"SELECT 1") and cursor.closed and repr(cursor).endswith("closed: -1>")
    with pytest.raises(psycopg2.InterfaceError, match="cursor already closed"):
        cursor.setinputsizes([])


def test_a_factory_is_given_a_name_in_any_case(connection):
    class Named(extensions.cursor):
        def __init__(self, conn, name):
            super().__init__(conn, name)
            self.given = name

    assert connection.cursor(cursor_factory=Named).given is None
    assert connection.cursor("n", cursor_factory=Named).given == "n"


def test_a_cursor_that_was_never_initialized(connection):
    class Forgetful(extensions.cursor):
        def __init__(self, *arguments):
            pass

    cursor = connection.cursor(cursor_factory=Forgetful)
    assert cursor.closed is True
    cursor.close()
    with pytest.raises(psycopg2.InterfaceError):
        cursor.execute("SELECT 1")


@pytest.mark.parametrize("misuse", [
    lambda cursor: cursor.execute(""),
    lambda cursor: cursor.execute(None),
    lambda cursor: cursor.scroll(5),
    lambda cursor: cursor.scroll(0, "sideways"),
    lambda cursor: [cursor.connection.cursor("n", scrollable=False).callproc("now")],
    lambda cursor: [cursor.connection.cursor("n").executemany("SELECT 1", [()])],
])
def test_errors_of_wrong_use_name_the_cursor(cursor, misuse):
    with pytest.raises(psycopg2.ProgrammingError) as info:
        misuse(cursor)
    assert isinstance(info.value.cursor, extensions.cursor)


def test_the_status_of_a_statement_that_failed_is_empty(cursor):
    assert cursor.statusmessage is None
    with pytest.raises(psycopg2.errors.SyntaxError):
        cursor.execute("SELCT")
    assert cursor.statusmessage == ""


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_named_cursor_does_not_outlive_its_transaction(connection, end):
    named = connection.cursor("n")
    named.execute("SELECT generate_series(1, 5)")
    assert named.fetchone() == (1,)
    getattr(connection, end)()
    for call in (named.fetchone, named.fetchall, lambda: named.fetchmany(2), lambda: named.scroll(1)):
        with pytest.raises(psycopg2.ProgrammingError, match="named cursor isn't valid anymore"):
            call()
    # Nothing was sent: no transaction was begun, and none has failed.
    assert connection.status == extensions.STATUS_READY
    named.close()


def test_a_named_cursor_with_hold_does(connection):
    named = connection.cursor("n", withhold=True)
    named.execute("SELECT generate_series(1, 3)")
    connection.commit()
    assert named.fetchall() == [(1,), (2,), (3,)]


def test_a_named_cursor_goes_on_after_it_was_moved(connection):
    """The tag of MOVE has a number, too, which was taken for a number of rows fetched."""
    cursor = connection.cursor("n", scrollable=True)
    cursor.execute("SELECT generate_series(1, 9)")
    assert cursor.fetchone() == (1,)
    cursor.scroll(3)
    assert cursor.rowcount == -1 and next(cursor) == (5,) and [row for row, in cursor] == [6, 7, 8, 9]
    cursor.scroll(100)
    assert next(cursor, None) is None and cursor.statusmessage == "FETCH 0"
    cursor.scroll(1, mode="absolute")
    assert [row for row, in cursor] == list(range(2, 10))


def test_an_unnamed_cursor_may_be_told_that_it_is_not_held(cursor):
    cursor.withhold = False
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.withhold = True


def test_setting_the_encoding_that_is_set_already_ends_no_transaction(connection, cursor):
    cursor.execute("CREATE TEMP TABLE kept (a int)")
    for name in ("UTF8", "utf-8", "Utf_8"):
        connection.set_client_encoding(name)
        assert connection.status == extensions.STATUS_BEGIN
    cursor.execute("SELECT * FROM kept")
    connection.set_client_encoding("LATIN1")
    assert connection.status == extensions.STATUS_READY and connection.encoding == "LATIN1"
    with pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute("SELECT * FROM kept")


def test_an_import_of_no_file_leaves_no_large_object(connection, cursor, tmp_path):
    cursor.execute("SELECT count(*) FROM pg_largeobject_metadata")
    before = cursor.fetchone()
    with pytest.raises(psycopg2.OperationalError):
        connection.lobject(0, "", 0, str(tmp_path / "missing"))
    connection.commit()
    cursor.execute("SELECT count(*) FROM pg_largeobject_metadata")
    assert cursor.fetchone() == before


def test_scrollable_none_says_nothing_of_an_unnamed_cursor(cursor):
    cursor.scrollable = None
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.scrollable = True


# MARK: Connections

def test_settings_may_change_within_a_transaction_of_the_programs_own(connection):
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    connection.set_session(readonly=True)
    connection.autocommit = False
    cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError, match="cannot be used inside a transaction"):
        connection.autocommit = True
    connection.rollback()


def test_what_a_closed_connection_was(connection):
    before = connection.server_version, connection.protocol_version, connection.encoding
    assert before[0] > 90000 and before[1] == 3
    connection.close()
    assert (connection.server_version, connection.protocol_version, connection.encoding) == before


def test_no_cursor_before_an_asynchronous_connection_is_made(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    with pytest.raises(psycopg2.OperationalError, match="asynchronous connection attempt underway"):
        connection.cursor()
    connection.close()


class Full:
    def append(self, item):
        raise ValueError("full")


@pytest.mark.parametrize("collection", [Full(), 5, ()])
def test_collections_that_take_no_message_do_not_fail_the_statement(connection, cursor, collection):
    connection.notices = connection.notifies = collection
    cursor.execute("DO $$ BEGIN RAISE NOTICE 'n'; END $$")
    cursor.execute("LISTEN states; NOTIFY states")
    connection.commit()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


def test_messages_go_to_a_collection_of_the_programs_own(connection, cursor):
    connection.notices = collections.deque(maxlen=2)
    cursor.execute("DO $$ BEGIN FOR i IN 1..5 LOOP RAISE NOTICE 'n%', i; END LOOP; END $$")
    assert list(connection.notices) == ["NOTICE:  n4\n", "NOTICE:  n5\n"]


# MARK: Values

def test_as_is_makes_none_null(cursor):
    assert cursor.mogrify("%s", (extensions.AsIs(None),)) == b"NULL"


def test_an_integer_given_to_the_adapter_of_floats_stays_one():
    assert extensions.Float(1).getquoted() == b"1" and extensions.Float(1.0).getquoted() == b"1.0"


@pytest.mark.parametrize("adapter, wrong", [
    (psycopg2._psycopg.List, "x"), (psycopg2._psycopg.List, None), (psycopg2._psycopg.Decimal, "x"),
    (psycopg2._psycopg.Decimal, None), (extensions.Float, "x"),
])
def test_adapters_of_something_else(adapter, wrong):
    """In a process of its own, because reading another object as a list would crash."""
    script = textwrap.dedent(f"""
        import psycopg2
        try:
            psycopg2._psycopg.{adapter.__name__}({wrong!r}).getquoted()
        except TypeError:
            print("refused")
        """)
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert ran.stdout == "refused\n"


def test_decimals_that_are_no_numbers(cursor):
    values = [decimal.Decimal(text) for text in ("NaN", "-NaN", "sNaN", "Infinity", "-Infinity")]
    assert cursor.mogrify("%s" * 5, values) == b"'NaN'::numeric" * 5


def test_notifications_are_pickled_and_copied():
    notify = extensions.Notify(5, "channel", "payload")
    for other in (pickle.loads(pickle.dumps(notify, 0)), pickle.loads(pickle.dumps(notify)), copy.copy(notify)):
        assert other == notify and hash(other) == hash(notify) and other.payload == "payload"


@pytest.mark.parametrize("text, shown, parts", [
    ("42_Z3Q=_YnE=", "<Xid: (42, 'gt', 'bq')>", (42, "gt", "bq")),
    ("foo", "<Xid: 'foo' (unparsed)>", (None, "foo", None)),
    ("", "<Xid: '' (unparsed)>", (None, "", None)),
    ("42_xx", "<Xid: '42_xx' (unparsed)>", (None, "42_xx", None)),
    ("99999999999_Z3Q=_YnE=", "<Xid: '99999999999_Z3Q=_YnE=' (unparsed)>", (None, "99999999999_Z3Q=_YnE=", None)),
])
def test_identifiers_of_transactions(text, shown, parts):
    xid = extensions.Xid.from_string(text)
    assert repr(xid) == shown and tuple(xid) == parts and str(xid) == text
    with pytest.raises(AttributeError):
        xid.gtrid = "other"


def test_exceptions_say_what_they_are():
    for name in ("Warning", "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError",
                 "IntegrityError", "InternalError", "ProgrammingError", "NotSupportedError"):
        assert getattr(psycopg2, name).__doc__
    assert extensions.QueryCanceledError.__doc__ and extensions.TransactionRollbackError.__doc__


def test_none_is_not_cast(cursor):
    told = []
    caster = extensions.new_type((25,), "TOLD", lambda value, cursor: told.append(value))
    assert caster(None, cursor) is None and told == []
    extensions.register_type(caster, cursor)
    cursor.execute("SELECT NULL::text")
    cursor.fetchone()
    assert told == [None] and cursor.cast(25, None) is None and told == [None]


@pytest.mark.parametrize("name", ["two words", "Capital", 'quo"te', "plain"])
def test_types_by_their_very_names(cursor, name):
    composite, span = name + " c", name + " r"
    cursor.execute(sql.SQL("CREATE TYPE {} AS (a int); CREATE TYPE {} AS RANGE (SUBTYPE = float8)").format(
        sql.Identifier(composite), sql.Identifier(span)))
    extras.register_composite(composite, cursor)
    extras.register_range(span, "Span", cursor)
    cursor.execute(sql.SQL("SELECT ROW(1)::{}, '[1,2)'::{}").format(sql.Identifier(composite), sql.Identifier(span)))
    row = cursor.fetchone()
    assert row[0].a == 1 and type(row[0]).__module__ == "psycopg2.extras" and (row[1].lower, row[1].upper) == (1, 2)
    cursor.connection.rollback()


# MARK: Large objects

@pytest.mark.parametrize("mode, shown", [
    ("", "wt"), ("r", "wt"), ("rw", "wt"), ("rb", "wb"), ("wb", "wb"), ("n", "wt"),
])
def test_a_new_large_object_can_be_written_whatever_its_mode(connection, mode, shown):
    large = connection.lobject(0, mode)
    assert large.mode == shown and not large.closed
    assert large.write("abc") == 3


def test_files_that_cannot_be_opened(connection, tmp_path):
    with pytest.raises(psycopg2.OperationalError, match="could not open file \".*/none\": No such file"):
        connection.lobject(new_file=str(tmp_path / "none"))
    connection.rollback()
    with pytest.raises(psycopg2.OperationalError, match="could not open file"):
        connection.lobject().export(str(tmp_path / "none" / "file"))
    connection.rollback()
    for wrong in (1, None, b"x"):
        with pytest.raises(TypeError):
            connection.lobject().export(wrong)
    connection.rollback()


def test_statements_that_are_none(cursor):
    for call in (cursor.execute, cursor.mogrify, lambda query: cursor.copy_expert(query, io.StringIO())):
        with pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query"):
            call(None)


def test_the_names_that_rows_are_pickled_by(connection):
    cursor = connection.cursor(cursor_factory=extras.RealDictCursor)
    cursor.execute("SELECT 1 AS a")
    assert b"psycopg2.extras" in pickle.dumps(cursor.fetchone(), 0)
