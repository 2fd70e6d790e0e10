"""The clusters of Tests/python/conftest.py, and a database for each module, because packages leave tables behind."""

import importlib.util
import sys
import uuid
from pathlib import Path

import psycopg2
import pytest

PYTHON_TESTS = Path(__file__).resolve().parents[1] / "python"
sys.path.insert(0, str(PYTHON_TESTS))
pytest.register_assert_rewrite("test_recipes")

_spec = importlib.util.spec_from_file_location("clusters_of_tests", PYTHON_TESTS / "conftest.py")
_clusters = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_clusters)
three_nodes, mortal_nodes, mortal, app, dsn = (
    getattr(_clusters, name) for name in ("three_nodes", "mortal_nodes", "mortal", "app", "dsn"))


class Database:
    """A database of one server, with its name in the forms that packages take."""

    def __init__(self, nodes, name):
        self.name, self.host, self.port, self.user = name, nodes.address(1), nodes.port, "yugabyte"
        self.dsn = f"host={self.host} port={self.port} user={self.user} dbname={self.name}"
        self.url = f"postgresql://{self.user}@{self.host}:{self.port}/{self.name}"
        self.sqlalchemy = self.url.replace("://", "+psycopg2://")
        self._nodes = nodes

    def ask(self, query, *values):
        """Executes a query on a separate connection; returns the rows."""
        return self._nodes.ask(1, query, *values, dbname=self.name)

    def end_sessions(self, application_name):
        """Terminates the sessions of an application name, as a restart of the server does; returns their number."""
        return sum(ended for (ended,) in self.ask(
            "SELECT pg_terminate_backend(pid, 5000)::int FROM pg_stat_activity WHERE application_name = %s",
            application_name))


@pytest.fixture(scope="session")
def make_database(three_nodes):
    """A factory of empty databases, with hstore. They are dropped at the end."""
    made = []

    def make():
        database = Database(three_nodes, "d" + uuid.uuid4().hex[:12])
        three_nodes.ask(1, f"CREATE DATABASE {database.name}")
        made.append(database)
        database.ask("CREATE EXTENSION hstore")
        return database

    yield make
    for database in made:
        three_nodes.ask(1, f"DROP DATABASE {database.name} WITH (FORCE)")


@pytest.fixture(scope="module")
def database(make_database):
    return make_database()


def pytest_report_header():
    return f"psycopg2 {psycopg2.__version__} of {psycopg2.__file__}"
