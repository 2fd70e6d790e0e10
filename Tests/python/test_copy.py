"""COPY: copy_from, copy_to, copy_expert."""

import gc
import io
import signal
import threading
import time

import psycopg2
import pytest


@pytest.fixture
def connection(dsn):
    connection = psycopg2.connect(dsn)
    yield connection
    connection.close()


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (id int, data text)")
        yield cursor


def content(cursor):
    cursor.execute("SELECT * FROM copied ORDER BY id")
    return cursor.fetchall()


@pytest.mark.parametrize("encoding", ["utf8", "latin1", "euc_jp", "sjis"])
def test_text_goes_through_every_encoding(connection, cursor, encoding):
    text = {"latin1": "é\\\t\n", "utf8": "é☃\\\t"}.get(encoding, "表\\予\t")
    connection.commit()
    connection.set_client_encoding(encoding)
    cursor.execute("CREATE TEMP TABLE texts (id int, data text)")
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    cursor.copy_from(io.StringIO(f"1\t{escaped}\n"), "texts")
    cursor.execute("SELECT data FROM texts")
    assert cursor.fetchone() == (text,)
    out = io.StringIO()
    cursor.copy_to(out, "texts")
    assert out.getvalue() == f"1\t{escaped}\n"


def test_large_rows_and_many(cursor):
    rows = [(number, "x" * (number % 97) * 1000) for number in range(500)]
    cursor.copy_from(io.BytesIO(b"".join(b"%d\t%s\n" % (n, t.encode()) for n, t in rows)), "copied", size=1 << 20)
    assert cursor.rowcount == 500
    assert content(cursor) == rows
    out = io.BytesIO()
    cursor.copy_expert("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT", out)
    assert out.getvalue() == b"".join(b"%d\t%s\n" % (n, t.encode()) for n, t in rows)


def test_binary_format_survives(cursor):
    cursor.execute("INSERT INTO copied SELECT n, n::text FROM generate_series(1, 1000) n")
    before, out = content(cursor), io.BytesIO()
    cursor.copy_expert("COPY copied TO STDOUT (FORMAT binary)", out)
    cursor.execute("TRUNCATE copied")
    out.seek(0)
    cursor.copy_expert("COPY copied FROM STDIN (FORMAT binary)", out)
    assert content(cursor) == before


def test_options_are_quoted(connection, cursor):
    cursor.execute('CREATE TEMP TABLE "odd"" name" ("a ""col" text, b text)')
    cursor.copy_from(io.StringIO("x'|it''s\n"), 'odd" name', sep="|", null="it''s", columns=['a "col', "b"])
    cursor.execute('SELECT * FROM "odd"" name"')
    assert cursor.fetchall() == [("x'", None)]


def test_several_statements_several_copies(cursor):
    cursor.execute("INSERT INTO copied VALUES (1, 'a')")
    out = io.StringIO()
    cursor.copy_expert("COPY copied TO STDOUT; COPY copied TO STDOUT", out)
    assert out.getvalue() == "1\ta\n1\ta\n"


def test_a_read_that_raises_is_the_cause(connection, cursor):
    class Broken:
        def read(self, size):
            raise ZeroDivisionError("on purpose")

    connection.commit()
    with pytest.raises(psycopg2.errors.QueryCanceled, match="ZeroDivisionError on purpose") as caught:
        cursor.copy_from(Broken(), "copied")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    connection.rollback()
    assert content(cursor) == []


@pytest.mark.parametrize("answer", [42, None, "\ud800"])
def test_a_read_that_returns_nonsense(connection, cursor, answer):
    class Odd:
        def read(self, size):
            return answer

    connection.commit()
    with pytest.raises(psycopg2.errors.QueryCanceled, match="error in .read"):
        cursor.copy_from(Odd(), "copied")
    connection.rollback()
    assert content(cursor) == []


def test_a_write_that_raises_leaves_the_transaction_usable(connection, cursor):
    class Full:
        def write(self, data):
            raise OSError("no space left")

    cursor.execute("INSERT INTO copied SELECT n, repeat('x', 1000) FROM generate_series(1, 5000) n")
    with pytest.raises(OSError, match="no space left"):
        cursor.copy_to(Full(), "copied")
    assert len(content(cursor)) == 5000


def test_the_connection_cannot_be_used_from_within(connection, cursor):
    class Greedy:
        def read(self, size):
            connection.cursor().execute("SELECT 1")
            return ""

    connection.commit()
    with pytest.raises(psycopg2.errors.QueryCanceled, match="already in use by this thread"):
        cursor.copy_from(Greedy(), "copied")
    connection.rollback()


def test_another_thread_waits_for_the_end(connection, cursor):
    arrived, go_on, seen = threading.Event(), threading.Event(), []

    class Slow:
        pieces = [b"1\ta\n", b"2\tb\n", b""]

        def read(self, size):
            arrived.set()
            go_on.wait(10)
            return self.pieces.pop(0)

    def other():
        arrived.wait(10)
        threading.Timer(0.2, go_on.set).start()
        with connection.cursor() as mine:
            mine.execute("SELECT count(*) FROM copied")
            seen.append(mine.fetchone())

    thread = threading.Thread(target=other)
    thread.start()
    cursor.copy_from(Slow(), "copied")
    thread.join(10)
    assert seen == [(2,)]


def test_ctrl_c_while_rows_are_waited_for(connection, cursor):
    previous = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            cursor.copy_expert("COPY (SELECT pg_sleep(20)) TO STDOUT", io.StringIO())
        assert time.monotonic() - start < 10
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    connection.rollback()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


def test_the_server_dies_in_the_middle(three_nodes, dsn):
    victim, other = psycopg2.connect(dsn), psycopg2.connect(dsn)
    other.autocommit = True

    class Deadly:
        def read(self, size):
            with other.cursor() as killer:
                killer.execute("SELECT pg_terminate_backend(%s)", (victim.info.backend_pid,))
            time.sleep(0.2)
            return b"1\ta\n" * 100000

    cursor = victim.cursor()
    cursor.execute("CREATE TEMP TABLE copied (id int, data text)")
    with pytest.raises(psycopg2.OperationalError):
        cursor.copy_from(Deadly(), "copied")
    assert victim.closed == 2
    other.close()


def test_wrong_arguments(cursor):
    with pytest.raises(TypeError):
        cursor.copy_from("not a file", "copied")
    with pytest.raises(TypeError):
        cursor.copy_to("not a file", "copied")
    with pytest.raises(TypeError):
        cursor.copy_expert("COPY copied TO STDOUT", 42)
    with pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.copy_to(io.StringIO(), "pg_catalog.pg_class")


def test_the_file_is_let_go(cursor):
    import weakref

    class File(io.StringIO):
        pass

    file = File("1\ta\n")
    alive = weakref.ref(file)
    cursor.copy_from(file, "copied")
    del file
    gc.collect()
    assert alive() is None


def test_a_file_is_not_taken_into_memory(connection):
    """The server is slower than the file: who reads ahead without end fills the memory."""
    class File:
        def __init__(self):
            self.count = 0

        def read(self, size):
            self.count += 1
            return "x" * 9_999 + "\n" if self.count <= 4000 else ""

    def peak():
        with open("/proc/self/status") as status:
            return int(next(line for line in status if line.startswith("VmHWM")).split()[1])

    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE slow (data text)")
    before = peak()
    cursor.copy_expert("COPY slow FROM STDIN WHERE pg_sleep(0.0005) IS NULL", File())
    assert cursor.rowcount == 0
    # 40 MB went through.
    assert peak() - before < 16 << 10
