"""Fixtures for all of Python's tests: real clusters, started by `apus cluster`."""

import itertools
import os
import signal
import sys
import uuid
from contextlib import contextmanager

import psycopg2
import pytest
from psycopg2 import extensions, extras

from leftovers import inventory
from local_cluster import cli_from_environment, free_base_address
from observing import Nodes


# Fixtures that start servers, or wait for those that do.
STARTS_SERVERS = {
    "cluster", "three_nodes", "mortal_nodes", "six_nodes", "scram_nodes", "named_nodes", "record_nodes", "secure_node",
}


def pytest_configure():
    # A signal that ends the tests early, as `timeout` sends it, leaves no servers behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell starts what runs in the background with SIGINT ignored, and so would be the programs that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Marks the tests that need servers: `-m "not cluster"` runs the others."""
    for item in items:
        if STARTS_SERVERS & set(item.fixturenames):
            item.add_marker("cluster")


# Addresses 127.0.30.x to 127.0.60.x are for the Python tests.
BLOCKS = range(30, 61)

numbers = itertools.count(1)


def make_cluster(**options):
    """A cluster that is not started yet, with a unique name. Options are those of LocalCluster."""
    nodes, port = options.get("nodes", 3), options.get("port", 5433)
    options.setdefault("base_address", free_base_address(nodes, port, BLOCKS))
    return Nodes(cli_from_environment(), f"pytest-{os.getpid()}-{next(numbers)}", **options)


@contextmanager
def shared_cluster(**options):
    """A cluster that many tests share. The run fails when they leave a table, a role or the like on it."""
    with make_cluster(**options) as nodes:
        before = inventory(nodes)
        yield nodes
        left = sorted(inventory(nodes) - before)
        if left:
            pytest.fail("tests left this on servers that other tests share:\n" + "\n".join(left), pytrace=False)


@pytest.fixture
def cluster():
    """A factory of clusters: `cluster(nodes=3, placement=[...], options=["--auth", "scram"])` is up when it returns,
    and down when the test ends, however it ends."""
    started = []

    def start(**options):
        started.append(make_cluster(**options))
        started[-1].up()
        return started[-1]

    yield start
    for one in reversed(started):
        one.down(check=False)


@pytest.fixture(scope="session")
def three_nodes():
    """Three nodes, one a zone (cloud.region.a, .b, .c), shared by all tests that leave them as they are."""
    with shared_cluster(nodes=3, placement=[f"cloud.region.{zone}" for zone in "abc"]) as shared:
        yield shared


@pytest.fixture
def relisted(three_nodes):
    """The three nodes, for tests that give them lists of their own by `list_as`."""
    yield three_nodes
    three_nodes.drop_lists()


@pytest.fixture(scope="session")
def mortal_nodes():
    """Three nodes at c.r.a, c.r.b and c.r.c, for `mortal`."""
    with shared_cluster(nodes=3, placement=["c.r.a", "c.r.b", "c.r.c"], options=["--listed-ttl", "60"]) as shared:
        yield shared


@pytest.fixture
def mortal(mortal_nodes):
    """Three nodes that a test may stop, kill and freeze. They are healed for the next test."""
    yield mortal_nodes
    mortal_nodes.heal()


@pytest.fixture(scope="session")
def six_nodes():
    """c.r.a: nodes 1 and 2; c.r.b: 3; c.s.c: 4; read replicas at c.r.a: 5, and at c.r.b: 6."""
    placement = ["c.r.a", "c.r.a", "c.r.b", "c.s.c", "c.r.a", "c.r.b"]
    with shared_cluster(nodes=6, placement=placement, options=["--read-replicas", "5,6"]) as shared:
        yield shared


@pytest.fixture
def six(six_nodes):
    """The six nodes, for tests that stop some of them."""
    yield six_nodes
    six_nodes.heal()


@pytest.fixture(scope="session")
def scram_nodes():
    """Three nodes that require passwords."""
    with shared_cluster(nodes=3, options=["--auth", "scram"]) as shared:
        yield shared


@pytest.fixture(scope="session")
def named_nodes():
    """Three nodes that are listed by name, require passwords and offer TLS, with certificates for the names only."""
    if not os.access("/etc/hosts", os.W_OK):
        pytest.skip("names need /etc/hosts")
    with shared_cluster(nodes=3, options=["--tls", "--hostnames", "--auth", "scram"]) as shared:
        yield shared


@pytest.fixture
def relisted_names(named_nodes):
    """The named nodes, for tests that give them lists of their own by `list_as`."""
    yield named_nodes
    named_nodes.drop_lists()


@pytest.fixture(scope="session")
def record_nodes():
    """One node behind a proxy that terminates TLS and writes records of 16 KiB, as poolers and balancers do."""
    with shared_cluster(nodes=1, options=["--tls", "--tls-record-size", "16384"]) as shared:
        yield shared


@pytest.fixture(scope="session")
def secure_node():
    """One server that offers TLS and requires no password."""
    with shared_cluster(nodes=1, options=["--tls"]) as shared:
        yield shared


@pytest.fixture
def app():
    """An application name for the connections of one test, by which servers and their logs tell them apart."""
    return "t" + uuid.uuid4().hex[:12]


@pytest.fixture
def dsn(three_nodes):
    """A plain DSN of one server, for tests that are not about clusters."""
    return three_nodes.dsn(1)


@pytest.fixture
def connection(dsn):
    """A plain connection, closed when the test ends."""
    connection = psycopg2.connect(dsn)
    yield connection
    connection.close()


@pytest.fixture
def cursor(connection):
    """A cursor of the plain connection."""
    return connection.cursor()


@pytest.fixture(scope="session")
def hstore_extension(three_nodes):
    """The server of `dsn` has the extension hstore."""
    three_nodes.ask(1, "CREATE EXTENSION hstore")
    yield
    three_nodes.ask(1, "DROP EXTENSION hstore")


@pytest.fixture(params=["blocking", "green"])
def mode(request):
    """How the driver waits: by itself (blocking) or through a wait callback (green)."""
    if request.param == "green":
        extensions.set_wait_callback(extras.wait_select)
    yield request.param
    extensions.set_wait_callback(None)


@pytest.fixture
def quick_switches():
    """Threads take the GIL from one another as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def long_switches():
    """A thread keeps the GIL until it releases it to wait."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(30)
    yield
    sys.setswitchinterval(before)
