"""The code blocks of docs/recipes.md run and have the effects described there."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2
import psycopg2.errors
import psycopg2.pool
import pytest
from psycopg2.extensions import parse_dsn

DOCS = Path(__file__).resolve().parents[2] / "docs"


def block(heading, page="recipes.md"):
    """The Python code block under a heading."""
    section = re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading + "\n"))
    return re.search(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def definitions(heading):
    names = {"__name__": "recipe"}
    exec(block(heading), names)
    return names


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page):
    text = (DOCS / page).read_text()
    for target, _, anchor in re.findall(r"\]\(([^)#:]*)(#([\w-]+))?\)", text):
        file = DOCS / target if target else DOCS / page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
                                        for heading in headings}, anchor


# Retry

def test_retry_repeats_what_met_another_transaction(dsn):
    transaction = definitions("Retry")["transaction"]
    connection = psycopg2.connect(dsn)
    runs = []

    def work(cursor):
        runs.append(1)
        if len(runs) < 3:
            cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
        cursor.execute("SELECT 42")
        return cursor.fetchone()[0]

    assert transaction(connection, work) == 42 and len(runs) == 3
    assert connection.info.transaction_status == 0
    with pytest.raises(psycopg2.errors.DeadlockDetected):
        transaction(connection, lambda cursor: cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"), 2)
    assert connection.info.transaction_status == 0
    connection.close()


@pytest.mark.parametrize("code, error", [
    ("40003", psycopg2.errors.StatementCompletionUnknown), ("22012", psycopg2.errors.DivisionByZero)])
def test_retry_repeats_nothing_else(dsn, code, error):
    transaction = definitions("Retry")["transaction"]
    connection = psycopg2.connect(dsn)
    runs = []

    def work(cursor):
        runs.append(1)
        cursor.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")

    with pytest.raises(error):
        transaction(connection, work)
    assert len(runs) == 1 and connection.info.transaction_status == 0
    connection.close()


def test_retry_does_not_repeat_a_commit(dsn, app):
    transaction = definitions("Retry")["transaction"]
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {app} (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        cursor.execute("CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS "
                       "$$ BEGIN RAISE SQLSTATE '40001'; END $$")
        cursor.execute(f"CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {app} DEFERRABLE INITIALLY DEFERRED "
                       f"FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()")
    runs = []

    def work(cursor):
        runs.append(1)
        cursor.execute(f"INSERT INTO {app} VALUES (1)")

    with pytest.raises(psycopg2.errors.SerializationFailure):
        transaction(connection, work)
    assert len(runs) == 1
    connection.close()


# Pools

def run_recipe(heading, dsn):
    """Runs the block of a recipe on a real server; returns its names."""
    source = re.sub(r'"host=node1[^"]*"', repr(dsn), block(heading))
    names = {"__name__": "recipe"}
    exec(source, names)
    return names


def test_the_pool_waits_and_checks(three_nodes, app):
    names = run_recipe("Pools", three_nodes.dsn(1, load_balance=True, application_name=app))
    pool = names["pool"]
    assert names["cursor"].closed and not pool._used
    pool.maxconn, pool._upkeep.timeout = 2, 0.3
    with pool.connection() as first, pool.connection() as second:
        assert first is not second
        with pytest.raises(psycopg2.pool.PoolTimeout):
            with pool.connection():
                pass
    three_nodes.on_all(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{app}'")
    seen = []

    def use():
        with pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 7")
            seen.append(cursor.fetchone()[0])

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [7, 7]
    pool.closeall()


def test_a_limit_to_a_statement(dsn, monkeypatch):
    connect = psycopg2.connect
    monkeypatch.setattr(psycopg2, "connect", lambda *arguments, **given: connect(
        *arguments, **{**given, "command_timeout": given["command_timeout"] / 20}))
    connection = run_recipe("A limit to how long a statement may take", dsn)["connection"]
    assert connection.closed == 0 and connection.info.transaction_status == 0 and connection.cancellation_timeout == 2
    connection.close()


# Third-party packages, if they are installed

def program(source):
    done = subprocess.run([sys.executable, "-c", source], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_django(three_nodes):
    pytest.importorskip("django")
    given = parse_dsn(three_nodes.dsn(1))
    assert program(block("Django") + f"""
DATABASES["default"].update(
    HOST={given["host"]!r}, PORT={str(three_nodes.port)!r}, NAME={given["dbname"]!r}, USER={given["user"]!r},
    PASSWORD={given.get("password", "")!r})
DATABASES["default"]["OPTIONS"]["topology_keys"] = "cloud.region.b"
from django.conf import settings
settings.configure(DATABASES=DATABASES)
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT host(inet_server_addr())")
    print(cursor.fetchone()[0])
""") == three_nodes.address(2) + "\n"


def test_sqlalchemy(three_nodes):
    pytest.importorskip("sqlalchemy")
    given = parse_dsn(three_nodes.dsn(1))
    source = block("SQLAlchemy").replace("me:secret@/yugabyte", f"{given['user']}@/{given['dbname']}")
    source = source.replace("aws.eu.a:1,aws.eu.b:2", "cloud.region.c:1")
    for number in (1, 2):
        source = source.replace(f"node{number}:5433", f"{three_nodes.address(number)}:{three_nodes.port}")
    assert program(source + """
from sqlalchemy import text
with engine.connect() as connection:
    print(connection.execute(text("SELECT host(inet_server_addr())")).scalar())
""") == three_nodes.address(3) + "\n"


@pytest.mark.timing
def test_gevent(three_nodes):
    pytest.importorskip("gevent")
    dsn = three_nodes.dsn(1, load_balance=True)
    assert program(block("gevent") + f"""
import time, gevent, psycopg2

def sleep():
    connection = psycopg2.connect({dsn!r})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.5), host(inet_server_addr())")
        return cursor.fetchone()[1]

begin = time.monotonic()
jobs = [gevent.spawn(sleep) for _ in range(6)]
gevent.joinall(jobs, raise_error=True)
assert time.monotonic() - begin < 2.5
print(len(set(job.value for job in jobs)))
""") == "3\n"
