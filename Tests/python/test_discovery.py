"""How the driver learns of nodes: control connections, refreshes, addresses, clusters that must not mix."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import psycopg2.apus
import psycopg2.extensions
import pytest

from cold import cold
from observing import address_rows, close_all, counts, down, open_many
from waiting import until


def timed(function, *arguments, **keywords):
    begin = time.monotonic()
    result = function(*arguments, **keywords)
    return time.monotonic() - begin, result


# D29, P13: one control connection

@cold
def test_d29_a_cold_start_opens_one_control_connection(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, application_name=app)
    barrier = threading.Barrier(16)

    def connect(_):
        barrier.wait()
        return psycopg2.connect(dsn)

    with ThreadPoolExecutor(16) as pool:
        connections = list(pool.map(connect, range(16)))
    assert three_nodes.logins(app) == 1 + 16
    assert sorted(counts(three_nodes)) == [5, 5, 6]
    close_all(connections)


@cold
def test_the_list_is_fetched_when_it_is_old(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, yb_servers_refresh_interval=1, application_name=app)
    connections = open_many(5, dsn)
    assert three_nodes.logins(app) == 1 + 5

    def is_fetched_again():
        connections.extend(open_many(1, dsn))
        return three_nodes.logins(app) == 2 + len(connections)

    until(is_fetched_again, pause=0.05)
    # One fetch serves all connects within the interval.
    connections += open_many(4, dsn)
    assert three_nodes.logins(app) == 2 + len(connections)
    close_all(connections)


@cold
def test_an_interval_of_zero_fetches_the_list_before_every_connect(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, yb_servers_refresh_interval=0, application_name=app)
    connections = open_many(6, dsn)
    assert three_nodes.logins(app) == 6 + 6
    # Threads that connect during a refresh use the last good list.
    with ThreadPoolExecutor(16) as pool:
        connections += list(pool.map(lambda _: psycopg2.connect(dsn), range(32)))
    assert 12 + 32 < three_nodes.logins(app) <= 12 + 64
    assert sum(counts(three_nodes)) == 38 and max(counts(three_nodes)) - min(counts(three_nodes)) <= 1
    close_all(connections)


# D2: the contact point dies

@cold
def test_d02_the_contact_point_may_die(mortal, app):
    dsn = mortal.dsn(1, load_balance=True, yb_servers_refresh_interval=0, application_name=app)
    psycopg2.connect(dsn).close()
    mortal.kill_node(1)
    connections = open_many(4, dsn)
    assert mortal.ask(2, "SELECT 1") and counts(mortal) == [0, 2, 2]
    mortal.start_node(1)
    close_all(connections)


@cold
def test_d02_a_dead_contact_point_is_passed_over_at_the_start(mortal, app):
    with mortal.stopped(1):
        connections = open_many(4, mortal.dsn(1, 2, load_balance=True, application_name=app))
        assert counts(mortal) == [0, 2, 2]
        close_all(connections)


# D8: two clusters

@pytest.mark.parametrize("columns", ["8", "9", "10"])
def test_d08_two_clusters_never_mix(cluster, app, columns):
    nodes = cluster(nodes=4, options=["--groups", "2,2", "--columns", columns])

    @cold
    def connect():
        first = open_many(4, nodes.dsn(1), load_balance=True, application_name=app)
        second = open_many(4, nodes.dsn(3), load_balance=True, application_name=app)
        assert nodes.spread(app) == [2, 2, 2, 2]
        clusters = {node.contact_points for node in psycopg2.apus.cluster_status()}
        assert clusters == {(f"{nodes.address(1)}:5433",), (f"{nodes.address(3)}:5433",)}
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(host="127.0.30.255", port=5433, user="yugabyte", dbname="yugabyte", load_balance=True)
        close_all(first + second)

    connect()


# D9, P3: sessions belong to their caller only, and are clean

@pytest.mark.parametrize("interval", [0, 300])
@cold
def test_d09_connections_are_handed_out_outside_of_transactions(mortal, app, interval):
    dsn = mortal.dsn(1, load_balance=True, yb_servers_refresh_interval=interval, application_name=app)

    def check(connection):
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        assert connection.info.transaction_status == idle
        assert connection.status == psycopg2.extensions.STATUS_READY
        connection.set_session(autocommit=True)
        return connection

    connections = [check(psycopg2.connect(dsn)) for _ in range(4)]
    with mortal.stopped(3):
        connections += [check(psycopg2.connect(dsn)) for _ in range(4)]
    close_all(connections)


@cold
def test_p03_no_control_connection_stays(three_nodes, app):
    connections = open_many(
        6, three_nodes.dsn(1, load_balance=True, yb_servers_refresh_interval=0, application_name=app))
    assert three_nodes.settled_spread(app, [2, 2, 2]) == [2, 2, 2]
    for number in (1, 2, 3):
        states = three_nodes.ask(number, "SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = %s", app)
        assert states == [("idle",)]
    close_all(connections)


# D10, D19, D22: what the list says

@pytest.mark.timing
@cold
def test_d10_an_empty_list_keeps_the_last_good_one(relisted, app):
    options = relisted.list_as(address_rows(relisted, 1, 2, 3))
    dsn = relisted.dsn(1, load_balance=True, yb_servers_refresh_interval=0, failed_host_ttl_seconds=0,
                          options=options, application_name=app)
    connections = open_many(3, dsn)
    relisted.change_list(options, [])
    took, more = timed(open_many, 3, dsn)
    assert took < 2
    assert relisted.spread(app) == [2, 2, 2]
    close_all(connections + more)


@pytest.mark.timing
@cold
def test_d10_an_empty_list_at_the_start_is_an_error(relisted, app):
    options = relisted.list_as([])
    dsn = relisted.dsn(1, options=options, application_name=app)
    for mode in ("only-primary", "any"):
        took, _ = timed(pytest.raises, psycopg2.OperationalError, psycopg2.connect, dsn, load_balance=mode)
        assert took < 2


@cold
def test_d22_a_node_that_left_the_list_is_not_picked(relisted, app):
    options = relisted.list_as(address_rows(relisted, 1, 2, 3))
    dsn = relisted.dsn(1, load_balance=True, yb_servers_refresh_interval=0, options=options, application_name=app)
    connections = open_many(3, dsn)
    relisted.change_list(options, address_rows(relisted, 1, 2))
    connections += open_many(6, dsn)
    assert relisted.spread(app) == [4, 4, 1]
    left = [node for node in psycopg2.apus.cluster_status() if not node.listed]
    assert [(node.host, node.sessions) for node in left] == [(relisted.address(3), 1)]
    close_all(connections)
    assert len(psycopg2.apus.cluster_status()) == 2
    relisted.change_list(options, address_rows(relisted, 1, 2, 3))
    connections = open_many(3, dsn)
    assert counts(relisted) == [1, 1, 1]
    close_all(connections)


@cold
def test_d19_a_row_that_does_not_resolve_hurts_only_itself(relisted, app):
    rows = address_rows(relisted, 1, 2) + [{"host": "no.such.name.invalid", "uuid": "uuid-3"}]
    options = relisted.list_as(rows)
    connections = open_many(6, relisted.dsn(1, load_balance=True, options=options, application_name=app))
    assert relisted.spread(app) == [3, 3, 0]
    gone = next(node for node in psycopg2.apus.cluster_status() if node.host == "no.such.name.invalid")
    assert gone.sessions == 0 and gone.down_for > 0
    close_all(connections)


@cold
def test_d19_addresses_may_be_ipv6(relisted, app):
    """A row with an IPv6 address is a node like any other. Here no server of the cluster listens at the address."""
    options = relisted.list_as(address_rows(relisted, 1, 2) + [{"host": "::1", "port": 5, "uuid": "uuid-3"}])
    connections = open_many(6, relisted.dsn(1, load_balance=True, options=options, application_name=app))
    assert relisted.spread(app) == [3, 3, 0]
    close_all(connections)


@cold
def test_d19_all_addresses_of_a_name_are_tried(relisted, app):
    """`localhost` is ::1 and 127.0.0.1; the node listens at a different address, which is given in hostaddr."""
    options = relisted.list_as(address_rows(relisted, 1, 2, 3))
    connections = open_many(
        3, relisted.dsn(1, load_balance=True, options=options, application_name=app), host="localhost,localhost",
        hostaddr=f"{relisted.address(1)},{relisted.address(2)}")
    assert relisted.spread(app) == [1, 1, 1]
    close_all(connections)


# D24: whose interval, whose quarantine

@pytest.mark.timing
@cold
def test_d24_every_caller_has_its_own_interval_and_ttl(mortal, app):
    dsn = mortal.dsn(1, load_balance=True, application_name=app)
    connections = open_many(2, dsn, yb_servers_refresh_interval=300, failed_host_ttl_seconds=5)
    connections += open_many(2, dsn, yb_servers_refresh_interval=0)
    assert mortal.logins(app) == 4 + 1 + 2
    connections += open_many(2, dsn, yb_servers_refresh_interval=300)
    assert mortal.logins(app) == 6 + 3
    with mortal.stopped(3):
        connections += open_many(4, dsn, failed_host_ttl_seconds=33)
        assert 30 < down(mortal)[2] <= 33
    close_all(connections)


# P2: the topology is never frozen

@cold
def test_p02_the_list_is_refreshed_after_every_node_failed_once(mortal, app):
    options = mortal.list_as(address_rows(mortal, 1, 2))
    dsn = mortal.dsn(1, load_balance=True, yb_servers_refresh_interval=0, failed_host_ttl_seconds=1, options=options,
                     application_name=app)
    psycopg2.connect(dsn).close()
    for number in (1, 2):
        with mortal.stopped(number):
            close_all(open_many(3, dsn))
    mortal.change_list(options, address_rows(mortal, 1, 2, 3))
    until(lambda: not any(down(mortal)))
    connections = open_many(6, dsn)
    assert counts(mortal) == [2, 2, 2]
    assert down(mortal) == [0, 0, 0]
    close_all(connections)


# P9: public addresses

@cold
def test_p09_nodes_are_reached_by_the_addresses_that_the_contact_point_was(relisted, app):
    """The private addresses cannot be reached, but the public ones can, and the contact point is one of these."""
    rows = [{"host": f"127.0.29.{number}", "port": 5433, "public_ip": relisted.address(number), "uuid": f"u{number}"}
            for number in (1, 2, 3)]
    options = relisted.list_as(rows)
    connections = open_many(6, relisted.dsn(1, load_balance=True, options=options, application_name=app))
    assert relisted.spread(app) == [2, 2, 2]
    close_all(connections)


@pytest.mark.timing
@cold
def test_p09_an_undecided_case_finds_the_public_addresses(relisted, app):
    """The contact point is in neither column, like a load balancer."""
    rows = [{"host": f"127.0.29.{number}", "public_ip": relisted.address(number), "uuid": f"u{number}"}
            for number in (1, 2)]
    options = relisted.list_as(rows)
    took, connections = timed(
        open_many, 6, relisted.dsn(3, load_balance=True, options=options, application_name=app))
    assert relisted.spread(app) == [3, 3, 0]
    assert took < 3
    close_all(connections)


# P10, P15: a refresh that hangs

def hanging_list(nodes, seconds):
    """Options with which the list of nodes takes some seconds."""
    options = nodes.list_as(address_rows(nodes, 1, 2, 3))
    schema = options.split("=")[1].split(",")[0]
    nodes.on_all(f"ALTER FUNCTION {schema}.yb_servers() RENAME TO quick; CREATE FUNCTION {schema}.yb_servers("
                 "OUT host text, OUT port int8, OUT num_connections int8, OUT node_type text, OUT cloud text,"
                 " OUT region text, OUT zone text, OUT public_ip text, OUT uuid text) RETURNS SETOF record"
                 f" LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({seconds});"
                 f" RETURN QUERY SELECT * FROM {schema}.quick(); END $$")
    return options


@cold
def test_p10_a_control_connection_has_a_deadline(relisted, app):
    options = hanging_list(relisted, 60)
    dsn = relisted.dsn(1, load_balance=True, options=options, connect_timeout=2, application_name=app)
    took, raised = timed(pytest.raises, psycopg2.OperationalError, psycopg2.connect, dsn)
    assert 1.5 < took < 5
    assert "yb_servers" in str(raised.value)


@pytest.mark.timing
@cold
def test_p15_others_go_on_while_a_refresh_hangs(relisted, app):
    options = hanging_list(relisted, 0)
    dsn = relisted.dsn(1, load_balance=True, options=options, application_name=app)
    connections = open_many(3, dsn)
    schema = options.split("=")[1].split(",")[0]
    relisted.on_all(f"CREATE OR REPLACE FUNCTION {schema}.quick(OUT host text, OUT port int8,"
                       " OUT num_connections int8, OUT node_type text, OUT cloud text, OUT region text, OUT zone text,"
                       " OUT public_ip text, OUT uuid text) RETURNS SETOF record LANGUAGE plpgsql"
                       " AS $$ BEGIN PERFORM pg_sleep(2); END $$")
    slow = threading.Thread(target=lambda: connections.extend(open_many(1, dsn, yb_servers_refresh_interval=0)))
    slow.start()
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'PgSleep'"
    until(lambda: any(relisted.ask(number, sleeping, app) for number in (1, 2, 3)))
    took, quick = timed(open_many, 6, dsn, yb_servers_refresh_interval=0)
    assert took < 1.5 and slow.is_alive()
    # close() does not wait for the refresh either.
    took, _ = timed(close_all, quick)
    assert took < 0.5
    slow.join()
    assert sum(counts(relisted)) == 4
    close_all(connections)


@cold
def test_p15_a_refresh_uses_the_credentials_of_who_asks(scram_nodes, app):
    dsn = scram_nodes.dsn(1, load_balance=True, yb_servers_refresh_interval=0, application_name=app)
    with scram_nodes.role(app, "PASSWORD 'first'"):
        first = open_many(1, dsn, user=app, password="first")
        scram_nodes.on_all(f"ALTER ROLE {app} NOLOGIN")
        second = open_many(3, dsn, password="yugabyte")
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
            psycopg2.connect(dsn, user=app, password="first")
        assert sum(counts(scram_nodes)) == 4 and down(scram_nodes) == [0, 0, 0]
        close_all(first + second)


def test_p15_logging_is_left_as_it_was():
    assert not hasattr(logging.Logger, "trace")


# A server without a cluster

def test_a_server_without_the_function(cluster, app, caplog):
    nodes = cluster(nodes=2, options=["--no-yb-servers"])

    @cold
    def connect():
        seen = []
        handler = logging.Handler()
        handler.emit = lambda record: seen.append((record.name, record.levelname, record.getMessage()))
        logging.getLogger("psycopg2").addHandler(handler)
        connections = open_many(3, nodes.dsn(1, 2), load_balance=True, application_name=app)
        assert nodes.spread(app) == [3, 0]
        assert [(name, level) for name, level, _ in seen] == [("psycopg2", "WARNING")]
        assert "yb_servers()" in seen[0][2]
        close_all(connections)
        for options in ({"load_balance": "only-primary"}, {"load_balance": "only-rr"},
                        {"load_balance": "any", "topology_keys": "a.b.c", "fallback_to_topology_keys_only": True}):
            with pytest.raises(psycopg2.OperationalError, match="yb_servers"):
                psycopg2.connect(nodes.dsn(1, 2), **options)

    connect()
