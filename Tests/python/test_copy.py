"""COPY: copy_from, copy_to, copy_expert."""

import contextlib
import gc
import io
import os
import socket
import threading
import time

import psycopg2
import pytest

from waiting import has_received, interrupt_when, is_asleep, is_running, when


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
        with when(is_asleep(threading.get_native_id()), go_on.set), connection.cursor() as mine:
            mine.execute("SELECT count(*) FROM copied")
            seen.append(mine.fetchone())

    thread = threading.Thread(target=other)
    thread.start()
    cursor.copy_from(Slow(), "copied")
    thread.join(10)
    assert seen == [(2,)]


@pytest.mark.timing
def test_ctrl_c_while_rows_are_waited_for(connection, cursor):
    start = time.monotonic()
    with interrupt_when(is_running(connection)), pytest.raises(KeyboardInterrupt):
        cursor.copy_expert("COPY (SELECT pg_sleep(20)) TO STDOUT", io.StringIO())
    assert time.monotonic() - start < 10
    connection.rollback()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


def test_the_server_dies_in_the_middle(three_nodes, dsn):
    victim, other = psycopg2.connect(dsn), psycopg2.connect(dsn)
    other.autocommit = True

    class Deadly:
        def read(self, size):
            with other.cursor() as killer:
                killer.execute("SELECT pg_terminate_backend(%s, 5000)", (victim.info.backend_pid,))
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


@pytest.mark.parametrize("name", ["table", "sep", "null"])
@pytest.mark.parametrize("value", [None, 5, b","])
def test_texts_that_are_none(cursor, name, value):
    arguments = {"table": "copied", name: value}
    for call, function in (("copy_from", cursor.copy_from), ("copy_to", cursor.copy_to)):
        with pytest.raises(TypeError, match=rf"{call}\(\) argument '{name}' must be str, not "
                                            f"{'None' if value is None else type(value).__name__}"):
            function(io.StringIO(), **arguments)
    assert content(cursor) == []


def test_columns_that_are_no_texts(cursor):
    with pytest.raises(TypeError, match="a column's name must be str, not int"):
        cursor.copy_from(io.StringIO(), "copied", columns=["id", 5])


@pytest.mark.parametrize("declared", [False, True])
def test_a_named_cursor_copies_as_any_other(connection, cursor, declared):
    named = connection.cursor("n")
    if declared:
        named.execute("SELECT generate_series(1, 3)")
        assert named.fetchone() == (1,)
    named.copy_from(io.StringIO("1\ta\n2\tb\n"), "copied")
    assert (named.rowcount, named.statusmessage) == (2, "COPY 2")
    out = io.StringIO()
    named.copy_to(out, "copied")
    named.copy_expert("COPY (SELECT 5) TO STDOUT", out)
    assert out.getvalue() == "1\ta\n2\tb\n5\n" and named.query == b"COPY (SELECT 5) TO STDOUT"
    if declared:
        assert named.fetchone() == (2,) and list(named) == [(3,)]
    # A cursor that was never declared is not on the server. Closing it is not an error, and the transaction goes on.
    named.close()
    assert named.closed and content(cursor) == [(1, "a"), (2, "b")]


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
    """The server is slower than the file, so that reading ahead without a limit would fill the memory."""
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
    # 40 MB were copied.
    assert peak() - before < 16 << 10


@pytest.fixture
def held_up(connection, cursor, dsn):
    """A table whose inserts wait for a lock, which the fixture holds."""
    cursor.execute("CREATE OR REPLACE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql AS "
                   "'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN new; END'")
    cursor.execute("CREATE TRIGGER wait BEFORE INSERT ON copied FOR EACH ROW WHEN (new.id = 1) "
                   "EXECUTE FUNCTION pg_temp.wait()")
    connection.commit()
    with contextlib.closing(psycopg2.connect(dsn)) as holder, holder.cursor() as hold:
        hold.execute("SELECT pg_advisory_lock(4711)")
        yield holder


def takes_no_more(connection):
    """A question: whether the server waits for the lock and the driver for the server."""
    is_held_up, waits = is_running(connection, "advisory"), is_asleep()
    return lambda: is_held_up() and waits()


def test_a_slow_server_slows_the_reading_down(connection, cursor, held_up):
    class Long:
        row, asked = b"1\t" + b"x" * 8188 + b"\n", 0

        def read(self, size):
            self.asked += 1
            return self.row if self.asked <= 1 << 14 else b""

    file, asked = Long(), []

    def go_on():
        asked.append(file.asked)
        held_up.rollback()
        held_up.cursor().execute("SELECT pg_advisory_unlock(4711)")

    with when(takes_no_more(connection), go_on):
        cursor.copy_from(file, "copied")
    # The rest of the 128 MiB was not read before there was room for it.
    assert asked[-1] < 1 << 14
    assert cursor.rowcount == 1 << 14


@pytest.mark.parametrize("kind", [bytes, str])
def test_ctrl_c_while_the_server_takes_no_more(connection, cursor, held_up, kind):
    class Endless:
        def read(self, size):
            return "1\ta\n" * 2000 if kind is str else b"1\ta\n" * 2000

    with interrupt_when(takes_no_more(connection)), pytest.raises(KeyboardInterrupt):
        cursor.copy_from(Endless(), "copied")
    connection.rollback()
    assert content(cursor) == []


def test_ctrl_c_in_a_stream_that_never_pauses(connection, cursor):
    connection.commit()
    begins = has_received(connection, "COPY")
    with open("/dev/zero", "rb") as zeros, interrupt_when(begins), pytest.raises(KeyboardInterrupt):
        cursor.copy_from(zeros, "copied")
    connection.rollback()
    runs = is_running(connection, None)
    with open("/dev/null", "wb") as null, interrupt_when(runs), pytest.raises(KeyboardInterrupt):
        cursor.copy_expert("COPY (SELECT generate_series(1, 10000000000)) TO STDOUT", null)
    connection.rollback()
    assert content(cursor) == []


def test_a_raw_file_may_write_less_than_it_is_given(cursor):
    class Raw(io.RawIOBase):
        def __init__(self):
            self.got = []

        def write(self, data):
            self.got.append(bytes(data[:1000]))
            return len(self.got[-1])

    file = Raw()
    cursor.copy_expert("COPY (SELECT generate_series(1, 30000)) TO STDOUT", file)
    assert b"".join(file.got) == b"".join(b"%d\n" % number for number in range(1, 30001))


@pytest.mark.parametrize("size", [1, 7, 8192, 65531, 65536, 1 << 20])
def test_pieces_of_any_size(cursor, size):
    rows = [(number, "x" * (number % 100)) for number in range(20000 if size > 7 else 300)]
    text = b"".join(b"%d\t%s\n" % (n, t.encode()) for n, t in rows)
    cursor.copy_from(io.BytesIO(text), "copied", size=size)
    cursor.copy_from(io.StringIO(text.decode()), "copied", size=size)
    assert content(cursor) == [row for row in rows for _ in range(2)]


def test_a_long_answer_that_comes_in_bursts(connection, cursor):
    """After much data the driver waits for larger pieces, but it must not wait for a piece that does not come."""
    out = io.BytesIO()
    cursor.copy_expert(
        "COPY (SELECT n, repeat('x', 1000), CASE WHEN n % 1500 = 0 THEN pg_sleep(0.05) END "
        "FROM generate_series(1, 6000) n) TO STDOUT", out)
    assert out.getvalue().count(b"\n") == 6000
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        assert same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
