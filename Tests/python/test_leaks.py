"""Operations that are repeated leave nothing behind: no memory, no objects, no references, no descriptors.

`APUS_LONG=1` repeats each 10,000 times, instead of 2,000, or 200 for those that open a connection each time.
"""

import ctypes
import datetime
import decimal
import gc
import io
import os
import sys
import threading
import uuid
import weakref

import psycopg2
import psycopg2.apus
import pytest
from psycopg2 import extensions, extras, pool, sql

from observing import descriptors, heap

LONG = os.environ.get("APUS_LONG") == "1"
MANY = 10_000 if LONG else 2_000
FEW = 10_000 if LONG else 200


def footprint():
    """Resources of the process: KiB of malloc, blocks of Python's allocator, objects, descriptors, references."""
    gc.collect()
    total = getattr(sys, "gettotalrefcount", int)()
    return heap(), sys.getallocatedblocks(), len(gc.get_objects()), descriptors(), total


def check(body, count):
    """Repeats it `count` times, after its caches have been filled. Only growth in each of three runs is a leak, because
    caches and tables of the interpreter may grow at any time, but not every time."""
    for _ in range(max(20, count // 10)):
        body()
    for _ in range(3):
        before = footprint()
        for _ in range(count):
            body()
        grown = [new - old for new, old in zip(footprint(), before)]
        memory, blocks, objects, files, references = grown
        # A leak of 16 bytes each time is found, and that of an object in fifty.
        few = 30 + count // 50
        if memory < 16 + count // 64 and blocks < few and objects < few and files <= 0 and references < few:
            return
    pytest.fail(f"{count} times leave {memory} KiB, {blocks} blocks, {objects} objects, {files} descriptors,"
                f" {references} references")


@pytest.fixture
def connection(dsn):
    connection = psycopg2.connect(dsn + " sslmode=disable gssencmode=disable")
    connection.autocommit = True
    yield connection
    connection.close()


def marked_slow(cases, *slow):
    """Cases for parametrize, some of them with the marker `slow`."""
    return [pytest.param(case, marks=pytest.mark.slow) if case in slow else case for case in cases]


# Connections

CONNECTING = {
    "close": lambda dsn: psycopg2.connect(dsn).close(),
    "forget": lambda dsn: psycopg2.connect(dsn).cursor().execute("SELECT 1"),
    "parameters": lambda dsn: psycopg2.connect(
        dsn, application_name="é", options="-c search_path=public", command_timeout=5).close(),
    "subclass": lambda dsn: type("Connection", (extensions.connection,), {})(dsn).close(),
    "in a cycle": lambda dsn: cycle(psycopg2.connect(dsn)),
    "balanced": lambda dsn: psycopg2.connect(dsn, load_balance=True, topology_keys="a.b.c").close(),
    "asynchronous": lambda dsn: asynchronous(dsn),
    "abandoned": lambda dsn: psycopg2.connect(dsn, async_=True),
    "no database": lambda dsn: fails(psycopg2.OperationalError, psycopg2.connect, dsn, dbname="no_such_database"),
    "no server": lambda dsn: fails(psycopg2.OperationalError, psycopg2.connect, "host=127.0.0.1 port=1"),
    "no such option": lambda dsn: fails(psycopg2.ProgrammingError, psycopg2.connect, "nonsense=1"),
    "pool": lambda dsn: pooled(dsn),
    "other encoding": lambda dsn: psycopg2.connect(dsn).set_client_encoding("LATIN1"),
    "broken": lambda dsn: broken(dsn),
    "replication": lambda dsn: psycopg2.connect(dsn, connection_factory=extras.LogicalReplicationConnection).cursor(),
}


def cycle(connection):
    class Holder:
        pass

    holder = Holder()
    holder.me, holder.connection, holder.cursor = holder, connection, connection.cursor()
    connection.notices = [holder]
    del holder
    gc.collect()


def asynchronous(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    extras.wait_select(connection)
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    extras.wait_select(connection)
    other = connection.cursor()
    # One result after the other on the same cursor: each frees the one before.
    for statement in ("SELECT repeat('x', 1000) AS a FROM generate_series(1, 200)", "SELECT 1/0", "SELECT 3 AS b", ""):
        other.execute(statement or sql.SQL(""))
        cursor.fetchall(), other.description, other.statusmessage, other.rowcount
        fails(psycopg2.ProgrammingError, other.fetchone)
        try:
            extras.wait_select(connection)
        except (psycopg2.DataError, psycopg2.ProgrammingError):
            pass
    cursor.execute("SELECT 1")
    cursor.close()
    extras.wait_select(connection)
    connection.close()


def pooled(dsn):
    one = pool.ThreadedConnectionPool(1, 2, dsn, pool_timeout=1, pool_check=True, pool_max_lifetime=60)
    with one.connection(), one.connection():
        pass
    with one.connection():
        pass
    one.closeall()


def broken(dsn):
    connection = psycopg2.connect(dsn)
    fails(psycopg2.Error, connection.cursor().execute, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert connection.closed == 2


def fails(kind, call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except kind as error:
        str(error), repr(error), getattr(error, "pgcode", None)
        return
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("name", marked_slow(CONNECTING, "in a cycle"))
def test_connecting(dsn, name):
    dsn += " sslmode=disable gssencmode=disable"
    check(lambda: CONNECTING[name](dsn), FEW)


# Statements

class Subclass(extensions.cursor):
    def row_factory(self, values):
        return values


ALL_TYPES = ("SELECT 1, 'é', 1.5::float8, 1.5::numeric, true, now(), now()::timestamp, now()::time, '1 day'::interval,"
             " ARRAY[1, NULL], ARRAY[['a', 'b']], '{\"a\": 1}'::json, '{\"a\": [1]}'::jsonb, '\\x00'::bytea, NULL,"
             " int4range(1, 3), '1.2.3.4'::inet, gen_random_uuid(), 'infinity'::date, '\\x01'::bytea::text,"
             " %s, %s, %s, %s, %s, %s, %s, %s, %s FROM generate_series(1, 3)")
ARGUMENTS = ("x'y\\", [1, [2, None]][:1], 2.5, b"\0", decimal.Decimal("1.5"), datetime.datetime(2020, 1, 2, 3),
             datetime.date.max, datetime.timedelta(1, 2, 3), ("a", "b"))


def fetching(connection):
    cursor = connection.cursor()
    cursor.execute(ALL_TYPES, ARGUMENTS[:-1] + (["a"],))
    cursor.fetchone()
    cursor.fetchmany(1)
    list(cursor)
    cursor.scroll(0, "absolute")
    cursor.fetchall()
    cursor.description, cursor.query, cursor.statusmessage, cursor.rowcount


def merging(connection):
    connection.cursor().mogrify("%(a)s %(b)s %%", {"a": ARGUMENTS, "b": {"x": 1} and None})
    fails(Exception, connection.cursor().mogrify, "%s", (object(),))
    fails(Exception, connection.cursor().mogrify, "%s %s", (1,))
    sql.SQL("{} = {}").format(sql.Identifier("a", "b"), sql.Literal([1, "x"])).as_string(connection)
    extensions.quote_ident('"', connection)


def failing(connection):
    try:
        connection.cursor().execute("SELECT 1/0")
    except psycopg2.Error as error:
        error.diag.message_primary, error.cursor, error.pgerror, error.__reduce__()
    fails(psycopg2.ProgrammingError, connection.cursor().execute, "SELEC")
    fails(psycopg2.ProgrammingError, connection.cursor().fetchone)
    fails(psycopg2.ProgrammingError, connection.cursor().execute, "")
    fails(psycopg2.ProgrammingError, connection.cursor().execute, sql.SQL(""))
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS a")
    fails(psycopg2.ProgrammingError, cursor.execute, "SELECT %(a)s, %s", {"a": 1})
    fails(psycopg2.ProgrammingError, cursor.execute, "SELECT %s", (object(),))
    cursor.description, cursor.statusmessage
    fails(psycopg2.ProgrammingError, cursor.fetchone)
    cursor.close()
    fails(psycopg2.InterfaceError, cursor.fetchone)


def subclassing(connection):
    for factory in (Subclass, extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor):
        cursor = connection.cursor(cursor_factory=factory)
        cursor.execute("SELECT 1 AS a, 2 AS b")
        cursor.fetchall()
    type("Cursor", (extensions.cursor,), {})(connection).execute("SELECT 1")


def naming(connection):
    connection.autocommit = False
    with connection.cursor("named", scrollable=True) as cursor:
        cursor.itersize = 2
        cursor.execute("SELECT generate_series(1, 5)")
        list(cursor)
        cursor.scroll(-1)
        cursor.copy_expert("COPY (SELECT 1) TO STDOUT", io.StringIO())
    old = connection.cursor("named")
    connection.commit()
    fails(psycopg2.ProgrammingError, old.execute, "SELECT 1")
    old.close()
    connection.autocommit = True


def copying(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE IF NOT EXISTS copied (a int, b text); TRUNCATE copied")
    cursor.copy_from(io.StringIO("1\té\n2\t\\N\n"), "copied")
    cursor.copy_expert("COPY copied FROM STDIN", io.BytesIO(b"3\tx\n"))
    cursor.copy_to(io.StringIO(), "copied", columns=("a",))
    cursor.copy_expert("COPY copied TO STDOUT (FORMAT binary)", io.BytesIO())
    fails(psycopg2.DataError, cursor.copy_from, io.StringIO("x\n"), "copied", columns=["a"])

    class Broken:
        def read(self, size):
            raise ValueError

        write = read

    fails(psycopg2.Error, cursor.copy_expert, "COPY copied FROM STDIN", Broken())

    class Full:
        def write(self, data):
            raise ValueError

    fails(ValueError, cursor.copy_expert, "COPY copied TO STDOUT", Full())


def many(connection):
    with connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS lots (a int, b text); TRUNCATE lots")
        cursor.executemany("INSERT INTO lots VALUES (%s, %s)", [(1, "a"), (2, None)])
        cursor.executemany("INSERT INTO lots VALUES (%(a)s, %(b)s)", ({"a": i, "b": "x"} for i in range(3)))
        extras.execute_values(cursor, "INSERT INTO lots VALUES %s RETURNING a", [(1, "a"), (2, "b")], fetch=True)
        extras.execute_batch(cursor, "INSERT INTO lots VALUES (%s, %s)", [(1, "a"), (2, "b")])
    with connection:
        fails(psycopg2.Error, connection.cursor().executemany, "SELECT 1/%s", [(1,), (0,)])
        connection.rollback()


def calling(connection):
    cursor = connection.cursor()
    cursor.callproc("abs", [-1])
    cursor.callproc("make_interval", {"years": 1})
    cursor.fetchone()
    fails(psycopg2.Error, cursor.callproc, "no_such_function")


def notifying(connection):
    connection.cursor().execute("LISTEN leaks; NOTIFY leaks, 'payload'; DO $$BEGIN RAISE NOTICE 'n'; END$$")
    connection.poll()
    while connection.notifies:
        notify = connection.notifies.pop()
        assert notify.payload == "payload" and notify == (notify.pid, "leaks") and hash(notify)


def objects(connection):
    with connection:
        large = connection.lobject(0, "rwb")
        large.write(b"x" * 100)
        large.seek(0)
        large.read()
        large.truncate(10)
        large.close()
        again = connection.lobject(large.oid, "rt")
        again.read(3), again.tell(), again.closed
        again.unlink()


def registering(connection):
    cursor = connection.cursor()
    number = extensions.new_type((23,), "NUMBER", lambda value, cursor: value)
    numbers = extensions.new_array_type((1007,), "NUMBERS", number)
    extensions.register_type(number, cursor)
    extensions.register_type(numbers, connection)
    cursor.execute("SELECT 1, ARRAY[1, 2]")
    assert cursor.fetchone() == ("1", ["1", "2"])
    extensions.register_type(psycopg2._psycopg.INTEGERARRAY, connection)

    class Point:
        pass

    extensions.register_adapter(Point, lambda point: extensions.AsIs("1"))
    cursor.execute("SELECT %s", (Point(),))
    del extensions.adapters[Point, extensions.ISQLQuote]
    extras.register_uuid(conn_or_curs=connection)
    extras.register_default_json(connection)
    extras.register_default_jsonb(connection, loads=str)
    extras.register_inet(conn_or_curs=cursor)
    extras.Json({"a": 1}).getquoted()
    cursor.execute("SELECT %s, '{}'::json, '{}'::jsonb", (uuid.uuid4(),))
    cursor.fetchone()


def composing(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT to_regtype('pg_temp.leaked')")
    if cursor.fetchone()[0] is None:
        cursor.execute("CREATE TYPE pg_temp.leaked AS (a int, b text)")
    extras.register_composite("pg_temp.leaked", connection)
    cursor.execute("SELECT (1, 'x')::pg_temp.leaked, ARRAY[(1, 'x')::pg_temp.leaked]")
    cursor.fetchone()


def referring(connection):
    cursor = connection.cursor()
    references = weakref.ref(cursor), weakref.ref(connection), weakref.ref(cursor, lambda _: None)
    assert references[0]() is cursor
    one = [cursor, connection.info, connection.notices]
    one.append(one)


def seeing(connection):
    info = connection.info
    info.host, info.dsn_parameters, info.error_message, info.parameter_status("TimeZone"), info.ssl_attribute_names
    connection.get_dsn_parameters(), connection.dsn, connection.encoding, repr(connection), connection.get_backend_pid()
    connection.command_timeout = 5
    connection.set_session(readonly=True)
    connection.set_session(readonly=False)
    psycopg2.apus.ping(connection)
    psycopg2.apus.cluster_status()
    extensions.parse_dsn(connection.dsn)
    extensions.encrypt_password("p", "u", connection, "md5")


def timing_out(connection):
    connection.command_timeout = 0.001
    fails(psycopg2.apus.CommandTimeout, connection.cursor().execute, "SELECT pg_sleep(60)")
    connection.command_timeout = None


def resetting(connection):
    connection.reset()
    connection.autocommit = True
    connection.set_client_encoding("LATIN1")
    connection.cursor().execute("SELECT %s", ("é",))
    connection.set_client_encoding("UTF8")


def waiting_green(connection):
    extensions.set_wait_callback(extras.wait_select)
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 200)")
        cursor.execute("SELECT 2")
        fails(psycopg2.Error, cursor.execute, "SELECT 1/0")
    finally:
        extensions.set_wait_callback(None)


def two_phases(connection):
    connection.autocommit = False
    try:
        connection.tpc_begin(connection.xid(1, "leak", ""))
        connection.cursor().execute("SELECT 1")
        connection.tpc_rollback()
        connection.tpc_recover()
        connection.rollback()
    finally:
        connection.autocommit = True


STATEMENTS = [fetching, merging, failing, subclassing, naming, copying, many, calling, notifying, objects, registering,
              composing, referring, seeing, resetting, waiting_green, two_phases]


@pytest.mark.parametrize("body", marked_slow(STATEMENTS, copying, many), ids=lambda body: body.__name__)
def test_statements(connection, body):
    check(lambda: body(connection), MANY)


def test_statements_that_are_canceled(connection):
    # Each uses a connection of its own.
    check(lambda: timing_out(connection), FEW)


def test_threads(connection):
    """A thread that ends leaves nothing."""
    def work():
        thread = threading.Thread(target=lambda: connection.cursor().execute("SELECT 1"))
        thread.start()
        thread.join()

    check(work, FEW)


def test_a_result_of_libpq_is_let_go_of(connection):
    """A million rows are freed with their cursor."""
    def fetch():
        cursor = connection.cursor()
        cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 1000)")

    check(fetch, 20)


def test_the_measure_measures():
    """A deliberate leak is found."""
    lost, keep = [], ctypes.CDLL(None).malloc
    for body in (lambda: lost.append(object()), lambda: keep(64),
                 lambda: lost.append(os.open(os.devnull, os.O_RDONLY))):
        with pytest.raises(pytest.fail.Exception):
            check(body, 300)
    for number in lost:
        if isinstance(number, int):
            os.close(number)
