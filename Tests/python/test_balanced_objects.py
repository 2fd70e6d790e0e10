"""Balanced connections of all kinds: factories, subclasses, asynchronous and green ones, pools, TLS."""

import select
import time
from collections import Counter

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import psycopg2.pool
import pytest

from cold import cold
from observing import close_all, counts, down, open_many, ping


def wait(connection, timeout=30):
    """Drives an asynchronous connection; returns the descriptors that it had while it was waited for."""
    seen, deadline = [], time.monotonic() + timeout
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return seen
        seen.append(connection.fileno())
        readers = [connection] if state == psycopg2.extensions.POLL_READ else []
        writers = [connection] if state == psycopg2.extensions.POLL_WRITE else []
        assert select.select(readers, writers, [], max(0, deadline - time.monotonic())) != ([], [], []), "no end"


# D16: factories of rows

@pytest.mark.parametrize("keywords", [
    {"cursor_factory": psycopg2.extras.RealDictCursor}, {"cursor_factory": psycopg2.extras.NamedTupleCursor},
    {"cursor_factory": psycopg2.extras.DictCursor}, {"connection_factory": psycopg2.extras.RealDictConnection},
    {"connection_factory": psycopg2.extras.DictConnection},
    {"connection_factory": psycopg2.extras.NamedTupleConnection},
])
@cold
def test_d16_the_programs_factories_are_for_its_own_connections(three_nodes, app, keywords):
    dsn = three_nodes.dsn(1, load_balance=True, yb_servers_refresh_interval=0, application_name=app)
    connections = open_many(6, dsn, **keywords)
    assert three_nodes.spread(app) == [2, 2, 2]
    for connection in connections:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 AS one")
            row = cursor.fetchone()
            assert getattr(row, "one", None) == 1 or row["one"] == 1
    close_all(connections)


@cold
def test_d16_typecasters_of_the_program_do_not_reach_the_list_of_nodes(three_nodes, app):
    """The program has registered global typecasters for text and int8."""
    odd = psycopg2.extensions.new_type((20, 23, 25), "ODD", lambda value, cursor: 1 / 0)
    psycopg2.extensions.register_type(odd)
    connections = open_many(3, three_nodes.dsn(1, load_balance=True, application_name=app))
    assert counts(three_nodes) == [1, 1, 1]
    close_all(connections)


# D17: asynchronous

@cold
def test_d17_asynchronous_connections_are_balanced(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, application_name=app)
    connections = [psycopg2.connect(dsn, async_=True) for _ in range(9)]
    assert {connection.async_ for connection in connections} == {1}
    for connection in connections:
        wait(connection)
    assert three_nodes.spread(app) == counts(three_nodes) == [3, 3, 3]
    assert three_nodes.logins(app) == 9 + 1
    for connection in connections:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        wait(connection)
        assert cursor.fetchone() == (1,)
    close_all(connections)
    assert counts(three_nodes) == [0, 0, 0]


@cold
def test_d17_one_descriptor_stands_for_all_that_is_waited_for(mortal, app):
    """It is the same from the control connection past a dead node to the session, because loops register it once."""
    dsn = mortal.dsn(1, load_balance=True, yb_servers_refresh_interval=0, failed_host_ttl_seconds=0,
                     application_name=app)
    psycopg2.connect(dsn).close()
    with mortal.stopped(2, 3):
        connection = psycopg2.connect(dsn, async_=True)
        first = connection.fileno()
        poll = select.epoll()
        poll.register(first, select.EPOLLIN)
        deadline = time.monotonic() + 20
        while connection.poll() != psycopg2.extensions.POLL_OK:
            assert connection.fileno() == first
            assert poll.poll(max(0, deadline - time.monotonic())), "no event"
        assert connection.fileno() == first
        cursor = connection.cursor()
        cursor.execute("SELECT pg_sleep(0.1), 1")
        while connection.poll() != psycopg2.extensions.POLL_OK:
            assert connection.fileno() == first
            assert poll.poll(max(0, deadline - time.monotonic())), "no event"
        assert cursor.fetchone()[1] == 1
        assert counts(mortal) == [1, 0, 0]
        connection.close()


@pytest.mark.timing
@cold
def test_d17_a_frozen_node_is_left_in_time(mortal, app):
    """After some silence the descriptor becomes readable, although nothing arrived from the network."""
    dsn = mortal.dsn(1, load_balance=True, connect_timeout=2, failed_host_ttl_seconds=30, application_name=app)
    warm = open_many(3, dsn)
    next(connection for connection in warm if connection.info.host == mortal.address(2)).close()
    with mortal.frozen(2):
        begin = time.monotonic()
        connection = psycopg2.connect(dsn, async_=True)
        wait(connection)
        assert 0.3 < time.monotonic() - begin < 1.8
        assert connection.info.host != mortal.address(2) and down(mortal)[1] > 20
        connection.close()
    close_all(warm)


@cold
def test_d17_errors_of_asynchronous_connects(mortal, scram_nodes):
    bad = psycopg2.connect(scram_nodes.dsn(1, load_balance=True, password="bad"), async_=True)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        wait(bad)
    assert bad.closed
    with mortal.stopped(1, 2, 3):
        nobody = psycopg2.connect(mortal.dsn(1, 2, load_balance=True), async_=True)
        with pytest.raises(psycopg2.OperationalError, match="refused"):
            wait(nobody)
    # A connect that is abandoned halfway leaves nothing behind.
    half = psycopg2.connect(scram_nodes.dsn(1, load_balance=True, password="yugabyte"), async_=True)
    half.poll()
    half.close()
    whole = psycopg2.connect(scram_nodes.dsn(1, load_balance=True, password="yugabyte"))
    assert sum(counts(scram_nodes)) == 1
    whole.close()


@cold
def test_d17_green_connections_are_balanced(three_nodes, app):
    psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)
    connections = open_many(6, three_nodes.dsn(1, load_balance=True, application_name=app))
    assert all(ping(connection) for connection in connections)
    psycopg2.extensions.set_wait_callback(None)
    assert three_nodes.spread(app) == counts(three_nodes) == [2, 2, 2]
    close_all(connections)


# D18: connection factories

@pytest.mark.parametrize("balance", [True, False])
@cold
def test_d18_connection_factories_keep_psycopg2s_contract(three_nodes, app, balance):
    dsn = three_nodes.dsn(1, load_balance=balance, application_name=app)
    seen = []

    class Narrow(psycopg2.extensions.connection):
        def __init__(self, dsn):
            seen.append(dsn)
            super().__init__(dsn)

    class Wide(psycopg2.extensions.connection):
        def __init__(self, dsn, **kw):
            super().__init__(dsn, **kw)

    class Starred(psycopg2.extensions.connection):
        def __init__(self, *args, **kw):
            assert len(args) == 1 and not kw
            super().__init__(*args, **kw)

    def function(dsn):
        return psycopg2.extensions.connection(dsn)

    factories = [Narrow, Wide, Starred, function, lambda dsn: Narrow(dsn), psycopg2.extensions.connection]
    connections = [psycopg2.connect(dsn, connection_factory=factory) for factory in factories]
    assert [type(connection) for connection in connections] == [
        Narrow, Wide, Starred, psycopg2.extensions.connection, Narrow, psycopg2.extensions.connection]
    assert all(ping(connection) for connection in connections)
    assert three_nodes.spread(app) == ([2, 2, 2] if balance else [6, 0, 0])
    assert all(psycopg2.extensions.parse_dsn(text)["load_balance"] for text in seen)
    # psycopg2-yugabytedb passes a second string to its factories; it is accepted and ignored.
    connections.append(psycopg2.extensions.connection(dsn, "none"))
    asynchronous = [psycopg2.extensions.connection(dsn, 1), psycopg2.extensions.connection(dsn, async_=1)]
    for connection in asynchronous:
        assert connection.async_
        wait(connection)
    close_all(connections + asynchronous)
    assert counts(three_nodes) == [0, 0, 0]


@pytest.mark.parametrize("factory", ["LogicalReplicationConnection", "PhysicalReplicationConnection"])
@pytest.mark.parametrize("asynchronous", [False, True])
@cold
def test_d18_replication_connections_are_balanced(three_nodes, app, factory, asynchronous):
    connections = open_many(
        3, three_nodes.dsn(1, load_balance=True, application_name=app), async_=asynchronous,
        connection_factory=getattr(psycopg2.extras, factory))
    for connection in connections:
        if asynchronous:
            wait(connection)
    assert counts(three_nodes) == [1, 1, 1]
    close_all(connections)


# Pools

@pytest.mark.parametrize("kind", [psycopg2.pool.SimpleConnectionPool, psycopg2.pool.ThreadedConnectionPool])
@cold
def test_pools_are_balanced(three_nodes, app, kind):
    pool = kind(6, 12, three_nodes.dsn(1, load_balance=True, application_name=app))
    assert three_nodes.spread(app) == [2, 2, 2]
    connections = [pool.getconn() for _ in range(12)]
    assert three_nodes.spread(app) == [4, 4, 4]
    for connection in connections:
        pool.putconn(connection)
    pool.closeall()
    assert counts(three_nodes) == [0, 0, 0]


# TLS

@cold
def test_d19_verify_full_through_discovered_nodes(named_nodes, app):
    """Every node has a certificate for its own name only, and is connected to by that name."""
    authority = named_nodes.status()["ca_certificate"]
    names = named_nodes.names
    secure = {"sslmode": "verify-full", "sslrootcert": authority, "password": "yugabyte", "user": "yugabyte",
              "dbname": "yugabyte", "port": 5433, "load_balance": True, "application_name": app}
    connections = open_many(6, host=names[0], **secure)
    assert named_nodes.spread(app) == [2, 2, 2]
    assert Counter(connection.info.host for connection in connections) == {name: 2 for name in names}
    assert all(connection.info.ssl_in_use for connection in connections)
    close_all(connections)
    # No certificate is valid for an address, so that no node is reached that could be another server.
    with pytest.raises(psycopg2.OperationalError, match="does not match host name"):
        psycopg2.connect(host=named_nodes.address(1), **{**secure, "load_balance": "only-primary"})


@cold
def test_d19_a_node_with_a_wrong_certificate_is_passed_over(relisted_names, app):
    rows = [{"host": relisted_names.names[0], "uuid": "1"}, {"host": relisted_names.address(2), "uuid": "2"}]
    options = relisted_names.list_as(rows)
    connections = open_many(
        3, host=relisted_names.names[0], options=options, sslmode="verify-full", password="yugabyte", user="yugabyte",
        sslrootcert=relisted_names.status()["ca_certificate"], dbname="yugabyte", load_balance=True,
        application_name=app)
    assert relisted_names.spread(app) == [3, 0, 0]
    close_all(connections)
