"""psycopg2.pool: like that of psycopg2 without the `pool_…` keywords, and the effects of these keywords."""

import sys
import threading
from collections import Counter

import psycopg2
import psycopg2.apus
import pytest
from psycopg2 import extensions
from psycopg2.pool import AbstractConnectionPool, PoolError, PoolTimeout, SimpleConnectionPool, ThreadedConnectionPool

from observing import ping, reached
from racing import in_threads
from waiting import interrupt_when, until, when

KINDS = pytest.mark.parametrize("kind", [SimpleConnectionPool, ThreadedConnectionPool])


def kill(connection):
    """Terminates a session on the server, and waits until it has ended."""
    with psycopg2.connect(connection.dsn) as killer, killer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
    killer.close()


# Without the keywords

@KINDS
def test_as_psycopg2(kind, dsn):
    pool = kind(1, 2, dsn)
    one, two = pool.getconn(), pool.getconn("key")
    assert pool.getconn("key") is two
    with pytest.raises(PoolError, match="exhausted"):
        pool.getconn()
    one.cursor().execute("SELECT 1")
    pool.putconn(one)
    assert one.status == extensions.STATUS_READY and not one.closed
    pool.putconn(two)
    assert two.closed, "one idle connection is enough"
    with pytest.raises(PoolError, match="unkeyed"):
        pool.putconn(two)
    assert pool.getconn() is one
    pool.closeall()
    assert one.closed
    for call in (pool.getconn, pool.closeall, lambda: pool.putconn(one)):
        with pytest.raises(PoolError, match="closed"):
            call()


@KINDS
def test_the_keywords_are_no_connection_parameters(kind, dsn):
    pool = kind(1, 2, dsn, pool_check=True, pool_max_lifetime=60, pool_max_idle=60, application_name="kept")
    connection = pool.getconn()
    assert connection.get_dsn_parameters()["application_name"] == "kept"
    pool.closeall()
    for wrong in ({"pool_size": 3}, {"timeout": 3}, {"max_lifetime": 3}):
        with pytest.raises(psycopg2.ProgrammingError):
            kind(1, 2, dsn, **wrong)
    for wrong in ({"pool_max_lifetime": 0}, {"pool_max_idle": -1}, {"pool_max_idle": float("nan")}):
        with pytest.raises(ValueError):
            kind(0, 2, dsn, **wrong)
    with pytest.raises(TypeError):
        kind(0, 2, dsn, pool_check="yes")


def test_a_pool_of_one_thread_has_nobody_to_wait_for(dsn):
    with pytest.raises(ValueError, match="pool_timeout"):
        SimpleConnectionPool(0, 1, dsn, pool_timeout=1)
    with pytest.raises(ValueError, match="pool_timeout"):
        ThreadedConnectionPool(0, 1, dsn, pool_timeout=-1)


# connection()

@KINDS
@pytest.mark.parametrize("keywords", [{}, {"pool_check": True}])
def test_a_block_gives_its_connection_back(kind, keywords, dsn):
    pool = kind(1, 1, dsn, **keywords)
    with pool.connection() as connection:
        connection.cursor().execute("CREATE TEMP TABLE pool_block (i int)")
    with pytest.raises(ZeroDivisionError):
        with pool.connection() as same:
            assert same is connection
            same.cursor().execute("INSERT INTO pool_block VALUES (1)")
            1 / 0
    with pool.connection() as same:
        cursor = same.cursor()
        cursor.execute("SELECT count(*) FROM pool_block")
        assert same is connection and cursor.fetchone() == (0,)
    with pytest.raises(psycopg2.OperationalError):
        with pool.connection() as same:
            kill(same)
            ping(same)
    with pool.connection() as other:
        assert other is not connection and ping(other)
    with pool.connection("key") as one:
        assert pool.getconn("key") is one
    with pool.connection() as last:
        last.autocommit = True
        last.cursor().execute("VACUUM pg_class")
    with pytest.raises(psycopg2.InterfaceError, match="closed"):
        with pool.connection() as last:
            pool.closeall()
    assert last.closed


# pool_timeout

def test_waiting_for_a_connection(dsn):
    pool = ThreadedConnectionPool(1, 1, dsn, pool_timeout=30)
    connection = pool.getconn()
    with when(lambda: pool._waiters, lambda: pool.putconn(connection)):
        assert pool.getconn() is connection
    pool.closeall()


def test_waiting_in_vain(dsn):
    for timeout in (0, 0.2):
        pool = ThreadedConnectionPool(1, 1, dsn, pool_timeout=timeout)
        connection = pool.getconn()
        with pytest.raises(PoolTimeout, match=f"within {timeout} s"):
            pool.getconn()
        assert not pool._waiters
        pool.putconn(connection)
        assert pool.getconn() is connection
        pool.closeall()


def test_first_come_first_served(dsn):
    pool = ThreadedConnectionPool(1, 1, dsn, pool_timeout=60)
    connection, order = pool.getconn(), []

    def work(number):
        with pool.connection():
            order.append(number)

    threads = []
    for number in range(20):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        until(lambda: len(pool._waiters) == number + 1)
    pool.putconn(connection)
    # A late caller is served after those that wait, although the connection may be free for a moment.
    work(20)
    for thread in threads:
        thread.join()
    assert order == list(range(21))
    pool.closeall()


def test_who_goes_away_takes_nothing_along(dsn):
    """A wait that is interrupted or over does not take a connection from the next one."""
    pool = ThreadedConnectionPool(1, 1, dsn, pool_timeout=60)
    connection, served = pool.getconn(), []
    with interrupt_when(lambda: pool._waiters), pytest.raises(KeyboardInterrupt):
        pool.getconn()
    assert not pool._waiters
    thread = threading.Thread(target=lambda: served.append(pool.getconn()))
    thread.start()
    until(lambda: pool._waiters)
    pool.putconn(connection)
    thread.join()
    assert served == [connection]
    pool.closeall()


def test_closing_wakes_who_waits(dsn):
    pool = ThreadedConnectionPool(1, 1, dsn, pool_timeout=60)
    connection = pool.getconn()

    def wait(number):
        if number == 0:
            until(lambda: len(pool._waiters) == 4)
            pool.closeall()
        else:
            with pytest.raises(PoolError, match="closed"):
                pool.getconn()

    in_threads(5, wait)
    assert connection.closed


def test_a_key_is_one_connection_for_all_who_wait_for_it(dsn):
    pool = ThreadedConnectionPool(0, 1, dsn, pool_timeout=60)
    connection, got = pool.getconn(), []
    threads = [threading.Thread(target=lambda: got.append(pool.getconn("shared"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    until(lambda: len(pool._waiters) == 5)
    pool.putconn(connection)
    for thread in threads:
        thread.join()
    assert len(set(map(id, got))) == 1
    pool.closeall()


def test_a_connect_that_fails_gives_its_place_back(dsn):
    pool = ThreadedConnectionPool(0, 1, dsn, pool_timeout=60)
    pool._kwargs["dbname"] = "no_such_database"
    for _ in range(3):
        with pytest.raises(psycopg2.OperationalError):
            pool.getconn()
    del pool._kwargs["dbname"]
    assert ping(pool.getconn())
    pool.closeall()


def test_32_threads_share_4_connections(dsn):
    pool = ThreadedConnectionPool(
        2, 4, dsn, pool_timeout=60, pool_check=True, pool_max_lifetime=0.2, pool_max_idle=0.05)
    before, most, served = sys.getswitchinterval(), [], Counter()

    def work(number):
        for turn in range(20):
            try:
                with pool.connection() as connection:
                    most.append(len(pool._used) + len(pool._pool))
                    cursor = connection.cursor()
                    cursor.execute("SELECT %s, %s", (number, turn))
                    assert cursor.fetchone() == (number, turn)
                    if turn == 3:
                        kill(connection)
                served[number] += 1
            except psycopg2.OperationalError:
                assert turn == 3, "only what was killed cannot be committed"

    sys.setswitchinterval(1e-6)
    try:
        in_threads(32, work)
    finally:
        sys.setswitchinterval(before)
    assert max(most) <= 4 and set(served.values()) == {19} and len(served) == 32
    assert not pool._used and not pool._rused and not pool._moving and not pool._waiters
    with pool.connection() as connection:
        assert ping(connection)
    pool.closeall()


def test_closing_a_pool_that_32_threads_use(three_nodes, app):
    pool = ThreadedConnectionPool(
        2, 6, three_nodes.dsn(1, load_balance=True, application_name=app), pool_timeout=60, pool_check=True,
        pool_max_idle=60)
    uses = Counter()

    def work(number):
        if number == 0:
            until(lambda: len(uses) == 31)
            pool.closeall()
            return
        with pytest.raises((PoolError, psycopg2.InterfaceError, psycopg2.OperationalError)):
            while True:
                with pool.connection() as connection:
                    assert ping(connection)
                uses[number] += 1
        # The error came from the connection that was in use; from now on it comes from the pool.
        with pytest.raises(PoolError, match="closed"):
            pool.getconn()

    in_threads(32, work)
    assert not pool._moving and not pool._waiters
    assert three_nodes.settled_spread(app, [0, 0, 0]) == [0, 0, 0]


def test_32_threads_go_on_while_a_node_dies_and_comes_back(mortal, app):
    pool = ThreadedConnectionPool(
        3, 9, mortal.dsn(1, load_balance=True, application_name=app, failed_host_ttl_seconds=1), pool_timeout=60,
        pool_check=True, pool_max_lifetime=1, pool_max_idle=60)
    successes, stop = Counter(), threading.Event()

    def work(number):
        if number == 0:
            try:
                until(lambda: len(successes) == 31)
                with mortal.stopped(2):
                    before = Counter(successes)
                    until(lambda: all(successes[other] >= before[other] + 3 for other in range(1, 32)))
                until(lambda: mortal.ask(2, "SELECT 1 FROM pg_stat_activity WHERE application_name = %s", app))
            finally:
                stop.set()
        while not stop.is_set():
            try:
                with pool.connection() as connection, connection.cursor() as cursor:
                    cursor.execute("SELECT %s", (number,))
                    assert cursor.fetchone() == (number,)
                successes[number] += 1
            except psycopg2.OperationalError:
                pass  # Statements in progress on the node fail.

    in_threads(32, work)
    assert not pool._used and not pool._moving and not pool._waiters
    assert len(pool._pool) <= 9 and all(ping(connection) for connection in [pool.getconn() for _ in range(9)])
    pool.closeall()


# pool_check

@KINDS
def test_the_dead_are_replaced(kind, dsn):
    pool = kind(2, 2, dsn, pool_check=True)
    connections = [pool.getconn(), pool.getconn()]
    for connection in connections:
        pool.putconn(connection)
        kill(connection)
    new = [pool.getconn(), pool.getconn()]
    assert all(ping(connection) for connection in new) and not set(new) & set(connections)
    assert all(connection.closed for connection in connections)
    for connection in new:
        assert connection.rollback() is None
        pool.putconn(connection)
    assert {pool.getconn(), pool.getconn()} == set(new)
    pool.closeall()


@KINDS
def test_without_the_check_the_dead_are_handed_out(kind, dsn):
    pool = kind(1, 1, dsn)
    connection = pool.getconn()
    pool.putconn(connection)
    kill(connection)
    assert pool.getconn() is connection
    pool.closeall()


@KINDS
def test_a_check_of_ones_own(kind, dsn):
    seen = []

    def check(connection):
        seen.append(connection)
        connection.cursor().execute("SELECT 1")
        if len(seen) == 2:
            raise RuntimeError("no good")

    pool = kind(1, 1, dsn, pool_check=check)
    connection = pool.getconn()
    assert seen == [connection] and connection.status == extensions.STATUS_READY
    pool.putconn(connection)
    other = pool.getconn()
    assert other is not connection and connection.closed and ping(other)
    pool.closeall()


def test_connections_of_a_dead_node_are_replaced(mortal):
    pool = ThreadedConnectionPool(
        6, 6, mortal.dsn(1, load_balance=True, failed_host_ttl_seconds=60), pool_check=True, pool_timeout=30)
    connections = [pool.getconn() for _ in range(6)]
    assert sorted(reached(connections).values()) == [2, 2, 2]
    for connection in connections:
        pool.putconn(connection)
    with mortal.stopped(3):
        connections = [pool.getconn() for _ in range(6)]
        assert all(ping(connection) for connection in connections)
        assert mortal.address(3) not in reached(connections)
        for connection in connections:
            pool.putconn(connection)
    pool.closeall()


def test_connections_of_a_frozen_node_are_replaced(mortal):
    pool = ThreadedConnectionPool(
        3, 3, mortal.dsn(1, load_balance=True, connect_timeout=1, failed_host_ttl_seconds=60),
        pool_check=lambda connection: psycopg2.apus.ping(connection, 0.5))
    connections = [pool.getconn() for _ in range(3)]
    for connection in connections:
        pool.putconn(connection)
    with mortal.frozen(2):
        connections = [pool.getconn() for _ in range(3)]
        assert all(ping(connection) for connection in connections)
        assert mortal.address(2) not in reached(connections)
    pool.closeall()


@KINDS
def test_what_cannot_be_rolled_back_is_no_longer_counted(kind, dsn):
    pool = kind(1, 1, dsn, pool_check=True)
    connection = pool.getconn()
    connection.cursor().execute("SELECT 1")
    kill(connection)
    pool.putconn(connection)
    assert connection.closed and ping(pool.getconn())
    pool.closeall()


def test_pools_of_ones_own(dsn):
    """A subclass of the abstract pool with its own methods may use the keywords as well."""
    class Pool(AbstractConnectionPool):
        def _connect(self, key=None):
            connection = super()._connect(key)
            connection.autocommit = True
            return connection

        getconn = AbstractConnectionPool._getconn
        putconn = AbstractConnectionPool._putconn
        closeall = AbstractConnectionPool._closeall

    for keywords in ({}, {"pool_check": True, "pool_max_idle": 5}):
        pool = Pool(1, 2, dsn, **keywords)
        connections = pool.getconn(), pool.getconn()
        assert all(connection.autocommit for connection in connections)
        for connection in connections:
            pool.putconn(connection)
        pool.closeall()
