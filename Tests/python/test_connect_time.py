"""How long a balanced connect may take: silent nodes, callers that stop polling, and the limit for the whole."""

import contextlib
import socket
import time

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest

from cold import cold
from observing import close_all, counts, open_many
from test_balanced_objects import wait
from waiting import interrupt_when

NO_SERVER = "Could not find a server to connect to."


@contextlib.contextmanager
def mute_servers(number):
    """Ports at which the system accepts connections, but no process answers."""
    listeners = [socket.socket() for _ in range(number)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
            listener.listen(8)
        yield [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def blocking(dsn):
    return psycopg2.connect(dsn)


def asynchronous(dsn):
    connection = psycopg2.connect(dsn, async_=True)
    wait(connection)
    return connection


def green(dsn):
    psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)
    try:
        return psycopg2.connect(dsn)
    finally:
        psycopg2.extensions.set_wait_callback(None)


# A caller that stops polling

@pytest.mark.timing
@cold
def test_an_asynchronous_connect_that_is_never_polled_holds_up_no_blocking_one(three_nodes, app):
    """It is to fetch the first list, but cannot, because both are in one thread."""
    dsn = three_nodes.dsn(1, load_balance=True, application_name=app)
    forgotten = psycopg2.connect(dsn, async_=True)
    begin = time.monotonic()
    connections = open_many(3, dsn, connect_timeout=2)
    assert 1.5 < time.monotonic() - begin < 5
    assert counts(three_nodes) == [1, 1, 1]
    # The forgotten connection can still be completed.
    wait(forgotten)
    assert sum(counts(three_nodes)) == 4
    close_all(connections + [forgotten])
    assert counts(three_nodes) == [0, 0, 0]


# Two hundred nodes that accept and never answer

@pytest.mark.timing
@pytest.mark.parametrize("connect", [blocking, asynchronous, green])
@cold
def test_a_connect_ends_after_three_times_its_timeout(relisted, app, connect):
    with mute_servers(200) as ports:
        rows = [{"host": "127.0.0.1", "port": port, "uuid": f"mute-{port}"} for port in ports]
        options = relisted.list_as(rows)
        dsn = relisted.dsn(1, load_balance=True, options=options, connect_timeout=1, application_name=app)
        begin = time.monotonic()
        with pytest.raises(psycopg2.OperationalError) as raised:
            connect(dsn)
        assert 2.5 < time.monotonic() - begin < 4.5
        message = str(raised.value)
        assert message.startswith(NO_SERVER) and "3 times connect_timeout" in message
        lines = [line for line in message.splitlines() if line.startswith("  127.0.0.1:")]
        assert len(lines) >= 6 and all("silent" in line or "timeout expired" in line for line in lines), message
        status = psycopg2.apus.cluster_status()
        assert sum(node.sessions for node in status) == 0


@pytest.mark.timing
@pytest.mark.parametrize("connect", [blocking, asynchronous, green])
@cold
def test_one_node_that_answers_is_found_beside_the_silent_ones(relisted, app, connect):
    with mute_servers(3) as ports:
        rows = [{"host": "127.0.0.1", "port": port, "uuid": f"mute-{port}"} for port in ports]
        # The silent ones are preferred by their zone, so that all are met first.
        rows += [{"host": relisted.address(2), "uuid": "well", "zone": "b"}]
        options = relisted.list_as(rows)
        dsn = relisted.dsn(1, load_balance=True, options=options, topology_keys="c.r.a", application_name=app)
        begin = time.monotonic()
        connection = connect(dsn)
        assert 1.1 < time.monotonic() - begin < 4
        assert connection.info.host == relisted.address(2)
        status = {(node.host, node.port): node for node in psycopg2.apus.cluster_status()}
        assert {node.port for node in status.values() if node.down_for > 0} == set(ports)
        assert sum(node.sessions for node in status.values()) == 1
        # From now on they are not tried.
        begin = time.monotonic()
        again = connect(dsn)
        assert time.monotonic() - begin < 1
        close_all([connection, again])


@pytest.mark.timing
@cold
def test_ctrl_c_ends_a_connect_to_silent_nodes(relisted, app):
    with mute_servers(20) as ports:
        rows = [{"host": "127.0.0.1", "port": port, "uuid": f"mute-{port}"} for port in ports]
        dsn = relisted.dsn(
            1, load_balance=True, options=relisted.list_as(rows), connect_timeout=0, application_name=app)

        def met():
            return sum(node.sessions for node in psycopg2.apus.cluster_status())

        begin = time.monotonic()
        # One silent node has been given up for the next by then.
        with interrupt_when(lambda: met() > 1), pytest.raises(KeyboardInterrupt):
            psycopg2.connect(dsn)
        assert time.monotonic() - begin < 3
        assert sum(node.sessions for node in psycopg2.apus.cluster_status()) == 0


# A node that is far away keeps its share

def test_a_node_that_is_far_away_keeps_its_share(cluster, app):
    nodes = cluster(nodes=3)
    nodes.run("delay-node", "3", "300")

    @cold
    def connect():
        connections = open_many(6, nodes.dsn(1, load_balance=True, application_name=app))
        assert counts(nodes) == [2, 2, 2]
        assert [node.down_for for node in psycopg2.apus.cluster_status()] == [0, 0, 0]
        close_all(connections)

    connect()


# The error message of psycopg2-yugabytedb

@cold
def test_every_error_without_a_server_has_the_sentence_that_programs_look_for(mortal, app):
    dsn = mortal.dsn(1, load_balance=True, application_name=app)
    with pytest.raises(psycopg2.OperationalError) as raised:
        psycopg2.connect(mortal.dsn(1), load_balance="only-rr")
    assert NO_SERVER in str(raised.value) and "only-rr" in str(raised.value)
    psycopg2.connect(dsn).close()
    with mortal.stopped(1, 2, 3):
        # With a list, without one, and without the contact points as a last resort.
        for other in (dsn, mortal.dsn(1, 2, load_balance=True), mortal.dsn(1, load_balance="only-primary")):
            with pytest.raises(psycopg2.OperationalError) as raised:
                psycopg2.connect(other)
            assert NO_SERVER in str(raised.value) and "refused" in str(raised.value)
    with pytest.raises(psycopg2.OperationalError, match="Could not find a server to connect to[.]"):
        psycopg2.connect(host="127.0.30.255", user="yugabyte", dbname="yugabyte", load_balance=True)


# yb_servers() belongs to a database

@cold
def test_a_database_without_yb_servers_says_nothing_of_the_others(mortal, app):
    with mortal.database("bare_" + app, "TEMPLATE template0") as bare:
        plain = open_many(3, mortal.dsn(1, load_balance=True, dbname=bare, application_name=app))
        assert mortal.spread(app) == [3, 0, 0]
        balanced = open_many(3, mortal.dsn(1, load_balance=True, application_name=app))
        assert counts(mortal) == [1, 1, 1]
        close_all(plain + balanced)
