"""Lifetimes and bookkeeping of pools, with a fake clock and fake connections."""

import random

import psycopg2
import pytest
from psycopg2 import extensions
from psycopg2.pool import PoolError, SimpleConnectionPool, ThreadedConnectionPool

KINDS = pytest.mark.parametrize("kind", [SimpleConnectionPool, ThreadedConnectionPool])


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Fake:
    """A connection without a server."""
    closed = 0

    class info:
        transaction_status = extensions.TRANSACTION_STATUS_IDLE

    def close(self):
        self.closed = 1

    def commit(self):
        pass

    rollback = commit


@pytest.fixture
def fakes(monkeypatch):
    """Pools open fake connections; the list has all of them."""
    opened = []

    def connect(*_, **__):
        opened.append(Fake())
        return opened[-1]

    monkeypatch.setattr(psycopg2, "connect", connect)
    return opened


def with_clock(pool, chance=lambda: 0.0):
    pool._upkeep.clock = Clock()
    pool._upkeep._chance = chance
    for connection in pool._pool:
        pool._upkeep.opened(connection)
    return pool, pool._upkeep.clock


@KINDS
def test_old_connections_are_replaced(kind, fakes):
    pool, clock = with_clock(kind(0, 2, pool_max_lifetime=60))
    pool.minconn = 2
    first = pool.getconn()
    clock.now += 59
    pool.putconn(first)
    assert pool.getconn() is first
    clock.now += 2
    assert not first.closed, "what is in use is left alone"
    pool.putconn(first)
    assert first.closed
    second = pool.getconn()
    pool.putconn(second)
    clock.now += 61
    third = pool.getconn()
    assert third not in (first, second) and second.closed and len(fakes) == 3


@KINDS
def test_connections_of_one_age_end_apart(kind, fakes):
    pool, clock = with_clock(kind(0, 50, pool_max_lifetime=100), random.Random(1).random)
    pool.minconn = 50
    connections = [pool.getconn() for _ in range(50)]
    for connection in connections:
        pool.putconn(connection)
    ended = []
    for _ in range(12):
        clock.now += 1 if ended else 90
        for connection in [pool.getconn() for _ in range(50)]:
            pool.putconn(connection)
        ended.append(sum(connection.closed for connection in connections))
    assert ended[0] == 0 and ended[-1] == 50
    assert len(set(ended)) > 6, "not all at once"


@KINDS
def test_connections_beyond_the_minimum_are_kept_for_a_while(kind, fakes):
    pool, clock = with_clock(kind(1, 5, pool_max_idle=10))
    connections = [pool.getconn() for _ in range(5)]
    for connection in connections:
        pool.putconn(connection)
    assert not any(connection.closed for connection in connections)
    clock.now += 9
    # The connection in use stays; idle ones are closed at the next use of the pool.
    pool.putconn(pool.getconn())
    assert not any(connection.closed for connection in connections)
    clock.now += 2
    pool.putconn(pool.getconn())
    assert sum(connection.closed for connection in connections) == 4
    clock.now += 100
    pool.putconn(pool.getconn())
    assert sum(connection.closed for connection in connections) == 4, "one is the minimum"


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_the_books_are_right(seed, fakes):
    """Random use of a pool: there are never more connections than allowed, getconn() never returns one that is in use,
    dead or too old, and none is lost."""
    chance = random.Random(seed)
    minimum = chance.randrange(4)
    maximum = minimum + chance.randrange(1, 5)
    bad = set()

    def check(connection):
        if connection in bad:
            raise ValueError

    pool, clock = with_clock(
        chance.choice([SimpleConnectionPool, ThreadedConnectionPool])(
            minimum, maximum, pool_check=chance.choice([None, check]), pool_max_lifetime=100,
            pool_max_idle=chance.choice([None, 20])), chance.random)
    out, births = {}, {id(connection): clock.now for connection in fakes}
    for _ in range(600):
        clock.now += chance.expovariate(1)
        what = chance.randrange(10)
        if what < 5:
            key = chance.choice([None, None, "a", "b"])
            if len(out) == maximum and (key is None or key not in pool._used):
                with pytest.raises(PoolError):
                    pool.getconn(key)
                continue
            connection = pool.getconn(key)
            births.setdefault(id(connection), clock.now)
            if key in out:
                assert out[key] is connection
                continue
            assert connection not in out.values() and not connection.closed
            assert clock.now - births[id(connection)] <= 100
            if pool._upkeep._check:
                assert connection not in bad
            out[key if key else object()] = connection
        elif out and what < 9:
            connection = out.pop(chance.choice(list(out)))
            pool.putconn(connection, close=chance.random() < 0.1)
        elif fakes:
            bad.add(chance.choice(fakes))
        living = [connection for connection in fakes if not connection.closed]
        assert set(living) == set(pool._pool) | set(out.values())
        assert len(living) == len(pool._pool) + len(out) <= maximum
        assert set(pool._used.values()) == set(out.values()) and len(pool._rused) == len(pool._used)
        assert pool._upkeep.max_idle or len(pool._pool) <= minimum
        assert set(pool._upkeep._ends) == {id(connection) for connection in living}
        assert not pool._moving and not pool._waiters
    pool.closeall()
    assert all(connection.closed for connection in fakes)
