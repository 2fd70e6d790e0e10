"""Objects that are no longer used release their sessions, memory, descriptors and references."""

import gc
import subprocess
import sys
import weakref

import psycopg2
import pytest
from psycopg2 import extensions

from waiting import environment, until


def sessions(dsn, name):
    watcher = psycopg2.connect(dsn)
    watcher.autocommit = True
    cursor = watcher.cursor()
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (name,))
    count = cursor.fetchone()[0]
    watcher.close()
    return count


def test_forgotten_connections_end_their_sessions(dsn):
    name = "forgotten"
    connections = [psycopg2.connect(dsn, application_name=name) for _ in range(5)]
    reference = weakref.ref(connections[0])
    assert sessions(dsn, name) == 5
    del connections
    assert reference() is None
    until(lambda: sessions(dsn, name) == 0)


def test_a_cycle_is_collected(dsn):
    class Connection(extensions.connection):
        pass

    connection = Connection(dsn + " application_name=cycle")
    connection.me = connection
    connection.cursor_in_it = connection.cursor()
    connection.notices = [connection]
    del connection
    gc.collect()
    until(lambda: sessions(dsn, "cycle") == 0)


def test_a_subclass_that_never_calls_init(dsn):
    class Broken(extensions.connection):
        def __init__(self, *_):
            pass

    connection = psycopg2.connect(dsn, connection_factory=Broken)
    assert connection.closed and "0x" in repr(connection)
    with pytest.raises(psycopg2.InterfaceError):
        connection.cursor()
    connection.close()

    class BrokenCursor(extensions.cursor):
        def __init__(self, *_):
            pass

    connection = psycopg2.connect(dsn)
    cursor = connection.cursor(cursor_factory=BrokenCursor)
    with pytest.raises(psycopg2.InterfaceError):
        cursor.execute("SELECT 1")
    connection.close()


def test_a_failed_init(dsn):
    class Connection(extensions.connection):
        def __init__(self, *arguments):
            try:
                super().__init__(*arguments)
            except psycopg2.OperationalError:
                pass

    connection = Connection(dsn + " dbname=no_such_database")
    assert connection.closed == 2


def test_the_password_is_hidden(dsn):
    connection = psycopg2.connect(dsn, password="it's secret")
    assert "secret" not in connection.dsn and "xxx" in connection.dsn
    assert "secret" not in repr(connection)
    assert "password" not in connection.get_dsn_parameters()
    connection.close()


@pytest.mark.parametrize("program", [
    "c = psycopg2.connect(sys.argv[1]); c.cursor().execute('SELECT 1')",
    "class H:\n def __init__(self): self.c = psycopg2.connect(sys.argv[1])\n"
    " def __del__(self): self.c.close()\nh = H()",
    "import threading, waiting\nc = psycopg2.connect(sys.argv[1]); waits = waiting.is_running(c)\n"
    "threading.Thread(target=lambda: c.cursor().execute('SELECT pg_sleep(60)'), daemon=True).start()\n"
    "waiting.until(waits)",
])
def test_exit_with_open_connections(dsn, program):
    done = subprocess.run(
        [sys.executable, "-c", "import sys, psycopg2\n" + program, dsn], capture_output=True, timeout=60,
        env=environment())
    assert done.returncode == 0 and not done.stderr


def test_import_starts_nothing():
    program = ("import threading, logging, psycopg2, psycopg2.extras, psycopg2.pool\n"
               "assert threading.active_count() == 1 and not logging.getLogger().handlers\n"
               "import os; assert len(os.listdir('/proc/self/task')) == 1")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_sub_interpreters_have_a_module_each(dsn):
    """mod_wsgi runs applications this way: each has types, adapters and typecasters of its own."""
    program = """
import sys
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
inner = '''
import decimal, psycopg2
connection = psycopg2.connect({0!r})
cursor = connection.cursor()
cursor.execute("SELECT %s, 1.5", (decimal.Decimal(1),))
assert cursor.fetchone() == (1, decimal.Decimal("1.5"))
try:
    cursor.execute("SELEC")
    raise SystemError
except psycopg2.errors.SyntaxError:
    pass
'''.format(sys.argv[1])
exec(inner)
for _ in range(3):
    one = interpreters.create() if sys.version_info < (3, 13) else interpreters.create("legacy")
    if sys.version_info < (3, 13):
        interpreters.run_string(one, inner)
    else:
        failure = interpreters.run_string(one, inner)
        assert failure is None, failure
    interpreters.destroy(one)
exec(inner)
"""
    done = subprocess.run([sys.executable, "-c", program, dsn], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
