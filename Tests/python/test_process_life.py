"""Effects of the driver on its process, from the import to the exit: threads, logging, forks, memory, interpreters."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc

import psycopg2
import psycopg2.apus
import pytest

from cold import cold, in_child
from observing import close_all, counts, descriptors, heap, open_many, ping
from waiting import environment, interrupt_when


def run(program, *arguments, **variables):
    """Runs a program in an interpreter of its own; the arguments are its sys.argv[1:]. Returns its output."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program), *map(str, arguments)],
        text=True, capture_output=True, timeout=60, env={**environment(), **variables})
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


# D7: the exit

@pytest.mark.parametrize("balance", ["false", "true"])
@pytest.mark.parametrize("ending", [
    # Closed by a finalizer after the modules have been cleared.
    "class Holder:\n"
    "    def __init__(self): self.connection = connection\n"
    "    def __del__(self): self.connection.close()\n"
    "holder = Holder()",
    # Never closed; with a cursor that has rows left.
    "cursor = connection.cursor(); cursor.execute('SELECT generate_series(1, 100)'); cursor.fetchone()",
    # In a cycle, with a finalizer that uses it.
    "class Cycle:\n"
    "    def __del__(self): self.connection.cursor().close(); self.connection.rollback()\n"
    "cycle = Cycle(); cycle.me = cycle; cycle.connection = connection; del cycle",
    # Referenced by the module itself, by a thread that does not end, by an exit handler.
    "psycopg2.kept = connection",
    "import threading, waiting\n"
    "waits = waiting.is_running(connection)\n"
    "threading.Thread(target=lambda: (connection.cursor().execute('SELECT pg_sleep(60)')), daemon=True).start()\n"
    "waiting.until(waits)",
    # Closed and used by finalizers while a thread that ended with the interpreter holds its lock.
    "import threading, waiting\n"
    "class Holder:\n"
    "    def __del__(self):\n"
    "        try: self.connection.commit()\n"
    "        except psycopg2.InterfaceError: pass\n"
    "        self.connection.close()\n"
    "holder = Holder(); holder.connection = connection; cursor = connection.cursor()\n"
    "waits = waiting.is_running(connection)\n"
    "threading.Thread(target=cursor.execute, args=('SELECT pg_sleep(60)',), daemon=True).start()\n"
    "waiting.until(waits)",
    "import atexit; atexit.register(connection.close)",
    "import os; connection.close(); os._exit(0)",
])
def test_d07_exit_with_open_connections(three_nodes, balance, ending):
    output = run("import psycopg2, sys\nconnection = psycopg2.connect(sys.argv[1])\n" + ending,
                 three_nodes.dsn(1, load_balance=balance))
    assert output == ""


# D11: the import

def test_d11_import_starts_no_thread_and_configures_no_logging():
    output = run("""
        import logging, threading, os
        root, known = logging.getLogger(), set(logging.Logger.manager.loggerDict)
        handlers, level = list(root.handlers), root.level
        import psycopg2, psycopg2.extras, psycopg2.pool, psycopg2.apus
        assert root.handlers == handlers and root.level == level
        # It has a logger of its own, as libraries do: without handlers, and at its parent's level.
        for name in set(logging.Logger.manager.loggerDict) - known:
            logger = logging.getLogger(name)
            assert name.partition(".")[0] == "psycopg2" and logger.level == logging.NOTSET and logger.propagate
            assert all(type(handler) is logging.NullHandler for handler in logger.handlers)
        assert threading.active_count() == 1
        assert len(os.listdir("/proc/self/task")) == 1, "a thread beside Python's own"
        logging.basicConfig(format="%(name)s says %(message)s")
        if os.fork() == 0:
            logging.getLogger("application").warning("hello from the child")
            os._exit(0)
        os.wait()
        """)
    assert output == "application says hello from the child\n"


@cold
def test_d11_connecting_starts_no_thread_and_prints_nothing(three_nodes, capfd):
    connections = open_many(6, three_nodes.dsn(1, load_balance=True))
    assert len(os.listdir("/proc/self/task")) == 1
    close_all(connections)
    assert capfd.readouterr() == ("", "")


# D23, P5: collected connections

@cold
def test_d23_collected_connections_give_their_count_back(three_nodes, app):
    connections = open_many(9, three_nodes.dsn(1, load_balance=True, application_name=app))
    assert counts(three_nodes) == [3, 3, 3]
    del connections[0]
    assert sum(counts(three_nodes)) == 8
    cycle = {"connections": connections}
    cycle["me"] = cycle
    cursors = [connection.cursor() for connection in connections[:2]]
    del connections, cycle
    gc.collect()
    # A cursor keeps its connection alive.
    assert sum(counts(three_nodes)) == 2
    del cursors
    gc.collect()
    assert counts(three_nodes) == [0, 0, 0]
    assert three_nodes.settled_spread(app, [0, 0, 0]) == [0, 0, 0]


@cold
def test_p05_a_connect_that_fails_leaves_no_count(three_nodes):
    class Fails(psycopg2.extensions.connection):
        def __init__(self, dsn):
            super().__init__(dsn)
            raise RuntimeError("after the session was opened")

    for _ in range(6):
        with pytest.raises(RuntimeError):
            psycopg2.connect(three_nodes.dsn(1, load_balance=True), connection_factory=Fails)
    gc.collect()
    assert counts(three_nodes) == [0, 0, 0]


# D25: leaks

@pytest.mark.slow
@pytest.mark.parametrize("balance, number", [(False, 700), (True, 2000)])
@cold
def test_d25_two_thousand_connections_leak_nothing(three_nodes, balance, number):
    dsn = three_nodes.dsn(1, load_balance=balance, topology_keys="cloud.region.*") + " sslmode=disable"

    def turn(number):
        for index in range(number):
            connection = psycopg2.connect(dsn)
            if index % 4 == 0:
                ping(connection)
            if index % 2 == 0:
                connection.close()

    turn(300)
    gc.collect()
    objects, before = len(gc.get_objects()), (descriptors(), heap())
    watched = (psycopg2.extensions.connection, psycopg2.extensions.cursor, None)
    references = [sys.getrefcount(each) for each in watched]
    tracemalloc.start()
    turn(20)
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    turn(180)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - traced
    tracemalloc.stop()
    turn(number - 200)
    gc.collect()
    assert grown < 180 * 16, f"{grown} bytes of Python's own memory after 180 connections"
    assert abs(len(gc.get_objects()) - objects) < 20
    after = [sys.getrefcount(each) for each in watched]
    assert all(abs(new - old) < 50 for new, old in zip(after, references))
    assert descriptors() == before[0]
    # The leak of psycopg2-yugabytedb, 888 bytes each time, would be 1.7 MiB.
    assert heap() - before[1] < 128
    assert counts(three_nodes) == [0, 0, 0]


@cold
def test_d25_failed_connects_leak_nothing(scram_nodes):
    good, bad = (
        scram_nodes.dsn(1, load_balance=True, password=word) + " sslmode=disable" for word in ("yugabyte", "bad"))
    psycopg2.connect(good).close()

    def turn(number):
        for _ in range(number):
            for wrong in (bad, good + " dbname=none", "host=127.0.29.1 load_balance=true", good + " load_balance=x"):
                with pytest.raises(psycopg2.Error):
                    psycopg2.connect(wrong)

    turn(60)
    gc.collect()
    before = descriptors(), heap()
    turn(150)
    gc.collect()
    assert descriptors() == before[0]
    assert heap() - before[1] < 64
    assert counts(scram_nodes) == [0, 0, 0]


# Forks, P11

@cold
def test_fork_a_child_starts_clean(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, application_name=app)
    connections = open_many(3, dsn)
    assert counts(three_nodes) == [1, 1, 1]

    def child():
        seen = [psycopg2.apus.cluster_status()]
        own = open_many(3, dsn)
        seen.append(counts(three_nodes))
        close_all(own)
        seen.append(counts(three_nodes))
        return seen

    assert in_child(child) == "[[], [1, 1, 1], [0, 0, 0]]"
    # Child and parent each fetched the list.
    assert three_nodes.logins(app) == 2 + 6
    assert counts(three_nodes) == [1, 1, 1] == three_nodes.settled_spread(app, [1, 1, 1])
    assert all(ping(connection) for connection in connections)
    close_all(connections)


@pytest.mark.parametrize("sslmode", ["disable", "require"])
@cold
def test_fork_the_parents_sessions_are_untouched(named_nodes, app, sslmode):
    """Whether the child uses, closes or drops the inherited connections, or exits."""
    dsn = named_nodes.dsn(1, load_balance=True, password="yugabyte", application_name=app, sslmode=sslmode)
    connections = open_many(6, dsn)
    for connection in connections:
        assert ping(connection)
    cursor = connections[0].cursor()
    cursor.execute("SELECT generate_series(1, 3)")

    def child():
        errors = []
        for use in (lambda: connections[0].cursor(), lambda: cursor.execute("SELECT 1"), connections[1].commit,
                    connections[1].rollback, connections[1].cancel,
                    lambda: connections[1].set_session(autocommit=True)):
            try:
                use()
                errors.append("none")
            except psycopg2.Error as error:
                errors.append(type(error).__name__ + (" forked" if "forked process" in str(error) else str(error)))
        connections[1].close()
        connections[2].close()
        connections.clear()
        gc.collect()
        return sorted(set(errors))

    assert in_child(child) == "['InterfaceError forked']"
    assert in_child(lambda: connections.pop().close()) == "None"
    assert len(connections) == 6 and cursor.fetchall() == [(1,), (2,), (3,)]
    for connection in connections:
        assert ping(connection), "the session goes on"
    assert sum(named_nodes.spread(app)) == 6
    close_all(connections)


@pytest.mark.slow
@pytest.mark.parametrize("sslmode", ["disable", "require"])
@cold
def test_fork_while_other_threads_connect(named_nodes, app, sslmode):
    """A fork while other threads are in libpq, OpenSSL and Kerberos: the child has to be able to connect, and to drop
    inherited connections."""
    dsn = named_nodes.dsn(
        1, load_balance=True, yb_servers_refresh_interval=0, application_name=app, password="yugabyte",
        sslmode=sslmode)
    stop, shared = threading.Event(), psycopg2.connect(dsn)

    def work():
        while not stop.is_set():
            psycopg2.connect(dsn).close()

    def query():
        while not stop.is_set():
            ping(shared)

    threads = [threading.Thread(target=target) for target in (work, work, work, work, query)]
    for thread in threads:
        thread.start()

    def child():
        shared.close()
        own = open_many(3, dsn)
        assert all(ping(connection) for connection in own)
        close_all(own)
        return [node.sessions for node in psycopg2.apus.cluster_status()]

    try:
        for _ in range(20):
            assert in_child(child) == "[0, 0, 0]"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert ping(shared)
    shared.close()


@cold
def test_p11_forked_workers_share_no_socket(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, yb_servers_refresh_interval=0, application_name=app)

    def sockets():
        return {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")
                and os.readlink(f"/proc/self/fd/{name}").startswith("socket:")}

    gc.collect()
    assert not sockets(), "earlier tests, and the drivers that they used, leave nothing open"
    psycopg2.connect(dsn).close()
    assert not sockets(), "nothing stays open that a child could inherit"
    workers = [os.fork() for _ in range(1)]
    if workers[0] == 0:
        os._exit(0 if all(ping(connection) for connection in open_many(3, dsn)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(workers[0], 0)[1]) == 0
    assert ping(psycopg2.connect(dsn))


def test_multiprocessing_pool_of_forks(three_nodes):
    output = run("""
        import multiprocessing, psycopg2, sys
        dsn = sys.argv[1]
        first = psycopg2.connect(dsn)

        def work(number):
            with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT %s", (number,))
                return cursor.fetchone()[0]

        with multiprocessing.get_context("fork").Pool(4) as pool:
            assert pool.map(work, range(40)) == list(range(40))
        with first.cursor() as cursor:
            cursor.execute("SELECT 1")
        print("well")
        """, three_nodes.dsn(1, load_balance=True))
    assert output == "well\n"


# D27: subinterpreters

INSIDE = """
    try:
        import psycopg2
    except ImportError as error:
        assert str(error)
    else:
        import psycopg2.extras
        with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT %s, 1.5::numeric, now(), ARRAY[1]", ("x",))
            assert cursor.fetchone()[0] == "x"
            try:
                cursor.execute("SELECT nothing")
            except psycopg2.errors.UndefinedColumn:
                pass
        kept = psycopg2.connect(dsn)
        kept_cursor = kept.cursor()
    """

OUTSIDE = """
    import sys
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        import _interpreters as interpreters

    def make(isolated):
        if sys.version_info >= (3, 13):
            return interpreters.create("isolated" if isolated else "legacy")
        return interpreters.create(isolated=isolated)

    dsn, order, inside = sys.argv[1:]
    if order == "main first":
        import psycopg2
        before = psycopg2.connect(dsn)
    for isolated in (True, False, True, False):
        interpreter = make(isolated)
        failure = interpreters.run_string(interpreter, f"dsn = {dsn!r}\\n{inside}")
        assert failure is None, failure
        interpreters.destroy(interpreter)
    import psycopg2
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s, 1.5::numeric", ("x",))
        cursor.fetchone()
        try:
            cursor.execute("SELECT nothing")
        except psycopg2.errors.UndefinedColumn:
            pass
    if order == "main first":
        before.cursor().execute("SELECT 1")
    print("well")
    """


@pytest.mark.skipif(sys.version_info < (3, 9), reason="no subinterpreters")
@pytest.mark.parametrize("order", ["main first", "main last"])
def test_d27_subinterpreters(three_nodes, order):
    """In each kind of interpreter the import works or is an ImportError, and the process and the module of the main
    interpreter go on."""
    output = run(OUTSIDE, three_nodes.dsn(1, load_balance=True), order, textwrap.dedent(INSIDE))
    assert "well\n" in output


# Waiting

@pytest.mark.timing
@cold
def test_a_connect_that_waits_can_be_interrupted(mortal):
    """Ctrl-C ends a connect to a frozen node at once, and the session is no longer counted."""
    dsn = mortal.dsn(1, load_balance=True, connect_timeout=20)
    psycopg2.connect(dsn).close()
    with mortal.frozen(2), mortal.frozen(3), mortal.frozen(1):
        begin = time.monotonic()
        with interrupt_when(lambda: sum(counts(mortal)) > 0), pytest.raises(KeyboardInterrupt):
            psycopg2.connect(dsn)
        assert time.monotonic() - begin < 3
        assert counts(mortal) == [0, 0, 0]
