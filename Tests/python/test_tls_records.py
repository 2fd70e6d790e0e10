"""Answers in TLS records larger than those of PostgreSQL: bytes already decrypted do not show on the socket."""

import io
import select
import time

import psycopg2
import pytest
from psycopg2 import extensions
from psycopg2.extras import wait_select

RECORD = 16384  # of `record_nodes`
# The last record of such an answer is nearly full, so that libpq's buffer has no room for all of it.
ANSWERS = [5 * RECORD - missing for missing in range(1, 50)]


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def dsn(request, record_nodes):
    version = request.param
    return record_nodes.dsn(1, sslmode="require", ssl_min_protocol_version=version, ssl_max_protocol_version=version)


def rows(size, length=1000):
    """A query whose answer has exactly this size in the simple query protocol: see "Message Formats" in PostgreSQL's
    manual."""
    description, ready, head = 7 + len("repeat") + 1 + 18, 6, 11
    count = (size - description - ready - 20) // (length + head)
    tag = 5 + len(f"SELECT {count}") + 1
    last = size - description - ready - tag - (count - 1) * (length + head) - head
    return (f"SELECT repeat('x', CASE WHEN i = {count} THEN {last} ELSE {length} END)"
            f" FROM generate_series(1, {count}) i",
            (count - 1) * length + last)


def fastest(call, limit=0.1):
    """How long a call takes. A stall occurs every time, so a busy machine has three tries."""
    best = float("inf")
    for _ in range(3):
        start = time.monotonic()
        call()
        best = min(best, time.monotonic() - start)
        if best < limit:
            break
    return best


def wait(connection):
    deadline = time.monotonic() + 20
    while (state := connection.poll()) != extensions.POLL_OK:
        descriptor = connection.fileno()
        reads, writes = ([descriptor], []) if state == extensions.POLL_READ else ([], [descriptor])
        assert any(select.select(reads, writes, [], max(0, deadline - time.monotonic()))), "nothing came"


def check(cursor, size, after=lambda: None):
    query, length = rows(size)

    def ask():
        cursor.execute(query)
        after()

    assert fastest(ask) < 0.1, size
    assert sum(len(text) for text, in cursor.fetchall()) == length


@pytest.mark.timing
def test_blocking(dsn):
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        assert connection.info.ssl_in_use
        cursor.execute("SELECT 1")
        for size in ANSWERS:
            check(cursor, size)
    connection.close()


@pytest.mark.timing
def test_asynchronous(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    wait(connection)
    cursor = connection.cursor()
    for size in ANSWERS:
        check(cursor, size, lambda: wait(connection))
    connection.close()


@pytest.mark.timing
def test_green(dsn):
    extensions.set_wait_callback(wait_select)
    try:
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        for size in ANSWERS:
            check(cursor, size)
        connection.close()
    finally:
        extensions.set_wait_callback(None)


@pytest.mark.timing
def test_copy_to(dsn):
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        for size in ANSWERS:
            query, length = rows(size)
            target = io.BytesIO()
            assert fastest(lambda query=query, target=target: (
                target.seek(0), cursor.copy_expert(f"COPY ({query}) TO STDOUT", target))) < 0.1, size
            assert len(target.getvalue().replace(b"\n", b"")) == length
    connection.close()


def test_copy_from_with_notices_on_the_way(dsn):
    """The server sends while the client writes: notices of 16 KiB arrive as records of their own."""
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("""
            CREATE TEMP TABLE target (a text);
            CREATE FUNCTION pg_temp.tell() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE NOTICE '%', repeat('n', 16200); RETURN NEW; END $$;
            CREATE TRIGGER tell BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION pg_temp.tell()""")
        source = io.StringIO("".join(f"{number}\n" for number in range(300)))
        assert fastest(lambda: (source.seek(0), cursor.copy_from(source, "target")), limit=2) < 2
        assert cursor.rowcount == 300 and len(connection.notices) == 50
    connection.close()


def test_a_notification_behind_an_answer_is_seen_without_the_socket(dsn):
    """Several notifications fill a record, which is read in pieces. A program waits for the socket, then polls; after
    that the socket may never become readable again."""
    listener, speaker = psycopg2.connect(dsn), psycopg2.connect(dsn)
    listener.autocommit = speaker.autocommit = True
    listener.cursor().execute("LISTEN news")
    for count in range(2, 8):
        speaker.cursor().execute(
            "SELECT pg_notify('news', n || repeat('x', 7900)) FROM generate_series(1, %s) n", (count,))
        deadline = time.monotonic() + 20
        while len(listener.notifies) < count:
            assert any(select.select([listener], [], [], max(0, deadline - time.monotonic()))), "nothing came"
            listener.poll()
        assert [int(note.payload[0]) for note in listener.notifies] == list(range(1, count + 1))
        listener.notifies.clear()
    listener.close()
    speaker.close()


def test_an_encrypted_connection_is_lost(dsn):
    """libpq frees OpenSSL's side of a connection as soon as it is found broken."""
    connection, other = psycopg2.connect(dsn), psycopg2.connect(dsn)
    other.autocommit = True
    other.cursor().execute("SELECT pg_terminate_backend(%s)", (connection.get_backend_pid(),))
    cursor = connection.cursor()
    with pytest.raises(psycopg2.OperationalError):
        cursor.execute("SELECT 1")
    assert connection.closed == 2
    connection.close()
    other.close()
