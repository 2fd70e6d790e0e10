"""The exit of a process while its threads use the driver."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psycopg2
import pytest

# Eight daemon threads repeat something; each reports when it has done it once.
THREADS = """
    import io, random, select, sys, threading, time
    import psycopg2

    dsn, done = sys.argv[1], threading.Semaphore(0)

    def wait(connection):
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            reading = state == psycopg2.extensions.POLL_READ
            select.select([connection] if reading else [], [] if reading else [connection], [])

    def connect():
        psycopg2.connect(dsn).close()

    def connect_asynchronously():
        connection = psycopg2.connect(dsn, async_=1)
        wait(connection)
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        wait(connection)
        connection.close()

    def execute_and_copy():
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        for _ in range(10):
            cursor.execute("SELECT repeat('x', 100000)")
            cursor.copy_expert("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100)) TO STDOUT", io.StringIO())

    def work(deed):
        while True:
            deed()
            done.release()

    for _ in range(8):
        threading.Thread(target=work, args=[globals()[sys.argv[2]]], daemon=True).start()
    for _ in range(8):
        assert done.acquire(timeout=30)
    time.sleep(random.random() * 0.1)
    """


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments], stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def endings(number, program, *arguments, together=6):
    """Runs a program `number` times, `together` at once; returns the exit status and the output of each."""
    running, ended = [], []
    while number > 0 or running:
        while number > 0 and len(running) < together:
            running.append(start(program, *arguments))
            number -= 1
        process = running.pop(0)
        try:
            output, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()[0] + "no end after 60 s"
        ended.append((process.returncode, output))
    return ended


def sockets(process):
    """How many sockets another process has open."""
    folder, count = f"/proc/{process}/fd", 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            pass  # It was closed in the meantime.
    return count


@pytest.mark.slow
@pytest.mark.parametrize("deed, number", [("connect", 60), ("connect_asynchronously", 20), ("execute_and_copy", 20)])
def test_an_exit_while_threads_are_in_openssl(secure_node, deed, number):
    """exit() frees what OpenSSL has while they work with it."""
    ended = endings(number, THREADS, secure_node.dsn(1, sslmode="require"), deed)
    assert [ending for ending in ended if ending != (0, "")] == []


@pytest.mark.slow
def test_an_exit_after_openssl_was_used_before_the_driver_was_loaded(secure_node):
    """OpenSSL registers its exit handler at its first use, and the driver's has to run before it in any case."""
    program = "import hashlib, ssl; ssl.create_default_context()\n" + textwrap.dedent(THREADS)
    ended = endings(20, program, secure_node.dsn(1, sslmode="require"), "connect")
    assert [ending for ending in ended if ending != (0, "")] == []


@pytest.mark.parametrize("ending, status", [
    ("sys.exit(3)", 3),
    ("import os; os._exit(4)", 4),
    ("raise SystemExit(5)", 5),
    ("import os, signal; os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
])
def test_every_way_to_exit(secure_node, ending, status):
    for code, output in endings(6, textwrap.dedent(THREADS) + ending, secure_node.dsn(1, sslmode="require"), "connect"):
        assert (code, output) == (status, "")


def test_exit_handlers_still_use_connections(secure_node):
    """Exit handlers registered before or after the import run while connections still work."""
    before = """
        import atexit, sys

        def late():
            kept.cursor().execute("SELECT 1")
            with psycopg2.connect(dsn) as another, another.cursor() as cursor:
                cursor.execute("SELECT 'registered before the import'")
                print(*cursor.fetchone(), flush=True)

        atexit.register(late)
        """
    after = """
        kept = psycopg2.connect(dsn)

        def early():
            with psycopg2.connect(dsn) as another, another.cursor() as cursor:
                cursor.execute("SELECT 'registered after it'")
                print(*cursor.fetchone(), flush=True)

        atexit.register(early)
        """
    program = textwrap.dedent(before) + textwrap.dedent(THREADS) + textwrap.dedent(after)
    for ending in endings(6, program, secure_node.dsn(1, sslmode="require"), "connect"):
        assert ending == (0, "registered after it\nregistered before the import\n")


@pytest.mark.slow
def test_a_forks_child_exits_by_itself(secure_node):
    """The child connects, and at its exit does not wait for threads of its parent that were in libpq."""
    program = textwrap.dedent(THREADS) + textwrap.dedent("""
        import os
        for _ in range(10):
            child = os.fork()
            if child == 0:
                psycopg2.connect(dsn).close()
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        """)
    for ending in endings(3, program, secure_node.dsn(1, sslmode="require"), "connect", together=3):
        assert ending == (0, "")


@pytest.mark.timing
def test_an_exit_does_not_wait_for_servers(mortal):
    """Threads that wait for a silent server do not delay it."""
    dsn = mortal.dsn(1, connect_timeout=60)
    connection = psycopg2.connect(dsn)
    program = """
        import sys, threading, psycopg2
        for _ in range(8):
            threading.Thread(target=psycopg2.connect, args=sys.argv[1:], daemon=True).start()
        sys.stdin.read()
        """
    with mortal.frozen(1):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), dsn], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while sockets(process.pid) < 8:
            assert process.poll() is None
        begin = time.monotonic()
        output, _ = process.communicate("", timeout=60)
        assert (process.returncode, output) == (0, "") and time.monotonic() - begin < 4
    connection.close()
