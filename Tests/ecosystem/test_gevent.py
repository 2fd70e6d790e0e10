"""Cooperative programs: gevent with psycogreen. Each is a process of its own, because it is monkey-patched."""

import subprocess
import sys

import pytest

HEAD = """
from gevent import monkey
monkey.patch_all()
from psycogreen.gevent import patch_psycopg
patch_psycopg()
import gevent, gevent.event, gevent.pool, psycopg2, psycopg2.extensions, psycopg2.pool

def ask(connection, query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()
"""


def run(source, **names):
    """Runs a program after HEAD, with these names; returns the words of its output."""
    text = HEAD + "".join(f"{name} = {value!r}\n" for name, value in names.items()) + source
    done = subprocess.run([sys.executable, "-c", text], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_statements_overlap(database):
    """Each holds a lock and waits for that of the next, so that all finish only if all run at once."""
    assert run("""
everyone = 10
begun = []
all_have_begun = gevent.event.Event()
finished = []

def wait(number):
    connection = psycopg2.connect(dsn)
    ask(connection, "SELECT pg_advisory_lock(%s)", number)
    begun.append(number)
    if len(begun) == everyone:
        all_have_begun.set()
    all_have_begun.wait()
    if number + 1 < everyone:
        ask(connection, "SELECT pg_advisory_lock(%s)", number + 1)
    finished.append(number)
    connection.close()

gevent.joinall([gevent.spawn(wait, number) for number in range(everyone)], raise_error=True)
print(*finished)
""", dsn=database.dsn) == [str(number) for number in reversed(range(10))]


def test_the_loop_runs_while_a_statement_does(database):
    [ticks] = run("""
ticks = 0

def tick():
    global ticks
    while True:
        ticks += 1
        gevent.sleep(0.01)

gevent.spawn(tick)
connection = psycopg2.connect(dsn)
ask(connection, "SELECT pg_sleep(0.5)")
print(ticks)
""", dsn=database.dsn)
    assert int(ticks) >= 3


def test_a_time_out_closes_the_connection_and_no_other(database, app):
    assert run("""
connection, other = psycopg2.connect(dsn, application_name=app), psycopg2.connect(dsn)
try:
    with gevent.Timeout(0.2):
        ask(connection, "SELECT pg_sleep(600)")
except gevent.Timeout:
    print("late", connection.closed != 0, *ask(other, "SELECT 7"))
""", dsn=database.dsn, app=app) == ["late", "True", "7"]


def test_a_pool_of_threads_that_are_greenlets(database):
    assert run("""
pool = psycopg2.pool.ThreadedConnectionPool(0, 4, dsn)
gate = gevent.pool.Pool(4)

def work(number):
    connection = pool.getconn()
    try:
        with connection:
            return ask(connection, "SELECT %s::int, pg_sleep(0.01)", number)[0]
    finally:
        pool.putconn(connection)

print(sum(gate.map(work, range(40))))
""", dsn=database.dsn) == ["780"]


def test_copy_and_cursors_of_the_server(database):
    assert run("""
import io
connection = psycopg2.connect(dsn)
with connection.cursor() as cursor:
    cursor.execute("CREATE TEMP TABLE numbers (a int)")
with connection.cursor("named") as cursor:
    cursor.itersize = 10
    cursor.execute("SELECT generate_series(1, 100)")
    print(sum(row[0] for row in cursor))
connection.set_isolation_level(0)
listener = psycopg2.connect(dsn)
listener.autocommit = True
ask(listener, "SELECT 1")
with listener.cursor() as cursor:
    cursor.execute("LISTEN green")
ask(connection, "SELECT pg_notify('green', 'x')")
gevent.socket.wait_read(listener.fileno(), timeout=20)
listener.poll()
print(listener.notifies.pop().payload)
""", dsn=database.dsn) == ["5050", "x"]


def test_sqlalchemys_pool(database, app):
    assert run("""
import sqlalchemy
engine = sqlalchemy.create_engine(url, pool_size=5, connect_args={"application_name": app})
inside = 0
most = 0

def work(number):
    global inside, most
    with engine.connect() as connection:
        inside += 1
        most = max(most, inside)
        connection.execute(sqlalchemy.text("SELECT pg_sleep(0.2)"))
        inside -= 1

gevent.joinall([gevent.spawn(work, number) for number in range(5)], raise_error=True)
print(most)
""", url=database.sqlalchemy, app=app) == ["5"]


def test_a_balanced_connect_waits_by_the_loop(three_nodes, app):
    assert run("""
connections = [None] * 6

def connect(index):
    connections[index] = psycopg2.connect(dsn, application_name=app)

gevent.joinall([gevent.spawn(connect, index) for index in range(6)], raise_error=True)
hosts = [ask(connection, "SELECT host(inet_server_addr())")[0] for connection in connections]
print(*sorted(hosts.count(host) for host in set(hosts)))
""", dsn=three_nodes.dsn(1, load_balance="true"), app=app) == ["2", "2", "2"]


@pytest.mark.parametrize("patched", [True, False])
def test_the_callback_is_psycogreens(database, patched):
    assert run("""
if not patched:
    psycopg2.extensions.set_wait_callback(None)
callback = psycopg2.extensions.get_wait_callback()
print(getattr(callback, "__module__", None), *ask(psycopg2.connect(dsn), "SELECT 1"))
""", dsn=database.dsn, patched=patched) == ["psycogreen.gevent" if patched else "None", "1"]
