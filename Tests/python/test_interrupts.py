"""Ctrl-C: a signal handler that raises ends every wait at once, and the connection is usable afterwards.

Each wait happens in a process of its own, whose second thread sends the signal once the first thread waits. It asks the
server for that, or the kernel where no server knows of the wait. The first thread waits for something that would take a
minute; nothing here is measured more finely than that, because the machine may be slow.
"""

import subprocess
import sys
import textwrap

import pytest

from waiting import environment

PROLOGUE = """
import os, signal, sys, threading, time
import psycopg2, psycopg2.apus
from psycopg2 import extensions, extras
from waiting import has_received, is_asleep, is_running, until

dsn, name = sys.argv[1:]
number = getattr(signal, name)

class Interrupted(Exception):
    pass

def handler(*_):
    raise Interrupted

if name == "SIGINT":
    Interrupted = KeyboardInterrupt
else:
    signal.signal(number, handler)

def soon(question=None):
    threading.Thread(target=send_when, args=[question or executes], daemon=True).start()

def send_when(question):
    try:
        return until(question, within=30)
    finally:
        os.kill(os.getpid(), number)

def interrupted(body, question=None):
    begun = time.monotonic()
    try:
        soon(question)
        body()
    except Interrupted:
        assert time.monotonic() - begun < 25, "it was waited for to the end"
        return
    raise SystemExit("not interrupted")

def usable(connection):
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        assert cursor.fetchone() == (42,)
    connection.rollback()

connection = psycopg2.connect(dsn)
cursor = connection.cursor()
executes, sleeps = is_running(connection, None), is_running(connection)
"""

WAITS = {
    "execute": """
        interrupted(lambda: cursor.execute("SELECT pg_sleep(60)"))
        assert connection.get_transaction_status() == extensions.TRANSACTION_STATUS_INERROR
    """,
    "execute that never stops sending": """
        interrupted(lambda: cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 100000000)"))
    """,
    "executemany": """
        interrupted(lambda: cursor.executemany("SELECT pg_sleep(%s)", [(0,), (60,), (60,)]), sleeps)
    """,
    "callproc": """
        interrupted(lambda: cursor.callproc("pg_sleep", [60]))
    """,
    "commit": """
        cursor.execute("CREATE TEMP TABLE t (i int);"
                       "CREATE FUNCTION pg_temp.slow() RETURNS trigger LANGUAGE plpgsql AS"
                       " $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;"
                       "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
                       " FOR EACH ROW EXECUTE FUNCTION pg_temp.slow()")
        connection.commit()
        cursor.execute("INSERT INTO t VALUES (1)")
        interrupted(connection.commit)
        assert connection.status == extensions.STATUS_READY
    """,
    "named cursor": """
        named = connection.cursor("n")
        named.execute("SELECT pg_sleep(60)")
        interrupted(named.fetchone)
    """,
    "another thread's statement": """
        def cancelled():
            try:
                cursor.connection.cursor().execute("SELECT pg_sleep(60)")
            except extensions.QueryCanceledError:
                pass
        other = threading.Thread(target=cancelled)
        other.start()
        until(sleeps)
        interrupted(lambda: cursor.execute("SELECT 1"), is_asleep())
        interrupted(connection.commit, is_asleep())
        interrupted(connection.close, is_asleep())
        assert connection.closed == 0
        # Looking at what the server reported waits for nothing.
        assert connection.info.parameter_status("TimeZone")
        interrupted(connection.poll, is_asleep())
        connection.cancel()
        other.join()
    """,
    "connect": """
        import socket
        silent = socket.create_server(("127.0.0.1", 0))
        silence = {"host": "127.0.0.1", "port": silent.getsockname()[1], "connect_timeout": 60}
        interrupted(lambda: psycopg2.connect(**silence), is_asleep())
        interrupted(lambda: psycopg2.connect(**silence, load_balance=True), is_asleep())
    """,
    "copy to": """
        class File:
            def write(self, data):
                pass
        interrupted(lambda: cursor.copy_expert("COPY (SELECT 1 FROM pg_sleep(60)) TO STDOUT", File()))
    """,
    "copy to a file of C": """
        with open(os.devnull, "wb") as file:
            query = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000000)) TO STDOUT"
            interrupted(lambda: cursor.copy_expert(query, file))
    """,
    "copy from that the server holds up": """
        cursor.execute("CREATE TEMP TABLE t (i int, x text DEFAULT pg_sleep(0.001)::text)")
        class File:
            def read(self, size):
                return "1\\n" * (size // 2)
        interrupted(lambda: cursor.copy_expert("COPY t (i) FROM STDIN", File(), 1 << 20))
    """,
    "copy from a file that waits": """
        cursor.execute("CREATE TEMP TABLE t (i int)")
        class File:
            def read(self, size):
                time.sleep(60)
        if number == signal.SIGINT:
            interrupted(lambda: cursor.copy_expert("COPY t FROM STDIN", File()), is_asleep())
        else:
            # What read() raises is the file's error, as it always was.
            soon(is_asleep())
            try:
                cursor.copy_expert("COPY t FROM STDIN", File())
                raise SystemExit("not interrupted")
            except extensions.QueryCanceledError as error:
                assert isinstance(error.__cause__, Interrupted)
    """,
    "copy from a file of C": """
        cursor.execute("CREATE TEMP TABLE t (i int)")
        file = open("/dev/zero", "rb")
        interrupted(lambda: cursor.copy_expert("COPY t FROM STDIN", file), has_received(connection, "COPY"))
    """,
    "large object": """
        large = connection.lobject(0, "w")
        oid = large.oid
        large.close()
        connection.commit()
        with psycopg2.connect(dsn) as other:
            # Who unlinks waits for the other who did.
            other.lobject(oid, "n").unlink()
            mine = connection.lobject(oid, "n")
            interrupted(mine.unlink)
        connection.rollback()
    """,
    "tpc": """
        connection.tpc_begin(connection.xid(1, "interrupted", ""))
        cursor.execute("SELECT 1")
        interrupted(lambda: cursor.execute("SELECT pg_sleep(60)"))
        connection.tpc_rollback()
    """,
    "a ping": """
        connection.cancellation_timeout = 60
        def slow():
            try:
                connection.cursor().execute("SELECT pg_sleep(60)")
            except extensions.QueryCanceledError:
                pass
        other = threading.Thread(target=slow)
        other.start()
        until(sleeps)
        interrupted(lambda: psycopg2.apus.ping(connection, 60), is_asleep())
        connection.cancel()
        other.join()
    """,
    "waiting for notifications": """
        import select
        connection.autocommit = True
        cursor.execute("LISTEN interrupted")
        def wait():
            while True:
                select.select([connection], [], [], 60)
                connection.poll()
        interrupted(wait, is_asleep())
        cursor.execute("NOTIFY interrupted")
        connection.poll()
        assert len(connection.notifies) == 1
    """,
    "green": """
        import select
        def wait(connection):
            while True:
                state = connection.poll()
                if state == extensions.POLL_OK:
                    return
                reading, writing = ([connection], []) if state == extensions.POLL_READ else ([], [connection])
                try:
                    select.select(reading, writing, [])
                except Interrupted:
                    connection.cancel()
                    seen.append(True)
        seen = []
        extensions.set_wait_callback(wait)
        soon()
        try:
            cursor.execute("SELECT pg_sleep(60)")
            raise SystemExit("not interrupted")
        except extensions.QueryCanceledError:
            assert seen
    """,
}


@pytest.mark.timing
@pytest.mark.parametrize("name", ["SIGINT", "SIGALRM"])
@pytest.mark.parametrize("wait", WAITS)
def test_every_wait_can_be_interrupted(dsn, wait, name):
    program = PROLOGUE + textwrap.dedent(WAITS[wait]) + "usable(connection)\n"
    run(program, dsn, name)


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program, *arguments], capture_output=True, text=True, timeout=60,
        env={**environment(), "PGCONNECT_TIMEOUT": ""})
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.timing
@pytest.mark.parametrize("name", ["SIGINT", "SIGALRM"])
def test_a_replication_stream_can_be_interrupted_and_goes_on(dsn, name):
    run(PROLOGUE + textwrap.dedent("""
        connection.autocommit = True
        slot = f"interrupted_{os.getpid()}"
        replicating = psycopg2.connect(dsn, connection_factory=extras.LogicalReplicationConnection)
        stream = replicating.cursor()
        stream.create_replication_slot(slot, output_plugin="test_decoding")
        try:
            stream.start_replication(slot, decode=True)
            interrupted(lambda: stream.consume_stream(print), is_asleep())
            interrupted(lambda: stream.consume_stream(print), is_asleep())
            cursor.execute("CREATE TABLE interrupted_stream (i int); DROP TABLE interrupted_stream")
            seen = []
            def consume(message):
                seen.append(message.payload)
                raise extras.StopReplication
            try:
                stream.consume_stream(consume)
            except extras.StopReplication:
                assert seen
        finally:
            replicating.close()
            def is_dropped():
                cursor.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                               " WHERE slot_name = %s AND NOT active", (slot,))
                return cursor.rowcount
            until(is_dropped)
        connection.autocommit = False
        usable(connection)
        """), dsn, name)


@pytest.mark.timing
def test_asked_twice_a_server_that_is_frozen_loses_the_connection(mortal):
    """At the first signal the driver asks the server to cancel and waits for its answer; the second ends that wait."""
    program = PROLOGUE + textwrap.dedent("""
        print("connected", flush=True)
        sys.stdin.readline()
        def twice():
            first, sent = send_when(is_asleep()), time.monotonic()
            # Awake in between, it has asked the server to cancel, and waits again. A second signal within a second of
            # the first would be taken for the same one.
            waits_again = is_asleep(after=first)
            send_when(lambda: time.monotonic() - sent > 1.1 and waits_again())
        threading.Thread(target=twice, daemon=True).start()
        begun = time.monotonic()
        try:
            cursor.execute("SELECT 1")
            raise SystemExit("not interrupted")
        except Interrupted:
            assert time.monotonic() - begun < 8
        assert connection.closed == 2
        """)
    child = subprocess.Popen(
        [sys.executable, "-c", program, mortal.dsn(2), "SIGINT"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    assert child.stdout.readline() == "connected\n"
    with mortal.frozen(2):
        _, errors = child.communicate("go\n", timeout=60)
    assert child.returncode == 0, errors
