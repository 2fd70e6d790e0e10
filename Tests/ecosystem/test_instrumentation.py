"""Packages that trace the driver: they replace `connect`, subclass cursors and wrap connections."""

import importlib.metadata
import subprocess
import sys

import psycopg2
import psycopg2.errors
import psycopg2.extras
import pytest
import sqlalchemy as sa
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@pytest.fixture
def spans():
    """A function that returns (name, statement) of every span traced."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = Psycopg2Instrumentor()
    instrumentor.instrument(tracer_provider=provider)
    assert instrumentor.is_instrumented_by_opentelemetry, "it found no distribution of psycopg2's name"

    def finished():
        return [(span.name, span.attributes["db.statement"]) for span in exporter.get_finished_spans()]

    finished.provider, finished.exporter = provider, exporter
    yield finished
    instrumentor.uninstrument()


def test_statements_are_traced(database, spans):
    connection = psycopg2.connect(database.dsn)
    with connection, connection.cursor() as cursor:
        assert isinstance(cursor, psycopg2.extensions.cursor)
        cursor.execute("SELECT %s", (1,))
        cursor.executemany("SELECT %s", [(1,), (2,)])
        cursor.callproc("pg_backend_pid")
        cursor.execute(psycopg2.sql.SQL("SELECT {}").format(psycopg2.sql.Literal("x")))
        assert cursor.fetchone() == ("x",)
        with pytest.raises(psycopg2.errors.UndefinedColumn):
            cursor.execute("SELECT no_such")
    assert spans() == [("SELECT", "SELECT %s"), ("SELECT", "SELECT %s"), ("pg_backend_pid", "pg_backend_pid"),
                       ("SELECT", "SELECT 'x'"), ("SELECT", "SELECT no_such")]
    last = spans.exporter.get_finished_spans()[-1]
    assert not last.status.is_ok and last.attributes["net.peer.name"] == database.host
    connection.close()


def test_cursor_factories_are_kept(database, spans):
    connection = psycopg2.connect(database.dsn, cursor_factory=psycopg2.extras.RealDictCursor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a")
        assert cursor.fetchone() == {"a": 1}
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT generate_series(1, 3) AS a")
        assert [row["a"] for row in cursor] == [1, 2, 3]
    connection.close()
    assert [name for name, _ in spans()] == ["SELECT", "SELECT"]


def test_below_sqlalchemy(database, spans):
    engine = sa.create_engine(database.sqlalchemy)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 7")) == 7
    engine.dispose()
    assert ("SELECT", "SELECT 7") in spans()


def test_one_connection_is_traced(database, spans):
    Psycopg2Instrumentor().uninstrument()
    plain, watched = psycopg2.connect(database.dsn), psycopg2.connect(database.dsn)
    Psycopg2Instrumentor.instrument_connection(watched, tracer_provider=spans.provider)
    for connection in (plain, watched):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert len(spans()) == 1
    Psycopg2Instrumentor.uninstrument_connection(watched)
    with watched.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert len(spans()) == 1
    plain.close()
    watched.close()


def test_a_comment_says_who_asks(database):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = Psycopg2Instrumentor()
    instrumentor.instrument(tracer_provider=provider, enable_commenter=True)
    try:
        connection = psycopg2.connect(database.dsn)
        with connection.cursor() as cursor:
            cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            assert "traceparent='00-" in cursor.fetchone()[0]
        connection.close()
    finally:
        instrumentor.uninstrument()


@pytest.mark.parametrize("name", ["psycopg2", "psycopg2-binary"])
def test_the_distribution_has_the_names_that_packages_ask_for(name):
    assert importlib.metadata.version(name) == "2.9.13+apus"
    assert importlib.metadata.requires(name)[0].startswith("psycopg2-apus")


def test_pip_finds_every_requirement_met():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], text=True, capture_output=True)
    assert "psycopg2" not in done.stdout, done.stdout
